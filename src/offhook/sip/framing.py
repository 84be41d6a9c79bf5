"""Messages out of a stream (RFC 3261 7.5, 18.3): Content-Length, keep-alives, bounds.

Octets go in as they arrive, whole messages come out. What cannot be framed ends the stream: nobody can know where the
next message begins.
"""

from __future__ import annotations

import re
from sys import maxsize
from typing import Final

from offhook.errors import ParseError
from offhook.sip.lines import content_length
from offhook.sip.parser import DEFAULT_LIMITS, HEAD_END, Limits

__all__ = ["PING", "PONG", "StreamFramer"]

PING: Final = b"\r\n\r\n"
"""The keep-alive request of RFC 5626 3.5.1; `receive` gives it as an item of its own."""
PONG: Final = b"\r\n"
"""The answer to a ping."""

# White space before the colon and folded values are RFC 3261's own (7.3.1); folds are blanked out before.
_LENGTH: Final = re.compile(rb"\n(?:content-length|l)[ \t]*:([^\r\n]*)", re.IGNORECASE)
_FOLD: Final = re.compile(rb"\r?\n[ \t]")
# Line ends that are surely no part of a ping.
_LINE_ENDS: Final = re.compile(rb"(?:\n|\r(?=[^\n])|\r\n(?=[^\r]|\r[^\n]))+")
# The longest beginning of an empty line that may still come whole: CR LF CR.
_OVERLAP: Final = 3


class StreamFramer:
    """Cuts one stream into messages.

    `error` is set when the stream cannot be framed; nothing more is taken then, and the last item is what came of the
    broken message: `parse` raises for it what it is to be answered with before the connection is closed (RFC 4475
    3.1.2.3, 3.3.9). `awaiting_pong` is set by the caller when it has sent a ping: the next lone CRLF is then given as a
    PONG.
    """

    __slots__ = ("_buffer", "_limits", "_scanned", "_wanted", "awaiting_pong", "error")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._scanned = 0
        self._wanted = 0
        self.awaiting_pong = False
        self.error: ParseError | None = None

    @property
    def pending(self) -> int:
        """How many octets of an unfinished message are held; line ends between messages are none (RFC 3261 7.5)."""
        buffer = self._buffer
        return 0 if buffer and (buffer[0] == 13 or buffer[0] == 10) else len(buffer)

    def receive(self, data: bytes, most: int = maxsize) -> list[bytes]:
        """Take octets; return what is complete now, in order: messages, PING and PONG. See `error` afterwards.

        Beyond `most` items the others come with the next call.
        """
        found: list[bytes] = []
        if self.error is not None:
            return found
        self._buffer += data
        try:
            while self._buffer and len(found) < most:
                item = self._next()
                if item is None:
                    break
                if item:
                    found.append(item)
        except ParseError as error:
            self.error = error
            end = HEAD_END.search(self._buffer)
            found.append(bytes(self._buffer[: self._limits.octets + 1 if end is None else end.end()]))
            self._buffer.clear()
        return found

    def _next(self) -> bytes | None:
        """One item from the buffer; empty for a line end between messages, None when more octets are needed."""
        buffer = self._buffer
        if buffer[0] == 13 or buffer[0] == 10:
            return self._take_line_ends()
        if not self._wanted:
            self._wanted = self._find_end()
        if not self._wanted or len(buffer) < self._wanted:
            return None
        item = self._take(self._wanted)
        self._wanted = 0
        self._scanned = 0
        return item

    def _take_line_ends(self) -> bytes | None:
        buffer = self._buffer
        if self.awaiting_pong and buffer[:2] == PONG:
            self.awaiting_pong = False
            return self._take(2)
        if buffer[:4] == PING:
            return self._take(4)
        if len(buffer) < 4 and PING.startswith(buffer):
            return None
        # Where a pong is awaited, it may be among them.
        run = None if self.awaiting_pong else _LINE_ENDS.match(buffer)
        if run is not None:
            self._take(run.end())
        else:
            self._take(2 if buffer[:2] == PONG else 1)
        return b""

    def _take(self, count: int) -> bytes:
        item = bytes(self._buffer[:count])
        del self._buffer[:count]
        return item

    def _find_end(self) -> int:
        """The length of the first message, 0 while its head is not complete."""
        buffer = self._buffer
        found = HEAD_END.search(buffer, self._scanned)
        if found is None:
            if len(buffer) > self._limits.octets:
                raise ParseError(f"a head of more than {self._limits.octets} octets", status=513)
            self._scanned = max(0, len(buffer) - _OVERLAP)
            return 0
        head = bytes(buffer[: found.start()])
        if b"\n " in head or b"\n\t" in head:
            head = _FOLD.sub(b" ", head)
        values: list[bytes] = _LENGTH.findall(head)
        if len(values) > 1:
            raise ParseError("more than one Content-Length", header="Content-Length", clause="RFC 3261 20.14")
        # Over a stream Content-Length is a MUST (18.3); without it a message has no body, as its senders mean.
        end = found.end() + (content_length(values[0]) if values else 0)
        if end > self._limits.octets:
            raise ParseError(f"a message of {end} octets", status=513, clause="RFC 3261 21.5.7")
        return end
