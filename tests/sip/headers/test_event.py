"""Event and Subscription-State, by RFC 6665."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.event import Event, SubscriptionState, parse_event, parse_subscription_state


def test_events() -> None:
    event = parse_event("presence.winfo.x ; id=17")
    assert (event.token, event.package, event.templates, event.id) == (
        "presence.winfo.x",
        "presence",
        ("winfo", "x"),
        "17",
    )
    assert str(event) == "presence.winfo.x;id=17"
    refer = parse_event("refer")
    assert (refer.package, refer.templates, refer.id) == ("refer", (), None)
    assert refer == Event("refer")


def test_subscription_states() -> None:
    state = parse_subscription_state("Terminated ; reason=NoResource; retry-after=60 ;expires=0600")
    assert (state.state, state.reason, state.retry_after, state.expires) == ("terminated", "noresource", 60, 600)
    active = parse_subscription_state("active")
    assert (active.state, active.reason, active.retry_after, active.expires) == ("active", None, None, None)
    assert str(SubscriptionState.build("active", expires=600)) == "active;expires=600"
    built = SubscriptionState.build("terminated", reason="timeout", retry_after=5)
    assert str(built) == "terminated;reason=timeout;retry-after=5"
    assert parse_subscription_state(str(built)) == built


@pytest.mark.parametrize(
    ("text", "seconds"), [("x", None), ("-1", None), ("٣", None), ("9" * 11, None), ("9999999999", 2**32 - 1)]
)
def test_malformed_times_count_as_none(text: str, seconds: int | None) -> None:
    assert SubscriptionState("active", {"expires": text}).expires == seconds


@pytest.mark.parametrize("text", ["", "a b", ";id=1", "presence;;", "a,b", "presence;id=1;id=2"])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_event(text)
    with pytest.raises(ParseError):
        parse_subscription_state(text)
