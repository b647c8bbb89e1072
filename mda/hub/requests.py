"""One request to the hub: where to, with which token, through which redirects, and what its failure means.

Requests go through the session of huggingface_hub, with timeouts, and follow redirects step by step: the hub names
commit, checksum and size in its own answer, and sends large files from elsewhere, where the token must not go.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urljoin, urlsplit

from mda.hub import names
from mda.hub.errors import HubError, Offline
from mda.hub.refusals import About, Again, refuse

if TYPE_CHECKING:
    from httpx2 import Response

WAITS_S = (0.5, 2.0, 5.0)  # before the second, third and fourth try; as long as the hub asks where it does
REDIRECTS = 10

_YES = ("1", "ON", "YES", "TRUE")  # what huggingface_hub takes for yes
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Facts:
    """What the hub says of a file in an answer's headers, None where it does not.

    etag: sha256 (64 hex) of a large file, git sha1 (40 hex) of a small one; size in bytes.
    """

    commit: str | None = None
    etag: str | None = None
    size: int | None = None


def endpoint() -> str:
    """Address of the hub: HF_ENDPOINT at the time of the call, else the public one."""
    return os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or names.DEFAULT_ENDPOINT


def offline() -> bool:
    """Whether HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) forbids requests at the time of the call."""
    chosen = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return chosen.upper() in _YES


def insist(action: Callable[[], _Result]) -> _Result:
    """The result of `action`, called again after a wait where it raises `Again`, a few times."""
    failed = 0
    while True:
        try:
            return action()
        except Again as again:
            failed = 1 if again.moved else failed + 1
            if failed > len(WAITS_S) or (again.wait_s or 0.0) > names.RATE_WINDOW_S:
                raise again.error from again.__cause__
            time.sleep(WAITS_S[failed - 1] if again.wait_s is None else again.wait_s)


@contextmanager
def request(
    method: Literal["GET", "HEAD"], path: str, about: About, bytes_wanted: str | None = None
) -> Iterator[tuple[Response, Facts]]:
    """One try: the last answer of the chain of redirects, its body not yet read, and the hub's facts.

    `bytes_wanted` is the value of a Range header. Raises `Again` for what may pass by itself, also while the body
    is read, and a `HubError` for what will not.
    """
    if offline():
        raise Offline(f"{about} is not on this machine, and HF_HUB_OFFLINE is set: unset it to download.")
    import httpx2
    from huggingface_hub import get_session, get_token
    from huggingface_hub.constants import HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_DOWNLOAD_TIMEOUT
    from huggingface_hub.errors import OfflineModeIsEnabled

    home, token = endpoint(), None if HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    headers = {"User-Agent": _user_agent(), "Accept-Encoding": "identity"}  # compressed, a length says nothing
    if bytes_wanted is not None:
        headers["Range"] = bytes_wanted
    url, facts = home + path, Facts()
    try:
        for _ in range(REDIRECTS):
            ours = _is_hub(url, home)
            allowed = {"Authorization": f"Bearer {token}"} if ours and token else {}
            with get_session().stream(
                method,
                url,
                headers=headers | allowed,
                timeout=HF_HUB_DOWNLOAD_TIMEOUT,
                follow_redirects=False,
            ) as response:
                facts = _learn(facts, response, ours)
                there = urljoin(url, response.headers["Location"]) if response.has_redirect_location else None
                if there is None or (method == "HEAD" and not _is_hub(there, home)):
                    refuse(response, about, home, token is not None, ours)
                    yield response, facts
                    return
                url = there
        raise HubError(f"{home} redirects in a circle for {about}: check HF_ENDPOINT.")
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        cause = str(error)[:120] or type(error).__name__
        raise Offline(
            f"{_origin(url)} cannot be reached ({cause}): check the network; "
            "what is already on this machine works."
        ) from error
    except OfflineModeIsEnabled as error:
        raise Offline(
            f"{about} is not on this machine, and HF_HUB_OFFLINE is set: unset it to download."
        ) from error
    except httpx2.TimeoutException as error:
        raise Again(HubError(f"{_origin(url)} does not answer in time for {about}: try again later.")) from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise HubError(f"{home[:80]} is not an address: mend HF_ENDPOINT, or unset it.") from error
    except httpx2.RequestError as error:
        broken = HubError(f"The connection to {_origin(url)} breaks off for {about}: try again later.")
        raise Again(broken) from error


def facts_of(path: str, about: About) -> Facts:
    """The facts of a file, by a HEAD request. Raises `HubError` where the hub names no commit."""

    def once() -> Facts:
        with request("HEAD", path, about) as (_, facts):
            return facts

    return insist(once)


def _learn(facts: Facts, response: Response, ours: bool) -> Facts:
    """The facts, with what one more answer of the chain adds: the hub's first word counts, storage has none."""
    headers = response.headers
    if not ours:
        return facts
    commit = facts.commit or headers.get(names.COMMIT_HEADER)
    etag, size = headers.get(names.LINKED_ETAG_HEADER), headers.get(names.LINKED_SIZE_HEADER)
    if not response.has_redirect_location:
        etag = etag or headers.get("ETag")
        # the length of an answer with a body is that of the part which it holds
        size = size or (headers.get("Content-Length") if response.request.method == "HEAD" else None)
    return replace(
        facts,
        commit=commit,
        etag=facts.etag or (etag.removeprefix("W/").strip('"') if etag else None),
        size=facts.size if facts.size is not None else (int(size) if size and size.isdecimal() else None),
    )


def _is_hub(url: str, home: str) -> bool:
    """Whether an address is the hub's, and may be sent the token; mirrors redirect to the public hub."""
    return _origin(url) in (_origin(home), names.DEFAULT_ENDPOINT)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@cache
def _user_agent() -> str:
    return f"mda/{version('mda')}"
