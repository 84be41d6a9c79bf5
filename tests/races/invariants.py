"""What has to be true of any race, whatever its order: each function gives a sentence for each fault.

They read what a host sent and what it got, and nothing of its state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from offhook.sip.message import Message, Request, Response
from tests.races.wire import Arrived, RacingNetwork, Sent

__all__ = ["of_agent", "of_proxy"]

TIMEOUT: Final = 32.0
"""64*T1."""

LITTLE: Final = 1e-6

DialogKey = tuple[str, frozenset[str]]


def of_agent(network: RacingNetwork, host: str) -> Iterator[str]:
    """The rules of a user agent."""
    seen = View(network, host)
    yield from _one_final_response(seen, forks=False)
    yield from _cancel_in_its_time(seen)
    yield from _every_success_is_acknowledged(seen)
    yield from _every_answer_is_ended(seen)
    yield from _nothing_after_bye(seen)
    yield from _callee_waits_with_bye(seen)
    yield from _numbers_rise(seen)
    yield from _one_invite_at_a_time(seen)


def of_proxy(network: RacingNetwork, host: str, caller: str) -> Iterator[str]:
    """The rules of a proxy with one caller."""
    seen = View(network, host)
    yield from _one_final_response(seen, forks=True)
    yield from _cancel_in_its_time(seen)
    yield from _every_success_goes_back(seen, caller)
    yield from _no_branch_rings_on(seen)


class View:
    """What one host sent and got, in order."""

    def __init__(self, network: RacingNetwork, host: str) -> None:
        self.sent = [one for one in network.sent if one.sender == host]
        self.failures = [time for time, other in network.failures if other == host]
        self.got = [one for one in network.arrived if one.receiver == host]

    def requests_sent(self, method: str) -> list[Sent]:
        """Its requests, without those that went again."""
        return [one for one in self.sent if one.new and _asks(one.message, method)]

    def requests_got(self, method: str) -> list[Arrived]:
        return [one for one in self.got if _asks(one.message, method)]

    def responses_sent(self, method: str) -> list[tuple[float, Response]]:
        return [(one.time, one.message) for one in self.sent if _answers(one.message, method)]  # type: ignore[misc]

    def responses_got(self, method: str) -> list[tuple[float, Response, bool]]:
        return [(one.time, one.message, one.expected) for one in self.got if _answers(one.message, method)]  # type: ignore[misc]


def _asks(message: Message, method: str) -> bool:
    return isinstance(message, Request) and message.method == method


def _answers(message: Message, method: str) -> bool:
    return isinstance(message, Response) and message.cseq_method == method


def _branch(message: Message) -> bytes:
    return message.top_via.branch or b""


def _dialog(message: Message) -> DialogKey:
    return message.call_id, frozenset((message.from_tag or "", message.to_tag or ""))


def _one_final_response(seen: View, forks: bool) -> Iterator[str]:
    """Each INVITE that came has one final response, but that a proxy passes on every 2xx (17.2.1, 16.7)."""
    for branch in {_branch(one.message) for one in seen.requests_got("INVITE")}:
        finals = {
            (response.status, response.to_tag)
            for _, response in seen.responses_sent("INVITE")
            if _branch(response) == branch and response.status >= 200
        }
        successes = [final for final in finals if final[0] < 300]
        if len(finals) != 1 and not (forks and finals and len(successes) == len(finals)):
            yield f"an INVITE got the final responses {sorted(finals, key=str)}"


def _cancel_in_its_time(seen: View) -> Iterator[str]:
    """A CANCEL goes once, behind a provisional response and before the final one (9.1)."""
    branches = [_branch(one.message) for one in seen.requests_sent("CANCEL")]
    if len(branches) != len(set(branches)):
        yield "an INVITE was cancelled twice"
    for cancel in seen.requests_sent("CANCEL"):
        answers = [
            (time, response.status)
            for time, response, _ in seen.responses_got("INVITE")
            if _branch(response) == _branch(cancel.message)
        ]
        if not any(time <= cancel.time and status < 200 for time, status in answers):
            yield "a CANCEL went before any response"
        if any(time < cancel.time - LITTLE and status >= 200 for time, status in answers):
            yield "a CANCEL went behind the final response"


def _every_success_is_acknowledged(seen: View) -> Iterator[str]:
    """Each 2xx that an INVITE waits for gets its ACK at once, and each time (13.2.2.4)."""
    acks = [
        (one.time, _dialog(one.message), one.message.cseq_number)
        for one in seen.sent
        if isinstance(one.message, Request) and one.message.method == "ACK"
    ]
    for time, response, expected in seen.responses_got("INVITE"):
        if expected and 200 <= response.status < 300 and (time, _dialog(response), response.cseq_number) not in acks:
            yield f"a 2xx has no ACK at {time:.3f}"


def _every_answer_is_ended(seen: View) -> Iterator[str]:
    """Each dialog that a 2xx confirmed ends with BYE, sent or got (15)."""
    answered = {_dialog(response) for _, response in seen.responses_sent("INVITE") if 200 <= response.status < 300}
    answered |= {
        _dialog(response)
        for _, response, expected in seen.responses_got("INVITE")
        if expected and 200 <= response.status < 300
    }
    ended = {_dialog(one.message) for one in seen.requests_sent("BYE")}
    ended |= {_dialog(one.message) for one in seen.requests_got("BYE")}
    for dialog in answered - ended:
        yield f"the dialog {sorted(dialog[1])} was answered and never ended"


def _nothing_after_bye(seen: View) -> Iterator[str]:
    """Behind its BYE, sent or taken, a dialog sees no request of ours but ACK (RFC 5407 2: Mortal)."""
    byes = {_branch(one.message): (one.time, _dialog(one.message)) for one in seen.requests_got("BYE")}
    over = [byes[_branch(answer)] for _, answer in seen.responses_sent("BYE") if answer.status == 200]
    over += [(one.time, _dialog(one.message)) for one in seen.requests_sent("BYE")]
    for one in seen.sent:
        message = one.message
        if not one.new or not isinstance(message, Request) or message.method in ("ACK", "CANCEL", "BYE"):
            continue
        if any(one.time > time + LITTLE and _dialog(message) == dialog for time, dialog in over):
            yield f"{message.method} went behind the BYE of its dialog"
    for dialog in {_dialog(one.message) for one in seen.requests_sent("BYE")}:
        if sum(_dialog(one.message) == dialog for one in seen.requests_sent("BYE")) > 1:
            yield "a dialog was ended by two BYEs of ours"


def _callee_waits_with_bye(seen: View) -> Iterator[str]:
    """The callee sends no BYE before the ACK to its 2xx, or before it is too late for it (15)."""
    invites = {_branch(one.message): one.message for one in seen.requests_got("INVITE")}
    for bye in seen.requests_sent("BYE"):
        answers = [
            (time, response.cseq_number)
            for time, response in seen.responses_sent("INVITE")
            if 200 <= response.status < 300
            and _dialog(response) == _dialog(bye.message)
            and invites[_branch(response)].to_tag is None
        ]
        if answers and not any(
            one.time <= bye.time and one.message.cseq_number == answers[0][1] for one in seen.requests_got("ACK")
        ):
            waited = bye.time - min(time for time, _ in answers)
            if waited < TIMEOUT - LITTLE:
                yield f"a callee's BYE went {waited:.3f} s behind its 2xx, without an ACK"


def _numbers_rise(seen: View) -> Iterator[str]:
    """CSeq numbers of our requests in a dialog rise by one (12.2.1.1)."""
    numbers: dict[DialogKey, list[int]] = {}
    for one in seen.sent:
        message = one.message
        if one.new and isinstance(message, Request) and message.to_tag and message.method not in ("ACK", "CANCEL"):
            numbers.setdefault(_dialog(message), []).append(message.cseq_number)
    for found in numbers.values():
        if found != list(range(found[0], found[0] + len(found))):
            yield f"the CSeq numbers of a dialog are {found}"


def _one_invite_at_a_time(seen: View) -> Iterator[str]:
    """No re-INVITE of ours while an INVITE is open in either direction (14.1)."""
    for one in seen.requests_sent("INVITE"):
        if one.message.to_tag is None:
            continue
        dialog = _dialog(one.message)
        for other in seen.requests_sent("INVITE"):
            if other.time < one.time and _dialog(other.message) == dialog:
                closed = [
                    time
                    for time, response, _ in seen.responses_got("INVITE")
                    if _branch(response) == _branch(other.message) and response.status >= 200
                ]
                # One that could not be sent is over too (17.1.4).
                closed += [time for time in seen.failures if time >= other.time]
                if not any(time <= one.time for time in closed) and one.time - other.time < TIMEOUT:
                    yield "a re-INVITE went before our last one had its final response"
        for came in seen.requests_got("INVITE"):
            if came.time < one.time and _dialog(came.message) == dialog:
                yield from _still_open(seen, came, one.time)


def _still_open(seen: View, came: Arrived, time: float) -> Iterator[str]:
    finals = [
        (when, response.status)
        for when, response in seen.responses_sent("INVITE")
        if _branch(response) == _branch(came.message) and response.status >= 200
    ]
    if not any(when <= time for when, _ in finals):
        yield "a re-INVITE went before the peer's had its final response"
    elif finals[0][1] < 300 and time - finals[0][0] < TIMEOUT:
        acked = any(
            ack.time <= time and ack.message.cseq_number == came.message.cseq_number for ack in seen.requests_got("ACK")
        )
        if not acked:
            yield "a re-INVITE went before the peer's had its ACK"


def _every_success_goes_back(seen: View, caller: str) -> Iterator[str]:
    """Each 2xx to an INVITE goes back at once (16.7 step 5), as long as the caller may wait for it (RFC 6026 7.1)."""
    firsts: dict[tuple[str, str | None, int], float] = {}
    back = {
        (one.time, one.message.call_id, one.message.cseq_number, one.message.to_tag)
        for one in seen.sent
        if one.receiver == caller and _answers(one.message, "INVITE")
    }
    for time, response, expected in seen.responses_got("INVITE"):
        if not expected or not 200 <= response.status < 300 or response.from_tag != "caller":
            continue
        first = firsts.setdefault((response.call_id, response.from_tag, response.cseq_number), time)
        here = (time, response.call_id, response.cseq_number, response.to_tag)
        if here not in back and time - first < TIMEOUT - LITTLE:
            yield f"a 2xx did not go back at {time:.3f}"


def _no_branch_rings_on(seen: View) -> Iterator[str]:
    """Of an INVITE that is over no branch rings on: it has a final response, or a CANCEL (16.7 step 10, 16.10)."""
    cancelled = {_branch(one.message) for one in seen.requests_sent("CANCEL")}
    answers = seen.responses_got("INVITE")
    for invite in seen.requests_sent("INVITE"):
        branch = _branch(invite.message)
        statuses = [response.status for _, response, expected in answers if expected and _branch(response) == branch]
        if any(100 < status < 200 for status in statuses) and max(statuses) < 200 and branch not in cancelled:
            yield "a branch rings on"
