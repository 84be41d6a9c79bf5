"""The server's secret: what keys its nonces, its stateless branches and the MACs in its Record-Routes."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import Final

from offhook.errors import ConfigError
from offhook.server.private_file import write_private
from offhook.server.reasons import reason_of

__all__ = ["SECRET", "derive", "load_secret"]

OCTETS: Final = 32
SECRET: Final = "secret"
"""The name of its file."""


def load_secret(folder: Path) -> bytes:
    """Read the secret of a data folder, or make it. It outlives restarts, so that dialogs and nonces do.

    Raises ConfigError.
    """
    path = folder / SECRET
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        secret = os.urandom(OCTETS)
        write_private(path, secret)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {reason_of(error)}") from error
    if len(secret) != OCTETS:
        raise ConfigError(f"{path}: is not a secret of this server; remove it and a new one is made")
    return secret


def derive(secret: bytes, purpose: bytes) -> bytes:
    """A key for one purpose of at most 16 octets; what leaks through one use of it tells nothing about the others."""
    return blake2b(secret, person=purpose, digest_size=32).digest()
