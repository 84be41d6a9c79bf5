"""Keep-alives towards the registrar (RFC 5626 4.4): no NAT on the way forgets us, and a dead connection is noticed."""

from __future__ import annotations

import asyncio
from typing import Final

from offhook.transport.driver import Driver
from offhook.ua.core import UserAgentCore
from offhook.ua.registration import Registration

__all__ = ["KEEP_ALIVE", "keep_alive_forever", "longest_silence"]

KEEP_ALIVE: Final = 29.0
"""Seconds between keep-alives at most: below the 30 s that many NATs keep a UDP binding (RFC 5626 4.4.2)."""

STREAM_FACTOR: Final = 4
"""How much longer a stream may be silent: up to 120 s (RFC 5626 4.4.1)."""

LEAST_SHARE: Final = 24 / 29
"""Of the longest time, what the shortest is; between them chance decides (RFC 5626 4.4)."""


async def keep_alive_forever(driver: Driver[UserAgentCore], interval: float) -> None:
    """Send keep-alives over the registration's flow, at most `interval` seconds apart over UDP."""
    while True:
        longest = longest_silence(driver.role.registration, interval)
        await asyncio.sleep(longest * (LEAST_SHARE + (1 - LEAST_SHARE) * driver.stack.ids.fraction()))
        registration = driver.role.registration
        if registration is not None and registration.flow is not None:
            driver.keep_alive(registration.flow, answered=bool(registration.flow_timer))


def longest_silence(registration: Registration | None, interval: float) -> float:
    """Seconds in which the next keep-alive has to go: no more than the proxy asks for (RFC 5626 4.4)."""
    if registration is None:
        return interval
    stream = registration.flow is not None and registration.flow.reliable
    longest = interval * STREAM_FACTOR if stream else interval
    return min(longest, registration.flow_timer) if registration.flow_timer else longest
