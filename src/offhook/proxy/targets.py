"""Request targets (RFC 3261 16.5): where a request for a served domain, or for another one, is to go."""

from __future__ import annotations

from typing import Protocol

from offhook.clock import Moment
from offhook.proxy.context import ResponseContext
from offhook.proxy.settings import ProxyDomain
from offhook.proxy.target_uri import TargetUri
from offhook.sip.uri import SipUri

__all__ = ["Lookups", "by_preference", "fallback_target"]


class Lookups(Protocol):
    """The location service as the proxy sees it."""

    def targets_now(self, aor: str, now: Moment) -> list[TargetUri] | None:
        """The targets of an address-of-record, the empty list when it has none, None when asking takes time."""

    def is_known(self, aor: str) -> bool:
        """Whether there is such a user, reachable or not: 480 and 404 differ by this (16.5)."""

    def start(self, aor: str, context: ResponseContext, now: Moment) -> None:
        """Ask; `Proxy.located` is called with the answer."""


def fallback_target(uri: SipUri, domain: ProxyDomain | None) -> list[TargetUri]:
    """The target of an AOR without a binding: the domain's fallback with the user that was called."""
    if domain is None or domain.fallback is None:
        return []
    return [TargetUri(domain.fallback.with_user(uri.user_unescaped).serialize())]


def by_preference(targets: list[TargetUri]) -> list[TargetUri]:
    """The target set in the order of q, each URI once (16.5); equal preferences are forked to together."""
    seen: set[str] = set()
    unique: list[TargetUri] = []
    for target in targets:
        if target.uri not in seen or target.flow is not None:
            seen.add(target.uri)
            unique.append(target)
    unique.sort(key=_preference)
    return unique


def _preference(target: TargetUri) -> float:
    return -target.q
