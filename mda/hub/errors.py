"""What the hub, or the way to it, can do wrong; each message is one sentence with cause and remedy."""

from __future__ import annotations

from mda.errors import UserError


class HubError(UserError):
    """Something about the hub or the way to it; the base of the kinds below."""


class Offline(HubError):  # noqa: N818 (a condition)
    """The hub cannot be reached, or HF_HUB_OFFLINE forbids to try."""


class NotThere(HubError):  # noqa: N818
    """The repository, revision or file does not exist, or is closed to this user."""


class Changed(HubError):  # noqa: N818
    """Bytes are not what was promised: another length, checksum or commit."""
