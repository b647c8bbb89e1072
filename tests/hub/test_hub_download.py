"""Whole files: what lies in its place is right, whatever happened on the way, and nothing that was got is lost."""

from __future__ import annotations

import gzip
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from answering import answering
from hub_server import TOKEN, Fault, HubServer, git_sha1

from mda.errors import UserError
from mda.hub import download as module
from mda.hub import names, requests
from mda.hub.client import Changed, HubError, NotThere, Offline, download
from mda.progress import Cancelled

REPO = "EleutherAI/pythia-14m"
WEIGHTS, CONFIG = "model.safetensors", "config.json"
FILES = {
    WEIGHTS: np.random.default_rng(0).bytes(3_000_001),
    CONFIG: b'{"model_type": "gpt_neox"}',
    "sub/x.bin": b"x",
}
BOTH = pytest.mark.parametrize("name", [WEIGHTS, CONFIG])  # by a redirect to the storage, and from the hub itself


@pytest.fixture
def sha(hub: HubServer) -> str:
    return hub.add_repo("model", REPO, {"main": FILES})["main"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "to" / "here"


def entries(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def pieces(folder: Path) -> list[Path]:
    return list(folder.glob(".incomplete-*.part"))


@pytest.mark.parametrize("name", list(FILES))
def test_a_file(hub: HubServer, sha: str, folder: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[int] = []
    path = download(REPO, "model", sha, name, folder, heard.append)
    assert path == folder / name
    assert path.read_bytes() == FILES[name]
    assert entries(folder) == [name]
    assert sum(heard) == len(FILES[name])
    assert min(heard) > 0
    assert capfd.readouterr() == ("", "")


def test_an_empty_file(hub: HubServer, folder: Path) -> None:
    sha = hub.add_repo("model", "a/b", {"main": {"empty.bin": b"", "empty.txt": b""}})["main"]
    for name in ("empty.bin", "empty.txt"):
        assert download("a/b", "model", sha, name, folder).read_bytes() == b""


def test_a_file_that_is_there_needs_no_network(hub: HubServer, sha: str, folder: Path) -> None:
    download(REPO, "model", sha, WEIGHTS, folder)
    hub.stop()
    heard: list[int] = []
    assert download(REPO, "model", sha, WEIGHTS, folder, heard.append).read_bytes() == FILES[WEIGHTS]
    assert heard == [len(FILES[WEIGHTS])]


@BOTH
@pytest.mark.parametrize("fault", ["404", "429", "500", "slow", "changed", "cut", "wrong length", "garbage"])
@pytest.mark.parametrize("times", [1, 99])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_any_fault_gives_the_file_or_an_error(
    hub: HubServer,
    sha: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    fault: str,
    times: int,
    method: str,
) -> None:
    if fault == "slow":
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.4 if times == 1 else 0.1)
    hub.fail(fault, times=times, method=method, seconds=0.6 if times == 1 else 0.2)
    heard: list[int] = []
    try:
        download(REPO, "model", sha, name, folder, heard.append)
        failed = None
    except HubError as error:
        failed = error
    met = method == "GET" or fault not in ("cut", "wrong length", "garbage")
    passes = fault in ("429", "500", "slow", "cut")  # the kinds that are worth another try
    if met and (times > 1 or not passes):
        kinds = {"404": NotThere, "changed": Changed, "wrong length": Changed, "garbage": Changed}
        assert type(failed) is kinds.get(fault, HubError)
        assert not (folder / name).exists()
        assert len(pieces(folder)) == (fault == "cut")  # what came is kept, what is wrong is not
    else:
        assert failed is None
        assert sum(heard) == len(FILES[name])
    hub.faults.clear()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DOWNLOAD_TIMEOUT", 10)
    assert download(REPO, "model", sha, name, folder).read_bytes() == FILES[name]
    assert entries(folder) == [name]


def test_a_cut_download_is_resumed_within_the_call(hub: HubServer, sha: str, folder: Path) -> None:
    hub.fail("cut", WEIGHTS, times=6)  # more often than anything is tried: each time half of the rest arrives
    heard: list[int] = []
    download(REPO, "model", sha, WEIGHTS, folder, heard.append)
    asked = [wanted for _, path, wanted in hub.requests if path.startswith("/storage")]
    assert len(asked) == 7
    assert asked[:3] == [None, "bytes=1500000-", "bytes=2250000-"]
    assert sum(heard) == len(FILES[WEIGHTS])


def test_a_cut_download_is_resumed_by_the_next_call(hub: HubServer, sha: str, folder: Path) -> None:
    hub.faults += [Fault("cut", "/storage"), Fault("500", "/resolve/", times=99, method="GET")]
    hub.faults[1].times = 0

    def break_down(arrived: int) -> None:
        hub.faults[1].times = 99

    heard: list[int] = []
    with pytest.raises(HubError, match="in trouble"):
        download(REPO, "model", sha, WEIGHTS, folder, break_down)
    assert [path.stat().st_size for path in pieces(folder)] == [1_500_000]
    assert not (folder / WEIGHTS).exists()
    hub.faults.clear()
    hub.requests.clear()
    download(REPO, "model", sha, WEIGHTS, folder, heard.append)
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    assert heard[0] == 1_500_000  # told at once, so that a bar begins where it ended
    assert sum(heard) == len(FILES[WEIGHTS])
    assert [wanted for _, path, wanted in hub.requests if path.startswith("/storage")] == ["bytes=1500000-"]
    assert entries(folder) == [WEIGHTS]


def test_a_cancelled_download_is_resumed(hub: HubServer, sha: str, folder: Path) -> None:
    def stop(arrived: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        download(REPO, "model", sha, WEIGHTS, folder, stop)
    (part,) = pieces(folder)
    got = part.stat().st_size
    assert 0 < got < 2**20
    hub.requests.clear()
    assert download(REPO, "model", sha, WEIGHTS, folder).read_bytes() == FILES[WEIGHTS]
    assert [wanted for _, path, wanted in hub.requests if path.startswith("/storage")] == [f"bytes={got}-"]


def test_a_download_that_lacks_nothing_but_its_name(hub: HubServer, sha: str, folder: Path) -> None:
    keep_a_part(hub, sha, folder).write_bytes(FILES[WEIGHTS])
    heard: list[int] = []
    assert download(REPO, "model", sha, WEIGHTS, folder, heard.append).read_bytes() == FILES[WEIGHTS]
    assert heard == [len(FILES[WEIGHTS])]
    assert hub.paths("GET") == []


def keep_a_part(hub: HubServer, sha: str, folder: Path) -> Path:
    """A download that was stopped in the middle; returns the file that waits for its rest."""

    def stop(arrived: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        download(REPO, "model", sha, WEIGHTS, folder, stop)
    hub.requests.clear()
    (part,) = pieces(folder)
    return part


@pytest.mark.parametrize("size", [1000, len(FILES[WEIGHTS])])
def test_a_damaged_part_is_found_out(hub: HubServer, sha: str, folder: Path, size: int) -> None:
    keep_a_part(hub, sha, folder).write_bytes(bytes(size))
    with pytest.raises(Changed, match=r"arrived damaged .* and was deleted"):
        download(REPO, "model", sha, WEIGHTS, folder)
    assert pieces(folder) == []
    assert download(REPO, "model", sha, WEIGHTS, folder).read_bytes() == FILES[WEIGHTS]


def test_a_part_that_is_too_long_is_not_continued(hub: HubServer, sha: str, folder: Path) -> None:
    keep_a_part(hub, sha, folder).write_bytes(bytes(4_000_000))
    assert download(REPO, "model", sha, WEIGHTS, folder).read_bytes() == FILES[WEIGHTS]


def test_a_part_of_other_content_is_not_continued(hub: HubServer, sha: str, folder: Path) -> None:
    keep_a_part(hub, sha, folder)
    new = hub.add_repo("model", REPO, {"main": {WEIGHTS: FILES[WEIGHTS][::-1]}})["main"]
    assert download(REPO, "model", new, WEIGHTS, folder).read_bytes() == FILES[WEIGHTS][::-1]
    assert [wanted for _, _, wanted in hub.requests] == [None] * 3
    assert entries(folder) == [WEIGHTS]


def test_a_part_of_another_file_with_a_similar_name_stays(hub: HubServer, folder: Path) -> None:
    sha = hub.add_repo("model", REPO, {"main": {"a": b"first", "a-b": b"second"}})["main"]
    folder.mkdir(parents=True)
    other = folder / f".incomplete-a-b-{git_sha1(b'second')[:20]}.part"
    other.write_bytes(b"sec")
    download(REPO, "model", sha, "a", folder)
    assert other.exists()
    download(REPO, "model", sha, "a-b", folder)
    assert entries(folder) == ["a", "a-b"]


def test_a_branch_that_moves_changes_nothing(hub: HubServer, sha: str, folder: Path) -> None:
    hub.add_repo("model", REPO, {"main": {WEIGHTS: b"new"}})
    assert download(REPO, "model", sha, WEIGHTS, folder).read_bytes() == FILES[WEIGHTS]


def test_a_commit_that_changes_between_two_requests(hub: HubServer, sha: str, folder: Path) -> None:
    hub.fail("changed", WEIGHTS, method="GET")  # HEAD still tells the right one
    with pytest.raises(Changed, match=f"of commit ffffffffffff where {sha[:12]} was asked"):
        download(REPO, "model", sha, WEIGHTS, folder)
    assert entries(folder) == [f".incomplete-{WEIGHTS}.lock"]


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
