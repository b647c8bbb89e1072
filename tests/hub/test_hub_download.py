"""Whole files: what lies in its place is right, and nothing that was got is lost, whatever was cut or changed."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest
from downloading import BOTH, FILES, REPO, WEIGHTS, entries, keep_a_part, pieces
from hub_server import Fault, HubServer, git_sha1

from mda.hub.client import Changed, HubError, NotThere, download
from mda.progress import Cancelled


@pytest.fixture
def sha(hub: HubServer) -> str:
    return hub.add_repo("model", REPO, {"main": FILES})["main"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "to" / "here"


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
