"""How the proxy is set up."""

from __future__ import annotations

from typing import Final

from offhook.proxy.target_uri import TargetUri
from offhook.sip.uri import SipUri, TelUri

__all__ = ["ProxyDomain", "ProxySettings"]

_MOST_CALLED: Final = 4096
_LONGEST_REMEMBERED: Final = 128


class ProxyDomain:
    """How one served domain is proxied.

    `fallback`: where requests for an address-of-record without a binding go (a trunk, a test bed), or None. Its user
    is replaced by theirs; `fallback_for_strangers`: callers of other domains reach it too. `stateless`: requests for
    the domain are forwarded without state (RFC 3261 16.11), to one target. `hide_users`: strangers are not told which
    users there are.
    """

    __slots__ = ("_called", "fallback", "fallback_for_strangers", "hide_users", "name", "stateless")

    def __init__(
        self,
        name: str,
        fallback: SipUri | None = None,
        stateless: bool = False,
        hide_users: bool = False,
        fallback_for_strangers: bool = False,
    ) -> None:
        self.name = name
        self.fallback = fallback
        self.fallback_for_strangers = fallback_for_strangers
        self.stateless = stateless
        self.hide_users = hide_users
        self._called: dict[str, TargetUri] = {}

    def target_of(self, uri: SipUri | TelUri) -> TargetUri | None:
        """The fallback with the user that was called; None without a fallback.

        A telephone number becomes the user, with all that it says but its visual separators, as RFC 3261 19.1.6 writes
        it. What the caller calls a telephone number stays one (19.1.1).
        """
        fallback = self.fallback
        if fallback is None:
            return None
        telephone = isinstance(uri, TelUri) or uri.user_param == "phone"
        user = f"{uri.digits}{uri.params_text}" if isinstance(uri, TelUri) else uri.user or ""
        key = f"{uri.scheme}:{telephone}:{user}"
        target = self._called.get(key)
        if target is None:
            if isinstance(uri, TelUri):
                called = fallback.with_telephone(TelUri(uri.digits, uri.params_text))
            else:
                called = fallback.with_user(uri.user_unescaped)
                if telephone:
                    called = called.with_param("user", "phone")
            target = TargetUri(called.serialize())
            # The same users are called again and again.
            if len(self._called) >= _MOST_CALLED:
                self._called.clear()
            if len(key) <= _LONGEST_REMEMBERED:
                self._called[key] = target
        return target


class ProxySettings:
    """`timer_c` in seconds (RFC 3261 16.6 step 11: more than 3 minutes); `record_route`: dialogs come back through us.

    `max_breadth`: how many branches a request may have at once (RFC 5393 5.3.3). `realms`: those whose credentials are
    for this proxy, and go no further (RFC 3261 22.3).
    """

    __slots__ = ("max_breadth", "realms", "record_route", "timer_c")

    def __init__(
        self,
        timer_c: float = 190.0,
        record_route: bool = True,
        max_breadth: int = 60,
        realms: frozenset[str] = frozenset(),
    ) -> None:
        if timer_c <= 180:
            raise ValueError("Timer C must be more than 180 seconds")
        if max_breadth < 1:
            raise ValueError("Max-Breadth must be at least 1")
        self.timer_c = timer_c
        self.record_route = record_route
        self.max_breadth = max_breadth
        self.realms = realms
