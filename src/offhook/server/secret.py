"""The server's secret: what keys its nonces, its stateless branches and the MACs in its Record-Routes."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import Final

from offhook.errors import ConfigError

__all__ = ["derive", "load_secret"]

OCTETS: Final = 32


def load_secret(folder: Path) -> bytes:
    """Read the secret of a data folder, or make it. It outlives restarts, so that dialogs and nonces do.

    Raises ConfigError.
    """
    path = folder / "secret"
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        return _make(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(secret) != OCTETS:
        raise ConfigError(f"{path}: is not a secret of this server; remove it and a new one is made")
    return secret


def _make(path: Path) -> bytes:
    """Write a new secret whole or not at all: a half-written one would be taken for somebody else's file."""
    secret = os.urandom(OCTETS)
    draft = path.with_name(f"secret.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    return secret


def derive(secret: bytes, purpose: bytes) -> bytes:
    """A key for one purpose; what leaks through one use of it tells nothing about the others."""
    return blake2b(secret, person=purpose, digest_size=32).digest()
