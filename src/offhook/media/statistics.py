"""What an audio stream has counted and measured."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["StreamStatistics"]


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """A stream's numbers at one moment; times are in seconds, counts are since the stream began.

    `packets_received`, `packets_lost` and `jitter` are those of the source that is heard (RFC 3550 A.3, A.8).
    `packets_late` came too late to be played; `packets_rejected` came from strangers, `packets_invalid` were no RTP or
    RTCP or of a payload type that was not agreed on. `concealed` is how much missing audio was made up, `playout_delay`
    how long the fastest packet of late waits. `remote_loss` (0.0 to 1.0, since its last report), `remote_lost` and
    `remote_jitter` are what the peer reported, `round_trip` follows from its reports; None before it has.
    """

    packets_sent: int
    octets_sent: int
    packets_received: int
    packets_lost: int
    packets_late: int
    packets_duplicate: int
    packets_rejected: int
    packets_invalid: int
    jitter: float
    concealed: float
    playout_delay: float
    collisions: int
    round_trip: float | None
    remote_loss: float | None
    remote_lost: int | None
    remote_jitter: float | None
