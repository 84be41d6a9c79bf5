"""The INVITE client transaction: figure 5 as RFC 6026 8.4 has it, with the end of a cancelled one (RFC 3261 9.1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.sip.message import Message, Request
from offhook.sip.parser import parse
from offhook.transaction.client_invite import InviteClientTransaction, make_ack, make_cancel
from offhook.transaction.effects import Transmit
from offhook.transaction.machine import Event, State
from offhook.transaction.timers import TimerValues
from tests.transaction.machines import FLOWS, Outcomes, Rig, request, response, schedule, walk

INVITE = request("INVITE")
KEY = (b"z9hG4bKone", "192.0.2.2", 5060, "INVITE")

# From figure 5. Over an unreliable transport Completed waits for Timer D; over a reliable one that is over at once.
UNRELIABLE: Outcomes = {
    (State.CALLING, Event.TIMER_A): (State.CALLING, "send INVITE"),
    (State.CALLING, Event.TIMER_B): (State.TERMINATED, "end timeout"),
    (State.CALLING, Event.TRANSPORT_ERROR): (State.TERMINATED, "end transport"),
    (State.CALLING, Event.PROVISIONAL): (State.PROCEEDING, "tell 180"),
    (State.CALLING, Event.SUCCESS): (State.ACCEPTED, "tell 200"),
    (State.CALLING, Event.FAILURE): (State.COMPLETED, "send ACK, tell 486"),
    (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, "tell 180"),
    (State.PROCEEDING, Event.SUCCESS): (State.ACCEPTED, "tell 200"),
    (State.PROCEEDING, Event.FAILURE): (State.COMPLETED, "send ACK, tell 486"),
    (State.PROCEEDING, Event.TIMER_CANCELLED): (State.TERMINATED, "end timeout"),
    (State.COMPLETED, Event.FAILURE): (State.COMPLETED, "send ACK"),
    (State.COMPLETED, Event.TRANSPORT_ERROR): (State.TERMINATED, "end transport"),
    (State.COMPLETED, Event.TIMER_D): (State.TERMINATED, "end terminated"),
    (State.ACCEPTED, Event.SUCCESS): (State.ACCEPTED, "tell 200"),
    (State.ACCEPTED, Event.TIMER_M): (State.TERMINATED, "end terminated"),
}
RELIABLE: Outcomes = {pair: outcome for pair, outcome in UNRELIABLE.items() if pair[0] is not State.COMPLETED} | {
    (State.CALLING, Event.FAILURE): (State.TERMINATED, "send ACK, tell 486, end terminated"),
    (State.PROCEEDING, Event.FAILURE): (State.TERMINATED, "send ACK, tell 486, end terminated"),
}

CARRIED: dict[Event, Callable[[InviteClientTransaction], Message]] = {
    Event.PROVISIONAL: lambda machine: response(machine.request, 180),
    Event.SUCCESS: lambda machine: response(machine.request, 200),
    Event.FAILURE: lambda machine: response(machine.request, 486),
    Event.REQUEST: lambda machine: machine.request,
    Event.ACK: lambda machine: request("ACK"),
    Event.FINAL: lambda machine: response(machine.request, 486),
}


def make(rig: Rig, flow: Flow) -> InviteClientTransaction:
    machine = InviteClientTransaction(rig.table, KEY, INVITE, flow, None)
    rig.table.add_client(machine)
    machine.begin(rig.now)
    return machine


def answer(machine: InviteClientTransaction, status: int, now: Moment) -> None:
    machine.receive(response(machine.request, status), now)


def stay(machine: InviteClientTransaction, rig: Rig) -> None:
    """Calling is where it begins."""


INTO: dict[State, Callable[[InviteClientTransaction, Rig], object]] = {
    State.CALLING: stay,
    State.PROCEEDING: lambda machine, rig: answer(machine, 180, rig.now),
    State.COMPLETED: lambda machine, rig: answer(machine, 486, rig.now),
    State.ACCEPTED: lambda machine, rig: answer(machine, 200, rig.now),
    State.TERMINATED: lambda machine, rig: rig.fire(machine, Event.TIMER_B),
}


@pytest.mark.rfc("6026 8.4", "3261 17.1.1.2", "3261 17.1.4 #1", "3261 17.1.4 #2")
def test_every_event_in_every_state_over_an_unreliable_transport() -> None:
    assert walk(make, INTO, CARRIED, FLOWS["UDP"], UNRELIABLE) == []


@pytest.mark.rfc("6026 8.4", "3261 17.1.1.2", "3261 17.1.4 #1", "3261 17.1.4 #2")
def test_every_event_in_every_state_over_a_reliable_transport() -> None:
    lasting: dict[State, Callable[[InviteClientTransaction, Rig], object]] = {
        state: reach for state, reach in INTO.items() if state is not State.COMPLETED
    }
    assert walk(make, lasting, CARRIED, FLOWS["TCP"], RELIABLE) == []


@pytest.mark.rfc(
    "3261 17.1.1.2 #2",
    "3261 17.1.1.2 #3",
    "3261 17.1.1.2 #5",
    "3261 17.1.1.2 #6",
    "3261 17.1.1.2 #7",
    "3261 17.1.1.2 #8",
    "3261 17.1.1.2 #9",
    "3261 17.1.1.2 #11",
    "3261 17.1.1.2 #12",
    "3261 17.1.1.2 #13",
)
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            TimerValues(),
            (
                "0.5 send INVITE, 1.5 send INVITE, 3.5 send INVITE, 7.5 send INVITE, 15.5 send INVITE, "
                "31.5 send INVITE, 32 end timeout"
            ),
        ),
        (
            TimerValues(t1=1.0),
            (
                "1 send INVITE, 3 send INVITE, 7 send INVITE, 15 send INVITE, 31 send INVITE, 63 send INVITE, "
                "64 end timeout"
            ),
        ),
        (
            TimerValues(t1=0.125, t2=0.25, t4=0.5),
            (
                "0.125 send INVITE, 0.375 send INVITE, 0.875 send INVITE, 1.875 send INVITE, 3.875 send INVITE, "
                "7.875 send INVITE, 8 end timeout"
            ),
        ),
    ],
)
def test_timers_a_and_b_without_an_answer(values: TimerValues, expected: str) -> None:
    """Timer A doubles without a bound: T2 is none of its business."""
    rig = Rig(values)
    make(rig, FLOWS["UDP"])
    assert rig.take() == ["send INVITE"]
    assert rig.run(1000) == schedule(expected)


@pytest.mark.rfc("3261 17.1.1.2 #4", "3261 17.1.1.2 #5")
def test_a_reliable_transport_has_timer_b_alone() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["TCP"])
    assert rig.running(machine) == {"Timer B": 32.0}
    rig.take()
    assert rig.run(1000) == schedule("32 end timeout")


@pytest.mark.rfc("3261 17.1.1.2 #10", "3261 17.1.1.2 #14")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_provisional_response_stops_both_timers_for_good(transport: str) -> None:
    rig = Rig()
    machine = make(rig, FLOWS[transport])
    answer(machine, 100, rig.after(0.25))
    assert rig.running(machine) == {}
    rig.take()
    assert rig.run(100_000) == []
    assert machine.state is State.PROCEEDING


@pytest.mark.rfc("6026 8.4 #5", "6026 8.4 #8", "3261 17.1.1.2 #21", "3261 17.1.1.2 #24")
@pytest.mark.parametrize(
    ("values", "seconds"), [(TimerValues(), 32.0), (TimerValues(t1=0.1), 32.0), (TimerValues(t1=1.0), 64.0)]
)
def test_timer_d_is_never_below_32_seconds(values: TimerValues, seconds: float) -> None:
    rig = Rig(values)
    machine = make(rig, FLOWS["UDP"])
    answer(machine, 404, rig.now)
    assert rig.running(machine) == {"Timer D": seconds}
    rig.take()
    assert rig.run(1000) == [(seconds, "end terminated")]


@pytest.mark.rfc("6026 7.2 #1", "6026 7.2 #4", "6026 8.4 #10", "6026 8.4 #15")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize(("values", "seconds"), [(TimerValues(), 32.0), (TimerValues(t1=0.1), 6.4)])
def test_timer_m_runs_over_every_transport(transport: str, values: TimerValues, seconds: float) -> None:
    rig = Rig(values)
    machine = make(rig, FLOWS[transport])
    answer(machine, 200, rig.now)
    assert rig.running(machine) == {"Timer M": seconds}
    rig.take()
    assert rig.run(1000) == [(seconds, "end terminated")]


def test_answers_that_come_again_do_not_move_timers_d_and_m() -> None:
    for status in (200, 486):
        rig = Rig()
        machine = make(rig, FLOWS["UDP"])
        answer(machine, status, rig.now)
        answer(machine, status, rig.after(5.0))
        assert list(rig.running(machine).values()) == [27.0]


@pytest.mark.rfc("3261 9.1 #12", "3261 9.1 #13")
def test_a_cancelled_invite_ends_64_t1_after_its_cancel() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["UDP"])
    answer(machine, 180, rig.after(1.0))
    machine.cancel_sent(rig.after(4.0))
    assert machine.cancelled
    answer(machine, 180, rig.after(10.0))
    assert rig.running(machine) == {str(Event.TIMER_CANCELLED): 22.0}
    rig.take()
    assert rig.run(1000) == schedule("37 end timeout")


def test_the_answer_to_a_cancelled_invite_takes_its_usual_way() -> None:
    for status, timer in ((487, "Timer D"), (200, "Timer M")):
        rig = Rig()
        machine = make(rig, FLOWS["UDP"])
        answer(machine, 180, rig.now)
        machine.cancel_sent(rig.now)
        answer(machine, status, rig.after(1.0))
        assert rig.running(machine) == {timer: 32.0}


@pytest.mark.rfc("3261 17.1.1.2 #17")
@pytest.mark.parametrize("ringing", [False, True])
def test_each_class_of_responses_leads_to_its_state(ringing: bool) -> None:
    for status, state in (
        (100, State.PROCEEDING), (199, State.PROCEEDING), (200, State.ACCEPTED), (299, State.ACCEPTED),
        (300, State.COMPLETED), (404, State.COMPLETED), (503, State.COMPLETED), (699, State.COMPLETED),
    ):  # fmt: skip
        rig = Rig()
        machine = make(rig, FLOWS["UDP"])
        if ringing:
            answer(machine, 180, rig.now)
        rig.take()
        answer(machine, status, rig.now)
        assert machine.state is state
        assert rig.take() == [*(["send ACK"] if status >= 300 else []), f"tell {status}"]


def routed_invite() -> Request:
    return request(
        "INVITE",
        Via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtop, SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKlow",
        Route="<sip:p1.example.com;lr>, <sip:p2.example.com;lr>",
        Require="100rel",
        To="Bob <sip:bob@example.com>",
    )


@pytest.mark.rfc(
    "5393 4.2.1 #7",
    "3261 8.2.2.3 #3",
    "3261 17.1.1.3 #2",
    "3261 17.1.1.3 #3",
    "3261 17.1.1.3 #4",
    "3261 17.1.1.3 #5",
    "3261 17.1.1.3 #6",
    "3261 17.1.1.3 #7",
    "3261 17.1.1.3 #8",
)
def test_the_ack_to_a_failure() -> None:
    invite = routed_invite()
    ack = make_ack(invite, response(invite, 404, "far"))
    assert (ack.method, ack.request_uri, ack.text("CSeq")) == ("ACK", invite.request_uri, "7 ACK")
    assert [str(via) for via in ack.vias] == ["SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtop"]
    assert ack.texts("From") == invite.texts("From")
    assert ack.texts("To") == ["Bob <sip:bob@example.com>;tag=far"]
    assert ack.texts("Route") == invite.texts("Route")
    assert ack.call_id == invite.call_id
    assert ack.max_forwards == 70
    assert not ack.has("Require")
    assert ack.body == b""


def test_the_ack_to_a_failure_has_the_credentials_of_its_invite() -> None:
    """RFC 3261 22.1: an ACK cannot be challenged."""
    credentials = {"Authorization": "Digest username=a", "Proxy-Authorization": "Digest username=b"}
    invite = request("INVITE", **credentials)
    ack = make_ack(invite, response(invite, 407, "far"))
    assert {name: ack.text(name) for name in credentials} == credentials
    cancel = make_cancel(invite)
    assert not any(cancel.has(name) for name in credentials)


@pytest.mark.rfc("6026 8.4 #4", "3263 4 #2", "3261 17.1.1.2 #20")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_the_ack_to_a_failure_goes_where_the_invite_went(transport: str) -> None:
    rig = Rig()
    machine = make(rig, FLOWS[transport])
    answer(machine, 486, rig.now)
    invite, ack = (effect for effect in rig.table.effects if isinstance(effect, Transmit))
    assert (ack.data[:4], ack.flow) == (b"ACK ", invite.flow)


@pytest.mark.rfc("6026 8.4 #6")
def test_each_failure_is_acknowledged_with_its_own_tag() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["UDP"])
    tags = []
    for tag in ("one", "two"):
        machine.receive(response(machine.request, 404, tag), rig.now)
        sent = [effect.data for effect in rig.table.effects if isinstance(effect, Transmit)]
        tags.append(b"tag=%b\r" % tag.encode() in sent[-1])
    assert tags == [True, True]


@pytest.mark.rfc(
    "5393 4.2.1 #7",
    "3261 9.1 #2",
    "3261 9.1 #3",
    "3261 9.1 #4",
    "3261 9.1 #5",
    "3261 9.1 #6",
    "3261 8.2.2.3 #3",
)
def test_the_cancel_is_the_invite_in_all_that_matching_needs() -> None:
    invite = routed_invite()
    cancel = make_cancel(invite, "SIP;cause=200")
    assert (cancel.method, cancel.request_uri, cancel.cseq_number) == ("CANCEL", invite.request_uri, 7)
    assert [str(via) for via in cancel.vias] == ["SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtop"]
    for name in ("From", "To", "Call-ID", "Route"):
        assert cancel.texts(name) == invite.texts(name)
    assert cancel.texts("Reason") == ["SIP;cause=200"]
    assert not cancel.has("Require")
    assert not make_cancel(invite).has("Reason")


def test_a_folded_via_is_copied_in_one_line() -> None:
    data = request("INVITE").serialize().replace(b";branch=", b"\r\n ;branch=")
    invite = parse(data)
    assert isinstance(invite, Request)
    via = make_cancel(invite).octets("via")
    assert via is not None
    assert b"\n" not in via
    assert make_cancel(invite).top_via.branch == b"z9hG4bKone"
