"""What programs wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from itertools import chain

import pytest

from offhook.clock import Moment
from offhook.errors import AuthenticationFailed, CallFailed, InvalidState, SipError
from offhook.sip.uri import parse_uri
from offhook.ua.events import Answered, CallEnd, EndCause, Ended, Failure, Held, Progress
from offhook.ua.waiting import CallSignals, Inbox, call_hook
from tests.ua.household import House

NOW = Moment(0.0, 0.0)


def at_once(change: Callable[[Moment], None]) -> None:
    change(NOW)


async def test_the_answer_and_the_end_are_waited_for_by_any_number() -> None:
    signals = CallSignals(at_once)
    waiting = [asyncio.create_task(signals.ended()) for _ in range(2)]
    signals.take(Answered())
    signals.take(Answered())
    await signals.answered()
    end = CallEnd(EndCause.HUNG_UP)
    signals.take(Ended(end))
    signals.take(Ended(CallEnd(EndCause.LOST)))
    assert await asyncio.gather(*waiting) == [end, end]


async def test_who_stops_waiting_takes_nothing_from_others() -> None:
    signals = CallSignals(at_once)
    task = asyncio.create_task(signals.ended())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    signals.take(Ended(CallEnd(EndCause.HUNG_UP)))
    assert (await signals.ended()).cause is EndCause.HUNG_UP


async def test_a_call_that_never_stood_is_a_failure_with_its_status() -> None:
    signals = CallSignals(at_once)
    signals.take(Ended(CallEnd(EndCause.CANCELLED)))
    with pytest.raises(CallFailed) as caught:
        await signals.answered()
    assert (caught.value.status, caught.value.reason) == (487, "the caller gave up")


async def test_the_failure_of_an_invite_is_what_it_failed_with() -> None:
    house = House()
    alice = house.phone("alice")
    refused = AuthenticationFailed("wrong password")
    for failure in (Failure(486, "Busy Here"), Failure(401, "wrong password", None, refused)):
        signals = CallSignals(at_once)
        call = alice.invite(parse_uri("sip:bob@192.0.2.9"))
        call.failure = failure
        signals.session = call
        signals.take(Ended(CallEnd(EndCause.FAILED)))
        with pytest.raises(CallFailed) as caught:
            await signals.answered()
        assert (caught.value.status, caught.value.reason) == (failure.status, failure.reason)
        assert caught.value.__cause__ is failure.error


async def test_hooks_hear_of_progress() -> None:
    signals = CallSignals(at_once)
    signals.take(Progress(180, "Ringing"))
    signals.take(Held(True))
    heard: list[Progress] = []
    signals.on_progress = heard.append
    signals.take(Progress(183, "Session Progress"))
    assert heard == [Progress(183, "Session Progress")]


async def test_a_change_is_waited_for() -> None:
    signals = CallSignals(at_once)

    def accepted(done: Callable[[SipError | None, Moment], None], now: Moment) -> None:
        done(None, now)
        done(InvalidState("twice"), now)

    def refused(done: Callable[[SipError | None, Moment], None], now: Moment) -> None:
        done(InvalidState("no"), now)

    await signals.changing(accepted)
    with pytest.raises(InvalidState):
        await signals.changing(refused)


async def test_an_inbox_takes_only_while_somebody_reads() -> None:
    changes: list[bool] = []
    inbox: Inbox[int] = Inbox(2, lambda item: item != 3, changes.append)
    assert not inbox.put(1)
    reader = inbox.items()
    first = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    assert changes == [True]
    assert inbox.put(1)
    assert await first == 1
    # At most two wait; a third is not taken.
    assert [inbox.put(item) for item in (3, 4, 5)] == [True, True, False]
    # What is no longer wanted is passed over.
    assert await anext(reader) == 4
    assert isinstance(reader, AsyncGenerator)
    await reader.aclose()
    assert changes == [True, False]
    assert not inbox.put(6)


async def test_a_closed_inbox_ends_its_iterations_and_says_nothing_more() -> None:
    """Another one may stand in its place."""
    changes: list[bool] = []
    inbox: Inbox[int] = Inbox(2, lambda item: True, changes.append)
    reading = asyncio.ensure_future(anext(inbox.items()))
    await asyncio.sleep(0)
    inbox.close()
    with pytest.raises(StopAsyncIteration):
        await reading
    assert not inbox.put(1)
    assert [item async for item in inbox.items()] == []
    assert changes == [True]


async def test_several_readers_share_what_comes() -> None:
    changes: list[bool] = []
    inbox: Inbox[int] = Inbox(9, lambda item: True, changes.append)

    async def read() -> list[int]:
        return [item async for item in inbox.items()]

    readers = [asyncio.create_task(read()) for _ in range(2)]
    await asyncio.sleep(0)
    for item in range(4):
        inbox.put(item)
    await asyncio.sleep(0.01)
    inbox.close()
    assert sorted(chain(*await asyncio.gather(*readers))) == [0, 1, 2, 3]
    assert changes == [True, True]


def test_a_hook_that_fails_is_logged_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    def fail(value: int) -> None:
        raise RuntimeError(str(value))

    call_hook(None, 1)
    call_hook(fail, 7)
    assert "a hook of the user agent failed" in caplog.text
