"""How storage fails, in words for the operator and as a value for the program."""

from __future__ import annotations

from enum import StrEnum

from offhook.errors import SipError

__all__ = ["StorageError", "StorageFault"]


class StorageFault(StrEnum):
    """What is wrong, for a program that acts on it.

    `LOCKED` and `FULL` may pass by themselves: the same call can succeed later. `CONFLICT` means that a row breaks a
    constraint of the schema, such as a key that exists; it is the only one that says nothing about the storage.
    """

    CONFLICT = "conflict"
    CORRUPT = "corrupt"
    FAILED = "failed"
    FOREIGN = "foreign"
    FULL = "full"
    LOCKED = "locked"
    MOVED = "moved"
    NEWER = "newer"
    READ_ONLY = "read-only"
    UNREACHABLE = "unreachable"


class StorageError(SipError):
    """The data could not be read or kept. Nothing of the failed call was kept.

    `path` is the file or the address of the storage.
    """

    def __init__(self, reason: str, *, fault: StorageFault, path: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fault = fault
        self.path = path
