"""Structured logs: one line for each thing that an operator should know, to a console or as JSON.

Every line that is written while a message is at work bears its Call-ID, whoever writes it, the library's standard
loggers too. Nothing that a stranger sent can break the line, and no secret leaves by it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

from offhook.errors import ParseError
from offhook.sip.message import Message
from offhook.trace.masking import masked
from offhook.trace.printable import printable

__all__ = ["AT_WORK", "AtWork", "configure"]


class AtWork:
    """The message that an engine's role is at work on; roles act one after the other, so there is one at a time."""

    __slots__ = ("message",)

    def __init__(self) -> None:
        self.message: Message | None = None


AT_WORK: Final = AtWork()


class _Careful:
    """Writes to a stream; one that fails (a full disk, a pipe that nobody reads) must not fail the calls too.

    It writes past the stream's buffer where there is a file beneath: what could not be written would stay in there,
    and fail again when the program ends.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._file = -1
        with suppress(OSError, ValueError):
            self._file = stream.fileno()

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            if self._file < 0:
                return self._stream.write(text)
            data = text.encode("utf-8", "backslashreplace")
            while data:
                data = data[os.write(self._file, data) :]
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def configure(level: str = "info", form: str = "console", stream: TextIO | None = None) -> None:
    """Send all logs to `stream`, the standard error by default, from `level` on; `form` is "console" or "json"."""
    stream = sys.stderr if stream is None else stream
    out = cast("TextIO", _Careful(stream))
    least = logging.getLevelNamesMapping()[level.upper()]
    common = _common(form)
    renderer = _renderer(form, stream)
    structlog.configure(
        processors=[*common, structlog.processors.format_exc_info, _safe, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _security_event, *common],
            processors=[remove_meta, structlog.processors.format_exc_info, _safe, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=least, force=True)


def _common(form: str) -> list[Processor]:
    stamp = "%Y-%m-%d %H:%M:%S" if form == "console" else "iso"
    return [
        _add_call_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(stamp, form != "console"),
    ]


def _renderer(form: str, out: TextIO) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer()
    # In the order in which they are given: what a stranger wrote never stands before the address that it came from.
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty(), sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )


def _add_call_id(logger: object, method: str, event: EventDict) -> EventDict:
    message = AT_WORK.message
    if message is not None and "call_id" not in event:
        try:
            event["call_id"] = message.call_id
        except ParseError:
            # What is logged may be that there is none.
            return event
    return event


def _security_event(logger: object, method: str, event: EventDict) -> EventDict:
    """A line of the library's about a stranger, as the server writes such lines: see `SecurityEvents`."""
    told = getattr(event["_record"], "security", None)
    if not isinstance(told, dict):
        return event
    kept = {key: value for key, value in event.items() if key.startswith("_")}
    return {**told, "event": "security: refused", **kept}


def _safe(logger: object, method: str, event: EventDict) -> MutableMapping[str, Any]:
    """Mask and escape every text; a traceback keeps its lines."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = printable(masked(value), lines=key == "exception")
        elif not isinstance(value, bool | int | float | None):
            event[key] = printable(masked(str(value)))
    return event
