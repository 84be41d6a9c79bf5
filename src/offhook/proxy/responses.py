"""Which answer goes back (RFC 3261 16.7 steps 6 and 7)."""

from __future__ import annotations

from typing import Final

from offhook.proxy.context import Branch, ResponseContext
from offhook.sip.message import Response
from offhook.sip.serializer import Draft, reply

__all__ = ["best_branch", "final_response"]

_TELLING: Final = frozenset((401, 407, 415, 420, 484))
"""Those of the 4xx that tell the caller how to try again come first in their class."""
_CHALLENGES: Final = ("WWW-Authenticate", "Proxy-Authenticate")


def best_branch(context: ResponseContext) -> Branch | None:
    """Step 6: any 6xx, else of the lowest class the most telling one; the first of equals. None without an answer."""
    best: Branch | None = None
    invite = context.request.method == "INVITE"
    for branch in context.branches:
        if branch.status and (best is None or _rank(branch.status, invite) < _rank(best.status, invite)):
            best = branch
    return best


def final_response(context: ResponseContext, branch: Branch, to_tag: str) -> Response:
    """What is sent upstream for the chosen branch: its response, or one made up for a branch that gave none.

    Step 6: a lone 503 goes up as 500, as the next hop upstream would take this proxy for overloaded otherwise. Step 7:
    a challenge bears the challenges of all branches.
    """
    status = 500 if branch.status == 503 else branch.status
    received = branch.response
    if received is None or status != received.status:
        return reply(context.request, status, None, to_tag).response()
    draft = Draft.of(received).remove_first("Via")
    if status in (401, 407):
        for other in context.branches:
            if other is not branch and other.status in (401, 407) and other.response is not None:
                for name in _CHALLENGES:
                    draft.copy(name, other.response)
    return draft.response()


def _rank(status: int, invite: bool) -> tuple[int, int, int]:
    if status >= 600:
        return (0, 0, status)
    if status == 408 and not invite:
        # It would not be sent (RFC 4320 4.2): whatever else there is tells more.
        return (9, 0, status)
    return (status // 100, 0 if status in _TELLING else 2 if status in (408, 503) else 1, 0)
