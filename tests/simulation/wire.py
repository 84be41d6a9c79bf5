"""What is seen of the messages that the hosts send: no CSeq falls, and no request is answered in two ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.testing.network import VirtualNetwork, VirtualNode

__all__ = ["WatchedNetwork", "Wire"]

TAG: Final = b";tag="


class Wire:
    """Takes each message that is sent, retransmissions too; `faults` has a sentence for each that may not be.

    `proxies`: the hosts whose requests are those of others.
    It reads the octets by itself, in the one form in which our hosts write them.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.sent = 0
        self.proxies: set[str] = set()
        # By Call-ID and tags, for each side of a dialog by itself, the last CSeq.
        self._numbers: dict[tuple[bytes, ...], int] = {}
        self._branches: set[bytes] = set()
        # By host, then by the Via and the method of the request.
        self._answers: dict[str, dict[tuple[bytes, bytes], bytes]] = {}

    def send(self, host: str, data: bytes) -> None:
        """A host that keeps to the rules sends something."""
        self.sent += 1
        if data.startswith(b"SIP/2.0 "):
            if data[8:9] > b"1":
                self._answer(host, data)
        elif host not in self.proxies and not data.startswith((b"ACK ", b"CANCEL ")):
            self._ask(host, data)

    def forget(self, host: str) -> None:
        """It has restarted: what it answered before it does not know."""
        self._answers.pop(host, None)

    def _answer(self, host: str, data: bytes) -> None:
        """RFC 3261 17.2: one final response; to an INVITE further 2xx may follow, of other branches of a fork."""
        via, method = _field(data, b"Via"), _field(data, b"CSeq").rpartition(b" ")[2]
        status = b"2xx" if method == b"INVITE" and data[8:9] == b"2" else data[8:11]
        given = self._answers.setdefault(host, {}).setdefault((via, method), status)
        if given != status and not (method == b"REGISTER" and status == b"500" and self._is_overtaken(data)):
            self.faults.append(
                f"{host} answered {_text(given)}, then {_text(status)} to {_text(_field(data, b'CSeq'))}"
                f" of the call {_text(_field(data, b'Call-ID'))}"
            )

    def _is_overtaken(self, data: bytes) -> bool:
        """Whether the client has sent another REGISTER since: what comes after it may fail (RFC 3261 10.3 step 7).

        A registrar that was restarted knows it by its binding alone, which the other may have removed.
        """
        number = int(_field(data, b"CSeq").partition(b" ")[0])
        return number < self._numbers.get((_field(data, b"Call-ID"),), -1)

    def _ask(self, host: str, data: bytes) -> None:
        """RFC 3261 12.2.1.1 and 10.2: each new request of one side of a dialog has a higher CSeq, as each REGISTER.

        The same number may come with another branch: then it is tried at another address (RFC 3263 4.3).
        """
        via = _field(data, b"Via")
        if via in self._branches:
            return
        self._branches.add(via)
        call_id = _field(data, b"Call-ID")
        number, _, method = _field(data, b"CSeq").partition(b" ")
        if method == b"REGISTER":
            key: tuple[bytes, ...] = (call_id,)
        else:
            sides = (_field(data, b"From"), _field(data, b"To"))
            key = (call_id, *(side.partition(TAG)[2].partition(b";")[0] for side in sides))
        last = self._numbers.get(key, -1)
        if int(number) < last:
            self.faults.append(f"{host} sent {_text(number)} {_text(method)} after {last} in the call {_text(call_id)}")
        else:
            self._numbers[key] = int(number)


class WatchedNetwork(VirtualNetwork):
    """A network under watch. `strangers` keep to no rule; `sent` is told of all that the others send."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.wire = Wire()
        self.strangers: set[str] = set()
        self.sent: Callable[[str, bytes, Moment], None] = _nobody

    def add(self, host: str, *arguments: Any, **named: Any) -> VirtualNode[Any]:
        """Put up a host, the first time or again."""
        self.wire.forget(host)
        return super().add(host, *arguments, **named)

    def transmit(self, node: VirtualNode[Any], flow: Flow, data: bytes) -> None:
        if node.host not in self.strangers:
            self.sent(node.host, data, self.clock.now())
            if flow.remote[0] not in self.strangers:
                self.wire.send(node.host, data)
        super().transmit(node, flow, data)


def _field(data: bytes, name: bytes) -> bytes:
    """The value of the first field of that name, empty where there is none."""
    start = data.find(b"\r\n" + name + b": ")
    if start < 0:
        return b""
    start += len(name) + 4
    return data[start : data.index(b"\r\n", start)]


def _nobody(host: str, data: bytes, now: Moment) -> None:
    """Nobody wants to know."""


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")
