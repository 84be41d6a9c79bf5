"""How the proxy is set up."""

from __future__ import annotations

from offhook.sip.uri import SipUri

__all__ = ["ProxyDomain", "ProxySettings"]


class ProxyDomain:
    """How one served domain is proxied.

    `fallback`: where requests for an address-of-record without a binding go (a trunk, a test bed), or None. Its user
    is replaced by theirs. `stateless`: requests for the domain are forwarded without state (RFC 3261 16.11), to one
    target.
    """

    __slots__ = ("fallback", "name", "stateless")

    def __init__(self, name: str, fallback: SipUri | None = None, stateless: bool = False) -> None:
        self.name = name
        self.fallback = fallback
        self.stateless = stateless


class ProxySettings:
    """`timer_c` in seconds (RFC 3261 16.6 step 11: more than 3 minutes); `record_route`: dialogs come back through us.

    `max_breadth`: how many branches a request may have at once (RFC 5393 5.3.3).
    """

    __slots__ = ("max_breadth", "record_route", "timer_c")

    def __init__(self, timer_c: float = 190.0, record_route: bool = True, max_breadth: int = 60) -> None:
        if timer_c <= 180:
            raise ValueError("Timer C must be more than 180 seconds")
        if max_breadth < 1:
            raise ValueError("Max-Breadth must be at least 1")
        self.timer_c = timer_c
        self.record_route = record_route
        self.max_breadth = max_breadth
