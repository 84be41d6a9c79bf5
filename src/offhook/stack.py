"""The engine: octets and the time go in; octets, events and the next deadline come out.

It ties the transaction machines to flows. It opens no socket, reads no clock and draws no random number; a driver
feeds it and carries out what `drain` gives, a role decides what becomes of requests. Every method makes one change
and queues what follows from it, so a role may call it while draining.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.clock import Moment, Timer
from offhook.errors import InvalidState, ParseError, ResolveFailed
from offhook.flow import Flow, Query, Target, default_port
from offhook.ids import IdSource
from offhook.sip.checks import routing_fault
from offhook.sip.message import Request, Response
from offhook.sip.parser import DEFAULT_LIMITS, Limits, parse
from offhook.sip.scan import scan_via
from offhook.sip.serializer import Draft, reply
from offhook.sip.status import phrase_for, telling_phrase
from offhook.transaction.capacity import Capacity
from offhook.transaction.client_invite import InviteClientTransaction, make_cancel
from offhook.transaction.client_non_invite import NonInviteClientTransaction
from offhook.transaction.effects import (
    Cancelled,
    Close,
    Connect,
    Effect,
    FlowClosed,
    RequestReceived,
    Resolve,
    Resolved,
    TimerFired,
    Transmit,
)
from offhook.transaction.machine import Event, Machine, State, Transaction
from offhook.transaction.server_invite import InviteServerTransaction
from offhook.transaction.server_non_invite import NonInviteServerTransaction
from offhook.transaction.stateless import StatelessBranches
from offhook.transaction.table import TransactionTable, server_key
from offhook.transaction.timers import TimerValues
from offhook.transaction.unavailable import UnavailableServers
from offhook.transaction.way_back import flow_back, flow_of_via, reply_to_broken

__all__ = ["CLOSED", "CONNECTED", "FAILED", "Counters", "RoleTimer", "ServerTransaction", "Stack"]

CONNECTED: Final = "connected"
CLOSED: Final = "closed"
FAILED: Final = "failed"
"""A connection that was refused, a write that failed, an ICMP error for an address."""

MOST_WAITING: Final = 10_000
"""How many may wait for look-ups at once; one more is told that there is no target."""

MANY: Final = 64
FAILURE_PAUSE: Final = 0.25
"""Seconds in which MANY transactions that send to one address hear of one failure of it, and not of each datagram's.

What was sent in between is sent again, and fails then.
"""

RETRY_AFTER: Final = 5
"""Seconds after which whoever was turned away may come again, at the earliest; by chance up to twice as many."""

ServerTransaction = InviteServerTransaction | NonInviteServerTransaction
ClientTransaction = InviteClientTransaction | NonInviteClientTransaction


class Counters:
    """What the engine has seen; a driver's metrics read it."""

    __slots__ = ("broken", "refused", "requests", "responses", "stray_responses", "turned_away")

    def __init__(self) -> None:
        self.requests = 0
        self.responses = 0
        self.broken = 0
        self.refused = 0
        self.stray_responses = 0
        self.turned_away = 0


class RoleTimer:
    """The owner of a timer that a role started: who is told, and of what."""

    __slots__ = ("event", "user")

    def __init__(self, user: object, event: str) -> None:
        self.user = user
        self.event = event


class Stack:
    """One engine.

    `ids` gives branches and tags; `secret` keys the branches of stateless forwarding and is the same in all workers.
    `resolve_now` answers a query at once or gives None when a look-up has to leave the process (RFC 3263).
    `advertised` says, by listener, what Via and Record-Route call us where that is not the local address. Beyond its
    `capacity` it turns requests away, and calls `on_turned_away` with each.
    """

    __slots__ = (
        "_asked",
        "_connections",
        "_failures",
        "_local_sides",
        "_names",
        "_resolve_now",
        "_sent_by",
        "_serial",
        "_stateless",
        "_streams",
        "_waiting",
        "advertised",
        "capacity",
        "counters",
        "ids",
        "limits",
        "on_turned_away",
        "transactions",
        "unavailable",
    )

    def __init__(
        self,
        ids: IdSource,
        secret: bytes,
        resolve_now: Callable[[Query], list[Target] | None],
        values: TimerValues | None = None,
        limits: Limits = DEFAULT_LIMITS,
        capacity: Capacity | None = None,
    ) -> None:
        self.ids = ids
        self.limits = limits
        self.capacity = Capacity() if capacity is None else capacity
        self.on_turned_away: Callable[[Request, Flow, Moment], None] = _nobody
        self.counters = Counters()
        self.advertised: dict[str, str] = {}
        self.transactions = TransactionTable(TimerValues() if values is None else values)
        self.unavailable = UnavailableServers()
        self._resolve_now = resolve_now
        self._stateless = StatelessBranches(secret)
        self._streams: dict[str, Flow] = {}
        self._connections: dict[str, Flow] = {}
        self._names: dict[str, str] = {}
        self._asked: dict[str, list[tuple[object, object]]] = {}
        self._failures: dict[str, float] = {}
        self._waiting = 0
        self._sent_by: dict[str, tuple[str, int]] = {}
        self._local_sides: dict[str, Flow] = {}
        self._serial = 0

    # What the driver puts in

    def receive(self, data: bytes, flow: Flow, now: Moment) -> None:
        """Take a datagram, or one whole message of a stream, that came over `flow`."""
        try:
            message = parse(data, self.limits)
        except ParseError as error:
            self._refuse(error, flow)
            return
        try:
            if isinstance(message, Request):
                self._receive_request(message, flow, now)
            else:
                self._receive_response(message, flow, now)
        except ParseError as error:
            # What can be scanned may still be broken where matching reads on, such as a lower Via.
            self.counters.broken += 1
            if isinstance(message, Request):
                self._refuse_broken(message, flow, error)

    def flow_changed(self, flow: Flow, state: str, reason: str, now: Moment) -> None:
        """A stream is CONNECTED or CLOSED; a connection, a write or an address has FAILED.

        CLOSED is a flow of datagrams too whose own address this machine has no more.
        """
        if state == CONNECTED:
            self._streams[flow.key] = flow
            return
        if flow.reliable:
            self._streams.pop(flow.key, None)
            name = self._names.pop(flow.key, None)
            if name is not None:
                del self._connections[name]
        elif self._is_known_failure(flow, now):
            return
        if state == FAILED and not flow.accepted:
            self.unavailable.failed(flow, now)
        effects = self.transactions.effects
        before = len(effects)
        for transaction in list(self.transactions.over_flow.get(flow.key, ())):
            # A server transaction whose connection has ended opens another when it has something to send (18.2.2).
            if not isinstance(transaction, ServerTransaction) or (state == FAILED and transaction.response is not None):
                transaction.fire(Event.TRANSPORT_ERROR, None, now)
        self.transactions.explain(before, reason)
        effects.append(FlowClosed(flow, reason))

    def resolved(self, query: Query, answer: list[Target] | ResolveFailed, now: Moment) -> None:
        """The answer to a Resolve: targets in the order in which to try them, or why there are none."""
        failed = answer if isinstance(answer, ResolveFailed) else None
        targets = [] if isinstance(answer, ResolveFailed) else answer
        if failed is None and not targets:
            failed = ResolveFailed(f"{query.host} has no usable address")
        for user, token in self._asked.pop(query.key, []):
            self._waiting -= 1
            self.transactions.effects.append(Resolved(user, token, targets, failed))

    def next_deadline(self) -> float | None:
        """The monotonic second at which `advance` has something to do, or None."""
        return self.transactions.timers.next_deadline()

    @property
    def earliest_deadline(self) -> float:
        """The monotonic second before which `advance` has nothing to do; `next_deadline` may say later, and looks."""
        return self.transactions.timers.earliest

    def advance(self, now: Moment) -> None:
        """Let all timers that are due fire, in the order of their deadlines."""
        timers = self.transactions.timers
        due = timers.take_due(now)
        while due is not None:
            owner, event = due
            if isinstance(owner, Machine):
                if (event == Event.TIMER_B or event == Event.TIMER_F) and isinstance(owner, Transaction):
                    self._hear_nothing(owner, now)
                owner.fire(event, None, now)
            elif isinstance(owner, RoleTimer):
                self.transactions.effects.append(TimerFired(owner.user, event))
            due = timers.take_due(now)

    @property
    def pending(self) -> list[Effect]:
        """What has been queued, in order, as it stands: more may be added while it is gone through, then clear it."""
        return self.transactions.effects

    def drain(self) -> list[Effect]:
        """Take everything that has been queued, in order."""
        effects = self.transactions.effects
        self.transactions.effects = []
        return effects

    def new_serial(self) -> int:
        """A number for a new stream of this engine; the driver asks for those that it accepts."""
        self._serial += 1
        return self._serial

    # What a role asks for: requests that were received

    def accept(self, request: Request, flow: Flow, now: Moment, user: object | None = None) -> ServerTransaction:
        """Make the server transaction of a request (RFC 3261 17.2).

        Raises InvalidState for an ACK and for a request that has one already, ParseError.
        """
        method = request.method
        if method == "ACK":
            raise InvalidState("an ACK has no transaction of its own")
        key = server_key(request, method)
        if key in self.transactions.servers:
            raise InvalidState(f"this {method} has a transaction already")
        back = flow_back(request, flow)
        transaction: ServerTransaction
        if method == "INVITE":
            transaction = InviteServerTransaction(self.transactions, key, request, back, flow)
        else:
            transaction = NonInviteServerTransaction(self.transactions, key, request, back, flow)
        transaction.user = user
        self.transactions.add_server(transaction)
        transaction.begin(now)
        return transaction

    def respond(self, transaction: ServerTransaction, response: Response, now: Moment) -> None:
        """Send a response over a server transaction. Raises InvalidState after a final one."""
        flow = transaction.flow
        if flow.reliable and flow.key not in self._streams and transaction.state is not State.TERMINATED:
            self.transactions.move(transaction, self._reopen(transaction.request, flow))
        transaction.respond(response, now)

    def refuse(
        self,
        request: Request,
        flow: Flow,
        status: int,
        headers: tuple[tuple[str, str], ...] = (),
        reason: str | None = None,
    ) -> None:
        """Answer a request without a transaction, with a To tag that its retransmissions get too (RFC 3261 8.2.7).

        `reason` is the phrase where it is another than the registered one. An ACK is dropped. Raises ParseError.
        """
        if request.method == "ACK":
            return
        self.counters.refused += 1
        draft = reply(request, status, reason, self._stateless.tag(request))
        for name, value in headers:
            draft.add(name, value)
        self.reply_stateless(draft.response(), request, flow)

    def turn_away(self, request: Request, flow: Flow, now: Moment) -> None:
        """Answer a request that there is no room for: 503, and when to come again (RFC 3261 21.5.4). Raises ParseError.

        All who are turned away at once do not come again at once.
        """
        self.counters.turned_away += 1
        self.refuse(request, flow, 503, (self.retry_after(),))
        self.on_turned_away(request, flow, now)

    def retry_after(self) -> tuple[str, str]:
        """The Retry-After of whoever is turned away."""
        return ("Retry-After", str(RETRY_AFTER + self.ids.number(RETRY_AFTER + 1)))

    def reply_stateless(self, response: Response, request: Request, flow: Flow) -> None:
        """Send a response without a transaction (RFC 3261 8.2.7). Raises ParseError."""
        self.transactions.effects.append(Transmit(response.serialize(), flow_back(request, flow)))

    # What a role asks for: requests of its own

    def resolve(self, query: Query, user: object, token: object) -> list[Target] | None:
        """The targets of a query at once, or None: a Resolved event for `user` follows then (RFC 3263).

        No target at all when too many wait already.
        """
        targets = self._resolve_now(query)
        if targets is not None:
            return targets
        if self._waiting >= MOST_WAITING:
            return []
        self._waiting += 1
        asked = self._asked.get(query.key)
        if asked is None:
            self._asked[query.key] = [(user, token)]
            self.transactions.effects.append(Resolve(query))
        else:
            asked.append((user, token))
        return None

    def resolve_now(self, query: Query) -> list[Target] | None:
        """The targets of a query where nobody has to be asked, and the same each time; None otherwise."""
        return self._resolve_now(query)

    def send(
        self, draft: Draft, target: Target, now: Moment, user: object | None = None, mark: str = ""
    ) -> ClientTransaction:
        """Send a request in a client transaction of its own; the Via is written here. Not for ACK.

        `draft` has no Via of ours yet; it is finished here. `mark` becomes the second part of the branch, by which a
        proxy knows loops (RFC 5393 4.2.1).
        """
        branch = f"{self.ids.branch()}-{mark}" if mark else self.ids.branch()
        request = self._with_via(draft, target, branch)
        method = request.method
        if method == "ACK":
            raise InvalidState("an ACK has no transaction of its own")
        flow = self.flow_to(target)
        host, port = self._own_host_and_port(target)
        key = (branch.encode("ascii"), host, port, method)
        transaction: ClientTransaction
        if method == "INVITE":
            transaction = InviteClientTransaction(self.transactions, key, request, flow, user)
        else:
            transaction = NonInviteClientTransaction(self.transactions, key, request, flow, user)
        self.transactions.add_client(transaction)
        transaction.begin(now)
        return transaction

    def send_ack(self, draft: Draft, target: Target) -> Request:
        """Send the ACK to a 2xx (RFC 3261 13.2.2.4): no transaction, a branch of its own. Returns it as sent."""
        request = self._with_via(draft, target, self.ids.branch())
        self.transmit(request, target)
        return request

    def transmit(self, request: Request, target: Target) -> None:
        """Send a finished request once more, as it is."""
        self.transactions.effects.append(Transmit(request.serialize(), self.flow_to(target)))

    def cancel(self, transaction: Transaction, now: Moment, reason: str | None = None) -> None:
        """Cancel an INVITE that was sent (RFC 3261 9.1); nothing happens once it has a final response.

        The CANCEL waits for a provisional response. `reason` is the value of its Reason header.
        """
        if not isinstance(transaction, InviteClientTransaction) or transaction.cancel_wanted:
            return
        transaction.cancel_wanted = True
        transaction.cancel_reason = reason
        if transaction.state is State.PROCEEDING:
            self._send_cancel(transaction, now)

    def forward_stateless(self, draft: Draft, request: Request, target: Target, arrival: Flow) -> None:
        """Forward a request without state (RFC 3261 16.11): its branch is a keyed hash of the received message."""
        host, port = self._own_host_and_port(target)
        branch = self._stateless.branch(request, arrival, host, port)
        if not arrival.reliable:
            self._local_sides.setdefault(arrival.way, arrival)
        forwarded = self._with_via(draft, target, branch)
        self.transactions.effects.append(Transmit(forwarded.serialize(), self.flow_to(target)))

    # What a role asks for: the rest

    def start_timer(self, delay: float, user: object, event: str, now: Moment) -> Timer:
        """Start a timer of a role: a TimerFired for `user` follows after `delay` seconds."""
        return self.transactions.timers.start(delay, RoleTimer(user, event), event, now)

    def cancel_timer(self, timer: Timer) -> None:
        """Stop a timer of a role."""
        self.transactions.timers.cancel(timer)

    def close(self, flow: Flow) -> None:
        """Close a stream once what was sent over it is written."""
        self.transactions.effects.append(Close(flow))

    def is_open(self, flow: Flow) -> bool:
        """Whether a flow can carry something: a stream that lives, or any flow of datagrams."""
        return not flow.reliable or flow.key in self._streams

    def target_over(self, flow: Flow) -> Target:
        """The target at the other end of an established flow."""
        host, port = flow.remote
        return Target(flow.transport, host, port, flow.listener, flow.local, self.sent_by(flow), flow=flow)

    def sent_by(self, flow: Flow) -> str:
        """What our side of a flow is called in Via and Record-Route."""
        host, port = flow.local
        written = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return self.advertised.get(flow.listener, written) if self.advertised else written

    def flow_to(self, target: Target) -> Flow:
        """The flow to a target: its own, a connection that we opened before, or a new one (RFC 3261 18, RFC 5923)."""
        flow = target.flow or target.datagrams
        if flow is not None:
            return flow
        remote = (target.host, target.port)
        if target.transport == "UDP":
            flow = target.datagrams = Flow("UDP", target.listener, target.local, remote)
            return flow
        name = f"{target.transport}/{target.listener}/{target.host}/{target.port}/{target.server_name}"
        flow = self._connections.get(name)
        if flow is None:
            serial = self.new_serial()
            flow = Flow(target.transport, target.listener, target.local, remote, self.ids.origin, serial)
            self._connections[name] = flow
            self._names[flow.key] = name
            self._streams[flow.key] = flow
            self.transactions.effects.append(Connect(flow, target))
        return flow

    # Within

    def _with_via(self, draft: Draft, target: Target, branch: str) -> Request:
        rport = ";rport" if target.transport == "UDP" else ""
        line = f"Via: SIP/2.0/{target.transport} {target.sent_by};branch={branch}{rport}"
        return draft.push_line("via", line.encode("utf-8", "surrogateescape")).request()

    def _own_host_and_port(self, target: Target) -> tuple[str, int]:
        """The host and port of our sent-by towards a target; the transport's own port where none is said."""
        sent_by = self._sent_by.get(target.sent_by)
        if sent_by is None:
            via = scan_via(f"SIP/2.0/{target.transport} {target.sent_by}".encode("utf-8", "surrogateescape"))
            sent_by = self._sent_by[target.sent_by] = (via.host, via.port)
        return sent_by[0], sent_by[1] or default_port(target.transport)

    def _is_known_failure(self, flow: Flow, now: Moment) -> bool:
        """Whether many send to an address that has just failed: calls that wait there would each hear of each other."""
        over = self.transactions.over_flow.get(flow.key)
        if over is None or len(over) < MANY:
            return False
        if now.monotonic - self._failures.get(flow.key, float("-inf")) < FAILURE_PAUSE:
            return True
        if len(self._failures) >= MANY:
            self._failures.clear()
        self._failures[flow.key] = now.monotonic
        return False

    def _receive_request(self, request: Request, flow: Flow, now: Moment) -> None:
        self.counters.requests += 1
        request.stamp_via(flow.remote[0], flow.remote[1])
        transaction = self.transactions.match_request(request)
        if transaction is not None:
            if transaction.flow.reliable and transaction.flow.key not in self._streams:
                # The client has come back over another connection: that is where it waits for the answer.
                self.transactions.move(transaction, flow_back(request, flow))
            if isinstance(transaction, InviteServerTransaction):
                transaction.receive(request, now)
            elif isinstance(transaction, NonInviteServerTransaction):
                transaction.receive(request, now)
            return
        fault = routing_fault(request)
        if fault is not None:
            status = fault.status or 400
            warning = ("Warning", f'399 offhook "{fault.reason}"')
            self.refuse(request, flow, status, (warning,), telling_phrase(status, fault.reason))
            return
        if not self.capacity.has_room(self.transactions) and self.capacity.refuses(request, self.transactions):
            self.turn_away(request, flow, now)
            return
        if request.method == "CANCEL" and self._receive_cancel(request, flow, now):
            return
        self.transactions.effects.append(RequestReceived(request, flow))

    def _receive_cancel(self, request: Request, flow: Flow, now: Moment) -> bool:
        """Answer a CANCEL whose INVITE is known and tell the INVITE's user (RFC 3261 9.2, 16.10)."""
        invite = self.transactions.servers.get(server_key(request, "INVITE"))
        if not isinstance(invite, InviteServerTransaction):
            return False
        if invite.to_tag is None:
            # 9.2: the tag that the response to the INVITE bears too.
            given = None if invite.response is None else invite.response.to_tag
            invite.to_tag = given or self.ids.tag()
        transaction = self.accept(request, flow, now)
        self.respond(transaction, reply(request, 200, None, invite.to_tag).response(), now)
        if not invite.answered and not invite.cancelled:
            invite.cancelled = True
            self.transactions.effects.append(Cancelled(request, invite))
        return True

    def _receive_response(self, response: Response, flow: Flow, now: Moment) -> None:
        self.counters.responses += 1
        if response.truncated:
            self.counters.broken += 1  # 18.3: discarded, for nobody can be told
            return
        transaction = self.transactions.match_response(response)
        if transaction is not None:
            self.unavailable.answered(transaction.flow)
            if response.status == 503:
                self.unavailable.note(response, transaction.flow, now)
        if isinstance(transaction, InviteClientTransaction):
            transaction.receive(response, now)
            if transaction.cancel_wanted and not transaction.cancelled and transaction.state is State.PROCEEDING:
                self._send_cancel(transaction, now)
        elif isinstance(transaction, NonInviteClientTransaction):
            transaction.receive(response, now)
        elif not self._return_stateless(response, flow):
            # RFC 6026 7.3: a response that no transaction waits for goes nowhere.
            self.counters.stray_responses += 1

    def _hear_nothing(self, transaction: Transaction, now: Moment) -> None:
        """A request is out of time: without any response at all its server counts as dead (RFC 3263 4.3)."""
        if transaction.state is State.CALLING or transaction.state is State.TRYING:
            self.unavailable.failed(transaction.flow, now)

    def _return_stateless(self, response: Response, flow: Flow) -> bool:
        """Forward the response to a request that was forwarded without state, if its branch proves to be ours."""
        verified = self._stateless.verify(response)
        if verified is None:
            return False
        way, onwards = verified
        back: Flow | None
        if way.isdigit():
            back = self._streams.get(f"{onwards.top_via.transport}/{self.ids.origin}/{way}")
        else:
            # After a restart, or in another worker, the socket that the answer came to has to do.
            back = flow_of_via(onwards, self._local_sides.get(way, flow))
        if back is not None:
            self.transactions.effects.append(Transmit(onwards.serialize(), back))
        return True

    def _send_cancel(self, invite: InviteClientTransaction, now: Moment) -> None:
        request = make_cancel(invite.request, invite.cancel_reason)
        invite.cancel_sent(now)
        key = (invite.key[0], invite.key[1], invite.key[2], "CANCEL")
        transaction = NonInviteClientTransaction(self.transactions, key, request, invite.flow, None)
        self.transactions.add_client(transaction)
        transaction.begin(now)

    def _reopen(self, request: Request, flow: Flow) -> Flow:
        """A connection for responses whose own is gone: to the source address and the port of sent-by (18.2.2)."""
        via = request.top_via
        port = via.port or default_port(flow.transport)
        host, _ = flow.remote
        server_name = via.host if flow.secure else ""
        sent_by = self.sent_by(flow)
        return self.flow_to(Target(flow.transport, host, port, flow.listener, flow.local, sent_by, server_name))

    def _refuse_broken(self, request: Request, flow: Flow, error: ParseError) -> None:
        try:
            self.refuse(request, flow, error.status, (), phrase_for(error))
        except ParseError:
            return

    def _refuse(self, error: ParseError, flow: Flow) -> None:
        self.counters.broken += 1
        answer = reply_to_broken(error, flow, self.ids.tag())
        if answer is not None:
            response, back = answer
            self.transactions.effects.append(Transmit(response.serialize(), back))


def _nobody(request: Request, flow: Flow, now: Moment) -> None:
    """Stands where nobody wants to know who was turned away."""
