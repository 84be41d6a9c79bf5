from __future__ import annotations

from itertools import pairwise

import pytest

from offhook.clock import Moment
from offhook.errors import ParseError
from offhook.ids import IdSource
from offhook.media.rtcp import ntp
from offhook.media.rtcp.goodbye import Goodbye
from offhook.media.rtcp.packet import RtcpPacket, parse_compound, serialize_compound
from offhook.media.rtcp.report import ReceiverReport, ReportBlock, SenderReport
from offhook.media.rtcp.source_description import CNAME, SourceDescription, SourceDescriptionChunk
from offhook.media.rtp.packet import RtpPacket
from offhook.media.rtp.session import RtpSession

WALL = 1_700_000_000.0
PEER = ("192.0.2.7", 4000)
PEER_SSRC = 77


def at(seconds: float) -> Moment:
    return Moment(seconds, WALL + seconds)


def new(seed: int = 1, now: float = 0.0) -> RtpSession:
    return RtpSession(IdSource.seeded(seed), "alice@example", at(now), clock_rate=8000, bandwidth=10000.0)


def send(session: RtpSession, number: int, now: float | None = None) -> RtpPacket:
    moment = at(number * 0.02 if now is None else now)
    return RtpPacket.parse(session.send(0, number * 160, bytes(160), number == 0, moment))


def hear(session: RtpSession, count: int, now: float, first: int = 0) -> None:
    for number in range(first, first + count):
        session.receive(RtpPacket(0, number, number * 160, PEER_SSRC, bytes(160)), PEER, at(now))


def reports(session: RtpSession, until: float, start: float = 0.0) -> list[tuple[float, list[RtcpPacket]]]:
    """All compounds that are sent up to a second, each with its time."""
    sent: list[tuple[float, list[RtcpPacket]]] = []
    while True:
        deadline = session.next_deadline()
        assert deadline is not None
        now = max(deadline, start)
        if now > until:
            return sent
        session.advance(at(now))
        sent += [(now, parse_compound(data)) for data in session.take_rtcp()]


@pytest.mark.rfc("3550 5.1")
def test_packets_are_numbered_and_stamped_from_random_beginnings() -> None:
    session = new()
    packets = [send(session, number) for number in range(3)]
    assert [(packet.sequence - packets[0].sequence) % 65536 for packet in packets] == [0, 1, 2]
    assert [(packet.timestamp - packets[0].timestamp) % 2**32 for packet in packets] == [0, 160, 320]
    assert [packet.marker for packet in packets] == [True, False, False]
    other = send(new(seed=2), 0)
    assert {packet.ssrc for packet in packets} == {session.ssrc}
    assert other.ssrc != session.ssrc
    assert other.sequence != packets[0].sequence
    assert other.timestamp != packets[0].timestamp
    assert (session.sent_packets, session.sent_octets) == (3, 480)


def test_numbers_wrap() -> None:
    session = new()
    packets = [send(session, number) for number in range(65600)]
    assert packets[65536].sequence == packets[0].sequence
    assert RtpPacket.parse(session.send(0, 1 << 32, b"", False, at(0))).timestamp == packets[0].timestamp


@pytest.mark.rfc("3550 6.1")
def test_a_sender_sends_a_sender_report_with_its_cname() -> None:
    session = new()
    first = send(session, 0)
    for number in range(1, 100):
        send(session, number)
    ((when, (report, description)),) = reports(session, 4.0)
    assert 1.0 < when < 3.1
    assert isinstance(report, SenderReport)
    assert (report.ssrc, report.packets, report.octets, report.blocks) == (session.ssrc, 100, 16000, ())
    assert isinstance(description, SourceDescription)
    assert description.chunks[0].item(CNAME) == b"alice@example"
    # 6.4.1: both timestamps name the instant of the report.
    assert ntp.to_wall(report.ntp) == pytest.approx(WALL + when, abs=1e-3)
    assert (report.rtp_timestamp - first.timestamp) % 2**32 == pytest.approx(when * 8000, abs=1)


@pytest.mark.rfc("3550 6.4")
def test_one_who_only_listens_sends_a_receiver_report() -> None:
    session = new()
    hear(session, 50, 0.5)
    sent = reports(session, 20.0)
    report = sent[0][1][0]
    assert isinstance(report, ReceiverReport)
    (block,) = report.blocks
    assert (block.ssrc, block.lost, block.highest_sequence) == (PEER_SSRC, 0, 49)
    # Nothing came since: no block (6.4).
    later = sent[1][1][0]
    assert isinstance(later, ReceiverReport)
    assert later.blocks == ()


@pytest.mark.rfc("3550 6.3.1")
def test_reports_come_every_five_seconds_on_average() -> None:
    session = new()
    times = []
    for number in range(60 * 500):
        now = number * 0.02
        send(session, number)
        hear(session, 1, now, number)
        session.advance(at(now))
        times += [now for _ in session.take_rtcp()]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert 4.0 < sum(gaps) / len(gaps) < 6.0
    assert min(gaps) >= 2.5 / 1.21828 - 0.02
    assert max(gaps) <= 7.5 / 1.21828 + 0.02
    assert len(set(gaps)) > 10


@pytest.mark.rfc("3550 6.3.8")
def test_a_sender_that_falls_silent_becomes_a_receiver() -> None:
    session = new()
    send(session, 0)
    kinds = [type(packets[0]) for _, packets in reports(session, 40.0)]
    assert kinds[0] is SenderReport
    assert kinds[-1] is ReceiverReport


def report_about(session: RtpSession, last_sr: int, delay: float) -> bytes:
    block = ReportBlock(session.ssrc, 32, 5, 0, 40, last_sr, int(delay * 65536))
    return serialize_compound((ReceiverReport(PEER_SSRC, (block,)),))


@pytest.mark.rfc("3550 6.4.1")
def test_the_round_trip_is_measured() -> None:
    session = new()
    send(session, 0)
    ((sent, (report, _)),) = reports(session, 4.0)
    assert isinstance(report, SenderReport)
    session.receive_rtcp(report_about(session, ntp.compact(report.ntp), 2.0), PEER, at(sent + 2.15))
    assert session.round_trip == pytest.approx(0.15, abs=1e-3)
    assert session.remote_report is not None
    assert (session.remote_report.fraction_lost, session.remote_report.lost) == (32, 5)


def test_an_invented_report_gives_no_round_trip() -> None:
    session = new()
    send(session, 0)
    reports(session, 4.0)
    session.receive_rtcp(report_about(session, 0x12345678, 0.0), PEER, at(5.0))
    session.receive_rtcp(report_about(session, 0, 0.0), PEER, at(5.0))
    assert session.round_trip is None
    assert session.remote_report is not None


def test_a_report_about_another_is_not_ours() -> None:
    session = new()
    block = ReportBlock(session.ssrc ^ 1, 32, 5, 0, 40, 0, 0)
    session.receive_rtcp(serialize_compound((ReceiverReport(PEER_SSRC, (block,)),)), PEER, at(1.0))
    assert session.remote_report is None


def test_control_packets_describe_their_source() -> None:
    session = new()
    data = serialize_compound(
        (
            SenderReport(PEER_SSRC, 0x1111_2222_3333_4444, 0, 1, 160),
            SourceDescription((SourceDescriptionChunk(PEER_SSRC, ((CNAME, b"bob"),)),)),
        )
    )
    assert session.receive_rtcp(data, PEER, at(1.0)) == ()
    source = session.sources.get(PEER_SSRC)
    assert source is not None
    assert source.validated
    assert source.cname == b"bob"


@pytest.mark.rfc("3550 6.6")
def test_a_goodbye_removes_its_source_once() -> None:
    session = new()
    hear(session, 5, 0.1)
    goodbye = serialize_compound((ReceiverReport(PEER_SSRC), Goodbye((PEER_SSRC, 12345))))
    assert session.receive_rtcp(goodbye, PEER, at(1.0)) == (PEER_SSRC,)
    assert PEER_SSRC not in session.sources


def test_broken_control_is_refused() -> None:
    with pytest.raises(ParseError):
        new().receive_rtcp(b"\x80\xc8\x00\x00", PEER, at(1.0))


@pytest.mark.rfc("3550 6.3.5")
def test_a_silent_source_times_out() -> None:
    session = new()
    hear(session, 5, 0.1)
    reports(session, 20.0)
    assert PEER_SSRC in session.sources
    reports(session, 40.0)
    assert PEER_SSRC not in session.sources


@pytest.mark.rfc("3550 6.3.7")
def test_leaving_says_goodbye_once() -> None:
    session = new()
    send(session, 0)
    session.leave(at(1.0))
    session.leave(at(1.0))
    (data,) = session.take_rtcp()
    report, description, goodbye = parse_compound(data)
    assert isinstance(report, SenderReport)
    assert isinstance(description, SourceDescription)
    assert isinstance(goodbye, Goodbye)
    assert goodbye.ssrcs == (session.ssrc,)
    assert session.next_deadline() is None
    session.advance(at(100.0))
    assert session.take_rtcp() == []


@pytest.mark.rfc("3550 6.3.7")
def test_one_who_sent_nothing_leaves_silently() -> None:
    session = new()
    hear(session, 5, 0.1)
    session.leave(at(1.0))
    assert session.take_rtcp() == []


@pytest.mark.rfc("3550 8.2")
def test_a_collision_changes_our_ssrc_and_says_goodbye_for_the_old() -> None:
    session = new()
    old = send(session, 0).ssrc
    assert session.receive(RtpPacket(0, 1, 2, old, b""), PEER, at(1.0)) == ()
    assert session.ssrc != old
    (data,) = session.take_rtcp()
    goodbye = parse_compound(data)[-1]
    assert isinstance(goodbye, Goodbye)
    assert goodbye.ssrcs == (old,)
    assert session.collisions == 1
    assert send(session, 1).ssrc == session.ssrc
    assert session.sent_packets == 1
    # Whoever collided is a source like any other now.
    heard = [session.receive(RtpPacket(0, number, 0, old, b""), PEER, at(1.1)) for number in (2, 3)]
    assert len(heard[1]) == 2


@pytest.mark.rfc("3550 8.2")
def test_our_own_packets_coming_back_change_the_ssrc_only_once() -> None:
    session = new()
    for number in range(50):
        echoed = send(session, number)
        assert session.receive(echoed, PEER, at(number * 0.02)) == ()
    assert session.collisions == 1
    assert session.looped == 49
    assert len(session.take_rtcp()) == 1


@pytest.mark.rfc("3550 8.2")
def test_our_own_reports_coming_back_are_a_loop_too() -> None:
    session = new()
    send(session, 0)
    ((_, packets),) = reports(session, 4.0)
    assert session.receive_rtcp(serialize_compound(packets), PEER, at(5.0)) == ()
    assert session.collisions == 1


@pytest.mark.rfc("3550 8.2")
def test_an_old_conflict_is_forgotten() -> None:
    session = new()
    send(session, 0)
    session.receive(RtpPacket(0, 1, 2, session.ssrc, b""), PEER, at(1.0))
    reports(session, 120.0)
    session.receive(RtpPacket(0, 1, 2, session.ssrc, b""), PEER, at(120.0))
    assert session.collisions == 2


def test_strangers_beyond_the_bound_are_dropped() -> None:
    session = new()
    for ssrc in range(100, 116):
        session.receive_rtcp(serialize_compound((ReceiverReport(ssrc),)), PEER, at(1.0))
    assert session.receive(RtpPacket(0, 1, 2, 5, b""), PEER, at(1.0)) == ()
    assert 5 not in session.sources
