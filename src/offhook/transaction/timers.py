"""Timer values (RFC 3261 table 4, RFC 6026 8.2)."""

from __future__ import annotations

__all__ = ["TimerValues"]


class TimerValues:
    """T1, T2 and T4 in seconds, and what follows from them."""

    __slots__ = ("repeating", "t1", "t2", "t4", "timeout", "timer_d", "trying_non_invite")

    def __init__(self, t1: float = 0.5, t2: float = 4.0, t4: float = 5.0) -> None:
        if not 0 < t1 <= t2 or t4 <= 0:
            raise ValueError("T1 must be above 0 and at most T2, T4 above 0")
        self.t1 = t1
        self.t2 = t2
        self.t4 = t4
        self.timeout = 64 * t1
        """Timers B, F, H, J (unreliable), L and M."""
        self.repeating = 64 * t1 + t4
        """How long after the first copy of a request another may arrive: sent within 64*T1, T4 under way at most."""
        self.timer_d = max(32.0, 64 * t1)
        """How long an INVITE client transaction absorbs final responses (17.1.1.2: at least 32 s)."""
        wait, step = 0.0, t1
        while step < t2:
            wait += step
            step *= 2
        self.trying_non_invite = wait or t1
        """When a non-INVITE request gets its 100: once Timer E of its client has been reset to T2 (RFC 4320 4.1)."""
