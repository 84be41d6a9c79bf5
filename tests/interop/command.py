"""`offhook call` and `offhook answer` as phones: other processes, which play a tone and record what they hear."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

from offhook.media.audio.samples import Samples
from offhook.media.audio.wav import read_all
from tests.interop.namespaces import DOMAIN, Namespace
from tests.interop.process import PATIENCE, until
from tests.interop.server import OFFHOOK, PASSWORDS
from tests.interop.tones import RATE, TONES, write_tone

__all__ = ["OffhookPhone", "environment"]

SHORTEST_HEADER: Final = 44


def environment(folder: Path, user: str = "", authorities: Path | None = None) -> dict[str, str]:
    """What our commands read from their environment, so that they see nothing of whoever runs the tests."""
    variables = {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    if user:
        variables["OFFHOOK_PASSWORD"] = PASSWORDS[user]
    if authorities is not None:
        variables["SSL_CERT_FILE"] = str(authorities)
    return variables


class OffhookPhone:
    """One of our commands in a namespace, registered as `user` of the server's domain."""

    def __init__(self, home: Namespace, user: str, *command: str, authorities: Path, transport: str = "udp") -> None:
        """`command`: "answer", or "call" and whom to call. It trusts the certificates in `authorities`."""
        self.home = home
        self.user = user
        self._recording = home.folder / "heard.wav"
        write_tone(home.folder / "tone.wav", TONES[home.name])
        self.process = home.start(
            f"offhook-{command[0]}",
            *(OFFHOOK, *command, "--as", f"sip:{user}@{DOMAIN}", "--transport", transport, "--trace"),
            *("--play", "tone.wav", "--record", "heard.wav"),
            environment=environment(home.folder, user, authorities),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stop()

    def talk(self, seconds: float) -> None:
        """Wait until that much was recorded."""
        octets = SHORTEST_HEADER + seconds * RATE * 2
        until(
            f"{seconds:g} s of audio",
            lambda: self._recording.exists() and self._recording.stat().st_size > octets,
            seconds + PATIENCE,
        )

    def heard(self) -> Samples:
        """What it has recorded."""
        return read_all(self._recording)
