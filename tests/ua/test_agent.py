"""The user agent over real sockets on loopback: calls with sound, registration, and everything's end."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from offhook.clock import Moment
from offhook.errors import (
    AuthenticationFailed,
    CallFailed,
    ConfigError,
    InvalidState,
    ParseError,
    RequestFailed,
    TransactionTimeout,
    TransportFailed,
)
from offhook.flow import Flow
from offhook.media.audio.tone import level, sine, tone_above_rest
from offhook.media.audio.wav import AudioFileError, read_all
from offhook.sip.message import Request
from offhook.testing.peer import ScriptedPeer
from offhook.transaction.timers import TimerValues
from offhook.transport.driver import IN, OUT, Driver
from offhook.transport.listener import Listener
from offhook.ua.agent import UserAgent
from offhook.ua.call import Call, IncomingCall
from offhook.ua.events import EndCause, Failure

HOST = "127.0.0.1"
PATIENCE = 20.0
FAST = TimerValues(0.05, 0.4, 0.5)
"""So that what takes 32 seconds takes 3.2."""


@pytest.fixture(autouse=True)
async def bounded() -> AsyncIterator[None]:
    """No test waits for ever: what still runs is cancelled, and the test fails by that."""
    loop = asyncio.get_running_loop()

    def give_up() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel("the test took too long")

    handle = loop.call_later(PATIENCE, give_up)
    yield
    handle.cancel()


async def until(condition: Callable[[], object]) -> None:
    """Wait for what nothing tells."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def is_registered(ua: UserAgent) -> bool:
    return ua.registered


def agent(name: str, **more: Any) -> UserAgent:
    values: dict[str, Any] = {"local": HOST, "register": False} | more
    return UserAgent(f"sip:{name}@example.com", **values)


def uri(of: UserAgent, more: str = "") -> str:
    return f"sip:{of.settings.aor.user}@{of.addresses[0]}{more}"


@asynccontextmanager
async def waiting(ua: UserAgent, act: Callable[[IncomingCall], Any]) -> AsyncIterator[list[IncomingCall]]:
    """A task that does something with each call to an agent."""
    got: list[IncomingCall] = []

    async def wait() -> None:
        async for call in ua.incoming():
            got.append(call)
            await act(call)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    try:
        yield got
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def just_answer(call: IncomingCall) -> None:
    await call.answer()


@asynccontextmanager
async def pair(
    act: Callable[[IncomingCall], Any] = just_answer, **more: Any
) -> AsyncIterator[tuple[UserAgent, UserAgent]]:
    async with agent("alice", **more) as alice, agent("bob") as bob, waiting(bob, act):
        yield alice, bob


@asynccontextmanager
async def registrar(
    answer: Callable[[Request], int], transport: str = "UDP"
) -> AsyncIterator[tuple[ScriptedPeer, str]]:
    """A scripted peer on a port of its own, and its address."""
    driver = Driver(
        lambda stack: ScriptedPeer(stack, "<sip:peer@127.0.0.1>", lambda request: [(0.0, answer(request))]),
        [Listener(transport, HOST, 0)],
    )
    await driver.start()
    try:
        local = next(iter(driver.addresses)).local
        yield driver.role, f"{local[0]}:{local[1]}"
    finally:
        await driver.close()


async def test_a_call_with_a_tone_in_each_direction(tmp_path: Path) -> None:
    heard = {"alice": tmp_path / "alice.wav", "bob": tmp_path / "bob.wav"}
    progress: list[str] = []

    async def pick_up(call: IncomingCall) -> None:
        assert str(call.caller) == "<sip:alice@example.com>"
        await call.ring()
        await call.answer(play=sine(700, 5.0), record=heard["bob"])

    async with pair(pick_up) as (alice, bob):
        call = await alice.invite(
            uri(bob), play=sine(440, 5.0), record=heard["alice"], on_progress=lambda event: progress.append(str(event))
        )
        await asyncio.sleep(1.5)
        assert call.statistics().packets_received > 50
        await call.hang_up()
        assert call.end is not None
        assert call.end.cause is EndCause.HUNG_UP
    assert progress == ["180 Ringing"]
    for name, frequency in (("alice", 700), ("bob", 440)):
        samples = read_all(heard[name])[4000:]
        assert len(samples) > 4000
        assert tone_above_rest(samples, frequency) > 20
        assert level(samples) > -20


async def test_the_end_is_known_at_the_other_side_with_its_recording_whole(tmp_path: Path) -> None:
    ends: asyncio.Queue[object] = asyncio.Queue()

    async def pick_up(call: IncomingCall) -> None:
        await call.answer(record=tmp_path / "them.wav")
        end = await call.ended()
        ends.put_nowait((end.cause, len(read_all(tmp_path / "them.wav")) > 0))

    async with pair(pick_up) as (alice, bob):
        call = await alice.invite(uri(bob), play=sine(440, 1.0))
        await asyncio.sleep(0.3)
        await call.hang_up()
        await call.hang_up()
        assert await ends.get() == (EndCause.PEER_HUNG_UP, True)


async def test_a_cancelled_task_cancels_the_call() -> None:
    ends: asyncio.Queue[EndCause] = asyncio.Queue()

    async def let_ring(call: IncomingCall) -> None:
        await call.ring()
        ends.put_nowait((await call.ended()).cause)

    async with pair(let_ring) as (alice, bob):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await alice.invite(uri(bob))
        assert await ends.get() is EndCause.CANCELLED


@pytest.mark.parametrize(
    ("refuse", "status"),
    [
        (lambda call: call.decline(), 603),
        (lambda call: call.busy(), 486),
        (lambda call: call.refuse(480), 480),
        (lambda call: call.hang_up(), 603),
    ],
)
async def test_refusals_reach_the_caller(refuse: Callable[[IncomingCall], Any], status: int) -> None:
    async with pair(refuse) as (alice, bob):
        with pytest.raises(CallFailed) as caught:
            await alice.invite(uri(bob))
        assert caught.value.status == status


async def test_a_redirection_is_followed() -> None:
    async with agent("alice") as alice, agent("bob") as bob, agent("carol") as carol:

        async def redirect(call: IncomingCall) -> None:
            await call.redirect(uri(carol))

        async with waiting(bob, redirect), waiting(carol, just_answer) as got:
            call = await alice.invite(uri(bob))
            assert len(got) == 1
            assert str(got[0].called) == uri(carol)
            assert call.end is None
            await call.hang_up()


async def test_calls_that_nobody_waits_for_are_480() -> None:
    async with agent("alice") as alice, agent("bob") as bob:
        with pytest.raises(CallFailed) as caught:
            await alice.invite(uri(bob))
        assert caught.value.status == 480


async def test_hold_resume_and_digits() -> None:
    events: asyncio.Queue[object] = asyncio.Queue()

    async def pick_up(call: IncomingCall) -> None:
        call.on_hold = events.put_nowait
        call.on_digit = lambda digit, seconds: events.put_nowait(digit)
        assert call.on_digit is not None
        await call.answer()

    async with pair(pick_up) as (alice, bob):
        call = await alice.invite(uri(bob))
        await call.hold()
        assert await events.get() is True
        await call.resume()
        assert await events.get() is False
        assert not call.held
        call.send_dtmf("5")
        assert await events.get() == "5"
        await call.play(sine(440, 0.2))
        call.stop_playing()
        await call.hang_up()
        with pytest.raises(InvalidState):
            await call.hold()


@pytest.mark.rfc("3261 18.2.1 #1")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_the_transport_of_the_uri_is_used(transport: str) -> None:
    flows: list[str] = []

    def tap(way: str, data: bytes, flow: Flow, now: Moment) -> None:
        if way == OUT and data.startswith(b"BYE"):
            flows.append(flow.transport.lower())

    async with pair(tap=tap) as (alice, bob):
        call = await alice.invite(uri(bob, f";transport={transport}"))
        await call.hang_up()
    assert flows == [transport]


async def test_closing_says_bye_and_wakes_everybody() -> None:
    ends: asyncio.Queue[EndCause] = asyncio.Queue()

    async def pick_up(call: IncomingCall) -> None:
        await call.answer()
        ends.put_nowait((await call.ended()).cause)

    async with agent("bob") as bob, waiting(bob, pick_up):
        alice = agent("alice")
        await alice.start()
        call = await alice.invite(uri(bob))
        await alice.close()
        await alice.close()
        assert await ends.get() is EndCause.PEER_HUNG_UP
        assert (await call.ended()).cause is EndCause.HUNG_UP
        with pytest.raises(InvalidState):
            await alice.invite(uri(bob))
        assert alice.addresses == []
        assert not is_registered(alice)


async def test_addresses_are_those_that_it_listens_at() -> None:
    async with agent("bob") as bob:
        (address,) = bob.addresses
        # Without a certificate TLS connects only: 5061 is nobody's.
        assert not address.endswith(":5061")
        assert address.startswith(f"{HOST}:")


async def test_closing_does_not_wait_for_ever_for_who_is_gone() -> None:
    bob = agent("bob")
    await bob.start()
    async with waiting(bob, just_answer):
        alice = agent("alice", values=FAST)
        await alice.start()
        call = await alice.invite(uri(bob))
        driver = bob._driver
        assert driver is not None
        await driver.close()
        await alice.close(patience=0.2)
        assert (await call.ended()).cause is EndCause.HUNG_UP
    await bob.close(patience=0.05)


async def test_closing_ends_what_is_waited_for() -> None:
    async with registrar(lambda request: 100) as (_, address):
        alice = agent("alice")
        await alice.start()
        tasks = [
            asyncio.create_task(alice.message(f"sip:peer@{address}", "hello")),
            asyncio.create_task(alice.options(f"sip:peer@{address}")),
            asyncio.create_task(drained(alice.messages())),
            asyncio.create_task(drained(alice.incoming())),
        ]
        await asyncio.sleep(0.1)
        await alice.close(patience=0.1)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [TransportFailed, TransportFailed, int, int]


async def drained(items: AsyncIterator[Any]) -> int:
    return len([item async for item in items])


async def test_messages_and_questions() -> None:
    async with agent("alice") as alice, agent("bob") as bob:
        with pytest.raises(RequestFailed) as caught:
            await alice.message(uri(bob), "anybody?")
        assert caught.value.status == 405
        got: asyncio.Queue[str] = asyncio.Queue()

        async def read() -> None:
            async for message in bob.messages():
                got.put_nowait(f"{message.sender}: {message.text}")

        task = asyncio.create_task(read())
        await asyncio.sleep(0)
        await alice.message(uri(bob), "hello")
        assert await got.get() == "<sip:alice@example.com>: hello"
        answer = await alice.options(uri(bob))
        assert answer.status == 480
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        async with waiting(bob, just_answer):
            answer = await alice.options(uri(bob))
        assert answer.status == 200
        assert "INVITE" in answer.tokens("Allow")


async def test_errors_that_a_caller_can_do_something_about(tmp_path: Path) -> None:
    async with agent("alice", values=FAST) as alice:
        with pytest.raises(ParseError):
            await alice.invite("not a uri")
        with pytest.raises(AudioFileError):
            await alice.invite("sip:bob@127.0.0.1", play=tmp_path / "missing.wav")
        with pytest.raises(CallFailed) as caught:
            await alice.invite("sip:bob@no-such-host.invalid")
        assert caught.value.status == 503
        assert "no-such-host.invalid" in caught.value.reason
        with pytest.raises(CallFailed) as caught:
            await alice.invite("sip:bob@127.0.0.1:9;transport=tcp")
        assert caught.value.status == 503
        assert caught.value.reason == "cannot connect to 127.0.0.1:9 by TCP: connection refused"
        with pytest.raises(InvalidState):
            await alice.message("sip:bob@127.0.0.1", "x" * 2000)
        with pytest.raises(InvalidState):
            await alice.start()
    bob = agent("bob")
    with pytest.raises(InvalidState):
        bob.incoming()
    for wrong in ({"transport": "pigeon"}, {"outbound_proxy": "tel:+1"}):
        with pytest.raises((ConfigError, ParseError)):
            agent("alice", **wrong)
    with pytest.raises(ConfigError):
        await agent("alice", local="nowhere").start()


async def test_a_request_that_is_a_mistake_leaves_nothing_that_complains(caplog: pytest.LogCaptureFixture) -> None:
    async with agent("alice") as alice:
        with pytest.raises(InvalidState, match="1300 can be sent at most"):
            await alice.message("sip:bob@127.0.0.1", "x" * 1301)
    gc.collect()
    assert caplog.text == ""


async def test_a_port_in_use_is_one_sentence() -> None:
    async with agent("alice") as alice:
        other = agent("bob", local=alice.addresses[0])
        with pytest.raises(TransportFailed) as caught:
            await other.start()
        assert alice.addresses[0].rpartition(":")[2] in str(caught.value)


async def test_a_recording_that_cannot_be_made_is_found_out_before_the_call(tmp_path: Path) -> None:
    async with agent("alice") as alice, agent("bob") as bob, waiting(bob, just_answer) as got:
        with pytest.raises(AudioFileError, match=r"folder\.wav: No such file or directory"):
            await alice.invite(uri(bob), record=tmp_path / "no" / "folder.wav")
        assert alice._core.calls == []
        assert got == []


@pytest.mark.parametrize("early", [True, False])
async def test_a_recording_that_cannot_be_written_ends_the_call(early: bool) -> None:
    async def answer(call: IncomingCall) -> None:
        if early:
            await call.ring(early_media=True)
            await asyncio.sleep(0.3)
        await call.answer()

    async with pair(answer) as (alice, bob):
        with pytest.raises(AudioFileError, match="/dev/full: No space left on device"):
            await alice.invite(uri(bob), record="/dev/full")
        assert all(call.end is not None for call in alice._core.calls)


async def test_an_announcement_in_the_place_of_an_answer_is_recorded(tmp_path: Path) -> None:
    async def announce(call: IncomingCall) -> None:
        await call.ring(early_media=True)
        await call.play(sine(440.0, 0.5))
        await asyncio.sleep(0.6)
        await call.busy()

    heard = tmp_path / "heard.wav"
    told: list[bool] = []
    async with pair(announce) as (alice, bob):
        with pytest.raises(CallFailed):
            await alice.invite(uri(bob), record=heard, on_progress=lambda progress: told.append(progress.early_media))
        # It is whole as soon as the call is known to have failed.
        samples = read_all(heard)
    assert told == [True]
    assert 0.4 < len(samples) / 8000 < 1.0
    assert tone_above_rest(samples, 440.0) > 20


async def test_a_recording_goes_on_from_early_media_into_the_call(tmp_path: Path) -> None:
    async def answer(call: IncomingCall) -> None:
        await call.ring(early_media=True)
        await call.play(sine(440.0, 0.4))
        await asyncio.sleep(0.5)
        await call.answer(play=sine(1000.0, 0.4))
        await asyncio.sleep(0.5)
        await call.hang_up()

    heard = tmp_path / "heard.wav"
    async with pair(answer) as (alice, bob):
        call = await alice.invite(uri(bob), record=heard)
        await call.ended()
    samples = read_all(heard)
    assert 0.8 < len(samples) / 8000 < 1.6
    assert tone_above_rest(samples[:4000], 440.0) > 10
    assert tone_above_rest(samples[-4000:], 1000.0) > 10


async def test_what_rings_in_silence_is_not_recorded(tmp_path: Path) -> None:
    async def decline(call: IncomingCall) -> None:
        await call.ring()
        await call.decline()

    async with pair(decline) as (alice, bob):
        with pytest.raises(CallFailed):
            await alice.invite(uri(bob), record=tmp_path / "heard.wav")
    assert not (tmp_path / "heard.wav").exists()


async def test_a_hook_that_fails_does_no_harm() -> None:
    def fail(event: object) -> None:
        raise RuntimeError("a user's fault")

    async def ring_first(call: IncomingCall) -> None:
        await call.ring()
        await call.answer()

    async with pair(ring_first) as (alice, bob):
        call = await alice.invite(uri(bob), on_progress=fail)
        await call.hang_up()


async def test_an_answer_that_comes_too_late_is_an_error() -> None:
    errors: asyncio.Queue[BaseException] = asyncio.Queue()

    async def too_late(call: IncomingCall) -> None:
        await call.ended()
        try:
            await call.answer()
        except InvalidState as error:
            errors.put_nowait(error)

    async with pair(too_late) as (alice, bob):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await alice.invite(uri(bob))
        assert isinstance(await errors.get(), InvalidState)


# Registration


async def test_it_registers_and_unregisters() -> None:
    async with registrar(lambda request: 200) as (peer, address):
        changes: list[Failure | None] = []
        alice = UserAgent(f"sip:alice@{address}", local=HOST, keep_alive=0.05)
        alice.on_registration = changes.append
        async with alice:
            assert is_registered(alice)
            with pytest.raises(InvalidState):
                await alice.register()
            await asyncio.sleep(0.2)
        assert not is_registered(alice)
        assert changes == [None]
        contacts = [request.text("Contact") or "" for request in peer.requests]
        assert [contact.rpartition("=")[2] for contact in contacts] == ["600", "0"]


async def test_the_registrar_hears_that_we_go_though_a_peer_is_silent() -> None:
    bob = agent("bob")
    await bob.start()
    host, _, port = bob.addresses[0].rpartition(":")
    async with registrar(lambda request: 200) as (peer, address):
        alice = UserAgent(f"sip:alice@{address}", local=HOST)
        await alice.start()
        async with waiting(bob, just_answer):
            await alice.invite(uri(bob))
        driver = bob._driver
        assert driver is not None
        await driver.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind((host, int(port)))
            await alice.close(patience=0.3)
        contacts = [request.text("Contact") or "" for request in peer.requests]
        assert [contact.rpartition("=")[2] for contact in contacts] == ["600", "0"]
    await bob.close(patience=0.05)


async def test_what_the_registrar_refuses_is_raised_at_the_start() -> None:
    async with registrar(lambda request: 403) as (_, address):
        alice = UserAgent(f"sip:alice@{address}", local=HOST)
        with pytest.raises(RequestFailed) as caught:
            await alice.start()
        assert caught.value.status == 403
        assert alice.addresses == []


async def test_a_wrong_password_is_raised_as_such() -> None:
    async with registrar(lambda request: 401) as (peer, address):
        peer.extra.append(("WWW-Authenticate", 'Digest realm="example.com", nonce="n", qop="auth"'))
        with pytest.raises(AuthenticationFailed):
            async with UserAgent(f"sip:alice@{address}", "wrong", local=HOST):
                pytest.fail("it has registered")
        assert len(peer.requests) == 2


async def test_a_registrar_that_is_not_there_is_a_time_out_or_a_refusal() -> None:
    with pytest.raises((TransactionTimeout, TransportFailed)):
        async with UserAgent("sip:alice@127.0.0.1:9", local=HOST, values=FAST):
            pytest.fail("it has registered")


async def test_over_tcp_it_registers_again_when_the_connection_is_lost() -> None:
    async with registrar(lambda request: 200, "TCP") as (peer, address):
        flows: list[Flow] = []

        def tap(way: str, data: bytes, flow: Flow, now: Moment) -> None:
            if way == IN:
                flows.append(flow)

        async with UserAgent(f"sip:alice@{address}", local=HOST, transport="tcp", tap=tap) as alice:
            assert is_registered(alice)
            driver = alice._driver
            assert driver is not None
            driver.stack.close(flows[0])
            driver.flush()
            await until(lambda: len(peer.requests) > 1 and alice.registered)


async def test_it_can_register_later_and_again() -> None:
    async with registrar(lambda request: 200) as (peer, address):
        async with UserAgent(f"sip:alice@{address}", local=HOST, register=False, username="a") as alice:
            assert not is_registered(alice)
            await alice.register()
            await alice.unregister()
            assert not is_registered(alice)
            await alice.unregister()
            await alice.register()
            assert is_registered(alice)
        assert len(peer.requests) == 4


async def test_a_call_has_its_call_id_and_its_remote() -> None:
    async with pair() as (alice, bob):
        call = await alice.invite(uri(bob), headers=[("Subject", "lunch")])
        assert isinstance(call, Call)
        assert str(call.remote.uri) == uri(bob)
        assert len(call.call_id) == 32
        await call.hang_up()
