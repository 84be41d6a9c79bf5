"""Request targets (RFC 3261 16.5): where a request for a served domain, or for another one, is to go."""

from __future__ import annotations

from typing import Protocol

from offhook.clock import Moment
from offhook.errors import ParseError
from offhook.flow import Flow
from offhook.proxy.context import ResponseContext
from offhook.proxy.settings import ProxyDomain
from offhook.proxy.target_uri import TargetUri
from offhook.sip.message import Request
from offhook.sip.uri import OtherUri, SipUri, TelUri, parse_uri

__all__ = ["Lookups", "as_asked", "as_sip", "by_preference", "fallback_target", "is_among", "itself"]


class Lookups(Protocol):
    """The location service as the proxy sees it.

    Where it is `all_one` whether a user without a binding exists, nobody is asked: where users are hidden from the
    caller, and where a fallback takes his call.
    """

    def targets_now(self, aor: str, now: Moment, all_one: bool = False) -> list[TargetUri] | None:
        """The targets of an address-of-record, the empty list when it has none, None when asking takes time."""

    def is_known(self, aor: str) -> bool:
        """Whether there is such a user, reachable or not: 480 and 404 differ by this (16.5)."""

    def start(self, aor: str, context: ResponseContext, now: Moment, all_one: bool = False) -> None:
        """Ask; `Proxy.located` is called with the answer."""


def itself(request: Request, flow: Flow | None = None) -> TargetUri:
    """The Request-URI as the only target (16.5), over a flow where one leads there.

    What no Request-URI may have, and this one has nevertheless, is taken out (16.6 step 2).
    """
    text = request.request_uri
    return TargetUri(_undressed(text) if _is_dressed(text) else text, flow)


def fallback_target(uri: SipUri | TelUri, domain: ProxyDomain | None) -> list[TargetUri]:
    """The target of an AOR without a binding: the domain's fallback with the user that was called."""
    target = None if domain is None else domain.target_of(uri)
    return [] if target is None else [target]


def by_preference(targets: list[TargetUri]) -> list[TargetUri]:
    """The target set in the order of q, each URI once (16.5); equal preferences are forked to together.

    Two bindings of one URI over different flows are two ways to it. What no Request-URI may have, such as the header
    fields of a Contact, is taken out (16.6 step 2).
    """
    if len(targets) == 1 and not _is_dressed(targets[0].uri):
        return targets
    unique: list[TargetUri] = []
    for target in targets:
        if _is_dressed(target.uri):
            target = TargetUri(_undressed(target.uri), target.flow, target.path, target.q, target.secure)
        if not any(_is_same(target, other) for other in unique):
            unique.append(target)
    unique.sort(key=_preference)
    return unique


def is_among(target: TargetUri, others: list[TargetUri]) -> bool:
    """Whether a target set has the URI of a target already, over whatever flow."""
    return any(target.uri == other.uri or _parsed(target.uri) == _parsed(other.uri) for other in others)


def as_asked(targets: list[TargetUri], secure: bool) -> list[TargetUri]:
    """The targets that may be used for a Request-URI of sip or, with `secure`, of sips (RFC 5630 5.3).

    From sips, only sips: nothing less is what the caller asked for. From sip, a sips Contact is called by its sip URI,
    still over TLS alone.
    """
    if secure:
        return [target for target in targets if target.sips]
    return [_plain(target) if target.sips else target for target in targets]


def as_sip(target: TargetUri, request: Request) -> TargetUri | None:
    """The SIP URI for a next hop that does not understand that of a telephone number (16.7 step 4, 19.1.6).

    Only where the caller named a SIP URI, whose domain the number then stands in; None elsewhere.
    """
    called = request.uri
    uri = _parsed(target.uri)
    if not isinstance(called, SipUri) or not isinstance(uri, TelUri):
        return None
    number = called.without_params().without_headers().with_user(uri.digits).with_param("user", "phone")
    return TargetUri(number.serialize(), target.flow, target.path, target.q, target.secure)


def _plain(target: TargetUri) -> TargetUri:
    return TargetUri(f"sip{target.uri[4:]}", target.flow, target.path, target.q, True)


def _preference(target: TargetUri) -> tuple[float, str]:
    # Equal ones in an order of their own, so that a stateless choice among them is always the same (16.11).
    return (-target.q, target.uri)


def _is_same(one: TargetUri, other: TargetUri) -> bool:
    if one.flow != other.flow:
        return False
    return one.uri == other.uri or _parsed(one.uri) == _parsed(other.uri)


def _parsed(text: str) -> SipUri | TelUri | OtherUri:
    try:
        return parse_uri(text)
    except ParseError:
        return OtherUri("", text)


def _is_dressed(uri: str) -> bool:
    return "?" in uri or ";method=" in uri.lower()


def _undressed(text: str) -> str:
    uri = _parsed(text)
    return uri.without_headers().without_param("method").serialize() if isinstance(uri, SipUri) else text
