"""Audio ports: from what was negotiated to what runs, over real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from offhook.errors import InvalidState, ResolveFailed, TransportFailed
from offhook.ids import IdSource
from offhook.media.audio.tone import sine, tone_above_rest
from offhook.media.audio.wav import AudioFileError, read_all
from offhook.media.parameters import AudioParameters
from offhook.sdp.negotiate import NegotiatedSession, Side, apply_answer, make_answer, make_offer
from offhook.sdp.parser import parse
from offhook.ua.audio import AudioPort, AudioProvider, audio_parameters, check_playable, check_recordable

HOST = "127.0.0.1"


def spawn(work: Coroutine[Any, Any, None]) -> Callable[[], Awaitable[None]]:
    task = asyncio.ensure_future(work)

    async def wait() -> None:
        await asyncio.shield(task)

    return wait


async def look_up(host: str, own: str) -> list[str]:
    if host == "silent.example.com":
        raise ResolveFailed("no name server answered")
    return [HOST] if host == "phone.example.com" else []


def provider() -> AudioProvider:
    return AudioProvider(IdSource(), spawn, look_up)


def negotiated(offer: str, port: AudioPort) -> NegotiatedSession:
    """What we agree on when we answer an offer."""
    description = parse(offer.encode("ascii"))
    answer = make_answer(description, port.capabilities(HOST, HOST))
    return apply_answer(description, answer, side=Side.ANSWERER)


def offered(media: str = "4000 RTP/AVP 8 0 96", *lines: str, host: str = HOST) -> str:
    attributes = "".join(f"a={line}\r\n" for line in ("rtpmap:96 telephone-event/8000", *lines))
    return f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {media}\r\n{attributes}"


def parameters(offer: str, addresses: dict[str, str] | None = None) -> AudioParameters:
    session = apply_answer(
        parse(offer.encode("ascii")),
        make_answer(parse(offer.encode("ascii")), provider().abilities(HOST)),
        side=Side.ANSWERER,
    )
    return audio_parameters(session.streams[0], {} if addresses is None else addresses)


@pytest.mark.rfc("3264 5.1 #11", "3264 6.1 #18", "3264 6.1 #20", "3264 6.1 #21", "3264 6.1 #24", "3264 6.1 #25")
async def test_what_was_agreed_on_is_what_runs() -> None:
    found = parameters(offered("4000 RTP/AVP 8 0 96", "ptime:30", "sendonly", "rtcp:4009"))
    assert (found.remote, found.rtcp_destination) == ((HOST, 4000), (HOST, 4009))
    assert (found.send_codec, found.send_payload_type) == ("PCMA", 8)
    assert dict(found.receive_codecs) == {8: "PCMA", 0: "PCMU"}
    assert (found.telephone_event_send, found.telephone_event_receive) == (96, 96)
    assert found.direction == "recvonly"
    assert found.ptime == pytest.approx(0.03)


@pytest.mark.rfc("3264 6.1 #21", "3264 7 #7")
@pytest.mark.parametrize(("ptime", "seconds"), [("1", 0.01), ("1000", 0.2), ("nonsense", 0.02)])
async def test_a_packet_time_is_kept_in_bounds(ptime: str, seconds: float) -> None:
    assert parameters(offered("4000 RTP/AVP 0", f"ptime:{ptime}")).ptime == pytest.approx(seconds)


@pytest.mark.rfc("3264 5.1 #4", "3264 6 #6")
async def test_without_a_stream_nothing_runs() -> None:
    assert audio_parameters(None, {}).direction == "inactive"
    found = parameters(offered("0 RTP/AVP 0"))
    assert found.direction == "inactive"


@pytest.mark.rfc("3264 5 #2", "3264 5 #3", "3264 9 #4")
async def test_each_description_has_a_session_id_of_its_own() -> None:
    """Of 53 bits, which every peer can count, with a version far from its last."""
    gives = provider()
    origins = [gives.abilities(HOST).origin for _ in range(100)]
    for _ in range(5):
        port = gives.port()
        origins.append(port.capabilities(HOST, HOST).origin)
        port.close()
        await port.closed()
    assert len({origin.session_id for origin in origins}) == 105
    assert all(0 <= origin.session_id < 1 << 53 and origin.session_version == 1 for origin in origins)


async def test_a_host_name_is_nothing_until_it_is_looked_up() -> None:
    named = offered("4000 RTP/AVP 0", host="phone.example.com")
    assert parameters(named).remote is None
    assert parameters(named, {"phone.example.com": HOST}).remote == (HOST, 4000)


async def test_a_port_looks_names_up_and_goes_on_without_those_that_fail() -> None:
    for name, remote in (("phone", (HOST, 4000)), ("nobody", None), ("silent", None)):
        host = f"{name}.example.com"
        port = provider().port()
        port.apply(negotiated(offered("4000 RTP/AVP 0", host=host), port))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        endpoint = port._endpoint
        assert endpoint is not None
        assert endpoint.parameters.remote == remote
        port.close()
        await port.closed()


async def test_the_same_address_tells_the_same_port_and_another_one_another() -> None:
    port = provider().port()
    first = port.capabilities("127.0.0.1", "198.51.100.1")
    again = port.capabilities("127.0.0.1", "198.51.100.1")
    assert first == again
    assert first.connections[0].address == "198.51.100.1"
    port.capabilities("127.0.0.2", "127.0.0.2")
    endpoint = port._endpoint
    assert endpoint is not None
    assert endpoint.local_host == "127.0.0.2"
    # What runs stays where it is.
    port.apply(negotiated(offered(), port))
    running = port._endpoint
    port.capabilities("127.0.0.3", "127.0.0.3")
    assert port._endpoint is running
    port.close()
    await port.closed()


async def test_what_runs_moves_with_what_is_agreed_on_next() -> None:
    port = provider().port()
    session = negotiated(offered(), port)
    port.apply(session)
    endpoint = port._endpoint
    assert endpoint is not None
    first = endpoint.local_port
    asked = [port.capabilities(host, host).streams[0].port for host in ("127.0.0.3", "127.0.0.3", HOST, "127.0.0.3")]
    assert (asked[0], asked[2], asked[3]) == (asked[1], first, endpoint.offered_port)
    assert endpoint.local_host == HOST
    port.apply(session)
    assert port._endpoint is endpoint
    assert (endpoint.local_host, endpoint.local_port) == ("127.0.0.3", asked[3])
    assert port.capabilities("127.0.0.3", "127.0.0.3").streams[0].port == asked[3]
    # Nothing was agreed on: it stays.
    port.capabilities(HOST, HOST)
    port.capabilities("127.0.0.3", "127.0.0.3")
    port.apply(session)
    assert endpoint.local_host == "127.0.0.3"
    port.close()
    await port.closed()


async def test_a_closed_port_is_closed_for_good() -> None:
    port = provider().port()
    with pytest.raises(InvalidState):
        port.send_digits("1")
    with pytest.raises(InvalidState):
        port.statistics()
    port.stop_playing()
    port.close()
    port.close()
    await port.closed()
    with pytest.raises(TransportFailed):
        port.capabilities(HOST, HOST)
    with pytest.raises(InvalidState):
        await port.play(sine(440, 0.1))
    with pytest.raises(InvalidState):
        await port.record("x.wav")


async def test_all_ports_in_use_is_an_error() -> None:
    full = AudioProvider(IdSource(), spawn, look_up, range(16400, 16402))
    one = full.port()
    one.capabilities(HOST, HOST)
    with pytest.raises(TransportFailed):
        full.port().capabilities(HOST, HOST)
    one.close()
    await one.closed()


async def test_digits_go_from_one_to_the_other() -> None:
    one, other = provider().port(), provider().port()
    heard: asyncio.Queue[str] = asyncio.Queue()
    other.on_digit = lambda digit, seconds: heard.put_nowait(digit)
    offer = make_offer(one.capabilities(HOST, HOST))
    answer = make_answer(offer, other.capabilities(HOST, HOST))
    one.apply(apply_answer(offer, answer))
    other.apply(apply_answer(offer, answer, side=Side.ANSWERER))
    one.send_digits("1#")
    async with asyncio.timeout(10):
        assert [await heard.get(), await heard.get()] == ["1", "#"]
    assert one.statistics().packets_sent > 0
    for port in (one, other):
        port.close()
        await port.closed()


@pytest.mark.rfc("3264 5.1 #16", "3264 5.1 #17", "3264 6.1 #19")
async def test_what_comes_before_the_answer_is_heard_and_recorded(tmp_path: Path) -> None:
    caller, callee = provider().port(), provider().port()
    heard = tmp_path / "heard.wav"
    caller.record_when_heard(heard)
    offer = make_offer(caller.capabilities(HOST, HOST))
    answer = make_answer(offer, callee.capabilities(HOST, HOST))
    callee.apply(apply_answer(offer, answer, side=Side.ANSWERER))
    await callee.play(sine(440, 0.4))
    async with asyncio.timeout(10):
        while caller.statistics().packets_received < 30:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert caller.statistics().packets_sent == 0
        caller.apply(apply_answer(offer, answer))
        await caller.record(heard)
        while not caller.statistics().packets_sent:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    for port in (caller, callee):
        port.close()
        await port.closed()
    assert tone_above_rest(read_all(heard), 440.0) > 20


async def test_another_recording_takes_the_place_of_an_early_one(tmp_path: Path) -> None:
    port = provider().port()
    port.capabilities(HOST, HOST)
    port.record_when_heard(tmp_path / "early.wav")
    port._heard()
    await port.record(tmp_path / "later.wav")
    port._heard()
    port.close()
    await port.closed()
    assert (tmp_path / "later.wav").exists()


async def test_where_nothing_can_be_recorded_is_found_out_before(tmp_path: Path) -> None:
    await check_recordable(None)
    await check_recordable(tmp_path / "new.wav")
    assert not (tmp_path / "new.wav").exists()
    with pytest.raises(AudioFileError):
        await check_recordable(tmp_path / "missing" / "new.wav")


async def test_a_file_that_cannot_be_played_is_found_out_before(tmp_path: Path) -> None:
    await check_playable(None)
    await check_playable(sine(440, 0.1))
    with pytest.raises(AudioFileError):
        await check_playable(tmp_path / "missing.wav")
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(AudioFileError):
        await check_playable(str(tmp_path / "text.wav"))


async def test_no_packet_is_longer_than_the_peer_takes() -> None:
    """RFC 8866 6.5, which stands above the wish of 6.4."""
    assert parameters(offered("4000 RTP/AVP 0", "maxptime:10")).ptime == pytest.approx(0.01)
    assert parameters(offered("4000 RTP/AVP 0", "ptime:40", "maxptime:30")).ptime == pytest.approx(0.03)
    assert parameters(offered("4000 RTP/AVP 0", "maxptime:150")).ptime == pytest.approx(0.02)


async def test_a_name_is_looked_up_where_we_can_send_to() -> None:
    asked: list[tuple[str, str]] = []

    async def note(host: str, own: str) -> list[str]:
        asked.append((host, own))
        return [HOST]

    port = AudioProvider(IdSource(), spawn, note).port()
    port.apply(negotiated(offered("4000 RTP/AVP 0", host="phone.example.com"), port))
    await asyncio.sleep(0)
    assert asked == [("phone.example.com", HOST)]
    port.close()
    await port.closed()
