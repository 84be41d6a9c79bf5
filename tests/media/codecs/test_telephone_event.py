from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.media.codecs.telephone_event import DIGITS, EventPacket, EventReceiver, EventSender, TelephoneEvent

TICK = 160


def sent(sender: EventSender, ticks: int, start: int = 0) -> list[EventPacket | None]:
    return [sender.next(start + tick * TICK, TICK) for tick in range(ticks)]


def report(packet: EventPacket) -> TelephoneEvent:
    (event,) = TelephoneEvent.parse(packet.payload)
    return event


@pytest.mark.rfc("4733 2.3")
def test_the_payload_is_read_and_written() -> None:
    (event,) = TelephoneEvent.parse(bytes.fromhex("0b8a0320"))
    assert (event.event, event.end, event.volume, event.duration) == (11, True, 10, 800)
    assert event.serialize() == bytes.fromhex("0b8a0320")


@pytest.mark.parametrize("octets", [0, 1, 3, 5])
def test_a_payload_of_another_length_is_refused(octets: int) -> None:
    with pytest.raises(ParseError):
        TelephoneEvent.parse(bytes(octets))


@pytest.mark.rfc("4733 2.5.1.2")
def test_a_digit_is_sent_from_tick_to_tick() -> None:
    sender = EventSender()
    sender.queue("5", 640, 320)
    packets = [packet for packet in sent(sender, 10, start=1600) if packet is not None]
    assert [report(packet).event for packet in packets] == [5] * 6
    assert [packet.position for packet in packets] == [1600] * 6
    assert [packet.marker for packet in packets] == [True] + [False] * 5
    assert [report(packet).duration for packet in packets] == [160, 320, 480, 640, 640, 640]
    # 2.5.1.4: the final packet three times.
    assert [report(packet).end for packet in packets] == [False, False, False, True, True, True]
    assert sender.idle


def test_the_pause_between_digits_is_kept() -> None:
    sender = EventSender()
    sender.queue("1#", 320, 800)
    packets = sent(sender, 20)
    starts = [tick for tick, packet in enumerate(packets) if packet is not None and packet.marker]
    assert starts == [0, 2 + 5]
    # Audio goes on once the final packets are out.
    assert [packet is None for packet in packets[:8]] == [False] * 4 + [True] * 3 + [False]


def test_a_duration_between_ticks_is_told_exactly() -> None:
    sender = EventSender()
    sender.queue("1", 200, 0)
    packets = [packet for packet in sent(sender, 6) if packet is not None]
    assert [report(packet).duration for packet in packets] == [160, 200, 200, 200]


def test_a_digit_shorter_than_a_tick_begins_and_ends_at_once() -> None:
    sender = EventSender()
    sender.queue("1", 100, 0)
    first = sender.next(0, TICK)
    assert first is not None
    assert first.marker
    assert report(first).end


def test_all_digits_have_their_codes() -> None:
    sender = EventSender()
    sender.queue("0123456789*#abcd", 160, 0)
    packets = [packet for packet in sent(sender, 100) if packet is not None and packet.marker]
    assert [report(packet).event for packet in packets] == list(range(16))
    assert len(DIGITS) == 16


def test_digits_can_be_given_up() -> None:
    sender = EventSender()
    sender.queue("123", 1600, 0)
    sender.next(0, TICK)
    sender.clear()
    assert sender.idle
    assert sender.next(160, TICK) is None


@pytest.mark.parametrize(("digits", "duration", "pause"), [("1x", 800, 0), ("1", 0, 0), ("1", 65536, 0), ("1", 8, -1)])
def test_what_is_no_digit_is_refused(digits: str, duration: int, pause: int) -> None:
    sender = EventSender()
    with pytest.raises(ValueError, match="DTMF"):
        sender.queue(digits, duration, pause)
    assert sender.idle


def event(code: int, duration: int, end: bool = False) -> bytes:
    return TelephoneEvent(code, end, 10, duration).serialize()


def test_a_digit_is_reported_once_when_it_has_ended() -> None:
    receiver = EventReceiver()
    assert receiver.receive(event(5, 160), 1000, 0.0) == []
    assert receiver.receive(event(5, 320), 1000, 0.02) == []
    assert receiver.receive(event(5, 480, end=True), 1000, 0.04) == [(5, 480)]
    assert receiver.receive(event(5, 480, end=True), 1000, 0.06) == []
    assert receiver.receive(event(5, 480, end=True), 1000, 0.08) == []
    assert receiver.next_deadline() is None


def test_the_same_digit_again_is_another() -> None:
    receiver = EventReceiver()
    assert receiver.receive(event(5, 480, end=True), 1000, 0.0) == [(5, 480)]
    assert receiver.receive(event(5, 480, end=True), 2000, 0.1) == [(5, 480)]


def test_packets_out_of_order_do_not_repeat_a_digit() -> None:
    receiver = EventReceiver()
    assert receiver.receive(event(1, 480, end=True), 1000, 0.0) == [(1, 480)]
    assert receiver.receive(event(2, 160), 2000, 0.1) == []
    assert receiver.receive(event(1, 320), 1000, 0.1) == []
    assert receiver.receive(event(2, 480, end=True), 2000, 0.1) == [(2, 480)]


@pytest.mark.rfc("4733 2.5.2.2")
def test_a_lost_end_is_made_up_by_the_next_event() -> None:
    receiver = EventReceiver()
    receiver.receive(event(1, 320), 1000, 0.0)
    assert receiver.receive(event(2, 160), 2000, 0.1) == [(1, 320)]


@pytest.mark.rfc("4733 2.5.2.2")
def test_a_lost_end_is_made_up_by_time() -> None:
    receiver = EventReceiver()
    receiver.receive(event(1, 320), 1000, 5.0)
    deadline = receiver.next_deadline()
    assert deadline is not None
    assert receiver.advance(deadline - 0.01) == []
    assert receiver.advance(deadline) == [(1, 320)]
    assert receiver.advance(deadline + 1) == []
    assert receiver.receive(event(1, 480), 1000, deadline + 1) == []


@pytest.mark.rfc("4733 2.5.2.3")
def test_the_segments_of_a_long_event_are_one() -> None:
    receiver = EventReceiver()
    assert receiver.receive(event(1, 0xFFFF), 1000, 0.0) == []
    assert receiver.receive(event(1, 160), 1000 + 0xFFFF, 0.1) == []
    assert receiver.receive(event(1, 800, end=True), 1000 + 0xFFFF, 0.2) == [(1, 0xFFFF + 800)]


@pytest.mark.rfc("4733 2.5.1.5")
def test_several_events_in_one_packet() -> None:
    receiver = EventReceiver()
    payload = event(1, 800, end=True) + event(2, 800, end=True) + event(3, 160)
    assert receiver.receive(payload, 1000, 0.0) == [(1, 800), (2, 800)]
    assert receiver.receive(event(3, 320, end=True), 2600, 0.1) == [(3, 320)]


@given(st.lists(st.tuples(st.binary(max_size=12), st.integers(0, 0xFFFFFFFF)), max_size=20))
def test_any_payload_is_taken_or_refused(packets: list[tuple[bytes, int]]) -> None:
    receiver = EventReceiver()
    for number, (payload, timestamp) in enumerate(packets):
        try:
            ended = receiver.receive(payload, timestamp, number * 0.02)
        except ParseError:
            continue
        assert all(0 <= code <= 255 and duration >= 0 for code, duration in ended)
