"""One connection, against a transport and a clock of our own."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from offhook import clock
from offhook.clock import Moment
from offhook.flow import Flow
from offhook.sip.parser import Limits
from offhook.stack import CLOSED, CONNECTED, FAILED
from offhook.transport.connection import StreamConnection, StreamLimits
from tests.transport.support import Events, octets

MESSAGE = octets(via="SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1", body=b"hello")


class FakeTransport(asyncio.Transport):
    """What asyncio would give; a peer that reads nothing while `stuck`."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.stuck = False
        self.waiting = 0
        self.closing = False
        self._aborted = False
        self._reading = True

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))
        if self.stuck:
            self.waiting += len(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self._aborted = True

    def is_aborted(self) -> bool:
        return self._aborted

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        assert not self.closing
        self._reading = False

    def resume_reading(self) -> None:
        assert not self.closing
        self._reading = True


class FakeLoop:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.handles: list[tuple[float, Callable[[], None], FakeHandle]] = []

    def now(self) -> Moment:
        return Moment(self.time, 1e9 + self.time)

    def call_later(self, delay: float, call: Callable[[], None]) -> FakeHandle:
        handle = FakeHandle()
        self.handles.append((self.time + delay, call, handle))
        return handle

    def advance(self, seconds: float) -> None:
        end = self.time + seconds
        while True:
            due = [entry for entry in self.handles if entry[0] <= end and not entry[2].cancelled]
            if not due:
                break
            entry = min(due, key=lambda one: one[0])
            self.handles.remove(entry)
            self.time = max(self.time, entry[0])
            entry[1]()
        self.time = end

    @property
    def waiting(self) -> int:
        return sum(1 for _, _, handle in self.handles if not handle.cancelled)


class FakeHandle:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Bench:
    """A connection with everything around it. Time is the same for all of a test."""

    loop: ClassVar[FakeLoop]

    def __init__(
        self,
        accepted: bool = False,
        refusal: str | None = None,
        limits: StreamLimits | None = None,
        message_limits: Limits | None = None,
    ) -> None:
        self.events = Events()
        self.transport = FakeTransport()
        self.ended: list[StreamConnection] = []
        self.flow = Flow("TCP", "tcp", ("127.0.0.1", 5060), ("127.0.0.9", 4000), "0", 7, accepted)
        self.connection = StreamConnection(
            self.flow,
            self.events,
            limits or StreamLimits(),
            message_limits or Limits(),
            self.loop,  # type: ignore[arg-type]
            self.ended.append,
            (lambda _: refusal) if refusal else None,
        )

    def stand(self) -> Bench:
        self.connection.connection_made(self.transport)
        return self

    def send(self, data: bytes) -> bool:
        return self.connection.send(data, self.loop.now())

    def bring(self, data: bytes) -> None:
        self.connection.data_received(data)

    def lose(self, error: Exception | None = None) -> None:
        self.connection.connection_lost(error)

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(state, reason) for _, state, reason in self.events.changes]

    def ends_after(self, seconds: float, reason: str) -> None:
        """Nothing happens until `seconds` from now, and then the connection is cut for `reason`."""
        self.loop.advance(seconds - 0.001)
        assert not self.transport.is_aborted()
        self.loop.advance(0.002)
        assert self.transport.is_aborted()
        self.lose()
        assert self.states[-1] == (CLOSED, reason)
        assert self.loop.waiting == 0


@pytest.fixture(autouse=True)
def one_time_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    Bench.loop = FakeLoop()
    monkeypatch.setattr(clock, "now", Bench.loop.now)


def test_messages_are_cut_from_the_stream() -> None:
    bench = Bench(accepted=True).stand()
    stream = MESSAGE + MESSAGE
    for position in range(len(stream)):
        bench.bring(stream[position : position + 1])
    assert bench.events.messages == [(MESSAGE, bench.flow)] * 2
    assert bench.states == [(CONNECTED, "")]


@pytest.mark.rfc("5626 4.4.1")
def test_a_ping_gets_its_pong_between_messages() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(b"\r\n\r\n" + MESSAGE + b"\r\n\r\n")
    assert b"".join(bench.transport.written) == b"\r\n\r\n"
    assert len(bench.events.messages) == 1


def test_many_pings_at_once_are_answered_together() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(b"\r\n\r\n" * 128)
    bench.loop.advance(0.001)
    assert bench.transport.written == [b"\r\n" * 64] * 2


def test_a_peer_that_sends_much_at_once_keeps_nobody_else_waiting() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(MESSAGE * 150 + MESSAGE[:20])
    assert (len(bench.events.messages), bench.transport.is_reading()) == (64, False)
    # What was read before reading stopped comes behind the others.
    bench.bring(MESSAGE[20:] + MESSAGE[:5])
    assert len(bench.events.messages) == 64
    bench.loop.advance(0.0)
    assert [message for message, _ in bench.events.messages] == [MESSAGE] * 151
    assert bench.transport.is_reading()
    bench.ends_after(30.0, "a message did not become whole within 30 s")


def test_a_peer_that_reads_nothing_has_what_is_left_taken_later() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(MESSAGE * 100)
    bench.connection.pause_writing()
    bench.loop.advance(1.0)
    assert (len(bench.events.messages), bench.transport.is_reading()) == (64, False)
    bench.connection.resume_writing()
    assert (len(bench.events.messages), bench.transport.is_reading()) == (100, True)


def test_what_is_left_of_a_peer_that_has_gone_is_left() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(MESSAGE * 100)
    bench.lose()
    bench.loop.advance(1.0)
    assert len(bench.events.messages) == 64
    assert bench.loop.waiting == 0


def test_what_is_sent_before_the_connection_stands_waits_in_order() -> None:
    bench = Bench()
    assert not bench.send(b"one")
    assert not bench.send(b"two")
    bench.stand()
    assert bench.send(b"three")
    assert bench.transport.written == [b"one", b"two", b"three"]
    assert bench.events.written == [b"one", b"two"]
    assert bench.states == [(CONNECTED, "")]


def test_too_much_that_waits_ends_the_attempt() -> None:
    bench = Bench(limits=StreamLimits(buffer=10))
    bench.send(b"12345678")
    bench.send(b"12345678")
    assert bench.states == [(FAILED, "more than 10 octets wait for the connection")]
    assert bench.ended == [bench.connection]
    bench.stand()
    assert bench.transport.is_aborted()
    assert bench.transport.written == []
    bench.lose()
    assert len(bench.states) == 1


@pytest.mark.rfc("3261 18.4 #3")
def test_an_attempt_that_fails_is_told_once() -> None:
    bench = Bench()
    bench.connection.end("refused", bench.loop.now())
    bench.connection.end("again", bench.loop.now())
    assert bench.states == [(FAILED, "refused")]
    assert len(bench.ended) == 1


def test_closing_while_connecting_ends_the_attempt() -> None:
    bench = Bench()
    bench.connection.close("closed by us", bench.loop.now())
    assert bench.states == [(FAILED, "closed by us")]


def test_an_accepted_connection_that_never_stood_is_not_mentioned() -> None:
    bench = Bench(accepted=True)
    bench.connection.end("no handshake", bench.loop.now())
    assert bench.states == []
    assert len(bench.ended) == 1


@pytest.mark.rfc("5922 7.3 #3")
def test_a_peer_that_is_refused_gets_nothing() -> None:
    bench = Bench(refusal="the certificate is for somebody else")
    bench.send(b"secret")
    bench.stand()
    assert bench.transport.is_aborted()
    assert bench.transport.written == []
    bench.lose()
    assert bench.states == [(FAILED, "the certificate is for somebody else")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "closed"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "reset by the peer"),
        (BrokenPipeError(errno.EPIPE, "x"), "reset by the peer"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "the peer does not answer any more"),
        (OSError(errno.EHOSTUNREACH, "x"), "no route to host"),
        (ValueError("odd"), "odd"),
        (ValueError(), "ValueError"),
    ],
)
def test_how_it_was_lost_is_told(error: Exception | None, reason: str) -> None:
    bench = Bench().stand()
    bench.lose(error)
    assert bench.states[-1] == (CLOSED, reason)


def test_a_peer_that_closes_is_named() -> None:
    bench = Bench().stand()
    bench.connection.eof_received()
    bench.lose()
    assert bench.states[-1] == (CLOSED, "closed by the peer")


def test_what_cannot_be_framed_closes_the_connection() -> None:
    bench = Bench(accepted=True, message_limits=Limits(octets=200)).stand()
    bench.bring(b"x" * 300)
    assert bench.transport.closing
    assert not bench.transport.is_aborted()
    bench.lose()
    assert bench.states[-1] == (
        CLOSED,
        "what came cannot be cut into messages: a head of more than 200 octets",
    )


@pytest.mark.parametrize("accepted", [True, False])
def test_another_protocol_is_cut_off_at_its_first_octets(accepted: bool) -> None:
    bench = Bench(accepted=accepted).stand()
    bench.bring(b"\r\n\r\n")
    bench.bring(b"\x16\x03\x01")
    assert bench.transport.is_aborted()
    assert bench.connection.cut == "the peer speaks TLS, and this is a connection without it"
    bench.lose()
    assert bench.states[-1] == (CLOSED, bench.connection.cut)
    assert bench.loop.waiting == 0


def test_who_has_spoken_sip_is_not_looked_at_again() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(MESSAGE)
    bench.bring(b"\x16\x03\x01")
    assert not bench.transport.is_aborted()


def test_what_is_no_sip_is_no_message_that_is_waited_for() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(b"HELO there\r\n\r\n")
    bench.ends_after(30.0, "no message came within 30 s")


def test_an_accepted_connection_has_to_bring_a_message_soon() -> None:
    bench = Bench(accepted=True).stand()
    bench.loop.advance(20.0)
    bench.bring(b"\r\n\r\n")
    bench.ends_after(10.0, "no message came within 30 s")


def test_one_that_we_opened_need_not() -> None:
    bench = Bench().stand()
    bench.loop.advance(3000.0)
    assert not bench.transport.is_aborted()


def test_a_message_has_to_become_whole() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(MESSAGE)
    bench.loop.advance(100.0)
    bench.bring(MESSAGE[:20])
    bench.loop.advance(20.0)
    bench.bring(MESSAGE[20:40])
    bench.ends_after(10.0, "a message did not become whole within 30 s")


def test_each_message_has_its_own_time() -> None:
    bench = Bench(accepted=True).stand()
    half = len(MESSAGE) // 2
    bench.bring(MESSAGE[:half])
    for _ in range(10):
        bench.loop.advance(20.0)
        bench.bring(MESSAGE[half:] + MESSAGE[:half])
    bench.bring(MESSAGE[half:])
    bench.loop.advance(100.0)
    assert not bench.transport.is_aborted()
    assert len(bench.events.messages) == 11


@pytest.mark.rfc("3261 18 #1")
def test_silence_ends_after_more_than_an_hour() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(MESSAGE)
    for _ in range(5):
        bench.loop.advance(3800.0)
        bench.bring(b"\r\n\r\n")
    bench.ends_after(3900.0, "nothing came for 3900 s")


def test_a_peer_that_does_not_read_is_not_read_from() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(MESSAGE)
    bench.connection.pause_writing()
    assert not bench.transport.is_reading()
    bench.loop.advance(20.0)
    bench.connection.resume_writing()
    assert bench.transport.is_reading()
    bench.loop.advance(100.0)
    assert not bench.transport.is_aborted()
    bench.connection.pause_writing()
    bench.ends_after(30.0, "the peer read nothing within 30 s")


def test_pauses_of_a_closing_transport_are_passed_over() -> None:
    bench = Bench().stand()
    bench.transport.close()
    bench.connection.pause_writing()
    bench.connection.resume_writing()
    assert bench.transport.is_reading()


def test_what_waits_to_be_written_is_bounded() -> None:
    bench = Bench(limits=StreamLimits(buffer=100)).stand()
    bench.transport.stuck = True
    assert bench.send(b"x" * 100)
    assert not bench.transport.is_aborted()
    bench.send(b"x")
    assert bench.transport.is_aborted()
    bench.lose()
    assert bench.states[-1] == (CLOSED, "the peer does not read: more than 100 octets wait")


def test_closing_lets_what_was_written_go_out_and_waits_a_moment() -> None:
    bench = Bench().stand()
    bench.send(b"last words")
    bench.connection.close("closed by us", bench.loop.now())
    bench.connection.close("closed by us", bench.loop.now())
    assert bench.transport.closing
    assert not bench.transport.is_aborted()
    bench.ends_after(5.0, "closed by us")


def test_a_ping_of_ours_has_to_be_answered() -> None:
    bench = Bench().stand()
    bench.connection.ping(bench.loop.now(), True)
    bench.connection.ping(bench.loop.now(), True)
    assert bench.transport.written == [b"\r\n\r\n"]
    bench.loop.advance(9.0)
    bench.bring(b"\r\n")
    bench.loop.advance(60.0)
    assert not bench.transport.is_aborted()
    bench.connection.ping(bench.loop.now(), True)
    bench.bring(MESSAGE)
    bench.ends_after(10.0, "no pong came within 10 s")


def test_a_pong_cannot_come_in_the_middle_of_a_message() -> None:
    bench = Bench().stand()
    bench.connection.ping(bench.loop.now(), True)
    bench.bring(MESSAGE[:40])
    bench.loop.advance(12.0)
    assert not bench.transport.is_aborted()
    bench.bring(MESSAGE[40:] + b"\r\n")
    bench.loop.advance(60.0)
    assert not bench.transport.is_aborted()
    bench.connection.ping(bench.loop.now(), True)
    bench.bring(MESSAGE[:40])
    bench.loop.advance(12.0)
    assert not bench.transport.is_aborted()
    bench.bring(MESSAGE[40:])
    bench.loop.advance(0.001)
    assert bench.transport.is_aborted()


def test_a_peer_that_is_not_known_to_answer_pings_need_not() -> None:
    bench = Bench().stand()
    for _ in range(3):
        bench.connection.ping(bench.loop.now(), False)
        bench.loop.advance(60.0)
    assert bench.transport.written == [b"\r\n\r\n"] * 3
    assert not bench.transport.is_aborted()
    # Once it has answered it is known.
    bench.bring(b"\r\n")
    bench.connection.ping(bench.loop.now(), False)
    bench.ends_after(10.0, "no pong came within 10 s")


def test_a_connection_that_does_not_stand_yet_is_not_pinged() -> None:
    bench = Bench()
    bench.connection.ping(bench.loop.now(), True)
    bench.stand()
    assert bench.transport.written == []


def test_no_timer_is_left_when_all_is_over() -> None:
    bench = Bench(accepted=True).stand()
    bench.bring(MESSAGE[:5])
    bench.connection.pause_writing()
    bench.lose()
    assert bench.loop.waiting == 0
    assert bench.ended == [bench.connection]
