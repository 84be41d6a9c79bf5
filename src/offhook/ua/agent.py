"""`UserAgent`: a phone without a screen, in asyncio.

async with UserAgent("sip:alice@example.com", password="...") as ua:
    call = await ua.invite("sip:bob@example.com", play="hello.wav", record="heard.wav", on_progress=print)
    await call.hang_up()

    async for call in ua.incoming():
        await call.answer(record="them.wav")

It registers, refreshes and unregisters by itself. All decisions are those of `offhook.ua.core`; here they meet
sockets, clocks and tasks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from offhook.clock import Moment
from offhook.errors import ConfigError, InvalidState, ParseError, SipError, TransportFailed
from offhook.security.digest_client import Secret
from offhook.sip.headers.address import NameAddr
from offhook.sip.message import Response
from offhook.sip.parser import DEFAULT_LIMITS, Limits
from offhook.sip.uri import SipUri, Uri, parse_uri
from offhook.stack import Stack
from offhook.transaction.timers import TimerValues
from offhook.transport.address_watch import AddressWatch
from offhook.transport.carriers import LISTENED
from offhook.transport.dns import DnsClient
from offhook.transport.driver import Driver, Tap
from offhook.transport.interfaces import family_of
from offhook.transport.listener import written
from offhook.transport.rtp import DEFAULT_PORTS, even_ports
from offhook.transport.tls import TlsSettings
from offhook.ua.accept import ServerInvite
from offhook.ua.audio import AudioPort, AudioProvider, Playable, check_playable, check_recordable
from offhook.ua.call import Call, IncomingCall
from offhook.ua.core import UserAgentCore
from offhook.ua.events import Failure, Progress
from offhook.ua.invite import ClientInvite
from offhook.ua.keep_alive import KEEP_ALIVE, keep_alive_forever
from offhook.ua.listeners import listeners_for
from offhook.ua.message import ReceivedMessage
from offhook.ua.settings import Settings
from offhook.ua.waiting import CallSignals, Inbox, call_hook

__all__ = ["UserAgent"]

_log = logging.getLogger(__name__)

MOST_MESSAGES: Final = 1000
"""How many messages may wait for whoever iterates over them."""

Item = TypeVar("Item")


class UserAgent:
    """A user agent for one address-of-record. Use it as an async context manager, or call `start` and `close`.

    `aor` is its SIP URI, `password` answers challenges for `username` (by default the user of the URI) in one `realm`
    (by default that of its own domain: see `offhook.ua.keyring`).
    `outbound_proxy`: a URI that every request goes to first. `transport`: "udp", "tcp" or "tls" for URIs that name
    none; by default RFC 3263 decides. `local`: "host", "host:port" or a numeric wildcard to bind; by default every
    address of this machine, on a port that the kernel chooses. `advertise`: how peers reach us, where that is another
    address. `tls`: certificates to trust and to show.

    With `register` the address-of-record is registered for `expires` seconds at a time. `keep_alive`: seconds between
    the datagrams that keep a NAT open towards the registrar, at most; over a connection it is four times as long, and
    one whose peer answers no more is given up for a new one. None sends none. When the machine's address changes the
    agent registers anew, and its calls go on from the new address; one that cannot is ended.

    `longest_call`, `ring_time`, `answer_time` (seconds) and `most_calls` bound calls; see `Settings`. `rtp_ports`: UDP
    ports for audio. `values` are T1, T2 and T4, `limits` bound each message. `tap` sees every message.

    Raises ParseError and ConfigError for values that make no sense.
    """

    def __init__(
        self,
        aor: str | SipUri,
        password: str | None = None,
        *,
        username: str | None = None,
        realm: str | None = None,
        display_name: str | None = None,
        outbound_proxy: str | SipUri | None = None,
        transport: str = "",
        local: str = "",
        advertise: str = "",
        tls: TlsSettings | None = None,
        register: bool = True,
        expires: int = 600,
        keep_alive: float | None = KEEP_ALIVE,
        user_agent: str = "Offhook",
        longest_call: float = 4 * 3600.0,
        ring_time: float = 180.0,
        answer_time: float = 180.0,
        most_calls: int = 16,
        rtp_ports: range = DEFAULT_PORTS,
        dns: DnsClient | None = None,
        values: TimerValues | None = None,
        limits: Limits = DEFAULT_LIMITS,
        tap: Tap | None = None,
    ) -> None:
        uri = _sip_uri(aor)
        if transport and transport.upper() not in LISTENED:
            names = ", ".join(LISTENED).lower()
            raise ConfigError(f"{transport!r} is no transport; write one of {names}, or leave it out")
        seconds = {"expires": expires, "keep_alive": keep_alive, "ring_time": ring_time}
        _check_seconds(seconds | {"answer_time": answer_time, "longest_call": longest_call})
        _check_lines({"display_name": display_name, "user_agent": user_agent})
        try:
            even_ports(rtp_ports)
        except ValueError as error:
            raise ConfigError(f"rtp_ports: {error}") from error
        name = username or uri.user_unescaped
        secrets = () if password is None or name is None else (Secret(name, password, realm),)
        self.settings = Settings(
            aor=uri.without_params().without_headers(),
            display_name=display_name,
            secrets=secrets,
            outbound_proxy=None if outbound_proxy is None else _sip_uri(outbound_proxy),
            transport=transport.upper(),
            user_agent=user_agent,
            ring_time=ring_time,
            answer_time=answer_time,
            longest_call=longest_call,
            most_calls=most_calls,
        )
        self.on_registration: Callable[[Failure | None], None] | None = None
        """Called when the registrar has accepted (None), or has refused or not answered."""
        self._register = register
        self._expires = expires
        self._keep_alive = keep_alive
        self._local = local
        self._advertise = advertise
        self._tls = tls
        self._ports = rtp_ports
        self._dns = dns
        self._values = values
        self._limits = limits
        self._tap = tap
        self._driver: Driver[UserAgentCore] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping_alive: asyncio.Task[None] | None = None
        self._watch: AddressWatch | None = None
        self._waiting: set[asyncio.Future[Any]] = set()
        self._removed: asyncio.Future[None] | None = None
        self._calls: Inbox[IncomingCall] | None = None
        self._messages: Inbox[ReceivedMessage] | None = None
        self._settled = asyncio.Event()

    # Its life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Open the sockets and register.

        Raises TransportFailed for a port in use and its like; and when the first attempt to register fails,
        AuthenticationFailed, RequestFailed, TransactionTimeout or TransportFailed. Later failures are repeated with
        growing pauses (RFC 5626 4.5) and told to `on_registration`; what is refused for good, as with 403, is not tried
        again until `register` is called (RFC 3261 21.4).
        """
        if self._driver is not None:
            raise InvalidState("the user agent has been started already")
        self._calls = Inbox(self.settings.most_calls, lambda call: call.end is None, self._calls_change)
        self._messages = Inbox(MOST_MESSAGES, lambda message: True, self._messages_change)
        listeners = listeners_for(self._local, self._advertise, self._tls)
        tap = None if self._tap is None else partial(call_hook, self._tap)
        dns = DnsClient() if self._dns is None else self._dns
        make_core = partial(self._make_core, dns)
        driver = self._driver = Driver(make_core, listeners, dns=dns, values=self._values, limits=self._limits, tap=tap)
        try:
            await driver.start()
            if self._register:
                await self.register()
        except BaseException:
            await self.close()
            raise
        try:
            self._watch = AddressWatch(asyncio.get_running_loop(), self._readdress)
        except OSError as error:
            _log.info("changes of this machine's addresses are not noticed: %s", error.strerror)
        if self._keep_alive is not None:
            self._keeping_alive = asyncio.create_task(keep_alive_forever(driver, self._keep_alive))

    async def close(self, patience: float = 5.0) -> None:
        """End all calls, unregister and close the sockets; peers that do not answer are waited for `patience` seconds.

        Once more, it does nothing.
        """
        driver = self._driver
        if driver is None:
            return
        if self._keeping_alive is not None:
            self._keeping_alive.cancel()
        if self._watch is not None:
            self._watch.close()
        try:
            async with asyncio.timeout(patience):
                # Side by side: a peer that has vanished must not keep the registrar from hearing that we go.
                await asyncio.gather(self._hang_up_all(driver), self._unregister(driver))
        except TimeoutError:
            _log.info("peers did not answer within %g s while the user agent closed", patience)
        finally:
            await self._shut(driver)

    async def _shut(self, driver: Driver[UserAgentCore]) -> None:
        self._driver = None
        for call in driver.role.calls:
            call.give_up(driver.now())
        for future in list(self._waiting):
            if not future.done():
                future.set_exception(TransportFailed("the user agent was closed"))
        for inbox in (self._calls, self._messages):
            if inbox is not None:
                inbox.close()
        await driver.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def register(self) -> None:
        """Register now, and keep the registration; `start` does so by itself unless told not to.

        Raises what `start` says. InvalidState when it is registered or registering already.
        """
        core = self._core
        if core.registration is not None and not core.registration.over:
            raise InvalidState("the user agent is registering already")
        done: asyncio.Future[Failure | None] = self._future()

        def changed(failure: Failure | None, now: Moment) -> None:
            if not done.done():
                done.set_result(failure)
            call_hook(self.on_registration, failure)

        self.act(lambda now: self._begin_registration(core, changed, now))
        failure = await done
        if failure is not None:
            await self.unregister()
            raise failure.exception

    async def unregister(self) -> None:
        """Remove the registration, and wait for the registrar.

        Raises TransportFailed when the agent closes meanwhile.
        """
        if self._driver is not None:
            await self._unregister(self._driver)

    @property
    def registered(self) -> bool:
        """Whether the registrar holds a binding for us."""
        registration = None if self._driver is None else self._driver.role.registration
        return registration is not None and registration.registered

    @property
    def registering(self) -> bool:
        """Whether a registration is kept, or still tried for; False after the registrar has refused it for good."""
        registration = None if self._driver is None else self._driver.role.registration
        return registration is not None and not registration.over

    @property
    def addresses(self) -> list[str]:
        """Where peers reach us: "host:port" of each local address."""
        if self._driver is None:
            return []
        heard = [address for address in self._driver.addresses if address.listening]
        return list(dict.fromkeys(written(*address.local) for address in heard))

    # Calling

    async def invite(
        self,
        uri: str | Uri,
        *,
        play: Playable | None = None,
        record: str | Path | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        offer: bool = True,
    ) -> Call:
        """Call somebody, and return the answered call, playing and recording.

        A recording begins with the peer's first sound, which may be an announcement before the answer, or in the place
        of one; else with the answer. `on_progress` is called with each provisional response. Cancelling the task
        cancels the call (RFC 3261 9.1). `headers` go with the INVITE; with an Expires it is cancelled after so many
        seconds, if that is sooner than `ring_time`. Without `offer` the INVITE brings no session description, and the
        callee makes the offer (13.2.1).

        Raises ParseError for what is no URI or no Expires, InvalidState for a header that cannot be written,
        AudioFileError when a file cannot be used, ValueError for an array that is not `Samples`, and CallFailed with
        the status when nobody answers; its `__cause__` is AuthenticationFailed where the password was refused or none
        is known, and TransactionTimeout or TransportFailed where no answer came.
        """
        target = parse_uri(uri) if isinstance(uri, str) else uri
        await check_playable(play)
        await check_recordable(record, play)
        core = self._core
        signals = CallSignals(self.act)
        signals.on_progress = on_progress
        audio = self._audio_port(core)
        if record is not None:
            audio.record_when_heard(record)
        begun: list[ClientInvite] = []

        def begin(now: Moment) -> None:
            session = ClientInvite(core.context, target, audio, signals.take, tuple(headers), offer)
            begun.append(session)
            signals.session = session
            session.start(now)

        self.act(begin)
        session = begun[0]
        call = signals.call = Call(session, audio, self.act, signals, NameAddr(target))
        try:
            await signals.answered()
            await call.start_audio(play, record)
        except asyncio.CancelledError:
            with contextlib.suppress(InvalidState):
                self.act(session.hang_up)
            raise
        except SipError:
            # What was heard until then is whole on the disk before anybody looks for it.
            await audio.closed()
            raise
        return call

    def incoming(self) -> AsyncIterator[IncomingCall]:
        """The calls to us, as they come, until the agent is closed.

        While nobody iterates callers get 480, and 486 when `most_calls` are there already.
        """
        return _opened(self._calls).items()

    # Messages and questions

    def messages(self) -> AsyncIterator[ReceivedMessage]:
        """The messages to us, as they come, until the agent is closed. While nobody iterates MESSAGE gets 405."""
        return _opened(self._messages).items()

    async def message(self, uri: str | Uri, text: str | bytes, content_type: str = "text/plain;charset=UTF-8") -> None:
        """Send a message (RFC 3428), and wait until it was taken.

        Raises ParseError, InvalidState for a text of more than 1300 octets, RequestFailed with the status,
        AuthenticationFailed, TransactionTimeout and TransportFailed.
        """
        target = parse_uri(uri) if isinstance(uri, str) else uri
        body = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        core = self._core
        done: asyncio.Future[Failure | None] = self._future()

        def finish(failure: Failure | None, now: Moment) -> None:
            if not done.done():
                done.set_result(failure)

        self.act(lambda now: core.message(target, body, finish, now, content_type))
        failure = await done
        if failure is not None:
            raise failure.exception

    async def options(self, uri: str | Uri) -> Response:
        """Ask somebody what it can do (RFC 3261 11), or just whether it is there: any final response is returned.

        Raises ParseError, AuthenticationFailed, TransactionTimeout and TransportFailed.
        """
        target = parse_uri(uri) if isinstance(uri, str) else uri
        core = self._core
        done: asyncio.Future[Response | Failure] = self._future()

        def finish(response: Response | None, failure: Failure | None, now: Moment) -> None:
            answer = response or (None if failure is None else failure.response or failure)
            if not done.done() and answer is not None:
                done.set_result(answer)

        self.act(lambda now: core.options(target, finish, now))
        answer = await done
        if isinstance(answer, Failure):
            raise answer.exception
        return answer

    # Within

    @property
    def _core(self) -> UserAgentCore:
        if self._driver is None:
            raise InvalidState("the user agent is not started, or closed")
        return self._driver.role

    def act(self, change: Callable[[Moment], None]) -> None:
        """Let something happen in the core, and send what comes of it. Raises InvalidState once the agent is closed."""
        driver = self._driver
        if driver is None:
            raise InvalidState("the user agent is not started, or closed")
        try:
            change(driver.now())
        finally:
            driver.flush()

    def _readdress(self) -> None:
        driver = self._driver
        if driver is not None:
            hosts = driver.readdress()
            self.act(lambda now: driver.role.moved(hosts, now))

    def _make_core(self, dns: DnsClient, stack: Stack) -> UserAgentCore:
        async def look_up(host: str, own: str) -> list[str]:
            return (await dns.addresses(host, [family_of(own)])).found

        audio = AudioProvider(stack.ids, self._spawn, look_up, self._ports)
        core = UserAgentCore(stack, self.settings, audio)
        core.context.on_settled = self._settled.set
        return core

    def _audio_port(self, core: UserAgentCore) -> AudioPort:
        port = core.media.port()
        if not isinstance(port, AudioPort):
            raise InvalidState("the core's media are not audio")
        return port

    def _take_call(self, session: ServerInvite) -> bool:
        audio = session.media
        if self._calls is None or not isinstance(audio, AudioPort):
            return False
        signals = CallSignals(self.act)
        signals.session = session
        session.notify = signals.take
        call = signals.call = IncomingCall(session, audio, self.act, signals)
        return self._calls.put(call)

    def _calls_change(self, listening: bool) -> None:
        if self._driver is not None:
            self._driver.role.on_call = self._take_call if listening else None

    def _messages_change(self, listening: bool) -> None:
        if self._driver is not None and self._messages is not None:
            self._driver.role.take_messages(self._messages.put if listening else None)

    def _begin_registration(
        self, core: UserAgentCore, changed: Callable[[Failure | None, Moment], None], now: Moment
    ) -> None:
        if core.registration is None:
            core.register(self._expires, changed, now)
        else:
            # The same Call-ID, and the numbers go on (RFC 3261 10.2).
            core.registration.on_change = changed
            core.registration.start(now)

    async def _unregister(self, driver: Driver[UserAgentCore]) -> None:
        registration = driver.role.registration
        if registration is None or registration.over:
            return
        removed = self._removed
        if removed is None or removed.done():
            removed = self._removed = self._future()
            self.act(lambda now: registration.stop(now, self._is_removed))
        await asyncio.shield(removed)

    def _is_removed(self, now: Moment) -> None:
        if self._removed is not None and not self._removed.done():
            self._removed.set_result(None)

    async def _hang_up_all(self, driver: Driver[UserAgentCore]) -> None:
        self.act(driver.role.hang_up_all)
        while any(call.parting for call in driver.role.calls):
            self._settled.clear()
            await self._settled.wait()

    def _future(self) -> asyncio.Future[Any]:
        """A future that fails when the agent closes."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        future.add_done_callback(self._answered)
        return future

    def _answered(self, future: asyncio.Future[Any]) -> None:
        self._waiting.discard(future)
        if not future.cancelled():
            # Retrieved here: where the request itself was a mistake nobody waits for its answer.
            future.exception()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> Callable[[], Awaitable[None]]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        async def wait() -> None:
            await asyncio.shield(task)

        return wait


def _opened(inbox: Inbox[Item] | None) -> Inbox[Item]:
    if inbox is None:
        raise InvalidState("the user agent is not started")
    return inbox


def _sip_uri(uri: str | SipUri) -> SipUri:
    parsed = parse_uri(uri) if isinstance(uri, str) else uri
    if not isinstance(parsed, SipUri):
        raise ParseError(f"{parsed} is not a SIP URI", clause="RFC 3261 19.1.1")
    return parsed


def _check_seconds(values: Mapping[str, float | None]) -> None:
    for name, value in values.items():
        if value is not None and not value > 0:
            raise ConfigError(f"{name} is {value:g}; it takes more than 0 seconds")


def _check_lines(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is not None and not frozenset("\r\n\0").isdisjoint(value):
            raise ConfigError(f"{name} is {value!r}; it takes one line")
