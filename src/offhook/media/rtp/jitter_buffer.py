"""The jitter buffer: packets come in as the network brings them, samples go out at the listener's pace.

Received audio lies on the media timeline, by RTP timestamp; reading lies on the listener's, by samples read. `offset`
is what separates the two. The slack of a packet is how long before its playing it arrives:

- A packet that comes too late moves the offset, so that it, or what follows it, plays later: the delay grows. It does
  not grow beyond the point where the fastest packet of the last seconds would wait longer than `maximum`.
- When in the last seconds every packet came with more slack than `minimum`, the offset moves back by a little each
  second: the delay shrinks. A sender whose clock runs faster or slower than ours is followed in the same way.
- `minimum` equal to `maximum` is a buffer of fixed delay.

Where nothing is there to be played, and where the offset moved, the gap is concealed.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from typing import Final

import numpy as np

from offhook.errors import ParseError
from offhook.media.audio.samples import Samples, silence
from offhook.media.codecs.codec import AudioCodec
from offhook.media.codecs.concealment import Concealment

__all__ = ["JitterBuffer"]

CAPACITY_SECONDS: Final = 5.0
MAX_FRAMES: Final = 512
WINDOW_SECONDS: Final = 1.0
SHRINK_SECONDS: Final = 0.02
MARGIN_SECONDS: Final = 0.01
RESYNC_RUN: Final = 3
REMEMBERED: Final = 64

_WORD: Final = 1 << 32


class _Frame:
    """One packet's payload at its place on the media timeline."""

    __slots__ = ("codec", "payload", "start")

    def __init__(self, start: int, payload: bytes, codec: AudioCodec) -> None:
        self.start = start
        self.payload = payload
        self.codec = codec

    def __lt__(self, other: _Frame) -> bool:
        return self.start < other.start


class _Slack:
    """The least and the most slack of the packets of the last one to two windows."""

    __slots__ = ("_high", "_low", "_old_high", "_old_low")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._low: int | None = None
        self._high: int | None = None
        self._old_low: int | None = None
        self._old_high: int | None = None

    def add(self, slack: int) -> None:
        self._low = slack if self._low is None else min(self._low, slack)
        self._high = slack if self._high is None else max(self._high, slack)

    def shift(self, change: int) -> None:
        """The offset moved: all slacks did."""
        self._low = None if self._low is None else self._low + change
        self._high = None if self._high is None else self._high + change
        self._old_low = None if self._old_low is None else self._old_low + change
        self._old_high = None if self._old_high is None else self._old_high + change

    def turn(self) -> None:
        """A window ends."""
        self._old_low, self._old_high = self._low, self._high
        self._low = self._high = None

    @property
    def low(self) -> int | None:
        if self._low is None or self._old_low is None:
            return None
        return min(self._low, self._old_low)

    @property
    def high(self) -> int:
        return max(self._high or 0, self._old_high or 0)


class JitterBuffer:
    """The received audio of one source.

    `minimum` and `maximum` bound the delay, in seconds. Counts: `late` packets that came too late to be played,
    `duplicates`, `concealed` samples that stood in for missing ones (not the silence after them).
    """

    __slots__ = (
        "_capacity",
        "_clock_rate",
        "_concealment",
        "_current",
        "_current_start",
        "_frames",
        "_heard",
        "_highest",
        "_margin",
        "_maximum",
        "_minimum",
        "_offset",
        "_played",
        "_position",
        "_seen",
        "_shrink",
        "_slack",
        "_stray",
        "_stray_run",
        "_window",
        "_window_end",
        "concealed",
        "duplicates",
        "late",
    )

    def __init__(self, clock_rate: int, *, minimum: float = 0.04, maximum: float = 0.24) -> None:
        self._clock_rate = clock_rate
        self._minimum = int(minimum * clock_rate)
        self._maximum = int(maximum * clock_rate)
        self._capacity = int(CAPACITY_SECONDS * clock_rate)
        self._window = int(WINDOW_SECONDS * clock_rate)
        self._shrink = int(SHRINK_SECONDS * clock_rate)
        self._margin = int(MARGIN_SECONDS * clock_rate)
        self._concealment = Concealment(clock_rate)
        self._position = 0
        self._slack = _Slack()
        self._heard = False
        self.concealed = 0
        self.duplicates = 0
        self.late = 0
        self.reset()

    def reset(self) -> None:
        """Another source is heard from now on; what the last one sent is forgotten, and its sound fades out."""
        self._frames: list[_Frame] = []
        self._seen: deque[int] = deque(maxlen=REMEMBERED)
        self._current: Samples = silence(0)
        self._current_start = 0
        self._played = 0
        self._highest = 0
        self._offset: int | None = None
        self._stray = 0
        self._stray_run = 0
        self._window_end = self._position + self._window
        self._slack.clear()

    @property
    def delay(self) -> float:
        """How long the fastest packet of late waits to be played, in seconds."""
        return self._slack.high / self._clock_rate

    def insert(self, timestamp: int, payload: bytes, codec: AudioCodec) -> None:
        """Take the payload of a packet with its 32-bit RTP timestamp."""
        duration = codec.duration(payload)
        if duration <= 0:
            return
        if self._offset is None:
            self._synchronize(timestamp)
        start = self._extend(timestamp)
        if start <= self._highest and start in self._seen:
            self.duplicates += 1
            return
        slack = self._slack_of(start)
        if -self._capacity < slack < 0 and self._grow(-slack + self._margin):
            slack = self._slack_of(start)
        if not -duration < slack <= self._capacity:
            if not self._resynchronize(start, slack):
                self.late += slack <= 0
                return
            slack = self._slack_of(start)
        self._stray_run = 0
        self._slack.add(slack)
        self._seen.append(start)
        self._highest = max(self._highest, start)
        if start + duration <= self._played:
            self.late += 1
            return
        insort(self._frames, _Frame(start, payload, codec))
        if len(self._frames) > MAX_FRAMES:
            del self._frames[0]

    def _extend(self, timestamp: int) -> int:
        """The timestamp on a line without wrap-around, nearest to the highest so far."""
        difference = (timestamp - self._highest) % _WORD
        return self._highest + (difference - _WORD if difference >= _WORD // 2 else difference)

    def _slack_of(self, start: int) -> int:
        return start + (self._offset or 0) - self._position

    def _synchronize(self, start: int) -> None:
        """Let the packet that starts there play after the least delay, and what follows it in its distance."""
        self._highest = start
        # Nothing of this timeline was played: packets before the first may still come, out of order.
        self._played = start - self._capacity
        self._offset = self._position + self._minimum - start
        self._slack.clear()
        self._window_end = self._position + self._window

    def _resynchronize(self, start: int, slack: int) -> bool:
        """Whether the timeline begins anew with this packet, which fits nowhere.

        So it does when several in a row fit nowhere but follow each other: the peer began a new timeline, or stopped
        its clock during a pause, or the path became slower for good. Old packets that come again do not count.
        """
        if abs(slack) <= self._capacity and start <= self._highest:
            return False
        follows = 0 < start - self._stray <= self._capacity
        self._stray_run = self._stray_run + 1 if follows else 1
        self._stray = start
        if self._stray_run < RESYNC_RUN:
            return False
        self._frames.clear()
        self._seen.clear()
        self._current = silence(0)
        self._concealment.splice()
        self._synchronize(start)
        return True

    def _grow(self, wanted: int) -> bool:
        growth = min(wanted, self._maximum - self._slack.high)
        if growth <= 0:
            return False
        self._move(growth)
        return True

    def _move(self, change: int) -> None:
        self._offset = (self._offset or 0) + change
        self._slack.shift(change)

    def _turn_window(self) -> None:
        low = self._slack.low
        if low is not None and low > self._minimum:
            excess = low - self._minimum
            self._move(-(excess if low > self._maximum else min(excess, self._shrink)))
            self._concealment.splice()
        self._slack.turn()
        self._window_end = self._position + self._window

    def read(self, count: int) -> Samples:
        """The next `count` samples for the listener; silence before the first packet came."""
        if self._position >= self._window_end:
            self._turn_window()
        pieces: list[Samples] = []
        missing = count
        while missing:
            piece = self._next_piece(missing)
            pieces.append(piece)
            self._position += len(piece)
            missing -= len(piece)
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else silence(0)

    def _next_piece(self, count: int) -> Samples:
        """At most `count` samples from where the reader is: received, or in place of what was not."""
        if self._offset is None:
            return self._conceal(count)
        cursor = self._position - self._offset
        if cursor < self._played:
            # The delay grew: what was played is not played again.
            return self._conceal(min(count, self._played - cursor))
        while True:
            skip = cursor - self._current_start
            if 0 <= skip < len(self._current):
                piece = self._current[skip : skip + count]
                self._played = cursor + len(piece)
                self._heard = True
                return self._concealment.heard(piece)
            if not self._frames:
                return self._conceal(count)
            frame = self._frames[0]
            if frame.start > cursor:
                return self._conceal(min(count, frame.start - cursor))
            del self._frames[0]
            self._decode(frame)

    def _decode(self, frame: _Frame) -> None:
        self._current_start = frame.start
        try:
            self._current = frame.codec.decode(frame.payload)
        except ParseError:
            self._current = silence(0)

    def _conceal(self, count: int) -> Samples:
        if not self._heard:
            return silence(count)
        self.concealed += min(count, self._concealment.audible)
        return self._concealment.lost(count)
