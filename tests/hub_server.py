"""A hub on this machine, with faults on demand: what huggingface.co answers, as far as any of the code here asks.

Small files come by way of `/api/resolve-cache/…` with their git sha1 as ETag; large ones (by ending) by a redirect
to a second server, as the hub's is, with their sha256 in X-Linked-Etag. Run it for a browser or by hand:

    python tests/hub_server.py         serves the tiny Pythia and prints the address to set HF_ENDPOINT to
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

LARGE = (
    ".bin",
    ".safetensors",
    ".idx",
    ".parquet",
    ".pt",
)  # kept apart from git, as the hub's .gitattributes says
TOKEN = "hf_granted"  # the only token that opens gated and private repositories
OTHER_SHA = "f" * 40  # what a fault of the kind "changed" names

Kind = Literal["model", "dataset"]
Files = Mapping[str, bytes]


@dataclass
class Fault:
    """What goes wrong with the next `times` requests whose path contains `path`.

    `404`, `429`, `500`, `slow` and `changed` (another commit and ETag) meet every request for an API answer or a
    file; `cut` (half of the body, then the connection ends), `wrong length` (a byte is missing, and nothing says
    so) and `garbage` meet only answers that carry bytes of a file.
    """

    kind: Literal["404", "429", "500", "slow", "changed", "cut", "wrong length", "garbage"]
    path: str = ""
    times: int = 1
    method: str | None = None  # HEAD or GET; None: both
    retry_after: str = "0"  # seconds, of a 429
    seconds: float = 1.0  # how long a slow answer takes


@dataclass
class _Repo:
    branches: dict[str, str] = field(default_factory=dict)  # name -> commit
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)  # commit -> files


def git_sha1(content: bytes) -> str:
    """The name that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class HubServer:
    """A hub with the repositories that are added to it, at `url`.

    `requests` lists (method, path, Range header or None) of all requests so far. `gated` and `private` hold names
    of repositories that open for `TOKEN` alone, and names in `renamed` redirect. `stop()` is a network that is
    down, `start()` brings it back.
    """

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], _Repo] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, str | None]] = []
        self.tokens: list[tuple[str, str | None]] = []  # (path, Authorization header) of all requests so far
        self.gated: set[str] = set()
        self.private: set[str] = set()
        self.renamed: dict[str, str] = {}  # a repository's former name -> its name now
        self.blobs: dict[str, bytes] = {}  # sha256 -> content
        self._lock = threading.Lock()
        self._servers: list[_Server] = []
        self._ports = [0, 0]
        self.start()

    def start(self) -> None:
        """Listen; on the same ports as before if this is not the first time."""
        self._servers = [_Server(self, port) for port in self._ports]
        self._ports = [server.server_port for server in self._servers]

    def stop(self) -> None:
        """End all connections and refuse new ones."""
        for server in self._servers:
            server.end()
        self._servers = []

    def __enter__(self) -> HubServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the hub, what HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def storage_url(self) -> str:
        """The address of the server that large files come from."""
        return f"http://127.0.0.1:{self._ports[1]}"

    def add_repo(self, kind: Kind, name: str, revisions: Mapping[str, Files]) -> dict[str, str]:
        """Add a repository, or move branches of one that exists. Returns branch -> commit."""
        repo = self.repos.setdefault((f"{kind}s", name), _Repo())
        for branch, files in revisions.items():
            digest = hashlib.sha1(f"{kind} {name} {branch}".encode())
            for file, content in sorted(files.items()):
                digest.update(f"{file} {git_sha1(content)}\n".encode())
                self.blobs[hashlib.sha256(content).hexdigest()] = content
            repo.branches[branch] = digest.hexdigest()
            repo.commits[digest.hexdigest()] = dict(files)
        return {branch: repo.branches[branch] for branch in revisions}

    def fail(self, kind: Any, path: str = "", times: int = 1, **details: Any) -> None:
        """Add a `Fault`."""
        self.faults.append(Fault(kind, path, times, **details))

    def paths(self, method: str | None = None) -> list[str]:
        """The paths asked for so far (with this method)."""
        return [path for asked, path, _ in self.requests if method in (None, asked)]

    def take_fault(self, method: str, path: str, *kinds: str) -> Fault | None:
        """The first fault of these kinds that meets this request; it counts as used once more."""
        with self._lock:
            for fault in self.faults:
                if (
                    fault.kind in kinds
                    and fault.times > 0
                    and fault.path in path
                    and fault.method in (None, method)
                ):
                    fault.times -= 1
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, hub: HubServer, port: int) -> None:
        self.hub = hub
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self.open):
            with suppress(OSError):  # the other side may be faster
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away in the middle of an answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer on a kept connection waits 40 ms
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._route()

    def do_GET(self) -> None:
        self._route()

    def do_POST(self) -> None:
        self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._route()

    def _route(self) -> None:
        hub, split = self.server.hub, urlsplit(self.path)
        path = unquote(split.path)
        hub.requests.append((self.command, self.path, self.headers.get("Range")))
        hub.tokens.append((self.path, self.headers.get("Authorization")))
        self._query = parse_qs(split.query)
        if found := re.fullmatch(r"/storage/([0-9a-f]{64})/.*", path):
            return self._file(hub.blobs[found[1]], {"ETag": '"the-storage-has-its-own"'})
        fault = hub.take_fault(self.command, path, "404", "429", "500", "slow", "changed")
        self._changed = fault is not None and fault.kind == "changed"
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        elif fault is not None and not self._changed:
            headers = {"Retry-After": fault.retry_after} if fault.kind == "429" else {}
            if fault.kind == "404":
                headers["X-Error-Code"] = "EntryNotFound" if "/resolve/" in path else "RepoNotFound"
            return self._json({"error": f"fault {fault.kind}"}, int(fault.kind), headers)
        for former, now in hub.renamed.items():
            if f"/{former}/" in f"{path}/":
                return self._json({}, 307, {"Location": self.path.replace(former, now)})
        if found := re.fullmatch(r"/api/resolve-cache/(models|datasets)/([^/]+/[^/]+)/([0-9a-f]{40})/(.+)", path):
            return self._resolve(found[1], found[2], found[3], found[4], cached=True)
        if found := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(.*))?", path):
            return self._api(found[1], found[2], found[3] or "revision/main")
        if found := re.fullmatch(r"(?:/(datasets))?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._resolve(found[1] or "models", found[2], found[3], found[4])
        return self._json({"error": "no such page"}, 404)

    def _repo(self, kind: str, name: str, code: bool) -> _Repo | None:
        """The repository, if this caller may see it (`code`: and read its files); otherwise answers no."""
        hub = self.server.hub
        repo, sent = hub.repos.get((kind, name)), self.headers.get("Authorization")
        granted = sent == f"Bearer {TOKEN}"
        if repo is None or (name in hub.private and not granted):
            headers = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            self._json({"error": "Repository not found"}, 404 if sent else 401, headers)
            return None
        if code and name in hub.gated and not granted:
            message = f"Access to {kind[:-1]} {name} is restricted."
            self._json({"error": message}, 403 if sent else 401, {"X-Error-Code": "GatedRepo"})
            return None
        return repo

    def _commit(self, repo: _Repo, revision: str) -> str | None:
        commit = repo.branches.get(revision, revision)
        if commit not in repo.commits:
            self._json({"error": "Revision not found"}, 404, {"X-Error-Code": "RevisionNotFound"})
            return None
        return commit

    def _api(self, kind: str, name: str, rest: str) -> None:
        repo = self._repo(kind, name, code=False)
        if repo is None:
            return None
        if rest == "refs":
            shas = {b: OTHER_SHA if self._changed else sha for b, sha in repo.branches.items()}
            branches = [{"name": b, "ref": f"refs/heads/{b}", "targetCommit": sha} for b, sha in shas.items()]
            return self._json({"branches": branches, "converts": [], "tags": []})
        what, _, rest = rest.partition("/")
        if what not in ("revision", "tree", "paths-info"):
            return self._json({"error": "not here"}, 404)
        revision, _, inside = rest.partition("/")
        commit = self._commit(repo, revision)
        if commit is None:
            return None
        files, named = repo.commits[commit], OTHER_SHA if self._changed else commit
        if what == "revision":
            siblings = [_sibling(file, content, "blobs" in self._query) for file, content in files.items()]
            answer = {"_id": "0" * 24, "id": name, "sha": named, "siblings": siblings}
            answer |= {"private": name in self.server.hub.private, "gated": name in self.server.hub.gated}
            return self._json(answer | {"tags": [], "downloads": 0, "likes": 0, "disabled": False})
        if what == "paths-info":
            asked = parse_qs(self._body.decode()).get("paths") or json.loads(self._body or b"{}").get("paths", [])
            return self._json([_entry(file, files[file]) for file in asked if file in files])
        listed = _tree(files, f"{inside}/" if inside else "", self._query.get("recursive") == ["true"])
        if inside and not listed:
            return self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        return self._json(listed)

    def _resolve(self, kind: str, name: str, revision: str, file: str, cached: bool = False) -> None:
        """Bytes of a small file from the cache of the hub, redirects for all others."""
        repo = self._repo(kind, name, code=True)
        commit = self._commit(repo, revision) if repo is not None else None
        if repo is None or commit is None:
            return None
        headers = {"X-Repo-Commit": OTHER_SHA if self._changed else commit}
        content = repo.commits[commit].get(file)
        if content is None:
            return self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound", **headers})
        if cached:
            etag = "0" * 40 if self._changed else git_sha1(content)
            return self._file(content, {**headers, "ETag": f'"{etag}"'})
        if not file.endswith(LARGE):
            there = f"/api/resolve-cache/{kind}/{name}/{commit}/{quote(file)}"
            return self._json({"redirect": there}, 307, {**headers, "Location": there})
        sha256 = hashlib.sha256(content).hexdigest()
        headers |= {
            "X-Linked-Etag": f'"{"0" * 64 if self._changed else sha256}"',
            "X-Linked-Size": str(len(content)),
            "ETag": f'"{git_sha1(content)}"',
            "Location": f"{self.server.hub.storage_url}/storage/{sha256}/{quote(file)}",
        }
        return self._json({"redirect": headers["Location"]}, 302, headers)

    def _file(self, content: bytes, headers: dict[str, str]) -> None:
        """The file's bytes, or the range that was asked for."""
        size, status = len(content), 200
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, stop = int(found[1]), min(int(found[2]) + 1 if found[2] else size, size)
            if start >= size:
                return self._send(416, b"", {"Content-Range": f"bytes */{size}"})
            content, status = content[start:stop], 206
            headers = {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
        headers = {**headers, "Accept-Ranges": "bytes"}
        hub, fault = self.server.hub, None
        if self.command == "GET":
            fault = hub.take_fault(self.command, unquote(self.path), "cut", "wrong length", "garbage")
        if fault is not None and fault.kind == "wrong length":
            content = content[:-1]
        elif fault is not None and fault.kind == "garbage":
            content = content.translate(bytes(byte ^ 0x55 for byte in range(256)))
        elif fault is not None:
            return self._send(status, content[: len(content) // 2], headers, announced=len(content))
        return self._send(status, content, headers)

    def _json(self, answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json; charset=utf-8"}
        self._send(status, json.dumps(answer).encode(), {**kind, **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str], announced: int | None = None) -> None:
        """Send an answer; one that is shorter than announced ends its connection."""
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if announced is not None:
            self.close_connection = True


def _sibling(file: str, content: bytes, details: bool) -> dict[str, Any]:
    """A file as `/revision/` lists it."""
    if not details:
        return {"rfilename": file}
    listed = {"rfilename": file, "size": len(content), "blobId": git_sha1(content)}
    if file.endswith(LARGE):
        sha256 = hashlib.sha256(content).hexdigest()
        listed["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
    return listed


def _tree(files: Files, inside: str, recursive: bool) -> list[dict[str, Any]]:
    """The folders and files below `inside` (empty or ending in a slash), or only those directly there."""
    listed = [_entry(file, content) for file, content in files.items() if file.startswith(inside)]
    folders = {str(parent) for file in files for parent in PurePosixPath(file).parents} - {"."}
    listed += [
        {"type": "directory", "path": folder, "size": 0, "oid": git_sha1(folder.encode())}
        for folder in sorted(folders)
        if folder.startswith(inside)
    ]
    return [entry for entry in listed if recursive or "/" not in entry["path"][len(inside) :]]


def _entry(file: str, content: bytes) -> dict[str, Any]:
    """A file as `/tree/` lists it."""
    listed = {"type": "file", "path": file, "size": len(content), "oid": git_sha1(content)}
    if file.endswith(LARGE):
        listed["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return listed


def main() -> None:
    """Serve the tiny Pythia until interrupted."""
    from tiny_pythia import tiny_pythia

    with HubServer() as server:
        tiny_pythia(server)
        print(server.url, flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
