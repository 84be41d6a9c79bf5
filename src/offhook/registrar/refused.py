"""How a step of the registrar ends the request."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(Exception):  # never leaves the registrar
    """The status to answer, and the header fields that go with it."""

    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
