"""The dialog table: which dialog a request belongs to (RFC 3261 12.2.2)."""

from __future__ import annotations

from offhook.dialog.dialog import Dialog, DialogId
from offhook.errors import InvalidState
from offhook.sip.message import Request

__all__ = ["DialogTable"]


class DialogTable:
    """The dialogs of one user agent. `len()` counts them."""

    __slots__ = ("_dialogs",)

    def __init__(self) -> None:
        self._dialogs: dict[DialogId, Dialog] = {}

    def __len__(self) -> int:
        return len(self._dialogs)

    def dialogs(self) -> list[Dialog]:
        """All of them, the oldest first."""
        return list(self._dialogs.values())

    def add(self, dialog: Dialog) -> None:
        """Take a dialog in. Raises InvalidState when one with its id is there."""
        if self._dialogs.setdefault(dialog.id, dialog) is not dialog:
            raise InvalidState(f"there is a {dialog} already")

    def remove(self, dialog: Dialog) -> None:
        """Forget a dialog; one that is not there stays away."""
        if self._dialogs.get(dialog.id) is dialog:
            del self._dialogs[dialog.id]

    def of_request(self, request: Request) -> Dialog | None:
        """The dialog that a request of the peer's is in: local tag in To, remote tag in From. Raises ParseError."""
        local_tag = request.to_tag
        if local_tag is None:
            return None
        return self._dialogs.get((request.call_id, local_tag, request.from_tag or ""))
