"""A peer that violates the protocol at random: as somebody who calls, who is called, and who sends what it likes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from offhook.clock import Moment
from offhook.errors import SipError
from offhook.flow import Flow
from offhook.ids import IdSource
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft, new_request, reply
from offhook.stack import Stack
from offhook.testing.network import VirtualNetwork, VirtualNode
from offhook.transaction.effects import Effect, RequestReceived, ResponseReceived
from tests.simulation.server import DOMAIN, SERVER, TRUSTED

__all__ = ["ROGUE", "ROGUE_USER", "Rogue"]

ROGUE: Final = f"{TRUSTED}250"
ROGUE_USER: Final = "rogue"
AOR: Final = f"<sip:{ROGUE_USER}@{DOMAIN}>"
CONTACT: Final = f"<sip:rogue@{ROGUE}:5060>"
REMEMBERED: Final = 12
ACTS: Final = 12
"""How much it does for each call that it makes."""

METHODS: Final = ("INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "PRACK", "OPTIONS", "MESSAGE", "REGISTER", "INFO", "BOO")
STATUSES: Final = (100, 180, 183, 183, 199, 200, 200, 200, 202, 299, 300, 302, 401, 407, 408, 422, 481, 487, 491, 500)
STATUSES_OF_FAILURE: Final = (503, 504, 580, 600, 603, 699)
SDP: Final = (
    b"v=0\r\no=- 7 1 IN IP4 203.0.113.250\r\ns=-\r\nc=IN IP4 203.0.113.250\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    b"v=0\r\no=- 7 1 IN IP4 203.0.113.250\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 99\r\n",
    b"v=0\r\nthis is none\r\n",
    b"",
)
DAMAGES: Final = ("a line left out", "a line too many", "a line cut off", "octets turned over")
EXTRAS: Final = (
    ("Require", "100rel"),
    ("RSeq", "1"),
    ("RSeq", "4294967296"),
    ("Require", "nothing-known"),
    ("RAck", "1 1 INVITE"),
    ("Expires", "0"),
    ("Retry-After", "1"),
    ("Contact", "<sip:nobody@203.0.113.251>"),
    ("Contact", "*"),
    ("Record-Route", "<sip:203.0.113.251;lr>"),
    ("Session-Expires", "0"),
    ("WWW-Authenticate", 'Digest realm="x", nonce="y"'),
)


class Rogue:
    """The peer. `call` and `act` are called from outside, at random times. What it does is counted in `happened`."""

    def __init__(self, network: VirtualNetwork, users: list[str], happened: Counter[str]) -> None:
        self.network = network
        self.happened = happened
        self.users = users
        self.chance = IdSource.seeded(f"rogue {network.seed}")
        self.messages: list[tuple[Request | Response, Flow | None]] = []
        self.stack: Stack
        self.node: VirtualNode[Any] = network.add(ROGUE, self._make)
        self._number = 0
        self._acts = 0

    def _make(self, stack: Stack) -> Rogue:
        self.stack = stack
        return self

    # What comes

    def receive(self, event: Effect, now: Moment) -> None:
        if isinstance(event, RequestReceived):
            if event.request.method != "ACK":
                if self.chance.number(10):
                    self.stack.accept(event.request, event.flow, now)
                else:
                    self.happened["rogue: request without a transaction"] += 1
            self._remember(event.request, event.flow)
            for _ in range(self.chance.number(3)):
                self._soon(partial(self._respond, event.request, event.flow))
        elif isinstance(event, ResponseReceived):
            self._remember(event.response, None)
            if event.response.cseq_method == "INVITE" and event.response.status < 300 and self.chance.number(3):
                # As it should be, or nothing would ever be set up.
                self._soon(partial(self._request_in_dialog, event.response, "ACK", event.response.cseq_number))
        else:
            return
        for _ in range(self.chance.number(4)):
            self._soon(self.act)

    def _soon(self, act: Callable[[], None]) -> None:
        def try_it() -> None:
            # What cannot even be written down is not sent.
            with suppress(SipError, ValueError):
                act()

        self.network.at(4 * self.chance.fraction() ** 2, self.node, try_it)

    def _remember(self, message: Request | Response, flow: Flow | None) -> None:
        self.messages = [*self.messages[1 - REMEMBERED :], (message, flow)]

    # What it does

    def register(self) -> None:
        """Be there for those who call."""
        draft = self._new("REGISTER", f"sip:{DOMAIN}").add("Contact", f"{CONTACT};expires=600")
        self.node.call(lambda now: self._send(draft, now))

    def call(self) -> None:
        """Call somebody, and be good for some more mischief."""
        self._acts += ACTS
        self.happened["rogue: calls"] += 1
        user = self.users[self.chance.number(len(self.users))]
        draft = self._new("INVITE", f"sip:{user}@{DOMAIN}").add("Contact", CONTACT)
        self._decorate(draft)
        self.node.call(lambda now: self._send(draft, now))

    def act(self) -> None:
        """Do something that comes to mind with a message that came."""
        if not self.messages or not self._acts:
            # Each act brings answers, and they the next acts: without a bound there would be no end to it.
            return
        self._acts -= 1
        message, flow = self.messages[self.chance.number(len(self.messages))]
        if isinstance(message, Request) and flow is not None and self.chance.number(2):
            self._respond(message, flow)
        elif self.chance.number(4):
            method = METHODS[self.chance.number(len(METHODS))]
            self.happened[f"rogue: {method} out of place"] += 1
            self._request_in_dialog(message, method, max(0, message.cseq_number + self.chance.number(4) - 1))
        else:
            self._send_damaged(message)

    def _respond(self, request: Request, flow: Flow) -> None:
        if request.method == "ACK":
            return
        statuses = STATUSES if self.chance.number(5) else STATUSES_OF_FAILURE
        status = statuses[self.chance.number(len(statuses))]
        tag = ("rogue", "other", None)[self.chance.number(8) % 3]
        self.happened[f"rogue: answer by a {status // 100}xx, however often"] += 1
        draft = reply(request, status, None, tag)
        if self.chance.number(5):
            draft.copy("Record-Route", request)
        elif request.holds("record-route"):
            self.happened["rogue: Record-Route left out"] += 1
        if self.chance.number(5):
            draft.add("Contact", CONTACT)
        self._decorate(draft)
        self.stack.reply_stateless(draft.response(), request, flow)

    def _request_in_dialog(self, message: Request | Response, method: str, number: int) -> None:
        contact = message.text("Contact")
        uri = contact.partition("<")[2].partition(">")[0] if contact else f"sip:{DOMAIN}"
        draft = new_request(method, uri or f"sip:{DOMAIN}")
        if self.chance.number(6):
            for value in message.texts("Record-Route"):
                draft.add("Route", value)
        sides = ("To", "From") if isinstance(message, Request) else ("From", "To")
        draft.add("From", message.text(sides[0]) or AOR).add("To", message.text(sides[1]) or AOR)
        draft.add("Call-ID", message.call_id).add("CSeq", f"{number} {method}").add("Max-Forwards", "70")
        if self.chance.number(5):
            draft.add("Contact", CONTACT)
        self._decorate(draft)
        self._send(draft, self.network.clock.now())

    def _send_damaged(self, message: Request | Response) -> None:
        """What came goes back with a line changed, left out, doubled, or some octets turned over."""
        lines = message.serialize().split(b"\r\n")
        line = self.chance.number(len(lines))
        way = self.chance.number(len(DAMAGES))
        self.happened[f"rogue: message with {DAMAGES[way]}"] += 1
        if way == 0:
            del lines[line]
        elif way == 1:
            lines.insert(line, lines[self.chance.number(len(lines))])
        elif way == 2:
            lines[line] = lines[line][: self.chance.number(len(lines[line]) + 1)]
        else:
            lines[line] = bytes(octet ^ (0 if self.chance.number(9) else 21) for octet in lines[line])
        self.network.transmit(self.node, self._flow(), b"\r\n".join(lines))

    def _decorate(self, draft: Draft) -> None:
        for _ in range(self.chance.number(2) * self.chance.number(3)):
            name, value = EXTRAS[self.chance.number(len(EXTRAS))]
            self.happened[f"rogue: {name} out of place"] += 1
            draft.add(name, value)
        body = SDP[self.chance.number(len(SDP))] if self.chance.number(4) else SDP[0]
        if body is not SDP[0]:
            self.happened["rogue: body that is no offer or answer"] += 1
        if body:
            draft.body(body, "application/sdp")

    def _new(self, method: str, uri: str) -> Draft:
        self._number += 1
        to = f"<{uri}>" if method != "REGISTER" else AOR
        draft = new_request(method, uri).add("From", f"{AOR};tag=r{self._number}").add("To", to)
        draft.add("Call-ID", f"rogue-{self._number}").add("CSeq", f"1 {method}")
        return draft.add("Max-Forwards", "70")

    def _send(self, draft: Draft, now: Moment) -> None:
        target = self.node.target_to(SERVER, 5060)
        if draft.request().method == "ACK":
            self.stack.send_ack(draft, target)
        else:
            self.stack.send(draft, target, now, self)

    def _flow(self) -> Flow:
        return Flow("UDP", f"udp:{ROGUE}:5060", (ROGUE, 5060), (SERVER, 5060))
