"""Whether all ends of one call say the same of it."""

from __future__ import annotations

from typing import Final

from offhook.ua.events import EndCause
from tests.simulation.leg import Leg
from tests.simulation.plan import Conditions

__all__ = ["disagreement", "is_rare"]

HUNG_UP = EndCause.HUNG_UP
PEER = EndCause.PEER_HUNG_UP
LOST = EndCause.LOST
TOO_LONG = EndCause.TOO_LONG
NO_ACK = EndCause.NOT_ACKNOWLEDGED

USUAL: Final = frozenset(((HUNG_UP, PEER), (PEER, HUNG_UP), (HUNG_UP, HUNG_UP)))
"""How the caller and the callee that it talked to end, whatever the network does."""

LOSING: Final = frozenset(
    (
        # A change of the session met a peer that was leaving already, and whose BYE came later.
        *((LOST, HUNG_UP), (HUNG_UP, LOST), (LOST, LOST), (LOST, PEER), (PEER, LOST)),
        # No ACK came for 32 s, while the other talked: to it, that is a peer that hangs up.
        *((PEER, NO_ACK), (HUNG_UP, NO_ACK), (LOST, NO_ACK)),
        # The same of a re-INVITE of the callee's.
        *((NO_ACK, PEER), (NO_ACK, HUNG_UP), (NO_ACK, LOST), (NO_ACK, NO_ACK)),
    )
)
"""How they end besides where datagrams get lost and overtake each other."""

UNTOLD: Final = frozenset((TOO_LONG, other) for other in (HUNG_UP, PEER, LOST, TOO_LONG, NO_ACK)) | frozenset(
    (other, TOO_LONG) for other in (HUNG_UP, PEER, LOST, NO_ACK)
)
"""How they end when a BYE never came through."""

WITHIN: Final = 70.0
"""Seconds between the two ends of a call at most: a BYE waits for an ACK up to 32 s, and is sent again for 32 s."""

LEFT_ALONE: Final = frozenset((PEER, NO_ACK, HUNG_UP, LOST))
"""How an answer ends that the caller did not want any more, or that another phone was faster with."""


def disagreement(caller: Leg, callees: list[Leg], failures: list[str], conditions: Conditions) -> str | None:
    """What is wrong with a call, or None. `failures` are the transactions of the call that failed."""
    if caller.vanished:
        return None
    if caller.answered:
        return _answered(caller, callees, failures, conditions) or _left_alone(caller, callees, failures, conditions)
    return _unanswered(caller, callees, failures, conditions) or _left_alone(caller, callees, failures, conditions)


def is_rare(caller: Leg, callees: list[Leg]) -> bool:
    """Whether a call ended as few should, even on a bad network: the ACK or BYE lost for half a minute."""
    legs = [leg for leg in (caller, *callees) if not leg.vanished]
    return len(legs) == 1 + len(callees) and any(leg.cause in (NO_ACK, TOO_LONG) for leg in legs)


def _answered(caller: Leg, callees: list[Leg], failures: list[str], conditions: Conditions) -> str | None:
    partners = [leg for leg in callees if leg.tag == caller.tag]
    if len(partners) != 1:
        return f"the caller talked to {len(partners)} phones"
    partner = partners[0]
    if partner.vanished:
        return None
    if not partner.answered:
        return "the phone that the caller talked to never answered"
    pair = (caller.cause, partner.cause)
    if not (pair in USUAL or (pair in LOSING and not conditions.fair) or (pair in UNTOLD and failures)):
        return f"the ends disagree: {caller.cause!r}, {partner.cause!r}"
    apart = abs(caller.ended - partner.ended)
    if apart > (1.0 if conditions.fair else WITHIN) and not failures:
        return f"one end hears {apart:.0f} s late that the call is over"
    return None


def _left_alone(caller: Leg, callees: list[Leg], failures: list[str], conditions: Conditions) -> str | None:
    """Those that answered and are not talked to have to hear that."""
    for leg in callees:
        if not leg.answered or leg.vanished or leg.tag == caller.tag:
            continue
        if (
            leg.cause is PEER
            or (leg.cause in LEFT_ALONE and not conditions.fair)
            or (leg.cause is TOO_LONG and failures)
        ):
            continue
        return f"an answer that nobody waits for ends with {leg.cause!r}"
    return None


def _unanswered(caller: Leg, callees: list[Leg], failures: list[str], conditions: Conditions) -> str | None:
    if caller.cause is EndCause.CANCELLED:
        return None if caller.given_up else "the caller never gave up"
    if caller.cause is EndCause.NOT_ANSWERED:
        return None
    if caller.cause is LOST:
        # Who rang reliably and does not answer the PRACK is gone, and the call with it (12.2.1.2).
        silent = any(line.startswith("PRACK at ") and line.endswith(": timeout") for line in failures)
        return None if silent else "the caller lost a phone that answered its PRACK"
    if caller.cause is not EndCause.FAILED:
        return f"a call that was never answered ends with {caller.cause!r}"
    status = caller.status or 0
    given = _given(callees)
    redirected = 302 in given
    if status in given or (status == 480 and (redirected or not callees)):
        return _not_the_worst(status, given) if conditions.fair and not redirected else None
    if (failures or any(leg.vanished for leg in callees)) and status in (408, 480, 487, 500, 503):
        return None
    if status in (480, 482) and conditions.restarts:
        # A proxy that has forgotten the INVITE takes its repetition for another: the phone sees a loop in it, or is not
        # registered any more.
        return None
    return f"the caller got {status}, and the callees gave {sorted(given)}"


def _given(callees: list[Leg]) -> set[int]:
    """What the callees answered, as a proxy passes it on (RFC 3261 16.7 step 6: a 503 becomes a 500)."""
    given: set[int] = set()
    for leg in callees:
        if leg.cause is EndCause.REFUSED:
            given.add(500 if leg.status == 503 else leg.status or 0)
        elif leg.cause is EndCause.NOT_ANSWERED:
            given.add(480)
        elif leg.cause is EndCause.CANCELLED:
            given.add(487)
        elif leg.cause is EndCause.LOST:
            given.add(504)
    return given


def _not_the_worst(status: int, given: set[int]) -> str | None:
    """A 6xx counts before all else (RFC 3261 16.7 step 6), then the lowest class."""
    best = 6 if max(given, default=0) >= 600 else min(given, default=status) // 100
    return None if status // 100 == best else f"the caller got {status} out of {sorted(given)}"
