"""A user agent that a test leads by the hand, over an engine whose transactions do their part.

It is told what to begin. To what it gets it answers as RFC 3261 has it, at once and without a mind of its own:

- 2xx to an INVITE: ACK, each time; and BYE, once, when it was cancelled or when another To tag was first (13.2.2.4);
- its own 2xx to an INVITE: repeated until the ACK, and after 64*T1 a BYE (13.3.1.4);
- CANCEL of an INVITE that it has not answered: 487 (9.2);
- BYE: 200 where it knows the dialog, also after its own (RFC 5407 3.2.1), and 487 to an INVITE that is still open
  (15.1.2); else 481;
- re-INVITE: 200, but 491 while one of its own is open (14.2), and 481 after a BYE (RFC 5407 3.2.2).
"""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment
from offhook.errors import InvalidState
from offhook.flow import Target
from offhook.sip.headers.address import NameAddr
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft, new_request, reply
from offhook.sip.uri import SipUri
from offhook.stack import ServerTransaction, Stack
from offhook.transaction.effects import Cancelled, Effect, RequestReceived, ResponseReceived, TimerFired
from offhook.transaction.machine import State, Transaction
from tests.ua.household import sdp

__all__ = ["Leg", "Puppet"]

T1: Final = 0.5
T2: Final = 4.0
TIMEOUT: Final = 64 * T1


class Leg:
    """One dialog. `over`: a BYE went either way. `inviting`: a re-INVITE of the puppet's has no final response."""

    def __init__(self, local: str, remote: str, target: str, routes: list[NameAddr]) -> None:
        self.local = local
        self.remote = remote
        self.target = target
        self.routes = routes
        self.cseq = 1
        self.over = False
        self.inviting = False
        self.confirmed = False
        self.acks: dict[int, Request] = {}


class Waiting:
    """A 2xx that waits for its ACK."""

    def __init__(self, transaction: ServerTransaction, response: Response, leg: Leg, until: float) -> None:
        self.transaction = transaction
        self.response = response
        self.leg = leg
        self.until = until
        self.interval = T1
        self.done = False

    def is_for(self, ack: Request) -> bool:
        """Whether an ACK acknowledges it."""
        return (ack.cseq_number, ack.to_tag) == (self.response.cseq_number, self.response.to_tag)


class Puppet:
    """`host` is its own, `next_hop` that of the only neighbour that it knows.

    `legs` by the peer's tag, at a caller; a callee has one for each of its own tags.
    """

    def __init__(self, stack: Stack, host: str, next_hop: str, tag: str) -> None:
        self.stack = stack
        self.host = host
        self.tag = tag
        self.late_offer = False
        """Whether its INVITEs make no offer and its ACKs bring the answer (RFC 3264 5, RFC 3261 13.2.1)."""
        self.legs: dict[str, Leg] = {}
        self.invited: Request | None = None
        self.server: ServerTransaction | None = None
        self.client: Transaction | None = None
        self.cancelled = False
        self._waiting: list[Waiting] = []
        listener = f"udp:{host}:5060"
        self._target = Target("UDP", next_hop, 5060, listener, (host, 5060), f"{host}:5060")

    # What it is told to begin

    def invite(self, uri: str, now: Moment) -> None:
        """Call somebody."""
        draft = new_request("INVITE", uri).add("Max-Forwards", "70").add("From", f"<{self.uri}>;tag={self.tag}")
        draft.add("To", f"<{uri}>").add("Call-ID", f"{self.tag}@{self.host}").add("CSeq", "1 INVITE")
        draft.add("Contact", f"<{self.uri}>")
        if not self.late_offer:
            draft.body(sdp(self.host), "application/sdp")
        self.client = self.stack.send(draft, self._target, now, self)

    def cancel(self, now: Moment) -> None:
        """Give the call up; the engine sends the CANCEL when it may (9.1)."""
        if self.client is not None:
            self.cancelled = True
            self.stack.cancel(self.client, now)

    def ring(self, now: Moment) -> None:
        """Answer 180."""
        assert self.server is not None
        self._leg_of_callee(self.tag)
        self.stack.respond(self.server, self._response(self.server, 180, self.tag), now)

    def answer(self, now: Moment, tag: str = "", lost: bool = False) -> None:
        """Answer 200; with another `tag` as another phone behind a fork. `lost`: none of the 200s came through."""
        assert self.server is not None
        tag = tag or self.tag
        if self.server.state not in (State.PROCEEDING, State.ACCEPTED):
            raise InvalidState("it is refused, or too old")
        leg = self._leg_of_callee(tag)
        leg.confirmed = True
        response = self._response(self.server, 200, tag, sdp(self.host))
        if lost:
            return
        self.stack.respond(self.server, response, now)
        self._repeat(self.server, response, leg, now)

    def bye(self, now: Moment, tag: str = "") -> None:
        """Hang up; in a dialog that is over already a second time."""
        leg = self._leg(tag)
        leg.over = True
        self._send("BYE", leg, now)

    def reinvite(self, now: Moment) -> None:
        """Offer something new."""
        leg = self._leg("")
        leg.inviting = True
        self._send("INVITE", leg, now)

    def end(self, now: Moment) -> None:
        """End whatever there is: CANCEL an open INVITE, BYE in the dialogs that stand."""
        if self.client is not None and not any(leg.confirmed for leg in self.legs.values()):
            self.cancel(now)
        for tag, leg in self.legs.items():
            if leg.confirmed and not leg.over:
                self.bye(now, tag)

    @property
    def uri(self) -> str:
        return f"sip:{self.tag}@{self.host}:5060"

    @property
    def left(self) -> tuple[int, int, int]:
        """Client and server transactions and timers that are left, but for an INVITE without a final response.

        It never gives up by itself.
        """
        table = self.stack.transactions
        asks = self.client is not None and self.client.state is State.PROCEEDING
        asked = self.server is not None and self.server.state is State.PROCEEDING
        return len(table.clients) - asks, len(table.servers) - asked, len(table.timers)

    @property
    def standing(self) -> bool:
        """Whether a dialog stands."""
        return any(leg.confirmed and not leg.over for leg in self.legs.values())

    @property
    def standing_or_over(self) -> bool:
        """Whether it has answered, or was answered."""
        return any(leg.confirmed for leg in self.legs.values())

    # What it gets

    def receive(self, event: Effect, now: Moment) -> None:
        if isinstance(event, RequestReceived):
            self._take_request(event, now)
        elif isinstance(event, ResponseReceived) and event.transaction.user is not None:
            self._take_response(event.transaction, event.response, now)
        elif isinstance(event, Cancelled):
            self._refuse_invite(now)
        elif isinstance(event, TimerFired) and isinstance(event.user, Waiting):
            self._again(event.user, now)

    def _take_request(self, event: RequestReceived, now: Moment) -> None:
        request = event.request
        if request.method == "ACK":
            for waiting in self._waiting:
                waiting.done = waiting.done or waiting.is_for(request)
            return
        transaction = self.stack.accept(request, event.flow, now, self)
        if request.method == "INVITE" and request.to_tag is None:
            self.server = transaction
            self.invited = request
            return
        leg = self.legs.get((request.to_tag if self.invited is not None else request.from_tag) or "")
        if request.method == "BYE" and leg is not None:
            self._respond(transaction, 200, now)
            leg.over = True
            self._drop(leg)
            self._refuse_invite(now)
        elif request.method == "INVITE" and leg is not None and not leg.over:
            self._take_reinvite(transaction, leg, now)
        else:
            self._respond(transaction, 481, now)

    def _take_reinvite(self, transaction: ServerTransaction, leg: Leg, now: Moment) -> None:
        if leg.inviting:
            self._respond(transaction, 491, now)
            return
        direction = "recvonly" if b"a=sendonly" in transaction.request.body else ""
        body = sdp(self.host, version=leg.cseq + 1, direction=direction)
        response = self._response(transaction, 200, None, body)
        self.stack.respond(transaction, response, now)
        self._repeat(transaction, response, leg, now)

    def _take_response(self, transaction: Transaction, response: Response, now: Moment) -> None:
        request = transaction.request
        if request.method != "INVITE":
            return
        if request.to_tag is not None:
            leg = self._leg(request.to_tag if self.invited is None else request.from_tag or "")
            if response.status >= 200:
                leg.inviting = False
            if 200 <= response.status < 300:
                self._ack(leg, request.cseq_number)
            return
        if response.status == 100 or response.status >= 300:
            return
        tag = response.to_tag or ""
        first = not any(leg.confirmed for leg in self.legs.values())
        known = self.legs.get(tag)
        leg = known or Leg(f"<{self.uri}>;tag={self.tag}", response.text("To") or "", "", [])
        self.legs[tag] = leg
        leg.target = _contact(response)
        leg.routes = list(reversed(response.record_routes))
        if response.status >= 200:
            new = not leg.confirmed
            leg.confirmed = True
            self._ack(leg, 1)
            if new and not leg.over and (self.cancelled or not first):
                self.bye(now, tag)

    # Within

    def _leg(self, tag: str) -> Leg:
        if not self.legs:
            raise InvalidState("there is no dialog")
        return self.legs[tag] if tag else next(iter(self.legs.values()))

    def _leg_of_callee(self, tag: str) -> Leg:
        """The callee's dialog with the caller of its INVITE (12.1.1)."""
        assert self.invited is not None
        if tag not in self.legs:
            invite = self.invited
            local = f"{invite.text('To')};tag={tag}"
            self.legs[tag] = Leg(local, invite.text("From") or "", _contact(invite), invite.record_routes)
        return self.legs[tag]

    def _send(self, method: str, leg: Leg, now: Moment) -> None:
        leg.cseq += 1
        draft = self._draft(method, leg, leg.cseq)
        if method == "INVITE":
            draft.add("Contact", f"<{self.uri}>")
            if not self.late_offer:
                draft.body(sdp(self.host, version=leg.cseq), "application/sdp")
        self.stack.send(draft, self._target, now, self)

    def _ack(self, leg: Leg, number: int) -> None:
        # One that is sent again is the same (13.2.2.4).
        if number in leg.acks:
            self.stack.transmit(leg.acks[number], self._target)
        else:
            draft = self._draft("ACK", leg, number)
            if self.late_offer:
                draft.body(sdp(self.host, version=leg.cseq), "application/sdp")
            leg.acks[number] = self.stack.send_ack(draft, self._target)

    def _draft(self, method: str, leg: Leg, number: int) -> Draft:
        draft = new_request(method, leg.target)
        for route in leg.routes:
            draft.add("Route", route.serialize())
        draft.add("Max-Forwards", "70").add("From", leg.local).add("To", leg.remote)
        call_id = f"{self.tag}@{self.host}" if self.invited is None else self.invited.call_id
        return draft.add("Call-ID", call_id).add("CSeq", f"{number} {method}")

    def _response(self, transaction: ServerTransaction, status: int, tag: str | None, body: bytes = b"") -> Response:
        draft = reply(transaction.request, status, None, tag)
        if status < 300:
            draft.copy("Record-Route", transaction.request).add("Contact", f"<{self.uri}>")
        return draft.body(body, "application/sdp").response() if body else draft.response()

    def _respond(self, transaction: ServerTransaction, status: int, now: Moment) -> None:
        self.stack.respond(transaction, reply(transaction.request, status, None, self.tag).response(), now)

    def _refuse_invite(self, now: Moment) -> None:
        server = self.server
        if server is not None and not server.answered and not any(leg.confirmed for leg in self.legs.values()):
            self._respond(server, 487, now)

    def _repeat(self, transaction: ServerTransaction, response: Response, leg: Leg, now: Moment) -> None:
        waiting = Waiting(transaction, response, leg, now.monotonic + TIMEOUT)
        self._waiting.append(waiting)
        self.stack.start_timer(waiting.interval, waiting, "again", now)

    def _again(self, waiting: Waiting, now: Moment) -> None:
        if waiting.done:
            return
        if now.monotonic >= waiting.until:
            waiting.done = True
            if not waiting.leg.over:
                self.bye(now, next(tag for tag, leg in self.legs.items() if leg is waiting.leg))
            return
        if not waiting.transaction.terminated:
            self.stack.respond(waiting.transaction, waiting.response, now)
        waiting.interval = min(2 * waiting.interval, T2)
        self.stack.start_timer(min(waiting.interval, waiting.until - now.monotonic), waiting, "again", now)

    def _drop(self, leg: Leg) -> None:
        for waiting in self._waiting:
            waiting.done = waiting.done or waiting.leg is leg


def _contact(message: Request | Response) -> str:
    contact = message.contacts[0]
    assert isinstance(contact, NameAddr)
    assert isinstance(contact.uri, SipUri)
    return contact.uri.serialize()
