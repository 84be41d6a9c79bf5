from __future__ import annotations

import pytest

from offhook.sdp.codec import STATIC_PAYLOAD_TYPES, Codec, codecs_of, free_payload_type, rtp_attributes
from tests.sdp.descriptions import description


def read(*lines: str) -> list[tuple[int | None, str, int, int, str]]:
    codecs = codecs_of(description(*lines).media[0])
    return [(each.payload_type, each.encoding, each.clock_rate, each.channels, each.parameters) for each in codecs]


def test_static_payload_types_need_no_rtpmap() -> None:
    assert read("m=audio 9 RTP/AVP 8 0 9 18") == [
        (8, "PCMA", 8000, 1, ""),
        (0, "PCMU", 8000, 1, ""),
        (9, "G722", 8000, 1, ""),
        (18, "G729", 8000, 1, ""),
    ]


def test_an_rtpmap_names_what_a_number_means() -> None:
    assert read(
        "m=audio 9 RTP/AVP 111 0 101",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 useinbandfec=1",
        "a=rtpmap:0 L16/16000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
    ) == [
        (111, "opus", 48000, 2, "useinbandfec=1"),
        (0, "L16", 16000, 1, ""),
        (101, "telephone-event", 8000, 1, "0-15"),
    ]


def test_what_cannot_be_understood_is_left_out() -> None:
    assert read(
        "m=audio 9 RTP/AVP 0 96 97 98 200 x ٣ 0 -1 0000",
        "a=rtpmap:97 LPC",
        "a=rtpmap:98 X/8000/many",
        "a=rtpmap:200 X/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=fmtp:0",
        "a=fmtp:x 1",
        "a=rtpmap",
    ) == [(0, "PCMU", 8000, 1, "")]


def test_rfc_4475_gives_a_static_type_a_malformed_rtpmap() -> None:
    assert read("m=video 3227 RTP/AVP 31", "a=rtpmap:31 LPC") == [(31, "H261", 90000, 1, "")]


def test_the_first_of_two_rtpmaps_counts() -> None:
    lines = ["a=rtpmap:96 A/8000", "a=rtpmap:96 B/8000", "a=fmtp:96 x", "a=fmtp:96 y"]
    assert read("m=audio 9 RTP/AVP 96", *lines) == [(96, "A", 8000, 1, "x")]


@pytest.mark.rfc("3264 6.1 #15")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Codec("PCMU"), Codec("pcmu", payload_type=96), True),
        (Codec("PCMU"), Codec("PCMA"), False),
        (Codec("G722"), Codec("G722", 16000), False),
        (Codec("L16", 44100, 2), Codec("L16", 44100), False),
        (Codec("opus", 48000, 2, parameters="stereo=1"), Codec("opus", 48000, 2), True),
        (Codec("AMR", parameters="octet-align=1"), Codec("AMR"), False),
        (Codec("AMR", parameters="octet-align=0;mode-set=7"), Codec("amr", parameters="mode-set=2"), True),
        (Codec("AMR-WB", 16000, parameters="Octet-Align=1"), Codec("AMR-WB", 16000, parameters="octet-align=1"), True),
        (Codec("G7221", 16000, parameters="bitrate=24000"), Codec("G7221", 16000, parameters="bitrate=32000"), False),
        (Codec("G7221", 16000, parameters="bitrate=24000"), Codec("G7221", 16000, parameters="bitrate=24400"), False),
        (Codec("H264", 90000, parameters="packetization-mode=1"), Codec("H264", 90000), False),
        (Codec("H264", 90000, parameters="profile-level-id=42e01f"), Codec("H264", 90000), True),
        (Codec("H264", 90000, parameters="profile-level-id=64001f"), Codec("H264", 90000), False),
    ],
)
def test_which_codecs_are_the_same_format(one: Codec, other: Codec, same: bool) -> None:
    assert one.same_format(other) is same
    assert other.same_format(one) is same


def test_every_static_payload_type_is_found_by_its_name() -> None:
    for number, name in STATIC_PAYLOAD_TYPES.items():
        assert Codec(*name).static_payload_type == number
    assert Codec("iLBC").static_payload_type is None


def test_codecs_beside_the_conversation() -> None:
    assert [Codec(name).is_auxiliary for name in ("telephone-event", "CN", "red", "PCMU")] == [True, True, True, False]
    assert Codec("Telephone-Event").is_telephone_event
    assert not Codec("CN").is_telephone_event


def test_dynamic_payload_types_run_out() -> None:
    taken: set[int] = set()
    for _ in range(61):
        number = free_payload_type(taken)
        assert number is not None
        # RFC 5761 section 4 keeps 64 to 95 free for RTCP.
        assert number >= 96 or 35 <= number <= 63
        taken.add(number)
    assert free_payload_type(taken) is None
    assert free_payload_type(set()) == 96


def test_attributes_of_codecs() -> None:
    codecs = (Codec("PCMU", payload_type=0), Codec("opus", 48000, 2, 96, "stereo=1"), Codec("unnumbered"))
    assert [attribute.serialize() for attribute in rtp_attributes(codecs)] == [
        "rtpmap:0 PCMU/8000",
        "rtpmap:96 opus/48000/2",
        "fmtp:96 stereo=1",
    ]
