"""A call in a program's hands: what it refuses, and what it leaves as it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from offhook.errors import CallFailed, InvalidState, ParseError
from offhook.media.audio.tone import sine
from offhook.media.audio.wav import AudioFileError
from offhook.sip.headers.address import parse_name_addr
from offhook.ua.call import IncomingCall
from offhook.ua.events import EndCause
from tests.ua.test_agent import bounded, pair, uri

__all__ = ["bounded"]


@pytest.mark.rfc("3261 13.3.1.2 #1")
async def test_a_mistake_leaves_an_incoming_call_waiting(tmp_path: Path) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def stumble(call: IncomingCall) -> None:
        for mistake, error in (
            (call.refuse(200), ValueError),
            (call.refuse(700), ValueError),
            (call.redirect("nowhere"), ParseError),
            (call.redirect(), ValueError),
            (call.refuse(300), ValueError),
            (call.answer(play=tmp_path / "missing.wav"), AudioFileError),
            (call.play(sine(440, 0.1)), InvalidState),
            (call.record(tmp_path / "early.wav"), InvalidState),
        ):
            with pytest.raises(error):
                await mistake
        with pytest.raises(InvalidState):
            call.statistics()
        with pytest.raises(InvalidState):
            await call.hold()
        assert call.end is None
        await call.answer()
        with pytest.raises(InvalidState):
            await call.ring()
        seen.put_nowait("answered")

    async with pair(stumble) as (alice, bob):
        call = await alice.invite(uri(bob))
        assert await seen.get() == "answered"
        await call.hang_up()


async def test_early_media_is_heard_before_the_answer(tmp_path: Path) -> None:
    progress: list[str] = []

    async def announce(call: IncomingCall) -> None:
        await call.ring(early_media=True)
        await call.play(sine(440, 2.0))
        await asyncio.sleep(0.3)
        await call.answer()

    async with pair(announce) as (alice, bob):
        call = await alice.invite(uri(bob), on_progress=lambda event: progress.append(f"{event} {event.early_media}"))
        assert call.statistics().packets_received > 5
        await call.hang_up()
    assert progress == ["183 Session Progress True"]


async def test_a_recording_that_cannot_be_made_leaves_the_call_to_be_decided(tmp_path: Path) -> None:
    async def decide(call: IncomingCall) -> None:
        with pytest.raises(AudioFileError):
            await call.answer(record=tmp_path / "no" / "folder.wav")
        await call.busy()

    async with pair(decide) as (alice, bob):
        with pytest.raises(CallFailed) as refused:
            await alice.invite(uri(bob))
    assert refused.value.status == 486


async def test_a_recording_that_fails_ends_the_answered_call() -> None:
    seen: asyncio.Queue[object] = asyncio.Queue()

    async def record(call: IncomingCall) -> None:
        with pytest.raises(AudioFileError):
            await call.answer(record="/dev/full")
        seen.put_nowait((await call.ended()).cause)

    async with pair(record) as (alice, bob):
        call = await alice.invite(uri(bob))
        assert await seen.get() is EndCause.HUNG_UP
        assert (await call.ended()).cause is EndCause.PEER_HUNG_UP


async def test_who_calls_has_name_and_address_only() -> None:
    seen: asyncio.Queue[object] = asyncio.Queue()

    async def pick_up(call: IncomingCall) -> None:
        seen.put_nowait(call.caller)
        await call.busy()

    async with pair(pick_up, display_name="Alice A.") as (alice, bob):
        with pytest.raises(CallFailed):
            await alice.invite(uri(bob))
        assert await seen.get() == parse_name_addr('"Alice A." <sip:alice@example.com>')
