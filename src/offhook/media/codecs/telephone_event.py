"""Telephone events: DTMF digits as RTP payload (RFC 4733).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    |     event     |E|R| volume    |          duration             |

Durations are in timestamp units. The payload's layout is section 2.3.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import Final

from offhook.errors import ParseError

__all__ = ["DIGITS", "EventPacket", "EventReceiver", "EventSender", "TelephoneEvent"]

DIGITS: Final = "0123456789*#ABCD"
"""The DTMF digits; each one's place is its event code (section 3.2)."""

MAX_SEGMENT: Final = 0xFFFF
FINAL_PACKETS: Final = 3
DEFAULT_VOLUME: Final = 10
LOST_END_SECONDS: Final = 0.2
"""An event whose end does not arrive ends so long after its last packet: it is not extended by more than three
packet intervals (2.5.2.2), of the 50 ms that are recommended at most, and one for jitter."""

_PAYLOAD: Final = Struct("!BBH")
_WORD: Final = 1 << 32
_OLD: Final = 1 << 20


class TelephoneEvent:
    """One event report: its code, whether it has ended, its volume in -dBm0 (0-63) and its duration so far."""

    __slots__ = ("duration", "end", "event", "volume")

    def __init__(self, event: int, end: bool, volume: int, duration: int) -> None:
        self.event = event
        self.end = end
        self.volume = volume
        self.duration = duration

    @classmethod
    def parse(cls, payload: bytes) -> list[TelephoneEvent]:
        """Read a payload: one report, or several of events that follow each other (2.5.1.5). Raises ParseError."""
        if not payload or len(payload) % _PAYLOAD.size:
            raise ParseError(f"telephone-event payload of {len(payload)} octets", clause="RFC 4733 2.3")
        return [
            cls(event, bool(flags & 0x80), flags & 0x3F, duration)
            for event, flags, duration in _PAYLOAD.iter_unpack(payload)
        ]

    def serialize(self) -> bytes:
        return _PAYLOAD.pack(self.event, (0x80 if self.end else 0) | self.volume, self.duration)


class EventPacket:
    """What to send now: the payload, its timestamp position (that of the event's beginning), the marker bit."""

    __slots__ = ("marker", "payload", "position")

    def __init__(self, payload: bytes, position: int, marker: bool) -> None:
        self.payload = payload
        self.position = position
        self.marker = marker


class EventSender:
    """The digits that are to be sent, one packet at each tick of the stream."""

    __slots__ = ("_duration", "_elapsed", "_event", "_finals", "_pause", "_queue", "_start")

    def __init__(self) -> None:
        self._queue: deque[tuple[int, int, int]] = deque()
        self._event: int | None = None
        self._start = 0
        self._elapsed = 0
        self._duration = 0
        self._pause = 0
        self._finals = 0

    def queue(self, digits: str, duration: int, pause: int) -> None:
        """Send these digits, each for `duration` units and with `pause` units after it.

        Raises ValueError for what is no DTMF digit, and for a duration beyond what one report holds (65535 units).
        """
        codes = [DIGITS.find(digit) for digit in digits.upper()]
        if -1 in codes:
            raise ValueError(f"not DTMF digits: {digits!r}")
        if not 0 < duration <= MAX_SEGMENT or pause < 0:
            raise ValueError(f"not a duration and pause of a DTMF digit: {duration}, {pause}")
        self._queue.extend((code, duration, pause) for code in codes)

    def clear(self) -> None:
        """Give up what is not yet sent."""
        self._queue.clear()
        self._event = None

    @property
    def idle(self) -> bool:
        """Whether nothing is being sent or waiting."""
        return self._event is None and not self._queue

    def next(self, position: int, ticks: int) -> EventPacket | None:
        """The packet for the tick at `position` that lasts `ticks` units; None when audio is to be sent."""
        if self._event is None and not self._begin(position):
            return None
        marker = self._elapsed == 0
        if self._elapsed < self._duration:
            self._elapsed = min(self._elapsed + ticks, self._duration)
            if self._elapsed < self._duration:
                return self._packet(False, marker)
            self._finals = FINAL_PACKETS
        else:
            self._pause -= ticks
        packet = None
        if self._finals:
            self._finals -= 1
            packet = self._packet(True, marker)
        if not self._finals and self._pause <= 0:
            self._event = None
        return packet

    def _begin(self, position: int) -> bool:
        if not self._queue:
            return False
        self._event, self._duration, self._pause = self._queue.popleft()
        self._start = position
        self._elapsed = 0
        return True

    def _packet(self, end: bool, marker: bool) -> EventPacket:
        assert self._event is not None
        report = TelephoneEvent(self._event, end, DEFAULT_VOLUME, self._elapsed)
        return EventPacket(report.serialize(), self._start, marker)


class EventReceiver:
    """The events that arrive, each reported once, when it has ended.

    An event ends with its E bit, with the beginning of the next one, or `LOST_END_SECONDS` after its last packet.
    """

    __slots__ = ("_deadline", "_duration", "_event", "_finished", "_segments", "_timestamp")

    def __init__(self) -> None:
        self._event: int | None = None
        self._timestamp = 0
        self._duration = 0
        self._segments = 0
        self._deadline = 0.0
        self._finished: int | None = None

    def receive(self, payload: bytes, timestamp: int, now: float) -> list[tuple[int, int]]:
        """Take a payload; returns the (event, duration) that have ended. Raises ParseError."""
        ended: list[tuple[int, int]] = []
        for report in TelephoneEvent.parse(payload):
            self._receive(report, timestamp, now, ended)
            timestamp = (timestamp + report.duration) % _WORD
        return ended

    def next_deadline(self) -> float | None:
        """The monotonic second at which a running event ends for want of packets."""
        return None if self._event is None else self._deadline

    def advance(self, now: float) -> list[tuple[int, int]]:
        """The event that has ended because no more was heard of it."""
        if self._event is None or now < self._deadline:
            return []
        return [self._end()]

    def _receive(self, report: TelephoneEvent, timestamp: int, now: float, ended: list[tuple[int, int]]) -> None:
        if self._is_over(timestamp):
            return
        if self._event is not None and timestamp != self._timestamp:
            if self._continues(report, timestamp):
                self._segments += MAX_SEGMENT
                self._duration = 0
                self._timestamp = timestamp
            else:
                ended.append(self._end())
        if self._event is None:
            self._event = report.event
            self._timestamp = timestamp
            self._duration = 0
            self._segments = 0
        self._duration = max(self._duration, report.duration)
        self._deadline = now + LOST_END_SECONDS
        if report.end:
            ended.append(self._end())

    def _is_over(self, timestamp: int) -> bool:
        """Whether the event of this timestamp has been reported: a final packet again, or one out of order."""
        return self._finished is not None and (self._finished - timestamp) % _WORD < _OLD

    def _continues(self, report: TelephoneEvent, timestamp: int) -> bool:
        """Whether this is the next segment of an event that lasts beyond 65535 units (2.5.2.3)."""
        full = self._duration == MAX_SEGMENT and report.event == self._event
        return full and timestamp == (self._timestamp + MAX_SEGMENT) % _WORD

    def _end(self) -> tuple[int, int]:
        assert self._event is not None
        event = (self._event, self._segments + self._duration)
        self._finished = self._timestamp
        self._event = None
        return event
