"""Bindings to test with."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.location.binding import Binding

AOR = "sip:alice@example.com"
WALL = 1_767_225_600.0
FLOW = Flow("UDP", "udp:192.0.2.10:5060", ("192.0.2.10", 5060), ("198.51.100.7", 40123))


def at(seconds: float) -> Moment:
    """The moment `seconds` after the beginning."""
    return Moment(seconds, WALL + seconds)


def bound(
    contact: str = "sip:alice@192.0.2.1",
    *,
    expires: float = 3600,
    call_id: str = "a",
    cseq: int = 1,
    branch: str = "",
    q: float | None = None,
    params: str = "",
    path: tuple[str, ...] = (),
    flow: Flow = FLOW,
    over_flow: bool = True,
    instance: str = "",
    reg_id: int = 0,
    user_agent: str = "",
) -> Binding:
    """A binding that ends `expires` seconds after the beginning; with 0 it stands for a removal."""
    return Binding(
        contact,
        params,
        q,
        WALL + expires if expires else 0.0,
        call_id,
        cseq,
        branch or f"z9hG4bK-{call_id}-{cseq}",
        path,
        flow.serialize(),
        over_flow,
        instance,
        reg_id,
        user_agent,
    )


def rows(bindings: list[Binding]) -> list[tuple[object, ...]]:
    """Bindings as values that can be compared, in the order of their keys."""
    return sorted([binding.row() for binding in bindings], key=repr)
