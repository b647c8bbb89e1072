"""Parts of large files: the right bytes or an error, whatever happens on the way."""

from __future__ import annotations

import numpy as np
import pytest
from answering import answering
from hub_server import TOKEN, HubServer

from mda.hub.client import Changed, HubError, NotThere, Offline
from mda.hub.ranges import file_size, read_range

REPO = "EleutherAI/pile"
NAME = "document-00000-of-00001.bin"
CONTENT = np.random.default_rng(0).bytes(50_000)


@pytest.fixture
def sha(hub: HubServer) -> str:
    return hub.add_repo("dataset", REPO, {"main": {NAME: CONTENT, "notes.txt": CONTENT[:1000]}})["main"]


def part(sha: str, start: int = 100, stop: int = 300) -> bytes:
    return read_range(REPO, "dataset", sha, NAME, start, stop)


def test_any_part(hub: HubServer, sha: str) -> None:
    assert file_size(REPO, "dataset", sha, NAME) == len(CONTENT)
    draw = np.random.default_rng(1)
    for _ in range(30):
        start, stop = sorted(int(cut) for cut in draw.choice(len(CONTENT) + 1, 2, replace=False))
        assert part(sha, start, stop) == CONTENT[start:stop]
    assert part(sha, 0, len(CONTENT)) == CONTENT
    assert part(sha, len(CONTENT) - 1, len(CONTENT)) == CONTENT[-1:]


def test_only_the_part_travels(hub: HubServer, sha: str) -> None:
    part(sha, 4098, 2 * 4098)
    assert [asked for _, path, asked in hub.requests if path.startswith("/storage")] == ["bytes=4098-8195"]


def test_a_small_file_too(hub: HubServer, sha: str) -> None:
    assert file_size(REPO, "dataset", sha, "notes.txt") == 1000
    assert read_range(REPO, "dataset", sha, "notes.txt", 10, 20) == CONTENT[10:20]


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 5), (6, 5)])
def test_what_is_no_range(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="no range"):
        part("0" * 40, start, stop)


@pytest.mark.parametrize(
    ("start", "stop"), [(len(CONTENT), len(CONTENT) + 1), (len(CONTENT) - 1, len(CONTENT) + 1)]
)
def test_beyond_the_end(hub: HubServer, sha: str, start: int, stop: int) -> None:
    with pytest.raises(Changed):
        part(sha, start, stop)


def test_what_is_not_there(hub: HubServer, sha: str) -> None:
    with pytest.raises(NotThere, match=f"{REPO} has no file absent.bin"):
        read_range(REPO, "dataset", sha, "absent.bin", 0, 1)
    with pytest.raises(NotThere, match=f"{REPO} has no file absent.bin"):
        file_size(REPO, "dataset", sha, "absent.bin")
    with pytest.raises(NotThere, match="no dataset EleutherAI/pool"):
        file_size("EleutherAI/pool", "dataset", sha, NAME)


@pytest.mark.parametrize("fault", ["429", "500", "slow", "cut"])
def test_troubles_that_pass(hub: HubServer, sha: str, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.4)
    hub.fail(fault, times=1 if fault == "slow" else 3, seconds=0.6)
    assert part(sha) == CONTENT[100:300]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [("404", "has no file"), ("429", "pause"), ("500", "in trouble"), ("slow", "in time"), ("cut", "breaks off")],
)
def test_troubles_that_stay(
    hub: HubServer, sha: str, monkeypatch: pytest.MonkeyPatch, fault: str, sentence: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    hub.fail(fault, times=99, seconds=0.2)
    with pytest.raises(HubError, match=sentence):
        part(sha)
    hub.faults.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 10)
    assert part(sha) == CONTENT[100:300]


def test_too_few_bytes(hub: HubServer, sha: str) -> None:
    hub.fail("wrong length")
    with pytest.raises(Changed, match="199 of 200 bytes"):
        part(sha)


def test_another_commit(hub: HubServer, sha: str) -> None:
    part(sha)
    hub.fail("changed")
    with pytest.raises(Changed, match=f"of commit ffffffffffff where {sha[:12]} was asked"):
        part(sha)


def test_another_content_under_the_same_commit(hub: HubServer, sha: str) -> None:
    part(sha)
    files = hub.repos["datasets", REPO].commits[sha]
    hub.add_repo("dataset", "another/one", {"main": {NAME: CONTENT[::-1]}})  # so that the storage has it
    files[NAME] = CONTENT[::-1]
    with pytest.raises(Changed, match="has changed under one commit"):
        part(sha)


@pytest.mark.parametrize(
    ("status", "headers", "sentence"),
    [
        (200, {}, "not served in parts"),
        (206, {}, "another part"),
        (206, {"Content-Range": "bytes 101-300/500"}, "another part"),
        (206, {"Content-Range": "bytes 100-299/500", "Content-Length": "201"}, "more of"),
    ],
)
def test_other_parts_than_asked(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], sentence: str
) -> None:
    sha = "a" * 40
    with answering(status, {"X-Repo-Commit": sha, "Content-Length": "200", **headers}, bytes(201)) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(HubError, match=sentence):
            part(sha)


def test_something_that_is_no_hub(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(206, {"Content-Range": "bytes 100-299/500", "Content-Length": "200"}, bytes(200)) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(HubError, match="this is no hub"):
            part("a" * 40)


def test_a_storage_that_speaks_for_the_hub(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = "a" * 40
    parts = {"X-Repo-Commit": sha, "Content-Range": "bytes 100-299/500", "Content-Length": "200"}
    with (
        answering(206, parts, bytes(200)) as storage,
        answering(302, {"Location": f"{storage}{{path}}", "Content-Length": "0"}) as address,
    ):
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(HubError, match="this is no hub"):
            part(sha)


def test_no_network(hub: HubServer, sha: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.stop()
    with pytest.raises(Offline):
        part(sha)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Offline, match=f"{NAME} of {REPO} is not on this machine"):
        part(sha)


def test_the_token_goes_to_the_hub_and_not_to_its_storage(
    hub: HubServer, sha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated.add(REPO)
    with pytest.raises(
        NotThere, match=rf"gated: accept its terms on {hub.url}/datasets/{REPO}, then run `hf auth"
    ):
        part(sha)
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody")
    with pytest.raises(NotThere, match="your token may not read it: accept its terms"):
        part(sha)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.tokens.clear()
    assert part(sha) == CONTENT[100:300]
    assert [(path.startswith("/storage"), sent) for path, sent in hub.tokens] == [
        (False, f"Bearer {TOKEN}"),
        (True, None),
    ]
