from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.clock import Moment
from offhook.errors import InvalidState
from offhook.ids import IdSource
from offhook.media.audio.samples import Samples, silence
from offhook.media.audio.source import ArraySource
from offhook.media.audio.tone import sine, tone_above_rest
from offhook.media.codecs.g711 import PCMA, PCMU
from offhook.media.codecs.telephone_event import TelephoneEvent
from offhook.media.effects import DigitReceived, PeerLeft, PlaybackEnded, RemoteLatched, SendRtcp, SendRtp, StreamEffect
from offhook.media.parameters import AudioParameters
from offhook.media.rtcp.goodbye import Goodbye
from offhook.media.rtcp.packet import parse_compound, serialize_compound
from offhook.media.rtcp.report import ReceiverReport, SenderReport
from offhook.media.rtp.packet import RtpPacket
from offhook.media.rtp.session import Address
from offhook.media.stream import MAX_BURST, AudioStream
from tests.media.pcap import write_pcap

WALL = 1_700_000_000.0
START = 1000.0
ALICE = ("192.0.2.1", 4000)
BOB = ("192.0.2.2", 5000)
FRAME = 160

PARAMETERS = AudioParameters(telephone_event_send=101, telephone_event_receive=101)


def at(seconds: float) -> Moment:
    return Moment(START + seconds, WALL + seconds)


class Listener:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.pieces: list[Samples] = [silence(0)]

    def write(self, samples: Samples) -> None:
        self.pieces.append(samples)

    @property
    def heard(self) -> Samples:
        return np.concatenate(self.pieces)


class End:
    """One end of a call: its stream, where it is, and what came out of it, each with its time."""

    def __init__(self, seed: int, address: Address) -> None:
        self.address = address
        self.stream = AudioStream(IdSource.seeded(seed), at(0))
        self.listener = Listener()
        self.effects: list[tuple[float, StreamEffect]] = []

    def drain(self, now: float) -> list[StreamEffect]:
        effects = self.stream.drain()
        self.effects += [(now, effect) for effect in effects]
        return effects

    def of(self, kind: type[StreamEffect]) -> list[tuple[float, StreamEffect]]:
        return [(when, effect) for when, effect in self.effects if isinstance(effect, kind)]

    def packets(self) -> list[tuple[float, RtpPacket]]:
        return [(when, RtpPacket.parse(effect.data)) for when, effect in self.effects if isinstance(effect, SendRtp)]


class Call:
    """Two ends and a network without delay between them, in virtual time."""

    def __init__(self, parameters: AudioParameters = PARAMETERS) -> None:
        self.alice = End(1, ALICE)
        self.bob = End(2, BOB)
        self.now = 0.0
        self.alice.stream.configure(replace(parameters, remote=BOB), at(0))
        self.bob.stream.configure(replace(parameters, remote=ALICE), at(0))
        for end in (self.alice, self.bob):
            end.stream.listen(end.listener, at(0))

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            due = [(end.stream.next_deadline() or 1e9, end) for end in (self.alice, self.bob)]
            deadline, end = min(due, key=lambda each: each[0])
            if deadline - START > until:
                self.now = until
                return
            self.now = max(self.now, deadline - START)
            end.stream.advance(at(self.now))
            self.carry()

    def carry(self) -> None:
        for end, peer in ((self.alice, self.bob), (self.bob, self.alice)):
            for effect in end.drain(self.now):
                if isinstance(effect, SendRtp) and effect.destination == peer.address:
                    peer.stream.receive_rtp(effect.data, end.address, at(self.now))
                elif isinstance(effect, SendRtcp) and effect.destination == (peer.address[0], peer.address[1] + 1):
                    peer.stream.receive_rtcp(effect.data, (end.address[0], end.address[1] + 1), at(self.now))


def lone(parameters: AudioParameters = PARAMETERS) -> End:
    end = End(1, ALICE)
    end.stream.configure(replace(parameters, remote=BOB), at(0))
    return end


def advance(end: End, *times: float) -> list[RtpPacket]:
    """The packets that are sent at these times."""
    before = len(end.packets())
    for now in times:
        end.stream.advance(at(now))
        end.drain(now)
    return [packet for _, packet in end.packets()[before:]]


def ticks(first: int, last: int) -> list[float]:
    return [number * 0.02 for number in range(first, last + 1)]


def packet(number: int, ssrc: int = 77, payload_type: int = 0, payload: bytes = b"\xff" * FRAME) -> bytes:
    return RtpPacket(payload_type, number % 65536, number * FRAME % (1 << 32), ssrc, payload).serialize()


@pytest.mark.rfc("3264 5.1 #17", "3264 6.1 #19")
def test_audio_goes_both_ways() -> None:
    call = Call()
    call.alice.stream.play(ArraySource(sine(1004, 3.0)))
    call.bob.stream.play(ArraySource(sine(440, 3.0)))
    call.run(3.0)
    assert tone_above_rest(call.bob.listener.heard[1000:], 1004) > 30
    assert tone_above_rest(call.alice.listener.heard[1000:], 440) > 30
    for end in (call.alice, call.bob):
        numbers = end.stream.statistics()
        assert (numbers.packets_lost, numbers.packets_late, numbers.packets_rejected) == (0, 0, 0)
        assert numbers.packets_sent == 150


@pytest.mark.parametrize("codec", [PCMU, PCMA])
def test_what_is_heard_is_what_the_codec_keeps(codec: object) -> None:
    name, payload_type = ("PCMU", 0) if codec is PCMU else ("PCMA", 8)
    call = Call(replace(PARAMETERS, send_codec=name, send_payload_type=payload_type))
    tone = sine(1004, 1.0)
    call.alice.stream.play(ArraySource(tone))
    call.run(1.1)
    law = PCMU if codec is PCMU else PCMA
    heard = call.bob.listener.heard
    start = int(np.flatnonzero(np.abs(heard) > 100)[0]) - 1
    assert np.array_equal(heard[start : start + 7000], law.decode(law.encode(tone))[:7000])


def test_packets_leave_on_their_ticks_and_never_drift() -> None:
    end = lone()
    now = 0.0
    lateness = np.random.default_rng(3).uniform(0, 0.015, 4000)
    for late in lateness:
        deadline = end.stream.next_deadline()
        assert deadline is not None
        now = deadline - START + late
        end.stream.advance(at(now))
        end.drain(now)
    packets = end.packets()
    assert abs(len(packets) - now / 0.02) < 2
    timestamps = [(sent.timestamp - packets[0][1].timestamp) % (1 << 32) for _, sent in packets]
    assert timestamps == [number * FRAME for number in range(len(packets))]
    for when, timestamp in zip((when for when, _ in packets), timestamps, strict=True):
        assert 0 <= when - 0.02 - timestamp / 8000 < 0.016


def test_silence_is_sent_while_nothing_plays() -> None:
    packets = advance(lone(), *ticks(1, 5))
    assert [sent.payload for sent in packets] == [b"\xff" * FRAME] * 5
    assert [sent.marker for sent in packets] == [True, False, False, False, False]


def test_the_end_of_playing_is_told_once_and_silence_follows() -> None:
    end = lone()
    source = ArraySource(sine(440, 0.05))
    end.stream.play(source)
    packets = advance(end, *ticks(1, 6))
    ((when, ended),) = end.of(PlaybackEnded)
    assert isinstance(ended, PlaybackEnded)
    assert ended.source is source
    assert when == pytest.approx(0.06)
    assert not PCMU.decode(packets[2].payload)[80:].any()
    assert packets[2].payload != b"\xff" * FRAME
    assert packets[3].payload == b"\xff" * FRAME


def test_playing_can_be_replaced_and_stopped() -> None:
    end = lone()
    end.stream.play(ArraySource(sine(440, 1.0)))
    end.stream.play(ArraySource(np.full(FRAME * 5, 1000, dtype=np.int16)))
    assert set(advance(end, 0.02)[0].payload) == {PCMU.encode(np.array([1000], dtype=np.int16))[0]}
    end.stream.play(None)
    assert set(advance(end, 0.04)[0].payload) == {0xFF}
    assert end.of(PlaybackEnded) == []


@pytest.mark.parametrize("missed", [1, MAX_BURST])
def test_a_short_delay_is_made_up_for(missed: int) -> None:
    end = lone()
    advance(end, 0.02)
    packets = advance(end, 0.02 + missed * 0.02)
    assert len(packets) == missed
    assert [later.timestamp - packets[0].timestamp for later in packets] == [number * FRAME for number in range(missed)]
    assert not any(sent.marker for sent in packets)


def test_after_a_long_stop_the_stream_skips_to_the_present() -> None:
    end = lone()
    source = ArraySource(np.arange(8000, dtype=np.int16))
    end.stream.play(source)
    (before,) = advance(end, 0.02)
    (after,) = advance(end, 3.0)
    assert (after.sequence - before.sequence) % 65536 == 1
    assert (after.timestamp - before.timestamp) % (1 << 32) == 149 * FRAME
    assert after.marker
    # What was not sent is not lost to the listener: playing goes on where it was.
    assert after.payload == PCMU.encode(np.arange(FRAME, 2 * FRAME, dtype=np.int16))
    (next_one,) = advance(end, 3.02)
    assert (next_one.timestamp - after.timestamp) % (1 << 32) == FRAME
    assert not next_one.marker


def test_a_recording_lasts_as_long_as_it_took() -> None:
    call = Call()
    call.alice.stream.play(ArraySource(sine(440, 1.0)))
    call.run(1.0)
    # The peer falls silent without a word, then we are stopped for a while.
    for now in (*ticks(51, 100), 7.5):
        call.bob.stream.advance(at(now))
    heard = call.bob.listener.heard
    assert len(heard) == 7.5 * 8000
    assert tone_above_rest(heard[400:7900], 440) > 30
    assert not heard[10000:].any()


def test_recording_begins_before_anything_is_agreed_on() -> None:
    end = End(1, ALICE)
    assert end.stream.next_deadline() is None
    end.stream.advance(at(5.0))
    end.stream.listen(end.listener, at(5.0))
    advance(end, *ticks(251, 300))
    assert len(end.listener.heard) == 8000
    assert end.effects == []


def test_a_listener_can_leave() -> None:
    call = Call()
    call.run(0.5)
    call.bob.stream.listen(None, at(0.5))
    call.run(0.5)
    assert len(call.bob.listener.heard) == 4000


@pytest.mark.rfc("3264 8.3.4 #1")
def test_a_hold_pauses_sending_and_the_time_goes_on() -> None:
    end = lone()
    tone = np.arange(8000, dtype=np.int16)
    end.stream.play(ArraySource(tone))
    before = advance(end, *ticks(1, 5))
    end.stream.configure(replace(end.stream.parameters, direction="recvonly"), at(0.11))
    assert advance(end, *ticks(6, 50)) == []
    end.stream.configure(replace(end.stream.parameters, direction="sendrecv"), at(1.01))
    after = advance(end, *ticks(51, 52))
    assert (after[0].sequence - before[-1].sequence) % 65536 == 1
    assert (after[0].timestamp - before[-1].timestamp) % (1 << 32) == 46 * FRAME
    assert [sent.marker for sent in after] == [True, False]
    assert after[0].payload == PCMU.encode(tone[5 * FRAME : 6 * FRAME])
    assert after[0].ssrc == before[0].ssrc


def test_what_comes_while_nothing_is_to_be_heard_is_not_recorded() -> None:
    call = Call()
    call.alice.stream.play(ArraySource(sine(440, 5.0)))
    call.run(1.0)
    call.bob.stream.configure(replace(call.bob.stream.parameters, direction="sendonly"), at(1.0))
    call.run(1.0)
    call.bob.stream.configure(replace(call.bob.stream.parameters, direction="sendrecv"), at(2.0))
    call.run(1.0)
    heard = call.bob.listener.heard
    assert len(heard) == 24000
    assert tone_above_rest(heard[1000:7500], 440) > 30
    assert not heard[9000:15900].any()
    assert tone_above_rest(heard[17000:], 440) > 30
    assert call.bob.stream.statistics().packets_received == 150


@pytest.mark.rfc("3264 8.3.2 #3", "3264 8.3.2 #6")
def test_the_codec_may_change_in_the_call() -> None:
    call = Call()
    call.alice.stream.play(ArraySource(sine(440, 5.0)))
    call.run(1.0)
    changed = replace(call.alice.stream.parameters, send_codec="PCMA", send_payload_type=96)
    call.alice.stream.configure(changed, at(1.0))
    call.bob.stream.configure(replace(call.bob.stream.parameters, receive_codecs={0: "PCMU", 96: "PCMA"}), at(1.0))
    call.run(1.0)
    packets = [sent for _, sent in call.alice.packets()]
    assert {sent.payload_type for sent in packets} == {0, 96}
    assert len({sent.ssrc for sent in packets}) == 1
    assert tone_above_rest(call.bob.listener.heard[400:], 440) > 30


@pytest.mark.rfc("3264 8.3.4 #1")
def test_the_packetization_time_may_change_in_the_call() -> None:
    call = Call()
    call.alice.stream.play(ArraySource(sine(440, 5.0)))
    call.run(1.0)
    call.alice.stream.configure(replace(call.alice.stream.parameters, ptime=0.06), at(1.0))
    call.run(1.2)
    sizes = [len(sent.payload) for _, sent in call.alice.packets()]
    assert sizes[:50] == [160] * 50
    assert set(sizes[50:]) == {480}
    assert tone_above_rest(call.bob.listener.heard[400:], 440) > 20


def test_payload_types_that_were_not_agreed_on_are_dropped() -> None:
    end = lone()
    for number in range(10):
        end.stream.receive_rtp(packet(number, payload_type=18), BOB, at(number * 0.02))
    end.stream.receive_rtp(b"garbage", BOB, at(1.0))
    end.stream.receive_rtcp(b"garbage", (BOB[0], BOB[1] + 1), at(1.0))
    numbers = end.stream.statistics()
    assert numbers.packets_invalid == 12
    assert numbers.packets_received == 0
    assert end.drain(1.0) == []


@pytest.mark.rfc("4961 3")
def test_audio_goes_to_where_audio_comes_from() -> None:
    end = lone()
    nat = ("198.51.100.9", 62000)
    for number in range(10):
        end.stream.receive_rtp(packet(number), nat, at(number * 0.02))
    advance(end, 0.2)
    assert [effect.address for _, effect in end.of(RemoteLatched) if isinstance(effect, RemoteLatched)] == [nat]
    sent = [effect for _, effect in end.of(SendRtp) if isinstance(effect, SendRtp)]
    assert sent[-1].destination == nat
    end.stream.configure(replace(end.stream.parameters, remote=("192.0.2.99", 7000)), at(0.3))
    advance(end, 0.32)
    sent = [effect for _, effect in end.of(SendRtp) if isinstance(effect, SendRtp)]
    assert sent[-1].destination == ("192.0.2.99", 7000)


def test_digits_are_sent_and_received() -> None:
    call = Call()
    call.alice.stream.play(ArraySource(sine(440, 5.0)))
    call.run(0.5)
    call.alice.stream.send_digits("19*#", duration=0.1, pause=0.06)
    call.run(2.0)
    digits = [effect for _, effect in call.bob.of(DigitReceived) if isinstance(effect, DigitReceived)]
    assert [(effect.digit, effect.duration) for effect in digits] == [("1", 0.1), ("9", 0.1), ("*", 0.1), ("#", 0.1)]
    events = [sent for _, sent in call.alice.packets() if sent.payload_type == 101]
    assert len({sent.timestamp for sent in events}) == 4
    assert [sent.marker for sent in events].count(True) == 4
    assert call.bob.stream.statistics().packets_lost == 0
    assert tone_above_rest(call.bob.listener.heard[-4000:], 440) > 20


def test_a_digit_whose_end_is_lost_is_told_by_time() -> None:
    end = lone()
    for number in range(3):
        end.stream.receive_rtp(packet(number), BOB, at(number * 0.02))
    event = TelephoneEvent(5, False, 10, 320).serialize()
    end.stream.receive_rtp(packet(3, payload_type=101, payload=event), BOB, at(0.06))
    assert end.of(DigitReceived) == []
    advance(end, *ticks(4, 20))
    ((when, effect),) = end.of(DigitReceived)
    assert isinstance(effect, DigitReceived)
    assert (effect.digit, effect.duration) == ("5", 0.04)
    assert when <= 0.3


def test_events_that_are_no_digits_are_not_told() -> None:
    end = lone()
    event = TelephoneEvent(32, True, 10, 320).serialize()
    for number in range(3):
        end.stream.receive_rtp(packet(number, payload_type=101, payload=event), BOB, at(0.0))
    end.stream.receive_rtp(packet(3, payload_type=101, payload=b"12"), BOB, at(0.0))
    end.drain(0.0)
    assert end.of(DigitReceived) == []
    assert end.stream.statistics().packets_invalid == 1


def test_without_telephone_events_digits_are_refused() -> None:
    end = lone(AudioParameters())
    with pytest.raises(InvalidState, match="telephone events"):
        end.stream.send_digits("1")
    with pytest.raises(ValueError, match="DTMF"):
        lone().stream.send_digits("x")


@pytest.mark.rfc("3550 6.4")
def test_reports_tell_each_end_of_the_other() -> None:
    call = Call()
    call.run(20.0)
    numbers = call.alice.stream.statistics()
    assert numbers.remote_loss == 0.0
    assert numbers.remote_lost == 0
    assert numbers.remote_jitter is not None
    assert numbers.round_trip == pytest.approx(0.0, abs=0.001)
    reports = [effect for _, effect in call.alice.of(SendRtcp) if isinstance(effect, SendRtcp)]
    assert 2 <= len(reports) <= 8
    assert {effect.destination for effect in reports} == {(BOB[0], BOB[1] + 1)}
    first = parse_compound(reports[-1].data)[0]
    assert isinstance(first, SenderReport)
    assert len(first.blocks) == 1


def test_loss_is_counted() -> None:
    end = lone()
    for number in range(100):
        if number % 10 != 5:
            end.stream.receive_rtp(packet(number), BOB, at(number * 0.02))
        end.stream.advance(at(number * 0.02))
    numbers = end.stream.statistics()
    assert (numbers.packets_received, numbers.packets_lost) == (90, 10)
    assert numbers.concealed == pytest.approx(0.2, abs=0.02)
    assert numbers.playout_delay == pytest.approx(0.04, abs=0.021)


@pytest.mark.rfc("5761 5.1.1")
def test_rtcp_may_share_the_port() -> None:
    end = lone(replace(PARAMETERS, rtcp_mux=True))
    for number in range(5):
        end.stream.receive_rtp(packet(number), BOB, at(number * 0.02))
    goodbye = serialize_compound((ReceiverReport(77), Goodbye((77,))))
    end.stream.receive_rtp(goodbye, BOB, at(0.2))
    advance(end, *ticks(10, 400))
    assert len(end.of(PeerLeft)) == 1
    assert {effect.destination for _, effect in end.of(SendRtcp) if isinstance(effect, SendRtcp)} == {BOB}


def test_rtcp_of_strangers_is_not_heard() -> None:
    end = lone()
    for number in range(5):
        end.stream.receive_rtp(packet(number), BOB, at(number * 0.02))
    goodbye = serialize_compound((ReceiverReport(77), Goodbye((77,))))
    end.stream.receive_rtcp(goodbye, ("203.0.113.66", 5001), at(0.2))
    assert end.of(PeerLeft) == []
    assert end.stream.statistics().packets_rejected == 1


def test_a_second_source_is_heard_when_the_first_is_silent() -> None:
    end = lone()
    end.stream.listen(end.listener, at(0))
    loud = PCMU.encode(np.full(FRAME, 4000, dtype=np.int16))
    for number in range(50):
        end.stream.receive_rtp(packet(number), BOB, at(number * 0.02))
        end.stream.receive_rtp(packet(number + 5000, ssrc=78, payload=loud), BOB, at(number * 0.02))
        end.stream.advance(at(number * 0.02))
    assert not end.listener.heard.any()
    for number in range(50, 100):
        end.stream.receive_rtp(packet(number + 5000, ssrc=78, payload=loud), BOB, at(number * 0.02))
        end.stream.advance(at(number * 0.02))
    assert end.listener.heard[-4000:].min() > 3900


def test_our_own_audio_coming_back_is_not_heard() -> None:
    end = lone()
    end.stream.listen(end.listener, at(0))
    end.stream.play(ArraySource(sine(440, 5.0)))
    for now in ticks(1, 100):
        for sent in advance(end, now):
            end.stream.receive_rtp(sent.serialize(), BOB, at(now))
    numbers = end.stream.statistics()
    assert numbers.collisions == 1
    assert not end.listener.heard.any()


def test_closing_says_goodbye_and_ends_everything() -> None:
    call = Call()
    call.run(1.0)
    call.alice.stream.close(at(1.0))
    call.alice.stream.close(at(1.0))
    call.carry()
    assert len(call.bob.of(PeerLeft)) == 1
    assert call.alice.stream.next_deadline() is None
    sent = len(call.alice.effects)
    call.alice.stream.advance(at(2.0))
    call.alice.stream.receive_rtp(packet(1), BOB, at(2.0))
    call.alice.stream.receive_rtcp(packet(1), BOB, at(2.0))
    call.carry()
    assert len(call.alice.effects) == sent


def test_nothing_is_sent_while_no_address_is_known() -> None:
    end = End(1, ALICE)
    end.stream.configure(AudioParameters(remote=("0.0.0.0", 4000)), at(0))
    advance(end, *ticks(1, 400))
    end.stream.close(at(8.0))
    assert end.drain(8.0) == []


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.binary(max_size=60)
            | st.builds(packet, st.integers(0, 65535), st.integers(0, 3), st.sampled_from((0, 101))),
            st.booleans(),
            st.floats(0.0, 0.3),
        ),
        max_size=60,
    )
)
def test_whatever_comes_the_stream_goes_on(inputs: list[tuple[bytes, bool, float]]) -> None:
    end = lone()
    end.stream.listen(end.listener, at(0))
    now = 0.0
    for data, is_rtp, pause in inputs:
        (end.stream.receive_rtp if is_rtp else end.stream.receive_rtcp)(data, BOB, at(now))
        now += pause
        end.stream.advance(at(now))
        end.drain(now)
    assert len(end.listener.heard) == pytest.approx(now * 8000, abs=FRAME)


@pytest.mark.interop("tshark")
def test_tshark_sees_an_orderly_stream(tmp_path: Path) -> None:
    call = Call()
    call.alice.stream.play(ArraySource(sine(440, 2.0)))
    call.run(4.0)
    capture = tmp_path / "stream.pcap"
    write_pcap(capture, [(4000, sent.serialize()) for _, sent in call.alice.packets()])
    shown = subprocess.run(
        ["tshark", "-q", "-r", str(capture), "-d", "udp.port==4000,rtp", "-z", "rtp,streams"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (line,) = [line for line in shown.splitlines() if "127.0.0.1" in line]
    words = line.split()
    at_codec = words.index("g711U")
    assert words[at_codec + 1 : at_codec + 4] == ["200", "0", "(0.0%)"]
    assert [float(word) for word in words[at_codec + 4 : at_codec + 7]] == [20.0, 20.0, 20.0]
