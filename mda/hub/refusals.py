"""What an answer of the hub that is no success means: something to try again, or a sentence for the user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mda.hub import names
from mda.hub.errors import Changed, HubError, NotThere

if TYPE_CHECKING:
    from httpx2 import Response


@dataclass(frozen=True)
class About:
    """What a request is about; the words of its errors."""

    repo: str
    kind: names.Kind
    revision: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        if self.file is not None:
            return f"{self.file} of {self.repo}"
        return f"revision {self.revision} of {self.repo}" if self.revision is not None else self.repo


class Again(Exception):  # noqa: N818 (a request for another try)
    """Something that may pass by itself; `error` is what to raise when it does not.

    wait_s: seconds that the hub asks to wait; None where it does not say. moved: something was got before it
    failed, so that the count of tries begins anew.
    """

    def __init__(self, error: HubError, wait_s: float | None = None, moved: bool = False) -> None:
        super().__init__(str(error))
        self.error, self.wait_s, self.moved = error, wait_s, moved


def refuse(response: Response, about: About, home: str, token: bool, ours: bool) -> None:
    """Raise what a refusal means; nothing for a success or a redirect.

    home: the hub's address. token: one was sent. ours: the answer is the hub's and not its storage's.
    """
    status = response.status_code
    if status < 400:
        return
    if status == 416:
        raise Changed(f"{about} is shorter than it should be: the hub's copy has changed; report it to its owner.")
    if status == 429:
        advice = "" if token else ", or log in with `hf auth login`, which raises the limit"
        wait_s = _wait(response)
        told = "later" if wait_s is None else f"in {wait_s:.0f} s"
        raise Again(HubError(f"{home} asks for a pause after many requests: try again {told}{advice}."), wait_s)
    if status in (408, 425) or status >= 500:
        raise Again(
            HubError(f"{home} is in trouble (status {status}) with {about}: try again later."), _wait(response)
        )
    if not ours:  # the storage's addresses hold for a short time, and the hub gives a new one at every try
        raise Again(HubError(f"The storage behind {home} refuses {about} (status {status}): try again later."))
    raise _reason(status, response.headers.get(names.ERROR_HEADER), about, home, token)


def _reason(status: int, code: str | None, about: About, home: str, token: bool) -> HubError:
    if code == names.GATED:
        page = home + names.page_path(about.repo, about.kind)
        if token:
            return NotThere(f"{about.repo} is gated and your token may not read it: accept its terms on {page}.")
        return NotThere(
            f"{about.repo} is gated: accept its terms on {page}, then run `hf auth login` or set HF_TOKEN."
        )
    if code == names.NO_REVISION or (code is None and status == 404 and about.revision and not about.file):
        return NotThere(f"{about.repo} has no revision {about.revision}: choose one that the hub lists.")
    if code == names.NO_FILE or (code is None and status == 404 and about.file):
        return NotThere(f"{about.repo} has no file {about.file} at this revision: choose another revision.")
    if code == names.NO_REPOSITORY or status in (404, 410) or (status == 401 and not token):
        closed = (
            "your token may not read it" if token else "it is private (then run `hf auth login` or set HF_TOKEN)"
        )
        return NotThere(f"{home} has no {about.kind} {about.repo}, or {closed}: check the name.")
    if status == 401:
        return HubError("The hub does not take your token: run `hf auth login` again, or mend or unset HF_TOKEN.")
    if status == 403:
        return NotThere(f"{home} forbids {about}: check the rights of your token, or ask the repository's owner.")
    return HubError(f"{home} answers with status {status} for {about}: check HF_ENDPOINT, or try again later.")


def _wait(response: Response) -> float | None:
    """Seconds to wait, from Retry-After or the hub's RateLimit header (`"api";r=0;t=55`); a date is passed over,
    because the clocks may differ."""
    told = response.headers.get("Retry-After", "").strip()
    if told.isdecimal():
        return float(told)
    spent = re.search(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)", response.headers.get("RateLimit", ""))
    return float(spent[1]) + 1.0 if spent else None
