from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sdp.attributes import Attribute, Direction
from offhook.sdp.fields import Bandwidth, Connection
from offhook.sdp.line import Line
from offhook.sdp.section import Section
from offhook.sdp.session import MediaDescription


def section(*texts: str, end: str = "\r\n") -> MediaDescription:
    return MediaDescription(Line(text[0], text[2:], end) for text in ["m=audio 9 RTP/AVP 0", *texts])


def texts(of: Section) -> list[str]:
    return [f"{line.type}={line.value}" for line in of.lines[1:]]


def test_everything_typed_is_read_off_the_lines() -> None:
    media = section(
        "i=a title", "c=IN IP4 233.252.0.1/1", "c=IN IP4 233.252.0.2/1", "b=AS:64", "b=RR:0", "a=x:1", "a=y", "a=x:2"
    )
    assert media.information == "a title"
    assert [connection.address for connection in media.connections] == ["233.252.0.1", "233.252.0.2"]
    assert media.connection == media.connections[0]
    assert (media.bandwidth("AS"), media.bandwidth("RR"), media.bandwidth("CT")) == (64, 0, None)
    assert media.attributes == (Attribute("x", "1"), Attribute("y"), Attribute("x", "2"))
    assert media.attribute("x") == Attribute("x", "1")
    assert media.attribute("z") is None
    assert media.attribute_values("x") == ("1", "2")
    assert media.attribute_values("y") == ()


def test_an_attribute_knows_where_it_stands() -> None:
    media = MediaDescription([Line("m", "audio 9 RTP/AVP 0"), Line("a", "x:1", offset=23)])
    assert media.attributes[0].offset == 23


def test_the_direction() -> None:
    assert section().direction is None
    assert section("a=ptime:20", "a=recvonly", "a=sendrecv").direction is Direction.RECVONLY
    assert section("a=sendonly:1").direction is None


@pytest.mark.rfc("3264 5 #4")
@pytest.mark.parametrize("letter", ["t", "v", "o", "x", "M", "", "mi"])
def test_a_letter_that_does_not_belong_here(letter: str) -> None:
    with pytest.raises(ParseError) as caught:
        MediaDescription([Line("m", "audio 9 RTP/AVP 0"), Line(letter, "x", offset=5)])
    assert (caught.value.clause, caught.value.offset) == ("RFC 8866 5", 5)


@pytest.mark.parametrize("text", ["i=again", "k=prompt", "m=video 9 RTP/AVP 31"])
def test_a_second_line_where_one_is_allowed(text: str) -> None:
    with pytest.raises(ParseError):
        section("i=title", "k=prompt", text)


def test_a_section_begins_with_its_own_line() -> None:
    with pytest.raises(ParseError):
        MediaDescription([])
    with pytest.raises(ParseError):
        MediaDescription([Line("a", "sendrecv")])


def test_an_attribute_is_replaced_where_it_stands() -> None:
    media = section("a=x:1", "a=y", "a=x:2", "a=z")
    assert texts(media.with_attribute(Attribute("x", "3"))) == ["a=x:3", "a=y", "a=z"]
    assert texts(media.with_attribute(Attribute("w"))) == ["a=x:1", "a=y", "a=x:2", "a=z", "a=w"]
    assert texts(media.without_attribute("x")) == ["a=y", "a=z"]
    assert texts(media.with_added_attributes([Attribute("x", "3"), Attribute("v")]))[-2:] == ["a=x:3", "a=v"]
    assert texts(media) == ["a=x:1", "a=y", "a=x:2", "a=z"]


def test_a_direction_replaces_any_other() -> None:
    media = section("a=sendrecv", "a=ptime:20", "a=inactive")
    assert texts(media.with_direction(Direction.SENDONLY)) == ["a=sendonly", "a=ptime:20"]
    assert texts(section("a=ptime:20").with_direction(Direction.INACTIVE)) == ["a=ptime:20", "a=inactive"]


def test_new_lines_take_the_place_that_the_rfc_gives_them() -> None:
    media = section("a=x").with_information("title").with_bandwidths([Bandwidth("AS", 64)])
    media = media.with_connections([Connection.to("192.0.2.1")])
    assert texts(media) == ["i=title", "c=IN IP4 192.0.2.1", "b=AS:64", "a=x"]
    assert texts(media.with_information(None).with_bandwidths([]).with_connections([])) == ["a=x"]


def test_lines_in_another_order_stay_so() -> None:
    media = section("a=x", "b=AS:64", "c=IN IP4 192.0.2.1", "a=y")
    assert texts(media.with_bandwidths([Bandwidth("AS", 32)])) == ["a=x", "b=AS:32", "c=IN IP4 192.0.2.1", "a=y"]
    assert texts(media.with_information("title")) == ["i=title", "a=x", "b=AS:64", "c=IN IP4 192.0.2.1", "a=y"]


def test_new_lines_end_as_the_others_do() -> None:
    assert section("a=x", end="\n").with_attribute(Attribute("y")).lines[-1].end == "\n"
    assert section("a=x", end="").with_attribute(Attribute("y")).lines[-1].end == "\r\n"


def test_sections_are_equal_when_their_lines_are() -> None:
    assert section("a=x") == section("a=x")
    assert hash(section("a=x")) == hash(section("a=x"))
    assert section("a=x") != section("a=y")
    assert section("a=x") != "a=x"
    assert repr(section("a=x")) == r"MediaDescription('m=audio 9 RTP/AVP 0\r\na=x\r\n')"
