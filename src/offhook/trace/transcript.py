"""Messages as they pass, as text for a terminal or a file."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.trace.masking import masked
from offhook.trace.printable import printable

__all__ = ["Sink", "Transcript", "entry"]

INDENT: Final = "    "
_ARROWS: Final = {"in": "<-", "out": "->"}


class Sink(Protocol):
    """What takes text, such as `sys.stderr`."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class Transcript:
    """Writes each message to `sink` as it passes. An instance is a tap for a driver."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __call__(self, direction: str, data: bytes, flow: Flow, now: Moment) -> None:
        """Take one message: "in" or "out", its octets, its flow, the moment. A sink that fails gets no more."""
        try:
            self._sink.write(entry(direction, data, flow, now))
            self._sink.flush()
        except (OSError, ValueError):
            # The reader of a pipe is gone. Calls go on.
            self._sink = _Nowhere()


class _Nowhere:
    def write(self, text: str, /) -> None:
        """Forget it."""

    def flush(self) -> None:
        """Nothing is held."""


def entry(direction: str, data: bytes, flow: Flow, now: Moment) -> str:
    """One message as text: a line with time, direction and addresses, the message indented, an empty line.

    Secrets are masked; octets that a terminal would act on, or that are no UTF-8, are written as escapes.
    """
    time = datetime.fromtimestamp(now.wall).astimezone().isoformat(" ", "milliseconds")
    local, remote = _written(flow.local), _written(flow.remote)
    head = f"{time} {flow.transport} {local} {_ARROWS.get(direction, direction)} {remote}"
    text = masked(data.decode("utf-8", "surrogateescape")).replace("\r\n", "\n")
    lines = printable(text, lines=True).rstrip("\n").split("\n")
    return "\n".join([head, *[f"{INDENT}{line}".rstrip() for line in lines], "", ""])


def _written(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
