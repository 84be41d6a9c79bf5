"""One server to a data folder: two would overwrite each other's bindings."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from offhook.errors import ConfigError
from offhook.server.reasons import reason_of

__all__ = ["FolderLock"]

_FILE: Final = "lock"


class FolderLock:
    """Held from its making until `release`, or until the process ends, however it does."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError when another server holds the folder, or when it cannot be written."""
        path = folder / _FILE
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {reason_of(error)}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            process = f" (process {holder})" if holder.isdigit() else ""
            mend = "stop it, or name another folder as data in the configuration or in OFFHOOK_DATA"
            raise ConfigError(f"{folder} is in use by another server{process}; {mend}") from error
        with suppress(OSError):  # A full disk: who holds the folder is a courtesy, that it is held is not.
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let another server have the folder; once more, it does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
