"""What a user agent is told about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from offhook.security.digest_client import Secret
from offhook.sip.message import Request
from offhook.sip.uri import SipUri

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one user agent; times in seconds.

    `aor`: its address-of-record. `secrets` answer challenges; one that names no realm, those of the user's own servers
    (see `offhook.ua.keyring`). `outbound_proxy` gets every request outside of a dialog
    (RFC 3261 8.1.2). `transport`: for URIs that name none; empty leaves it to RFC 3263.

    `ring_time`: how long an INVITE of ours may go without a final response. `answer_time`: how long a caller waits
    for ours before it gets 480. `longest_call`: when a call ends by itself, so that none outlives a peer that vanished
    without a word. `most_calls`: beyond so many at a time callers get 486.

    `serves`: which Request-URIs are ours (404 for others, 8.2.2.1); None takes all. `authenticate`: gives status and
    header fields of the answer to a request that may not pass (8.2: before all else), or None; it is not asked about
    ACK and CANCEL (22.1). May raise ParseError.
    """

    aor: SipUri
    display_name: str | None = None
    secrets: tuple[Secret, ...] = ()
    outbound_proxy: SipUri | None = None
    transport: str = ""
    user_agent: str = "Offhook"
    ring_time: float = 180.0
    answer_time: float = 180.0
    longest_call: float = 4 * 3600.0
    most_calls: int = 16
    serves: Callable[[SipUri], bool] | None = None
    authenticate: Callable[[Request], tuple[int, tuple[tuple[str, str], ...]] | None] | None = None
