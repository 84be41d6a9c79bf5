"""What the tests of the command stand on: a home folder and the configuration of a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal, free_port


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def config(tmp_path: Path, port: int) -> Path:
    """A server of example.test, at UDP and TCP `port` of loopback, with its data in a folder of the test's."""
    path = tmp_path / "offhook.toml"
    listen = "".join(
        f'[[listen]]\ntransport = "{transport}"\naddress = "127.0.0.1"\nport = {port}\n' for transport in ("udp", "tcp")
    )
    path.write_text(f'data = "{tmp_path / "data"}"\n{listen}[[domain]]\nname = "example.test"\n')
    return path
