"""What may become part of an address or a path, and what may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_server import HubServer

from mda.hub import client, names, ranges
from mda.hub.client import HubError

SHA = "0123456789abcdef0123456789abcdef01234567"
BAD_REPOS = [
    "", "pythia-14m", "a/b/c", "../x", "a/..", "EleutherAI/", "/x", "a b/c", "a/b?x=1", "a/b#c", "a/b\n", "a%2f/b",
    "a--b/c", "a/b.git", "-a/b", "https://huggingface.co/a/b", "a/" + 97 * "b", "a\\b/c",
]  # fmt: skip
BAD_FILES = ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.", "C:\\x", "C:/x", "a\\b", "a\nb", "a\0", 201 * "a"]
BAD_REVISIONS = ["", "a b", "..", "a..b", "/x", "-x", "a\n", "a~1", "a:b", "a?b", 201 * "a"]


@pytest.mark.parametrize("repo", BAD_REPOS)
def test_bad_repository_names_are_refused_before_any_request(hub: HubServer, tmp_path: Path, repo: str) -> None:
    for call in (
        lambda: client.revisions(repo),
        lambda: client.commit(repo, "model"),
        lambda: client.files(repo, "dataset", SHA),
        lambda: client.download(repo, "model", SHA, "config.json", tmp_path / "to"),
        lambda: ranges.read_range(repo, "dataset", SHA, "x.bin", 0, 1),
        lambda: ranges.file_size(repo, "dataset", SHA, "x.bin"),
    ):
        with pytest.raises(HubError, match="owner/name"):
            call()
    assert hub.requests == []
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_names_are_refused_before_any_request(hub: HubServer, tmp_path: Path, name: str) -> None:
    for call in (
        lambda: client.download("a/b", "model", SHA, name, tmp_path / "to"),
        lambda: ranges.read_range("a/b", "model", SHA, name, 0, 1),
        lambda: ranges.file_size("a/b", "model", SHA, name),
    ):
        with pytest.raises(HubError, match="name of a file"):
            call()
    assert hub.requests == []
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("revision", BAD_REVISIONS)
def test_bad_revisions_are_refused_before_any_request(hub: HubServer, revision: str) -> None:
    with pytest.raises(HubError, match="cannot be a revision"):
        client.commit("a/b", "model", revision)
    assert hub.requests == []


def test_messages_about_bad_names_are_one_printable_line() -> None:
    with pytest.raises(HubError) as refusal:
        names.check_repo("a\x1b[31m\n" + 500 * "b")
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize("sha", ["main", "step1000", SHA[:12], SHA.upper(), SHA + "0"])
def test_a_name_that_could_move_is_no_commit(tmp_path: Path, sha: str) -> None:
    for call in (
        lambda: client.files("a/b", "model", sha),
        lambda: client.download("a/b", "model", sha, "config.json", tmp_path),
        lambda: ranges.file_size("a/b", "model", sha, "config.json"),
    ):
        with pytest.raises(ValueError, match="is no commit"):
            call()


def test_addresses() -> None:
    assert names.file_path("a/b", "model", SHA, "x y/z#.bin") == f"/a/b/resolve/{SHA}/x%20y/z%23.bin"
    assert names.file_path("a/b", "dataset", SHA, "x") == f"/datasets/a/b/resolve/{SHA}/x"
    assert names.api_path("a/b", "dataset", "refs") == "/api/datasets/a/b/refs"


def test_similar_names() -> None:
    known = [f"EleutherAI/pythia-{size}" for size in ("14m", "31m", "70m", "160m", "410m", "1b", "70m-deduped")]
    assert client.similar("EleutherAI/pythia-70", known)[0] == "EleutherAI/pythia-70m"
    assert client.similar("eleutherai/PYTHIA-160M", known)[0] == "EleutherAI/pythia-160m"
    assert client.similar("EleutherAI/pythia-70m-dedup", known)[0] == "EleutherAI/pythia-70m-deduped"
    assert len(client.similar("EleutherAI/pythia", known)) <= 3
    assert client.similar("openai/whisper", known) == []
