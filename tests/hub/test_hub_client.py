"""Revisions, commits and files as the hub lists them, and each way in which it can refuse."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from answering import answering
from hub_server import OTHER_SHA, TOKEN, HubServer

from mda.hub import client, requests
from mda.hub.client import Changed, HubError, NotThere, Offline
from mda.hub.ranges import read_range

REPO = "EleutherAI/pythia-14m"
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 20, "sub/notes.txt": b"hello"}


@pytest.fixture
def shas(hub: HubServer) -> dict[str, str]:
    return hub.add_repo("model", REPO, {"main": FILES, "step0": {"config.json": b"{}"}})


def test_revisions_commits_and_files(hub: HubServer, shas: dict[str, str]) -> None:
    assert client.revisions(REPO) == shas
    assert client.commit(REPO, "model") == shas["main"]
    assert client.commit(REPO, "model", "step0") == shas["step0"]
    assert client.commit(REPO, "model", shas["step0"]) == shas["step0"]
    listed = client.files(REPO, "model", shas["main"])
    assert {name: file.size for name, file in listed.items()} == {name: len(FILES[name]) for name in FILES}
    assert listed["model.safetensors"].sha256 == hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    assert listed["config.json"].sha256 is None  # small files have none


def test_data_sets_are_other_repositories_than_models(hub: HubServer, shas: dict[str, str]) -> None:
    sha = hub.add_repo("dataset", REPO, {"main": {"x.bin": b"data"}})["main"]
    assert client.commit(REPO, "dataset") == sha != shas["main"]
    assert list(client.files(REPO, "dataset", sha)) == ["x.bin"]


def test_a_repository_under_its_former_name(hub: HubServer, shas: dict[str, str], tmp_path: Path) -> None:
    former, sha = "EleutherAI/pythia-19m", shas["main"]
    hub.renamed[former] = REPO
    assert client.revisions(former) == shas
    assert client.commit(former, "model") == sha
    assert set(client.files(former, "model", sha)) == set(FILES)
    assert read_range(former, "model", sha, "model.safetensors", 5, 9) == FILES["model.safetensors"][5:9]
    for name, content in FILES.items():
        assert client.download(former, "model", sha, name, tmp_path).read_bytes() == content


def test_a_branch_that_moved(hub: HubServer, shas: dict[str, str]) -> None:
    new = hub.add_repo("model", REPO, {"main": {"config.json": b"{ }"}})["main"]
    assert client.commit(REPO, "model") == new != shas["main"]
    assert len(client.files(REPO, "model", shas["main"])) == len(FILES)  # the old commit is still there


def test_the_endpoint_is_read_at_every_call(
    hub: HubServer, shas: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer() as other:
        there = other.add_repo("model", REPO, {"main": {"config.json": b"other"}})["main"]
        monkeypatch.setenv("HF_ENDPOINT", other.url + "/")
        assert client.endpoint() == other.url
        assert client.commit(REPO, "model") == there != shas["main"]
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert client.commit(REPO, "model") == shas["main"]
    monkeypatch.delenv("HF_ENDPOINT")
    assert client.endpoint() == "https://huggingface.co"


def test_what_does_not_exist(hub: HubServer, shas: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotThere, match=r"no model EleutherAI/pythia-15m, or it is private .*hf auth login"):
        client.revisions("EleutherAI/pythia-15m")
    with pytest.raises(NotThere, match=f"{REPO} has no revision step7:"):
        client.commit(REPO, "model", "step7")
    with pytest.raises(NotThere, match=f"{REPO} has no revision {OTHER_SHA}"):
        client.files(REPO, "model", OTHER_SHA)
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody")
    with pytest.raises(NotThere, match=r"no model EleutherAI/pythia-15m, or your token may not read it"):
        client.revisions("EleutherAI/pythia-15m")


def test_a_private_repository(hub: HubServer, shas: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    hub.private.add(REPO)
    with pytest.raises(NotThere, match="private"):
        client.commit(REPO, "model")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert client.commit(REPO, "model") == shas["main"]


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_by_wish(
    hub: HubServer, shas: dict[str, str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    assert not client.offline()
    monkeypatch.setenv(variable, "1")
    assert client.offline()
    with pytest.raises(Offline, match="HF_HUB_OFFLINE is set: unset it"):
        client.commit(REPO, "model")
    assert hub.requests == []
    monkeypatch.setenv(variable, "0")
    assert client.commit(REPO, "model") == shas["main"]


def test_no_network_and_its_return(hub: HubServer, shas: dict[str, str]) -> None:
    assert client.commit(REPO, "model") == shas["main"]  # leaves a connection open
    hub.stop()
    with pytest.raises(Offline, match=r"cannot be reached .*: check the network"):
        client.commit(REPO, "model")
    hub.start()
    assert client.commit(REPO, "model") == shas["main"]


@pytest.mark.parametrize("address", ["huggingface.co", "ftp://127.0.0.1", "http://", "http://[x"])
def test_an_endpoint_that_is_no_address(monkeypatch: pytest.MonkeyPatch, hub: HubServer, address: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(HubError, match="HF_ENDPOINT"):
        client.commit(REPO, "model")


@pytest.mark.parametrize(
    "body", [b"<html>Sign in to the wireless network</html>", b"[]", b"{}", b'"x"', b"\xff", b"null"]
)
def test_something_that_is_no_hub(monkeypatch: pytest.MonkeyPatch, hub: HubServer, body: bytes) -> None:
    with answering(200, {"Content-Length": str(len(body))}, body) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        for call in (
            lambda: client.revisions(REPO),
            lambda: client.commit(REPO, "model"),
            lambda: client.files(REPO, "model", OTHER_SHA),
        ):
            with pytest.raises(HubError, match="does not answer as a hub does"):
                call()


def test_references_that_are_no_commits(monkeypatch: pytest.MonkeyPatch, hub: HubServer) -> None:
    refs = {"branches": [{"name": "main", "targetCommit": "../../etc"}], "tags": []}
    body = json.dumps(refs).encode()
    with answering(200, {"Content-Length": str(len(body))}, body) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(HubError, match="does not answer as a hub does"):
            client.revisions(REPO)


def test_redirects_without_end(monkeypatch: pytest.MonkeyPatch, hub: HubServer) -> None:
    with answering(302, {"Location": "{path}", "Content-Length": "0"}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(HubError, match="redirects in a circle"):
            client.commit(REPO, "model")


def test_another_commit_than_asked(hub: HubServer, shas: dict[str, str]) -> None:
    hub.fail("changed", times=2)
    with pytest.raises(Changed, match=f"commit ffffffffffff of {REPO} where {shas['main'][:12]} was asked"):
        client.files(REPO, "model", shas["main"])
    with pytest.raises(Changed):
        client.commit(REPO, "model", shas["main"])


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(400, "status 400"), (401, "private"), (403, "forbids"), (404, "check the name"), (410, "check the name")],
)
def test_refusals_without_a_code(
    monkeypatch: pytest.MonkeyPatch, hub: HubServer, status: int, sentence: str
) -> None:
    with answering(status, {"Content-Length": "0"}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(HubError, match=sentence):
            client.revisions(REPO)


def test_a_token_that_is_not_taken(monkeypatch: pytest.MonkeyPatch, hub: HubServer) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    with answering(401, {"Content-Length": "0"}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(HubError, match="does not take your token: run `hf auth login` again"):
            client.revisions(REPO)


@pytest.mark.parametrize("fault", ["429", "500", "slow"])
def test_troubles_that_pass(
    hub: HubServer, shas: dict[str, str], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.4)
    hub.fail(fault, times=1 if fault == "slow" else 3, seconds=0.6)
    assert client.commit(REPO, "model") == shas["main"]
    assert len(hub.requests) == (2 if fault == "slow" else 4)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("429", "pause after many requests.*hf auth login"),
        ("500", "in trouble"),
        ("slow", "does not answer in time"),
    ],
)
def test_troubles_that_stay(
    hub: HubServer, shas: dict[str, str], monkeypatch: pytest.MonkeyPatch, fault: str, sentence: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    hub.fail(fault, times=99, seconds=0.2)
    with pytest.raises(HubError, match=sentence):
        client.commit(REPO, "model")
    assert len(hub.requests) == 4  # and no more


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"Retry-After": "7"}, [7.0, 7.0, 7.0]),
        ({"Retry-After": "300"}, [300.0] * 3),
        ({"Retry-After": "301"}, []),  # longer than the hub counts: nobody waits for that
        ({"RateLimit": '"api";r=0;t=55'}, [56.0] * 3),
        ({"RateLimit": '"api";r=3;t=55'}, [1.0, 2.0, 3.0]),  # requests are left: not the reason
        ({"Retry-After": "Wed, 21 Oct 2037 07:28:00 GMT"}, [1.0, 2.0, 3.0]),  # clocks may differ
        ({}, [1.0, 2.0, 3.0]),
    ],
)
def test_waits_are_those_that_the_hub_asks_for(
    monkeypatch: pytest.MonkeyPatch, hub: HubServer, headers: dict[str, str], waited: list[float]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(requests.time, "sleep", slept.append)
    monkeypatch.setattr(requests, "WAITS_S", (1.0, 2.0, 3.0))
    with answering(429, {"Content-Length": "0", **headers}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(HubError, match="asks for a pause"):
            client.commit(REPO, "model")
    assert slept == waited


def test_nothing_is_said(hub: HubServer, shas: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    hub.fail("500", times=2)
    client.files(REPO, "model", shas["main"])
    assert capfd.readouterr() == ("", "")


def test_importing_it_loads_no_slow_library() -> None:
    code = "import sys, mda.hub.client, mda.hub.ranges; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"huggingface_hub", "httpx2", "torch", "transformers"}.isdisjoint(loaded)
