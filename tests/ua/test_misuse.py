"""What programs do that nobody has planned for: the agent says what is wrong, and nothing hangs or is left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhook.clock import Moment
from offhook.errors import CallFailed, ConfigError, InvalidState, RequestFailed, ResolveFailed, TransportFailed
from offhook.flow import Flow
from offhook.sip.parser import Limits
from offhook.transport.dns import DnsClient
from offhook.transport.hosts import HostsFile
from offhook.ua.agent import UserAgent
from offhook.ua.audio import AudioProvider
from offhook.ua.call import IncomingCall
from tests.ua.test_agent import agent, bounded, just_answer, pair, registrar, until, uri, waiting

__all__ = ["bounded"]

KINDS = {"float": np.zeros(80, np.float32), "stereo": np.zeros((80, 2), np.int16), "list": [0] * 80}


async def test_everybody_who_unregisters_is_told() -> None:
    async with registrar(lambda request: 200) as (peer, address):
        async with UserAgent(f"sip:alice@{address}", local="127.0.0.1") as alice:
            await asyncio.gather(alice.unregister(), alice.unregister())
            assert not alice.registered
        assert len(peer.requests) == 2


async def test_closing_ends_the_wait_for_a_registrar() -> None:
    statuses = [200, 100]
    async with registrar(lambda request: statuses[request.cseq_number - 1]) as (_, address):
        alice = UserAgent(f"sip:alice@{address}", local="127.0.0.1")
        await alice.start()
        leaving = asyncio.create_task(alice.unregister())
        await asyncio.sleep(0.05)
        await alice.close(patience=0.1)
        with pytest.raises(TransportFailed):
            await asyncio.wait_for(leaving, 5)


async def test_whoever_read_calls_before_a_restart_takes_nothing_from_those_who_do_now() -> None:
    handled = asyncio.Event()

    async def read_slowly(call: IncomingCall) -> None:
        await handled.wait()

    bob = agent("bob")
    await bob.start()
    async with agent("alice") as alice, waiting(bob, read_slowly) as got:
        calling = asyncio.create_task(alice.invite(uri(bob)))
        await until(lambda: got)
        await bob.close(patience=0.5)
        with pytest.raises(CallFailed):
            await calling
        await bob.start()
        async with waiting(bob, just_answer):
            handled.set()
            await asyncio.sleep(0.05)
            call = await alice.invite(uri(bob))
            await call.hang_up()
        await bob.close()


@pytest.mark.parametrize("samples", KINDS.values(), ids=KINDS)
async def test_samples_of_another_kind_are_refused_before_the_call(samples: Any) -> None:
    async with pair() as (alice, bob):
        with pytest.raises(ValueError, match="int16"):
            await alice.invite(uri(bob), play=samples)
        assert alice._core.calls == []


async def test_samples_of_another_kind_leave_an_incoming_call_waiting() -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def stumble(call: IncomingCall) -> None:
        for samples in KINDS.values():
            with pytest.raises(ValueError, match="int16"):
                await call.answer(play=samples)  # type: ignore[arg-type]
        assert call.end is None
        await call.answer()
        seen.put_nowait("answered")

    async with pair(stumble) as (alice, bob):
        call = await alice.invite(uri(bob))
        assert await seen.get() == "answered"
        await call.hang_up()


async def test_a_hold_that_waits_for_the_peer_ends_with_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's ACK never comes, which the hold waits for (RFC 3261 14.1)."""
    holding: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()

    async def answer_and_hold(call: IncomingCall) -> None:
        await call.answer()
        holding.put_nowait(asyncio.create_task(call.hold()))

    async with agent("alice") as alice, agent("bob") as bob, waiting(bob, answer_and_hold):
        monkeypatch.setattr(bob._core, "_receive_ack", lambda request, now: None)
        await alice.invite(uri(bob))
        hold = await holding.get()
        await asyncio.sleep(0.05)
        assert not hold.done()
        await bob.close(patience=0.1)
        with pytest.raises(InvalidState):
            await asyncio.wait_for(hold, 5)
        await alice.close(patience=0.1)


@pytest.mark.parametrize(
    "values",
    [
        {"keep_alive": 0},
        {"keep_alive": -1.0},
        {"expires": 0},
        {"expires": -600},
        {"rtp_ports": range(20001, 20002)},
        {"ring_time": float("nan")},
        {"longest_call": 0.0},
        {"answer_time": -1.0},
        {"display_name": "Alice\r\nX-Injected: yes"},
        {"user_agent": "Offhook\n"},
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        agent("alice", **values)


async def test_a_tap_that_fails_stops_no_message() -> None:
    def fail(direction: str, data: bytes, flow: Flow, now: Moment) -> None:
        raise RuntimeError("of the tap's own")

    async with pair(tap=fail) as (alice, bob):
        call = await alice.invite(uri(bob))
        await call.hang_up()


async def test_a_name_in_a_description_stands_for_an_address_that_our_audio_can_be_sent_to(tmp_path: Path) -> None:
    """Both families have one; no thread is held up for a name that nobody answers for."""
    names = tmp_path / "hosts"
    names.write_text("2001:db8::1 phone.test\n127.0.0.1 phone.test\n")
    async with agent(
        "alice", dns=DnsClient([("127.0.0.1", 9)], hosts=HostsFile(names), timeout=0.1, lifetime=0.1)
    ) as ua:
        provider = ua._core.media
        assert isinstance(provider, AudioProvider)
        assert await provider.look_up("phone.test", "127.0.0.1") == ["127.0.0.1"]
        assert await provider.look_up("phone.test", "::1") == ["2001:db8::1"]
        with pytest.raises(ResolveFailed):
            await provider.look_up("elsewhere.test", "127.0.0.1")


async def test_who_wants_no_large_messages_gets_none() -> None:
    async with agent("alice") as alice, agent("bob", limits=Limits(octets=600)) as bob:
        with pytest.raises(RequestFailed) as caught:
            await alice.message(uri(bob), "x" * 600)
        assert caught.value.status == 513
