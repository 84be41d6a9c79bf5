"""linphonec 5.1 as a phone in a namespace of its own; it plays and records files in place of a sound card."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

from offhook.media.audio.samples import Samples
from offhook.media.audio.wav import read_all
from tests.interop.namespaces import DOMAIN, Namespace
from tests.interop.process import PATIENCE, until
from tests.interop.server import PASSWORDS
from tests.interop.tones import RATE, TONES, write_tone

__all__ = ["Linphone"]

CONFIG: Final = """
[sip]
sip_port=5060
sip_tcp_port=5060
sip_tls_port=5061
use_ipv6=0
guess_hostname=1
inc_timeout=60
root_ca={authorities}
[net]
mtu=0
nat_policy_ref=
[sound]
echocancellation=0
[misc]
store_friends=0
"""
PROMPT: Final = "linphonec> "


class Linphone:
    """A running linphonec with one account."""

    def __init__(self, home: Namespace, user: str, transport: str = "udp", *, authorities: Path) -> None:
        """It registers as `user` and trusts the certificates in `authorities`."""
        self.home = home
        self.user = user
        self._trace = home.folder / "trace.log"
        self._recording = home.folder / "heard.wav"
        tone_file = home.folder / "tone.wav"
        write_tone(tone_file, TONES[home.name])
        # Without a place for its database it does not start, and does not say so.
        (home.folder / ".local" / "share" / "linphone").mkdir(parents=True)
        config = home.folder / "linphonerc"
        config.write_text(CONFIG.format(authorities=authorities), "ascii")
        self.process = home.start(
            "linphone",
            *(
                "env",
                f"HOME={home.folder}",
                "linphonec",
                "-c",
                str(config),
                "-d",
                "6",
                "-l",
                str(self._trace),
                "-S",
            ),
        )
        try:
            self.process.wait_for(PROMPT)
            self.type("soundcard use files")
            self.type(f"record {self._recording}")
            self.type(f"play {tone_file}")
            self.type(f"register sip:{user}@{DOMAIN} <sip:{DOMAIN};transport={transport}> {PASSWORDS[user]}")
        except BaseException:
            self.process.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stop()

    def wait_for(self, state: str) -> None:
        """Wait until its trace tells of a state, such as LinphoneCallConnected."""
        until(state, lambda: state in self.trace)

    @property
    def trace(self) -> str:
        """What it wrote into its log: all messages, and its own thoughts."""
        return self._trace.read_text("utf-8", "replace") if self._trace.exists() else ""

    def talk(self, seconds: float) -> None:
        """Wait until that much was recorded."""
        octets = 44 + seconds * RATE * 2
        until(
            f"{seconds:g} s of audio",
            lambda: self._recording.exists() and self._recording.stat().st_size > octets,
            seconds + PATIENCE,
        )

    def heard(self) -> Samples:
        """What it has recorded; only when the call is over does the file get its header."""
        until("recording", lambda: self._recording.read_bytes()[:4] == b"RIFF")
        return read_all(self._recording)

    def type(self, line: str) -> None:
        """Type a command."""
        self.process.type(line)
