"""Whole files from servers, networks and disks that do what they should not."""

from __future__ import annotations

import gzip
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import huggingface_hub
import pytest
from answering import answering
from downloading import BOTH, CONFIG, FILES, REPO, WEIGHTS, entries, keep_a_part, pieces
from hub_server import TOKEN, HubServer, git_sha1

from mda.errors import UserError
from mda.hub import download as module
from mda.hub import names, requests
from mda.hub.client import Changed, HubError, NotThere, Offline, download


@pytest.fixture
def sha(hub: HubServer) -> str:
    return hub.add_repo("model", REPO, {"main": FILES})["main"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "to" / "here"


def test_a_server_that_ignores_ranges(hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha, content = "a" * 40, bytes(range(200))
    folder.mkdir(parents=True)
    etag = git_sha1(content)
    (folder / f".incomplete-x-{etag[:20]}.part").write_bytes(content[:50])
    headers = {"X-Repo-Commit": sha, "Content-Length": "200", "ETag": f'W/"{etag}"'}
    heard: list[int] = []
    with answering(200, headers, content) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        assert download("a/b", "model", sha, "x", folder, heard.append).read_bytes() == content
    assert heard == [50, 150]


def test_a_server_that_sends_another_part(hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(200))
    folder.mkdir(parents=True)
    (folder / f".incomplete-x-{git_sha1(content)[:20]}.part").write_bytes(content[:50])
    headers = {"X-Repo-Commit": "a" * 40, "X-Linked-Etag": git_sha1(content), "X-Linked-Size": "200"}
    headers |= {"Content-Range": "bytes 40-189/200", "Content-Length": "150"}
    with answering(206, headers, content[40:190]) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(Changed, match="another part"):
            download("a/b", "model", "a" * 40, "x", folder)
    assert [part.read_bytes() for part in pieces(folder)] == [content[:50]]


@pytest.mark.parametrize(
    ("body", "kind", "sentence", "kept"),
    [
        (bytes(150), HubError, "ends x of a/b after 150 of 200 bytes", [150]),  # more may come another time
        (bytes(201), Changed, "arrived damaged", []),
    ],
)
def test_answers_that_do_not_tell_their_length(
    hub: HubServer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
    kind: type[HubError],
    sentence: str,
    kept: list[int],
) -> None:
    headers = {"X-Repo-Commit": "a" * 40, "ETag": "no-checksum", "X-Linked-Size": "200"}
    with answering(200, headers, body) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(kind, match=sentence):
            download("a/b", "model", "a" * 40, "x", folder)
    assert [part.stat().st_size for part in pieces(folder)] == kept
    assert not (folder / "x").exists()


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({"ETag": '"x"', "Content-Length": "200"}, "this is no hub"),
        ({"X-Repo-Commit": "a" * 40}, "neither size nor checksum"),
        ({"X-Repo-Commit": "a" * 40, "ETag": f'"{"0" * 64}"'}, "arrived damaged"),
        ({"X-Repo-Commit": "a" * 40, "ETag": f'"{"0" * 40}"', "Content-Length": "200"}, "arrived damaged"),
    ],
)
def test_servers_that_promise_too_little_or_falsely(
    hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], sentence: str
) -> None:
    with answering(200, headers, bytes(200)) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(HubError, match=sentence):
            download("a/b", "model", "a" * 40, "x", folder)
    assert not (folder / "x").exists()
    assert pieces(folder) == []


def test_a_proxy_that_packs(hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = 200 * b"0123456789"
    packed = gzip.compress(content)
    headers = {"X-Repo-Commit": "a" * 40, "X-Linked-Etag": f'"{git_sha1(content)}"', "X-Linked-Size": "2000"}
    with answering(
        200, {**headers, "Content-Encoding": "gzip", "Content-Length": str(len(packed))}, packed
    ) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        assert download("a/b", "model", "a" * 40, "x", folder).read_bytes() == content


def test_a_mirror_that_redirects_to_the_hub(
    hub: HubServer, sha: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "DEFAULT_ENDPOINT", hub.url)
    hub.gated.add(REPO)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with answering(308, {"Location": f"{hub.url}{{path}}", "Content-Length": "0"}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        for name in (WEIGHTS, CONFIG):
            assert download(REPO, "model", sha, name, folder).read_bytes() == FILES[name]
    assert all(sent is None for path, sent in hub.tokens if path.startswith("/storage"))


def test_a_mirror_whose_etag_is_no_checksum(hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"X-Repo-Commit": "a" * 40, "ETag": '"5d41-62f"', "Content-Length": "200"}
    with answering(200, headers, bytes(200)) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        assert download("a/b", "model", "a" * 40, "x", folder).read_bytes() == bytes(200)


def test_what_is_not_there(hub: HubServer, sha: str, folder: Path) -> None:
    with pytest.raises(NotThere, match=f"{REPO} has no file pytorch_model.bin at this revision"):
        download(REPO, "model", sha, "pytorch_model.bin", folder)
    with pytest.raises(NotThere, match="no dataset"):
        download(REPO, "dataset", sha, WEIGHTS, folder)


def test_no_network(hub: HubServer, sha: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_a_part(hub, sha, folder)
    hub.stop()
    with pytest.raises(Offline, match="cannot be reached"):
        download(REPO, "model", sha, WEIGHTS, folder)
    with monkeypatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(
            Offline, match=f"{WEIGHTS} of {REPO} is not on this machine, and HF_HUB_OFFLINE is set"
        ):
            download(REPO, "model", sha, WEIGHTS, folder)
    assert len(pieces(folder)) == 1  # it waits
    hub.start()
    assert download(REPO, "model", sha, WEIGHTS, folder).read_bytes() == FILES[WEIGHTS]


def test_a_network_that_goes_in_the_middle(hub: HubServer, sha: str, folder: Path) -> None:
    hub.fail("cut")
    with pytest.raises(Offline, match="cannot be reached"):
        download(REPO, "model", sha, WEIGHTS, folder, lambda arrived: hub.stop())
    (part,) = pieces(folder)
    assert part.read_bytes() == FILES[WEIGHTS][: part.stat().st_size]
    hub.start()
    hub.requests.clear()
    assert download(REPO, "model", sha, WEIGHTS, folder).read_bytes() == FILES[WEIGHTS]
    assert hub.requests[-1][2] is not None  # a range


def test_a_network_that_comes_back_while_it_is_waited_for(
    hub: HubServer, sha: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:  # after the cut, and twice after nobody answered
            hub.start()

    monkeypatch.setattr(requests.time, "sleep", sleep)
    hub.fail("cut")
    heard: list[int] = []

    def stop_once(arrived: int) -> None:
        if not heard:
            hub.stop()
        heard.append(arrived)

    assert download(REPO, "model", sha, WEIGHTS, folder, stop_once).read_bytes() == FILES[WEIGHTS]
    assert sum(heard) == len(FILES[WEIGHTS])


def test_a_gated_repository(hub: HubServer, sha: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated.add(REPO)
    with pytest.raises(NotThere, match=rf"gated: accept its terms on {hub.url}/{REPO}, then run `hf auth login`"):
        download(REPO, "model", sha, WEIGHTS, folder)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert download(REPO, "model", sha, WEIGHTS, folder).read_bytes() == FILES[WEIGHTS]


def test_a_disk_that_is_nearly_full(
    hub: HubServer, sha: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = keep_a_part(hub, sha, folder)
    rest = len(FILES[WEIGHTS]) - part.stat().st_size
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, rest + module.MARGIN_BYTES - 1))
    with pytest.raises(
        HubError, match=r"nearly full: .* needs 0\.00 GB, 0\.21 GB are kept free, .*free some space"
    ):
        download(REPO, "model", sha, WEIGHTS, folder)
    assert hub.paths("GET") == []  # before anything came
    assert part.exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, rest + module.MARGIN_BYTES))
    assert download(REPO, "model", sha, WEIGHTS, folder).read_bytes() == FILES[WEIGHTS]


def test_a_folder_that_cannot_be_made(hub: HubServer, sha: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write to"):
        download(REPO, "model", sha, WEIGHTS, tmp_path / "file" / "below")


def test_two_at_once_download_once(hub: HubServer, sha: str, folder: Path) -> None:
    hub.fail("slow", WEIGHTS, seconds=0.2)
    heard: list[int] = []

    def get() -> None:
        download(REPO, "model", sha, WEIGHTS, folder, heard.append)

    both = [threading.Thread(target=get) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    assert sum(path.startswith("/storage") for path in hub.paths("GET")) == 1
    assert sum(heard) == 2 * len(FILES[WEIGHTS])
    assert entries(folder) == [WEIGHTS]


class TestCache:
    """The user's Hugging Face cache: read where it is right, never written."""

    @pytest.fixture
    def cache(self, hub: HubServer, sha: str) -> Path:
        cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
        for name in (WEIGHTS, CONFIG):
            huggingface_hub.hf_hub_download(REPO, name, revision=sha, endpoint=hub.url, cache_dir=cache)
        return cache

    @BOTH
    def test_is_read_and_not_written(self, hub: HubServer, sha: str, folder: Path, cache: Path, name: str) -> None:
        before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
        hub.stop()
        heard: list[int] = []
        path = download(REPO, "model", sha, name, folder, heard.append)
        assert path.read_bytes() == FILES[name]
        assert not path.is_symlink()
        assert heard == [len(FILES[name])]
        assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before
        assert entries(folder) == [name]

    @BOTH
    def test_is_not_believed_where_it_is_damaged(
        self, hub: HubServer, sha: str, folder: Path, cache: Path, name: str
    ) -> None:
        (blob,) = (path for path in cache.rglob("blobs/*") if path.read_bytes() == FILES[name])
        blob.chmod(0o644)
        blob.write_bytes(FILES[name][:-1] + b"\0")
        assert download(REPO, "model", sha, name, folder).read_bytes() == FILES[name]

    def test_counts_for_its_commit_alone(self, hub: HubServer, folder: Path, cache: Path) -> None:
        new = hub.add_repo("model", REPO, {"main": {WEIGHTS: b"new"}})["main"]
        assert download(REPO, "model", new, WEIGHTS, folder).read_bytes() == b"new"

    def test_may_share_its_files_by_links(self, hub: HubServer, sha: str, folder: Path, cache: Path) -> None:
        (blob,) = (path for path in cache.rglob("blobs/*") if path.read_bytes() == FILES[WEIGHTS])
        shared = cache / "shared" / ("e" * 64)  # not its sha256
        shared.parent.mkdir()
        blob.rename(shared)
        blob.symlink_to(shared)
        hub.stop()
        assert download(REPO, "model", sha, WEIGHTS, folder).read_bytes() == FILES[WEIGHTS]
