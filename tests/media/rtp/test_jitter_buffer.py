from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.media.audio.samples import Samples, silence
from offhook.media.audio.tone import sine, tone_above_rest
from offhook.media.codecs.g711 import PCMU
from offhook.media.rtp.jitter_buffer import CAPACITY_SECONDS, MAX_FRAMES, JitterBuffer

FRAME = 160
START = 0xFFFF_F000
"""Timestamps that wrap within two seconds."""

TONE = PCMU.decode(PCMU.encode(sine(440, 20.0)))


class BrokenCodec:
    """A codec that promises audio and has none."""

    name = "BROKEN"
    clock_rate = 8000

    def encode(self, samples: Samples) -> bytes:
        return bytes(len(samples))

    def decode(self, payload: bytes) -> Samples:
        raise ParseError("broken payload")

    def duration(self, payload: bytes) -> int:
        return len(payload)


def insert(buffer: JitterBuffer, number: int, frame: int = FRAME) -> None:
    payload = PCMU.encode(TONE[number * frame : (number + 1) * frame])
    buffer.insert((START + number * frame) % (1 << 32), payload, PCMU)


def play(buffer: JitterBuffer, arrivals: dict[int, list[int]], ticks: int) -> Samples:
    """Read tick by tick; before each, the packets with the listed numbers arrive."""
    pieces = []
    for tick in range(ticks):
        for number in arrivals.get(tick, []):
            insert(buffer, number)
        pieces.append(buffer.read(FRAME))
    return np.concatenate(pieces)


def in_time(packets: int) -> dict[int, list[int]]:
    return {number: [number] for number in range(packets)}


def test_audio_in_time_plays_as_it_was_after_the_least_delay() -> None:
    buffer = JitterBuffer(8000, minimum=0.04)
    heard = play(buffer, in_time(200), 200)
    assert not heard[:320].any()
    assert np.array_equal(heard[320:], TONE[: 198 * FRAME])
    assert (buffer.late, buffer.duplicates) == (0, 0)
    assert buffer.delay == pytest.approx(0.04)


def test_before_the_first_packet_there_is_silence() -> None:
    buffer = JitterBuffer(8000)
    assert not buffer.read(16000).any()
    assert buffer.concealed == 0


def test_packets_out_of_order_are_put_in_order() -> None:
    buffer = JitterBuffer(8000, minimum=0.06)
    arrivals = {2 * pair + 1: [2 * pair + 1, 2 * pair] for pair in range(50)}
    heard = play(buffer, arrivals, 100)
    assert not heard[: 3 * FRAME].any()
    assert np.array_equal(heard[3 * FRAME :], TONE[: 97 * FRAME])
    assert buffer.late == 0


def test_duplicates_are_dropped_whether_played_or_not() -> None:
    buffer = JitterBuffer(8000, minimum=0.04)
    arrivals = {number: [number, number, max(0, number - 10)] for number in range(100)}
    heard = play(buffer, arrivals, 100)
    assert np.array_equal(heard[320:], TONE[: 98 * FRAME])
    assert buffer.duplicates == 200
    assert buffer.delay == pytest.approx(0.04)


def test_a_lost_packet_is_concealed_and_nothing_shifts() -> None:
    buffer = JitterBuffer(8000, minimum=0.04)
    arrivals = {number: [number] for number in range(200) if number % 20 != 10}
    heard = play(buffer, arrivals, 200)
    assert buffer.concealed == 10 * FRAME
    # What was received is untouched but for the joint.
    for number in range(200 - 2):
        if number % 20 not in (10, 11):
            assert np.array_equal(heard[(number + 2) * FRAME :][:FRAME], TONE[number * FRAME :][:FRAME]), number
    assert tone_above_rest(heard[400:], 440) > 20


def test_the_delay_grows_for_late_packets_up_to_its_bound() -> None:
    buffer = JitterBuffer(8000, minimum=0.04, maximum=0.2)
    arrivals = {number: [number] for number in range(50)}
    for number in range(50, 400):
        arrivals.setdefault(number + (5 if number % 10 == 0 else 0), []).append(number)
    heard = play(buffer, arrivals, 400)
    assert buffer.late <= 1
    assert 0.1 <= buffer.delay <= 0.2
    assert tone_above_rest(heard[100 * FRAME :], 440) > 20


def test_beyond_the_bound_late_packets_are_dropped() -> None:
    buffer = JitterBuffer(8000, minimum=0.04, maximum=0.06)
    arrivals = {number: [number] for number in range(50)}
    for number in range(50, 400):
        arrivals.setdefault(number + (5 if number % 10 == 0 else 0), []).append(number)
    play(buffer, arrivals, 410)
    assert buffer.late == 35
    assert buffer.delay <= 0.06 + 1e-9


def test_the_delay_shrinks_when_the_network_calms_down() -> None:
    buffer = JitterBuffer(8000, minimum=0.04, maximum=0.4)
    arrivals: dict[int, list[int]] = {number: [number] for number in range(20)}
    arrivals[30] = list(range(20, 31))
    arrivals |= {number: [number] for number in range(31, 900)}
    play(buffer, arrivals, 120)
    grown = buffer.delay
    arrivals = {tick - 120: numbers for tick, numbers in arrivals.items()}
    play(buffer, arrivals, 780)
    assert grown > 0.15
    assert buffer.delay == pytest.approx(0.04, abs=0.001)


@pytest.mark.parametrize("drift", [0.001, -0.001], ids=["a fast sender", "a slow sender"])
def test_a_sender_with_another_clock_is_followed(drift: float) -> None:
    buffer = JitterBuffer(8000, minimum=0.04, maximum=0.2)
    pieces = []
    number = 0
    for tick in range(900):
        while number * FRAME <= tick * FRAME * (1 + drift):
            insert(buffer, number)
            number += 1
        pieces.append(buffer.read(FRAME))
    assert buffer.late == 0
    assert buffer.delay < 0.1
    assert tone_above_rest(np.concatenate(pieces)[800:], 440) > 20


@pytest.mark.parametrize("jump", [-(1 << 31) + 5, -400000, -50000, 50000, 400000, 1 << 30])
def test_a_new_timeline_is_taken_up_at_once(jump: int) -> None:
    buffer = JitterBuffer(8000)
    play(buffer, in_time(50), 50)
    pieces = []
    for number in range(50, 100):
        payload = PCMU.encode(TONE[number * FRAME : (number + 1) * FRAME])
        buffer.insert((START + jump + number * FRAME) % (1 << 32), payload, PCMU)
        pieces.append(buffer.read(FRAME))
    heard = np.concatenate(pieces)
    assert tone_above_rest(heard[10 * FRAME :], 440) > 20


def test_a_sender_that_stopped_its_clock_during_a_pause_is_heard_again() -> None:
    buffer = JitterBuffer(8000)
    play(buffer, in_time(50), 50)
    for _ in range(500):
        buffer.read(FRAME)
    heard = play(buffer, {number: [50 + number] for number in range(50)}, 50)
    assert tone_above_rest(heard[10 * FRAME :], 440) > 20
    assert buffer.delay < 0.1


def test_one_stray_packet_changes_nothing() -> None:
    buffer = JitterBuffer(8000, minimum=0.04)
    heard = play(buffer, in_time(50), 50)
    buffer.insert(12345, PCMU.encode(silence(FRAME)), PCMU)
    rest = play(buffer, {tick: [tick + 50] for tick in range(50)}, 50)
    assert np.array_equal(np.concatenate((heard, rest))[320:], TONE[: 98 * FRAME])


def test_what_came_while_the_reader_was_stopped_is_not_late() -> None:
    buffer = JitterBuffer(8000, minimum=0.04)
    heard = play(buffer, in_time(50), 50)
    for number in range(50, 200):
        insert(buffer, number)
    rest = np.concatenate([buffer.read(8000) for _ in range(3)])
    assert np.array_equal(np.concatenate((heard, rest))[320:], TONE[: 198 * FRAME])


@pytest.mark.parametrize("frame", [80, 240, 480, 800, 1600])
def test_packets_of_any_length_are_taken(frame: int) -> None:
    buffer = JitterBuffer(8000, minimum=0.04)
    pieces = []
    number = 0
    for tick in range(200):
        while (number + 1) * frame <= (tick + 1) * FRAME:
            insert(buffer, number, frame)
            number += 1
        pieces.append(buffer.read(FRAME))
    heard = np.concatenate(pieces)
    assert buffer.late == 0
    assert tone_above_rest(heard[20 * FRAME :], 440) > 20


def test_another_source_begins_anew() -> None:
    buffer = JitterBuffer(8000)
    play(buffer, in_time(50), 50)
    buffer.reset()
    # What was heard last fades out within 60 ms.
    assert not buffer.read(1600)[480:].any()
    heard = play(buffer, in_time(50), 50)
    assert not heard[:320].any()
    assert np.array_equal(heard[360:], TONE[40 : 48 * FRAME])


def test_a_payload_that_does_not_decode_is_a_gap() -> None:
    buffer = JitterBuffer(8000, minimum=0.02)
    insert(buffer, 0)
    buffer.insert((START + FRAME) % (1 << 32), bytes(FRAME), BrokenCodec())
    insert(buffer, 2)
    heard = buffer.read(4 * FRAME)
    assert np.array_equal(heard[FRAME : 2 * FRAME], TONE[:FRAME])
    assert np.array_equal(heard[3 * FRAME + 40 :], TONE[2 * FRAME + 40 : 3 * FRAME])
    assert buffer.concealed == FRAME


def test_an_empty_payload_is_nothing() -> None:
    buffer = JitterBuffer(8000)
    buffer.insert(0, b"", PCMU)
    assert not buffer.read(FRAME).any()
    assert buffer.concealed == 0


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFFFFFF) | st.integers(0, 40000), st.integers(0, 400), st.integers(0, 500)),
        max_size=80,
    )
)
def test_whatever_comes_as_much_is_read_as_was_asked_for(inputs: list[tuple[int, int, int]]) -> None:
    buffer = JitterBuffer(8000)
    for timestamp, octets, count in inputs:
        buffer.insert(timestamp, bytes(octets), PCMU)
        assert len(buffer.read(count)) == count


def test_a_flood_does_not_fill_the_memory() -> None:
    buffer = JitterBuffer(8000)
    for number in range(5 * MAX_FRAMES):
        buffer.insert(number * 8, bytes(8), PCMU)
    assert len(buffer.read(int(CAPACITY_SECONDS * 8000))) == CAPACITY_SECONDS * 8000
    assert buffer.concealed > 0
