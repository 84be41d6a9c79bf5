"""As many idle connections as the server takes unless told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.cli.conftest import config, port, terminal
from tests.cli.crowd import keep_idle_connections
from tests.cli.terminal import Terminal

__all__ = ["config", "port", "terminal"]

MANY: Final = 10_000


def test_ten_thousand_idle_connections(terminal: Terminal, config: Path, port: int) -> None:
    each = keep_idle_connections(terminal, config, port, MANY)
    print(f"{MANY} idle connections: {each:.1f} KiB each")  # noqa: T201
