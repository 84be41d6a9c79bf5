"""When a session is active: the t=, r= and z= lines (RFC 8866 sections 5.9 to 5.11).

All times are seconds since 1900-01-01 UTC, all durations seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from offhook.sdp.grammar import integer, malformed, subfields
from offhook.sdp.line import Line

__all__ = ["PERMANENT", "RepeatTimes", "TimeDescription", "ZoneAdjustment", "read_times"]

MAX_TIME: Final = (1 << 63) - 1
_UNITS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True, slots=True)
class RepeatTimes:
    """``r=<repeat interval> <active duration> <offsets from start-time>``"""

    interval: int
    duration: int
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ZoneAdjustment:
    """One pair of a z= line: at `time` the base of the repeat times moves by `offset`, which may be negative."""

    time: int
    offset: int


@dataclass(frozen=True, slots=True)
class TimeDescription:
    """``t=<start-time> <stop-time>`` with the r= and z= lines that follow it. Zero means without bound."""

    start: int
    stop: int
    repeats: tuple[RepeatTimes, ...] = ()
    zones: tuple[ZoneAdjustment, ...] = ()

    @classmethod
    def parse(cls, text: str, offset: int | None = None) -> TimeDescription:
        """Read the value of a t= line. Raises ParseError. Fewer digits than RFC 8866 asks for are taken."""
        parts = subfields(text)
        if len(parts) != 2:
            raise malformed("t= has not two subfields", "RFC 8866 5.9", offset)
        start, stop = (integer(part, "the time", "RFC 8866 5.9", offset, most=MAX_TIME) for part in parts)
        return cls(start, stop)

    def serialize(self) -> str:
        """The value of the t= line alone."""
        return f"{self.start} {self.stop}"


PERMANENT: Final = TimeDescription(0, 0)
"""The time of a session that signalling creates and ends (RFC 3264 section 5)."""


def read_times(lines: Iterable[Line]) -> tuple[TimeDescription, ...]:
    """The time descriptions that these lines make; lines of other types are passed over. Raises ParseError.

    A z= line belongs to the t= line before it, whether r= lines stand between or not: RFC 4566 had it at the end.
    """
    times: list[TimeDescription] = []
    repeats: list[RepeatTimes] = []
    zones: list[ZoneAdjustment] = []

    def finish() -> None:
        if times:
            times[-1] = TimeDescription(times[-1].start, times[-1].stop, tuple(repeats), tuple(zones))
        repeats.clear()
        zones.clear()

    for line in lines:
        if line.type == "t":
            finish()
            times.append(TimeDescription.parse(line.value, line.offset))
        elif line.type in "rz":
            if not times:
                raise malformed(f"{line.type}= without a t= line before it", "RFC 8866 9", line.offset)
            if line.type == "r":
                repeats.append(_parse_repeat(line.value, line.offset))
            else:
                zones.extend(_parse_zone(line.value, line.offset))
    finish()
    return tuple(times)


def _parse_repeat(text: str, offset: int | None = None) -> RepeatTimes:
    """Read the value of an r= line. Raises ParseError."""
    parts = subfields(text)
    if len(parts) < 3:
        raise malformed("r= has fewer than three subfields", "RFC 8866 5.10", offset)
    interval, duration, *offsets = (_typed_time(part, "RFC 8866 5.10", offset) for part in parts)
    return RepeatTimes(interval, duration, tuple(offsets))


def _parse_zone(text: str, offset: int | None = None) -> tuple[ZoneAdjustment, ...]:
    """Read the value of a z= line. Raises ParseError."""
    parts = subfields(text)
    if not parts or len(parts) % 2:
        raise malformed("z= has no pairs of time and offset", "RFC 8866 5.11", offset)
    return tuple(_adjustment(parts[i], parts[i + 1], offset) for i in range(0, len(parts), 2))


def _adjustment(time: str, shift: str, offset: int | None) -> ZoneAdjustment:
    moment = integer(time, "the adjustment time", "RFC 8866 5.11", offset, most=MAX_TIME)
    seconds = _typed_time(shift.removeprefix("-"), "RFC 8866 5.11", offset)
    return ZoneAdjustment(moment, -seconds if shift.startswith("-") else seconds)


def _typed_time(text: str, clause: str, offset: int | None) -> int:
    unit = _UNITS.get(text[-1:])
    digits = text if unit is None else text[:-1]
    return integer(digits, "the time", clause, offset, most=MAX_TIME) * (unit or 1)
