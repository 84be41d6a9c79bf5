"""Files that only the user who runs the server may read."""

from __future__ import annotations

import os
from pathlib import Path

from offhook.errors import ConfigError
from offhook.server.reasons import reason_of

__all__ = ["make_folder", "write_private"]


def make_folder(folder: Path) -> None:
    """Make the folder, for this user alone, unless it is there. Raises ConfigError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: the data folder cannot be made: {reason_of(error)}") from error


def write_private(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and onto the disk. Raises ConfigError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            _sync(path.parent)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {reason_of(error)}") from error


def _sync(folder: Path) -> None:
    """Bring the names in a folder onto the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
