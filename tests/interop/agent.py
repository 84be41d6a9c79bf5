"""A phone of `agent_program` in a namespace."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.interop.command import environment
from tests.interop.namespaces import DOMAIN, Namespace
from tests.interop.tones import TONES, write_tone

__all__ = ["Agent"]

PROGRAM: Final = Path(__file__).with_name("agent_program.py")


class Agent:
    """Our user agent, registered as `user` of the server's domain."""

    def __init__(self, home: Namespace, user: str, transport: str = "udp", *, authorities: Path) -> None:
        self.home = home
        self.user = user
        write_tone(home.folder / "tone.wav", TONES[home.name])
        uri = f"sip:{user}@{DOMAIN}"
        self.process = home.start(
            "agent",
            sys.executable,
            str(PROGRAM),
            uri,
            transport,
            environment=environment(home.folder, user, authorities),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stop()

    def type(self, line: str) -> None:
        """Give a command."""
        self.process.type(line)

    def says(self, pattern: str) -> None:
        """Wait for a line that the pattern matches whole."""
        self.process.wait_for(f"^{pattern}$")
