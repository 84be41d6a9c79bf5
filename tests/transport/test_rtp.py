from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import soundfile

from offhook.errors import TransportFailed
from offhook.ids import IdSource
from offhook.media.audio.samples import Samples
from offhook.media.audio.tone import level, sine, tone_above_rest
from offhook.media.audio.wav import AudioFileError, AudioReader, WavWriter
from offhook.media.parameters import AudioParameters
from offhook.media.rtp.packet import RtpPacket
from offhook.transport.rtp import DEFAULT_PORTS, AudioEndpoint, bind_pair

HOST = "127.0.0.1"
PATIENCE = 10.0
"""How long a test waits for what must come; it comes much sooner."""


def parameters(peer: AudioEndpoint, **changes: object) -> AudioParameters:
    values = {"telephone_event_send": 101, "telephone_event_receive": 101} | changes
    return AudioParameters(remote=(peer.local_host, peer.local_port), **values)  # type: ignore[arg-type]


@pytest.fixture
async def ends() -> AsyncIterator[tuple[AudioEndpoint, AudioEndpoint]]:
    """Two endpoints that talk to each other."""
    async with await AudioEndpoint.open(HOST) as one, await AudioEndpoint.open(HOST) as two:
        one.configure(parameters(two))
        two.configure(parameters(one))
        yield one, two


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what no hook tells."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def free_range(pairs: int) -> range:
    """A range of ports that were free a moment ago."""
    rtp, rtcp = bind_pair(HOST, DEFAULT_PORTS, IdSource().number(5000))
    start = int(rtp.getsockname()[1])
    rtp.close()
    rtcp.close()
    return range(start, start + 2 * pairs)


def close(*pairs: tuple[socket.socket, socket.socket]) -> None:
    for pair in pairs:
        for sock in pair:
            sock.close()


@pytest.mark.rfc("3550 11")
@pytest.mark.parametrize("host", [HOST, "::1"])
def test_rtp_has_an_even_port_and_rtcp_the_next(host: str) -> None:
    pair = bind_pair(host, range(20001, 21000), 7)
    rtp, rtcp = (sock.getsockname()[1] for sock in pair)
    close(pair)
    assert rtp % 2 == 0
    assert rtcp == rtp + 1
    assert 20001 <= rtp < 20999


def test_busy_ports_are_passed_over() -> None:
    ports = free_range(3)
    blocker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # The RTCP port of the first pair: its RTP port is free and must be given back.
    blocker.bind((HOST, ports.start + 1))
    first = bind_pair(HOST, ports, 0)
    second = bind_pair(HOST, ports, 0)
    taken = [pair[0].getsockname()[1] for pair in (first, second)]
    with pytest.raises(TransportFailed, match="no free pair of RTP ports"):
        bind_pair(HOST, ports, 0)
    close(first, second)
    blocker.close()
    assert taken == [ports.start + 2, ports.start + 4]


def test_an_address_of_another_machine_is_refused_at_once() -> None:
    with pytest.raises(TransportFailed, match=r"cannot open an RTP port on 192\.0\.2\.1"):
        bind_pair("192.0.2.1", DEFAULT_PORTS, 0)


@pytest.mark.parametrize("ports", [range(20000, 20001), range(20001, 20002), range(20001, 20003), range(0)])
def test_a_range_without_a_pair_is_refused(ports: range) -> None:
    with pytest.raises(ValueError, match="no pair"):
        bind_pair(HOST, ports, 0)


async def test_a_tone_is_played_at_one_end_and_recorded_at_the_other(
    ends: tuple[AudioEndpoint, AudioEndpoint], tmp_path: Path
) -> None:
    one, two = ends
    soundfile.write(tmp_path / "tone.wav", sine(1004, 1.5, rate=44100), 44100)
    ended = asyncio.Event()
    one.on_end_of_playback = ended.set
    await two.record(tmp_path / "heard.wav")
    started = time.monotonic()
    await one.play(tmp_path / "tone.wav")
    await asyncio.wait_for(ended.wait(), PATIENCE)
    assert 1.4 < time.monotonic() - started < 1.4 + PATIENCE
    await asyncio.sleep(0.2)
    await two.stop_recording()
    heard, rate = soundfile.read(tmp_path / "heard.wav", dtype="int16")
    assert rate == 8000
    sounding = np.flatnonzero(np.abs(heard) > 1000)
    tone = heard[sounding[0] : sounding[-1]]
    assert len(tone) == pytest.approx(12000, abs=800)
    assert tone_above_rest(tone, 1004) > 20
    assert level(tone) == pytest.approx(-10, abs=1)


async def test_with_the_network_blocked_nothing_is_recorded(tmp_path: Path) -> None:
    async with await AudioEndpoint.open(HOST) as one, await AudioEndpoint.open(HOST) as two:
        one.configure(AudioParameters(remote=(HOST, 9)))
        # It sends nothing, from which the other could learn where it is.
        two.configure(parameters(one, direction="recvonly"))
        await two.record(tmp_path / "heard.wav")
        await one.play(sine(1004, 0.5))
        await asyncio.sleep(0.6)
        await two.stop_recording()
    heard, _ = soundfile.read(tmp_path / "heard.wav", dtype="int16")
    assert len(heard) >= 4000
    assert not heard.any()


async def test_a_recording_is_a_valid_file_all_the_time(
    ends: tuple[AudioEndpoint, AudioEndpoint], tmp_path: Path
) -> None:
    _, two = ends
    await two.record(tmp_path / "heard.wav")
    lengths = []
    for _ in range(4):
        await asyncio.sleep(0.3)
        lengths.append(soundfile.info(tmp_path / "heard.wav").frames)
    assert lengths == sorted(lengths)
    assert 0 < lengths[-1] <= 1.2 * 8000 + PATIENCE * 8000
    await two.record(tmp_path / "second.wav")
    assert soundfile.info(tmp_path / "heard.wav").frames > lengths[-1] - 1


async def test_arrays_are_played_and_other_things_refused(ends: tuple[AudioEndpoint, AudioEndpoint]) -> None:
    one, _ = ends
    ended = asyncio.Event()
    one.on_end_of_playback = ended.set
    await one.play(sine(440, 0.1))
    await asyncio.wait_for(ended.wait(), PATIENCE)
    with pytest.raises(ValueError, match="not mono samples"):
        await one.play(np.zeros((10, 2), dtype=np.int16))
    with pytest.raises(ValueError, match="not mono samples"):
        await one.play(np.zeros(10))  # type: ignore[arg-type]


async def test_files_that_do_not_work_are_named_at_once(
    ends: tuple[AudioEndpoint, AudioEndpoint], tmp_path: Path
) -> None:
    one, _ = ends
    with pytest.raises(AudioFileError, match=r"nowhere\.wav"):
        await one.play(tmp_path / "nowhere.wav")
    (tmp_path / "full.wav").symlink_to("/dev/full")
    with pytest.raises(AudioFileError, match="No space left on device"):
        await one.record(str(tmp_path / "full.wav"))


async def test_a_disk_that_fills_up_does_not_end_the_call(
    ends: tuple[AudioEndpoint, AudioEndpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = ends

    def fail(writer: WavWriter, samples: Samples) -> None:
        raise AudioFileError(f"cannot write {writer.path}: No space left on device")

    failed: list[AudioFileError] = []
    two.on_file_failed = failed.append
    await two.record(tmp_path / "heard.wav")
    monkeypatch.setattr(WavWriter, "write", fail)
    await until(lambda: bool(failed))
    before = two.statistics().packets_received
    await asyncio.sleep(0.3)
    assert two.statistics().packets_received > before
    assert one.statistics().packets_sent > 0
    await two.stop_recording()
    assert len(failed) == 1
    assert "No space left" in str(failed[0])


async def test_a_file_that_breaks_while_it_plays_is_told(
    ends: tuple[AudioEndpoint, AudioEndpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = ends
    soundfile.write(tmp_path / "long.wav", sine(440, 4.0), 8000)
    failed: list[AudioFileError] = []
    ended = asyncio.Event()
    one.on_file_failed = failed.append
    one.on_end_of_playback = ended.set
    await one.play(tmp_path / "long.wav")

    def fail(reader: AudioReader, seconds: float) -> Samples:
        raise AudioFileError("cannot read long.wav: it is broken or was cut short")

    monkeypatch.setattr(AudioReader, "read", fail)
    await asyncio.wait_for(ended.wait(), PATIENCE)
    assert len(failed) == 1


async def test_a_slow_disk_does_not_delay_packets(
    ends: tuple[AudioEndpoint, AudioEndpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, two = ends
    write = WavWriter.write

    def slowly(writer: WavWriter, samples: Samples) -> None:
        time.sleep(0.4)
        write(writer, samples)

    monkeypatch.setattr(WavWriter, "write", slowly)
    await two.record(tmp_path / "heard.wav")
    gaps: list[float] = []
    last = time.monotonic()
    while len(gaps) < 150:
        await asyncio.sleep(0.01)
        now = time.monotonic()
        gaps.append(now - last)
        last = now
    await two.stop_recording()
    assert soundfile.info(tmp_path / "heard.wav").frames >= 8000
    # Half of all moments lie within a slow write: were they in the loop's way, the median would show it.
    assert sorted(gaps)[len(gaps) * 9 // 10] < 0.1


async def test_digits_and_goodbyes_reach_the_hooks(ends: tuple[AudioEndpoint, AudioEndpoint]) -> None:
    one, two = ends
    digits: list[tuple[str, float]] = []
    told, left = asyncio.Event(), asyncio.Event()

    def on_digit(digit: str, duration: float) -> None:
        digits.append((digit, duration))
        if len(digits) == 3:
            told.set()
        raise RuntimeError("a hook of the user's that fails")

    two.on_digit = on_digit
    two.on_peer_left = left.set
    one.send_digits("4#2", duration=0.06, pause=0.04)
    await asyncio.wait_for(told.wait(), PATIENCE)
    assert digits == [("4", 0.06), ("#", 0.06), ("2", 0.06)]
    await one.close()
    await asyncio.wait_for(left.wait(), PATIENCE)


async def test_the_ports_are_free_again_after_closing() -> None:
    ports = free_range(1)
    for _ in range(3):
        endpoint = await AudioEndpoint.open(HOST, ports=ports)
        assert endpoint.local_port == ports.start
        assert endpoint.local_rtcp_port == ports.start + 1
        await endpoint.close()
        await endpoint.close()


@pytest.mark.rfc("3264 8.3.1 #2", "3264 8.3.1 #3", "3264 8.3.1 #7")
async def test_it_moves_to_other_ports_and_hears_the_old_ones_until_then() -> None:
    async with await AudioEndpoint.open(HOST) as one, await AudioEndpoint.open(HOST, symmetric=False) as two:
        one.configure(parameters(two))
        old, pair = one.local_port, bind_pair(HOST, DEFAULT_PORTS, 77)
        new = int(pair[0].getsockname()[1])

        async def hears(port: int) -> bool:
            """Whether what comes to a port is heard; it comes all the time."""
            two.configure(AudioParameters(remote=(HOST, port)))
            await asyncio.sleep(0.1)
            before = one.statistics().packets_received
            await asyncio.sleep(0.3)
            return one.statistics().packets_received > before

        one.listen_at(*pair)
        assert (one.local_port, one.offered_port) == (old, new)
        assert [await hears(port) for port in (old, new, old)] == [True, True, True]
        one.move()
        assert (one.local_port, one.offered_port) == (new, new)
        assert [await hears(port) for port in (old, new, old)] == [True, True, False]


async def test_a_move_that_comes_to_nothing_gives_its_ports_back(ends: tuple[AudioEndpoint, AudioEndpoint]) -> None:
    one, _ = ends
    old = one.local_port
    for ended in (one.stay, lambda: one.listen_at(*bind_pair(HOST, DEFAULT_PORTS, 99))):
        rtp, rtcp = bind_pair(HOST, DEFAULT_PORTS, 88)
        one.listen_at(rtp, rtcp)
        ended()
        assert (rtp.fileno(), rtcp.fileno()) == (-1, -1)
    one.stay()
    one.move()
    assert (one.local_port, one.offered_port) == (old, old)


async def test_endpoints_begin_their_search_at_different_ports() -> None:
    opened = [await AudioEndpoint.open(HOST) for _ in range(4)]
    ports = {endpoint.local_port for endpoint in opened}
    for endpoint in opened:
        await endpoint.close()
    assert len(ports) == 4
    assert max(ports) - min(ports) > 6
    assert all(port in DEFAULT_PORTS for port in ports)


async def test_ipv6_carries_audio() -> None:
    async with await AudioEndpoint.open("::1") as one, await AudioEndpoint.open("::1") as two:
        one.configure(parameters(two))
        two.configure(parameters(one))
        await until(lambda: two.statistics().packets_received >= 10)
        assert two.statistics().packets_rejected == 0


async def test_rtcp_shares_the_port_where_it_was_agreed_on() -> None:
    async with await AudioEndpoint.open(HOST) as one, await AudioEndpoint.open(HOST) as two:
        left = asyncio.Event()
        two.on_peer_left = left.set
        one.configure(parameters(two, rtcp_mux=True))
        two.configure(parameters(one, rtcp_mux=True))
        await until(lambda: two.statistics().packets_received >= 5)
        await one.close()
        await asyncio.wait_for(left.wait(), PATIENCE)


async def test_garbage_does_not_stop_the_stream(ends: tuple[AudioEndpoint, AudioEndpoint]) -> None:
    one, two = ends
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(600):
            stranger.sendto(bytes((number % 256,)) * (number % 50), (HOST, two.local_port))
            stranger.sendto(bytes((128, 200)) * (number % 50), (HOST, two.local_rtcp_port))
            if number % 100 == 0:
                await asyncio.sleep(0.02)
    before = one.statistics().packets_sent
    await until(lambda: two.statistics().packets_received >= before + 10)
    numbers = two.statistics()
    assert numbers.packets_invalid + numbers.packets_rejected > 100
    assert numbers.packets_lost == 0


async def test_an_address_that_takes_nothing_is_survived() -> None:
    async with await AudioEndpoint.open(HOST) as endpoint:
        # Broadcasting is not allowed to an ordinary socket.
        endpoint.configure(AudioParameters(remote=("255.255.255.255", 9)))
        await until(lambda: endpoint.send_failures >= 3)
        assert endpoint.parameters.remote == ("255.255.255.255", 9)


class Receiver(threading.Thread):
    """A socket in a thread of its own that notes when each packet came, and its timestamp."""

    def __init__(self, count: int) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.settimeout(PATIENCE)
        self.port = int(self.socket.getsockname()[1])
        self.count = count
        self.arrivals: list[tuple[float, RtpPacket]] = []

    def run(self) -> None:
        with self.socket:
            while len(self.arrivals) < self.count:
                data = self.socket.recv(2048)
                self.arrivals.append((time.monotonic(), RtpPacket.parse(data)))

    def lateness(self) -> list[float]:
        """How long after its time on the stream's own clock each packet came, in seconds; the quickest has 0."""
        first = self.arrivals[0][1].timestamp
        delays = [when - (packet.timestamp - first) % (1 << 32) / 8000 for when, packet in self.arrivals]
        return [delay - min(delays) for delay in delays]


async def paced(packets: int) -> Receiver:
    receiver = Receiver(packets)
    receiver.start()
    async with await AudioEndpoint.open(HOST) as endpoint:
        endpoint.configure(AudioParameters(remote=(HOST, receiver.port)))
        await asyncio.to_thread(receiver.join)
    return receiver


async def test_packets_do_not_drift() -> None:
    receiver = await paced(150)
    lateness = receiver.lateness()
    # Whatever the machine does meanwhile, some packets at the beginning and at the end are in time. An error of a
    # thirtieth of a millisecond for each packet would show.
    assert min(lateness[:50]) < 0.005
    assert min(lateness[-50:]) < 0.005


@pytest.mark.soak
async def test_packets_are_in_time_for_a_minute() -> None:
    receiver = await paced(3000)
    lateness = receiver.lateness()
    assert len(receiver.arrivals) == 3000
    numbers = [packet.sequence for _, packet in receiver.arrivals]
    assert all((later - earlier) % 65536 == 1 for earlier, later in pairwise(numbers))
    middle = median(lateness)
    assert sum(abs(late - middle) for late in lateness) / len(lateness) < 0.001


class CountingSocket(socket.socket):
    """Counts how often it was asked for a datagram."""

    asked = 0

    def recvfrom(self, *arguments: int) -> tuple[bytes, object]:
        self.asked += 1
        return super().recvfrom(*arguments)


@pytest.mark.parametrize(("heard", "taken", "asked"), [(PATIENCE, 1, 1), (-PATIENCE, 3, 4)])
async def test_packets_of_a_steady_stream_are_taken_one_at_a_time(heard: float, taken: int, asked: int) -> None:
    """After a pause several may wait, and are taken together. `heard`: seconds from now, in the future for no pause."""
    got: list[bytes] = []
    with (
        CountingSocket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
    ):
        sock.bind((HOST, 0))
        sock.setblocking(False)
        for octet in b"abc":
            peer.sendto(bytes([octet]), sock.getsockname())
        async with await AudioEndpoint.open(HOST) as endpoint:
            endpoint._received = time.monotonic() + heard
            endpoint._receive(sock, lambda data, source, now: got.append(data))
    assert (len(got), sock.asked) == (taken, asked)


async def test_a_peer_at_the_last_port_leaves_nothing_open(tmp_path: Path) -> None:
    """No port is left for its RTCP (RFC 3550 11): nothing is said there, and all else is as ever."""
    endpoint = await AudioEndpoint.open(HOST)
    endpoint.configure(AudioParameters(remote=(HOST, 65535)))
    await endpoint.record(tmp_path / "heard.wav")
    await until(lambda: endpoint.statistics().packets_sent > 2)
    await endpoint.close()
    assert endpoint._rtp.fileno() == endpoint._rtcp.fileno() == -1
    assert soundfile.info(tmp_path / "heard.wav").frames > 0


async def test_of_two_recordings_at_once_neither_stays_open(tmp_path: Path) -> None:
    """One that did would be a ResourceWarning, which fails the test."""
    files = [tmp_path / f"{name}.wav" for name in ("first", "second", "third")]
    async with await AudioEndpoint.open(HOST) as endpoint:
        await endpoint.record(files[0])
        await asyncio.sleep(0.1)
        await asyncio.gather(endpoint.record(files[1]), endpoint.record(files[2]))
        await until(lambda: max(soundfile.info(file).frames for file in files[1:]) > 0)
    gc.collect()
