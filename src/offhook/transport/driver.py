"""The driver: ties an engine to sockets, to DNS and to the clock.

driver = Driver(MyRole, [Listener("UDP", "127.0.0.1"), Listener("TCP", "127.0.0.1")])
await driver.start()
driver.stack.send(draft, target, driver.now())
driver.flush()
await driver.close()
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from offhook import clock
from offhook.clock import Moment
from offhook.errors import InvalidState, ResolveFailed, TransportFailed
from offhook.flow import Flow, Query, Target, is_reliable, is_secure
from offhook.ids import IdSource
from offhook.sip.framing import PING
from offhook.sip.message import Request
from offhook.sip.parser import DEFAULT_LIMITS, Limits
from offhook.sip.serializer import reply
from offhook.stack import CLOSED, FAILED, ServerTransaction, Stack
from offhook.transaction.capacity import Capacity
from offhook.transaction.effects import REQUEST, Close, Connect, Effect, RequestReceived, Resolve, Transmit
from offhook.transaction.timers import TimerValues
from offhook.transport.connection import StreamLimits
from offhook.transport.dns import DnsClient
from offhook.transport.listener import Listener, bind_all, bind_more
from offhook.transport.local_address import LocalAddress, LocalAddresses
from offhook.transport.resolver import Resolver
from offhook.transport.streams import Streams
from offhook.transport.tcp import StreamListener
from offhook.transport.tls import client_context, server_context
from offhook.transport.udp import UdpSocket

__all__ = ["IN", "OUT", "Driver", "Role", "Tap"]

_log = logging.getLogger(__name__)

IN: Final = "in"
OUT: Final = "out"

Tap = Callable[[str, bytes, Flow, Moment], None]
"""What sees every message: IN or OUT, its octets, its flow, the moment."""

_SLACK: Final = 0.005
"""Seconds by which a timer may be late, so that a busy engine does not wake for each one."""
_MOST_LOOKUPS: Final = 1000


class Role(Protocol):
    """What decides for an engine: a user agent, a proxy, a registrar."""

    def receive(self, event: Effect, now: Moment) -> None:
        """Take one event of the engine (those of `kind` REQUEST and above). It may call the engine at once."""


RoleType = TypeVar("RoleType", bound=Role)


class Driver(Generic[RoleType]):
    """One engine at work on one event loop.

    `make_role` gets the engine and gives the role that decides for it. `secret` keys the branches of stateless
    forwarding and is the same in all workers. `tap` sees every message in and out. All else has defaults; `ids` and
    `secret` are random then.

    What calls the engine from outside of `Role.receive`, such as a coroutine of a user agent, passes `now()` and calls
    `flush` afterwards.
    """

    def __init__(
        self,
        make_role: Callable[[Stack], RoleType],
        listeners: Sequence[Listener],
        *,
        ids: IdSource | None = None,
        secret: bytes | None = None,
        dns: DnsClient | None = None,
        values: TimerValues | None = None,
        limits: Limits = DEFAULT_LIMITS,
        stream_limits: StreamLimits | None = None,
        capacity: Capacity | None = None,
        tap: Tap | None = None,
    ) -> None:
        ids = IdSource() if ids is None else ids
        self.tap = tap
        self.is_preferred: Callable[[tuple[str, int]], bool] = _everybody
        """Whose requests are taken when more come than can be answered; without a role's word all are alike."""
        self.addresses = LocalAddresses()
        self._dns = DnsClient() if dns is None else dns
        self._resolver = Resolver(self._dns, self.addresses)
        secret = f"{ids.unique()}{ids.unique()}".encode("ascii") if secret is None else secret
        self.stack = Stack(ids, secret, self._resolver.resolve_now, values, limits, capacity)
        self.role = make_role(self.stack)
        self._listeners = tuple(listeners)
        self._stream_limits = StreamLimits() if stream_limits is None else stream_limits
        self._streams: Streams | None = None
        self._udp: dict[tuple[str, int], UdpSocket] = {}
        self._ports: list[int] = []
        self._accepting: list[StreamListener] = []
        self._lookups: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._draining = False
        self._started = False
        self._loop: asyncio.AbstractEventLoop | None = None

    # Its life

    async def start(self) -> None:
        """Bind all listeners and begin to take messages.

        Raises ConfigError (a certificate that cannot be used, two listeners alike) and TransportFailed (a port in use,
        an address that this machine has not), each with one sentence; nothing is left open then.
        """
        if self._started:
            raise InvalidState("a driver starts once")
        self._started = True
        loop = asyncio.get_running_loop()
        streams = Streams(
            self, loop, self._stream_limits, self.stack.limits, self.stack.new_serial, self.stack.ids.origin
        )
        secure = [listener for listener in self._listeners if is_secure(listener.transport)]
        contexts = {listener.name: server_context(listener.tls) for listener in secure if listener.accepts}
        for listener in secure:
            streams.add_listener(listener)
        bound = bind_all(self._listeners)
        self._loop = loop
        self._streams = streams
        for one in bound:
            if not is_reliable(one.listener.transport):
                self._udp[one.local] = UdpSocket(one, self, loop)
            else:
                self._accepting.append(StreamListener(one, streams, loop, contexts.get(one.listener.name)))
        for listener in self._listeners:
            ports = [one.local[1] for one in bound if one.listener is listener]
            self._ports.append(ports[0] if ports else listener.port or 5061)
        self._note_addresses()
        self.flush()

    async def close(self) -> None:
        """Stop: what is written to connections still leaves, nothing more is taken. Once more, it does nothing."""
        self._stop_timer()
        for listener in self._accepting:
            listener.close()
        self._accepting.clear()
        lookups = list(self._lookups)
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)
        if self._streams is not None:
            await self._streams.stop()
        for udp in self._udp.values():
            udp.close()
        self._udp.clear()
        self._loop = None
        self._stop_timer()
        await self._dns.close()

    def renew_certificates(self) -> None:
        """Read the files of all TLS listeners anew, for the connections to come; those that stand stay as they are.

        Raises ConfigError for a file that cannot be used; all goes on with what was read before then.
        """
        secure = [listener for listener in self._listeners if is_secure(listener.transport)]
        accepting = {listener.name: server_context(listener.tls) for listener in secure if listener.accepts}
        connecting = {listener.name: client_context(listener.tls) for listener in secure}
        for listening in self._accepting:
            if listening.name in accepting:
                listening.context = accepting[listening.name]
        if self._streams is not None:
            self._streams.connect_with(connecting)

    def readdress(self) -> frozenset[str]:
        """Take note that this machine's addresses or routes have changed; returns the local addresses that there are.

        Wildcard listeners are bound to the addresses that came. What is under way from those that went has failed,
        connections too, and everything is resolved anew.
        """
        now = clock.now()
        for listener, port in zip(self._listeners, self._ports, strict=False):
            if listener.wildcard and not is_reliable(listener.transport):
                self._follow(listener, port, _hosts_of(listener))
        self._note_addresses()
        self._resolver.forget()
        hosts = frozenset([address.host for address in self.addresses])
        over = self.stack.transactions.over_flow.values()
        lost = {transaction.flow.key: transaction.flow for transactions in over for transaction in transactions}
        for flow in lost.values():
            if not flow.reliable and flow.local[0] not in hosts:
                reason = f"{flow.local[0]} is no address of this machine any more"
                # Closed, not failed: nothing is said about whoever is at the other end.
                self.stack.flow_changed(flow, CLOSED, reason, now)
        if self._streams is not None:
            self._streams.leave(hosts, now)
        self.flush()
        return hosts

    def _follow(self, listener: Listener, port: int, hosts: list[str]) -> None:
        """Have one UDP socket for each address of a wildcard, and no others."""
        for local in [local for local, udp in self._udp.items() if udp.listener == listener.name]:
            if local[0] not in hosts:
                self._udp.pop(local).close()
        for host in hosts:
            if self._loop is not None and (host, port) not in self._udp:
                try:
                    bound = bind_more(listener, host, port)
                except TransportFailed as error:
                    _log.warning("%s", error)
                else:
                    self._udp[bound.local] = UdpSocket(bound, self, self._loop)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def connections(self) -> int:
        """How many connections there are, those that are being opened too."""
        return 0 if self._streams is None else len(self._streams)

    @property
    def lookups(self) -> int:
        """How many names are being looked up."""
        return len(self._lookups)

    def now(self) -> Moment:
        """The present moment."""
        return clock.now()

    def flush(self) -> None:
        """Carry out what the engine was asked for, let the role take its events, and set the timer."""
        now = clock.now()
        self._drain(now)
        self.settle(now)

    def keep_alive(self, flow: Flow, answered: bool = False) -> None:
        """Keep the flow open through a NAT (RFC 5626 4.4.1).

        An empty line pair, which nobody answers as a datagram. Over a stream the flow has failed when a peer does not
        answer that has said that it will (`answered`), or that has answered before.
        """
        now = clock.now()
        if flow.reliable and self._streams is not None:
            self._streams.ping(flow, now, answered)
        elif flow.local in self._udp:
            self._udp[flow.local].send(PING, flow, now)
        self.flush()

    def _note_addresses(self) -> None:
        """Note by which addresses the listeners are reached; one that only connects has those of its host."""
        self.addresses.clear()
        for listener, port in zip(self._listeners, self._ports, strict=True):
            for host in _hosts_of(listener):
                if is_reliable(listener.transport) or (host, port) in self._udp:
                    self.addresses.add(LocalAddress(listener, host, port))
            if listener.advertise is not None:
                self.stack.advertised[listener.name] = listener.sent_by("", port)

    # What the sockets bring

    def receive(self, data: bytes, flow: Flow, now: Moment) -> None:
        """Take a datagram or a whole message of a stream."""
        if self.tap is not None:
            self.tap(IN, data, flow, now)
        try:
            self.stack.receive(data, flow, now)
        except Exception:
            # A fault of ours in one message must not stop all others.
            _log.exception("a message from %s:%d was dropped", *flow.remote)
        self._drain(now)

    def sent(self, data: bytes, flow: Flow, now: Moment) -> None:
        """Take note that a message that had to wait for its connection has been written."""
        if self.tap is not None:
            self.tap(OUT, data, flow, now)

    def flow_changed(self, flow: Flow, state: str, reason: str, now: Moment) -> None:
        """Take note that a stream stands or ended, or that an address cannot be reached."""
        self.stack.flow_changed(flow, state, reason, now)
        self._drain(now)

    def not_sent(self, data: bytes, flow: Flow, reason: str, now: Moment) -> None:
        """Take note that a datagram cannot be sent, though its address may well be reached."""
        self.stack.transactions.not_sent(data, flow, reason, now)
        self._drain(now)

    def prefers(self, remote: tuple[str, int]) -> bool:
        """Whether requests from a remote side are taken when not all can be."""
        return self.is_preferred(remote)

    def settle(self, now: Moment) -> None:
        """Let the one timer handle stand no later than the engine's next deadline."""
        timer = self._timer
        if timer is not None and self._timer_due <= max(now.monotonic, self.stack.earliest_deadline) + _SLACK:
            return  # it looks again by itself, soon enough
        due = self.stack.next_deadline()
        if due is None or self._loop is None:
            return
        if timer is not None:
            if self._timer_due <= due + _SLACK:
                return
            timer.cancel()
        delay = max(due - now.monotonic, _SLACK)
        self._timer_due = now.monotonic + delay
        self._timer = self._loop.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = clock.now()
        try:
            self.stack.advance(now)
        except Exception:
            _log.exception("a timer failed")
        self._drain(now)
        self.settle(now)

    # What the engine gives out

    def _drain(self, now: Moment) -> None:
        if self._draining:
            return  # a role or a failed write called back: whoever drains goes on with what they queued
        self._draining = True
        udp = self._udp
        tap = self.tap
        try:
            # What follows from an effect is added to the list while it is gone through.
            for effect in self.stack.pending:
                try:
                    if isinstance(effect, Transmit):
                        flow = effect.flow
                        socket = None if flow.reliable else udp.get(flow.local)
                        if socket is None:
                            self._transmit_elsewhere(effect.data, flow, now)
                            continue
                        if tap is not None:
                            tap(OUT, effect.data, flow, now)
                        socket.send(effect.data, flow, now)
                    elif effect.kind >= REQUEST:
                        self.role.receive(effect, now)
                    else:
                        self._carry_out(effect, now)
                except Exception:
                    # A fault of ours, or of a role's, must not lose what comes behind it.
                    _log.exception("a %s was dropped", type(effect).__name__)
                    if isinstance(effect, RequestReceived):
                        self._excuse(effect.request, effect.flow, now)
        finally:
            self.stack.pending.clear()
            self._draining = False

    def _excuse(self, request: Request, flow: Flow, now: Moment) -> None:
        """Answer a request that a fault kept from its answer (RFC 3261 21.5.1): its sender and its transaction wait."""
        stack = self.stack
        try:
            transaction = stack.transactions.match_request(request)
            if transaction is None:
                stack.refuse(request, flow, 500)
            elif isinstance(transaction, ServerTransaction) and not transaction.answered:
                tag = transaction.to_tag or stack.ids.tag()
                stack.respond(transaction, reply(request, 500, None, tag).response(), now)
        except Exception:
            _log.exception("a %s was not answered", request.method)

    def _transmit_elsewhere(self, data: bytes, flow: Flow, now: Moment) -> None:
        """Send over a stream; or find that the listener of a stored flow is no more."""
        if not flow.reliable:
            reason = f"no listener at {flow.local[0]}:{flow.local[1]} any more"
            self.stack.flow_changed(flow, FAILED, reason, now)
        elif self._streams is not None and self._streams.transmit(flow, data, now):
            self.sent(data, flow, now)

    def _carry_out(self, effect: Effect, now: Moment) -> None:
        if isinstance(effect, Connect) and self._streams is not None:
            self._streams.connect(effect.flow, effect.target)
        elif isinstance(effect, Close) and self._streams is not None:
            self._streams.close(effect.flow, now)
        elif isinstance(effect, Resolve):
            self._look_up(effect.query, now)

    def _look_up(self, query: Query, now: Moment) -> None:
        if self._loop is None or len(self._lookups) >= _MOST_LOOKUPS:
            self.stack.resolved(query, ResolveFailed(f"{query.host}: too many look-ups are under way"), now)
            return
        lookup = self._loop.create_task(self._resolve(query))
        self._lookups.add(lookup)
        lookup.add_done_callback(self._lookups.discard)

    async def _resolve(self, query: Query) -> None:
        answer: list[Target] | ResolveFailed
        try:
            answer = await self._resolver.resolve(query)
        except ResolveFailed as error:
            answer = error
        except Exception as error:
            _log.exception("the look-up of %s failed", query.host)
            answer = ResolveFailed(f"{query.host} cannot be looked up: {error}")
        now = clock.now()
        self.stack.resolved(query, answer, now)
        self._drain(now)
        self.settle(now)


def _hosts_of(listener: Listener) -> list[str]:
    """The local addresses that a listener stands for now, possibly none."""
    try:
        return listener.hosts()
    except TransportFailed:
        return []


def _everybody(remote: tuple[str, int]) -> bool:
    """Stands where nobody is preferred to others."""
    return True
