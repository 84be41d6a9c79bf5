"""baresip 1.0 as a phone in a namespace of its own, steered through its `ctrl_tcp` module.

It plays a tone into every call and records what it hears. Its `aufile` module plays only; `sndfile` records, one file
for each direction. An `aubridge` device that nothing is bridged to stands for the loudspeaker.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from offhook.media.audio.samples import Samples
from offhook.media.audio.wav import read_all
from tests.interop.namespaces import DOMAIN, SERVER, Namespace
from tests.interop.process import PATIENCE, until
from tests.interop.server import PASSWORDS
from tests.interop.tones import RATE, TONES, write_tone

__all__ = ["Baresip"]

CONTROL: Final = 4444
CONFIG: Final = """
poll_method epoll
statmode_default off
sip_listen {listen}:5060
sip_cafile {authorities}
call_local_timeout 120
call_max_calls 4
audio_player aubridge,nobody
audio_source aufile,{folder}/tone.wav
audio_alert aubridge,nobody
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
ausrc_format s16
auplay_format s16
module_path /usr/lib/baresip/modules
module stdio.so
module ctrl_tcp.so
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
ctrl_tcp_listen 127.0.0.1:4444
snd_path {folder}
"""


class Baresip:
    """A running baresip with one account."""

    def __init__(
        self,
        home: Namespace,
        user: str,
        transport: str = "udp",
        *,
        authorities: Path,
        server: str = SERVER,
        password: str = "",
    ) -> None:
        """It registers as `user`, at the server's address, and trusts the certificates in `authorities`."""
        self.home = home
        self.user = user
        self.folder = home.folder
        host, listen = (f"[{server}]", "[::]") if ":" in server else (server, "0.0.0.0")
        port = 5061 if transport == "tls" else 5060
        account = (
            f"<sip:{user}@{DOMAIN};transport={transport}>;auth_pass={password or PASSWORDS[user]};regint=600"
            f';outbound="sip:{host}:{port};transport={transport}"\n'
        )
        self._events: list[dict[str, Any]] = []
        self._buffer = b""
        write_tone(self.folder / "tone.wav", TONES[home.name])
        config = CONFIG.format(listen=listen, folder=self.folder, authorities=authorities)
        (self.folder / "config").write_text(config, "ascii")
        (self.folder / "accounts").write_text(account, "ascii")
        family = "-6" if ":" in listen else "-4"
        self.process = home.start("baresip", "baresip", family, "-s", "-v", "-f", str(self.folder))
        try:
            self.process.wait_for("baresip is ready")
            self._socket = home.socket()
            self._socket.connect(("127.0.0.1", CONTROL))
        except BaseException:
            self.process.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self.process.stop()

    def command(self, command: str, parameters: str = "") -> str:
        """Give a command and return what it prints. Raises AssertionError when it fails."""
        self.send(command, parameters)
        answer = self._next(lambda item: item.get("response") is True, PATIENCE, f"answer to {command}")
        assert answer["ok"], f"{command} {parameters}: {answer}"
        return str(answer.get("data", ""))

    def send(self, command: str, parameters: str = "") -> None:
        text = json.dumps({"command": command, "params": parameters}).encode()
        self._socket.sendall(b"%d:%s," % (len(text), text))

    def event(self, kind: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait for an event such as CALL_ESTABLISHED that was not yet waited for, and return it."""
        return self._next(lambda item: item.get("type") == kind, seconds, kind)

    def registered(self) -> None:
        """Wait until it is registered; it may be so before there was a connection to hear of it by."""
        self.process.wait_for("registered successfully")

    def seen(self, pattern: str) -> list[str]:
        """What the pattern's group matched in the lines of the messages so far, to and fro."""
        return re.findall(pattern, self.process.output, re.MULTILINE)

    def talk(self, seconds: float) -> None:
        """Wait until it has played that long into the first call."""
        until(
            f"{seconds:g} s of audio", lambda: self._file("enc").stat().st_size > seconds * RATE * 2, seconds + PATIENCE
        )

    def heard(self) -> Samples:
        """What it has heard in the first call."""
        return read_all(self._file("dec"))

    def _file(self, direction: str) -> Path:
        """What the `sndfile` module wrote of the first call: "enc" was played into it, "dec" was heard."""
        return until("recording", lambda: min(self.folder.glob(f"dump-*-{direction}.wav"), default=None))

    def _next(self, wanted: Any, seconds: float, what: str) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while True:
            for item in self._events:
                if wanted(item):
                    self._events.remove(item)
                    return item
            left = end - time.monotonic()
            assert left > 0, f"no {what} from the baresip of {self.home.name} within {seconds:g} s: {self._events}"
            self._receive(left)

    def _receive(self, seconds: float) -> None:
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return
        assert data, f"the baresip of {self.home.name} ended:\n{self.process.output[-4000:]}"
        self._buffer += data
        while b":" in self._buffer:
            length, _, rest = self._buffer.partition(b":")
            if len(rest) <= int(length):
                return
            self._events.append(json.loads(rest[: int(length)]))
            self._buffer = rest[int(length) + 1 :]
