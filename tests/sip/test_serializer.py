"""`Draft`: edits over received messages that leave all else as it is, new messages, replies, and no injection."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import InvalidState, ParseError
from offhook.sip.message import Message, Request, Response
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft, field, new_request, new_response, reply, tagged, without_top_via
from tests.sip.messages import INVITE, OPTIONS, RINGING, SDP, request_of, response_of, with_line, with_more

FOLDED_ROUTES = (
    b"Route: <sip:a;lr>,\r\n <sip:b;lr> ,\r\n\t<sip:c;lr>",
    b"route : <sip:d;lr>",
)


def fields_of(data: bytes) -> list[bytes]:
    return data.partition(b"\r\n\r\n")[0].split(b"\r\n")


# Edits


@pytest.mark.parametrize("data", [INVITE, OPTIONS, RINGING])
def test_without_edits_nothing_changes(data: bytes) -> None:
    assert Draft.of(parse(data)).finish().serialize() == data


def test_an_edit_touches_its_own_line_alone() -> None:
    odd = with_more(INVITE, b"X-Odd :  \t two  blanks ", b"s:\xff", b"ROUTE: <sip:a>", b" , <sip:b>", b"X-odd:again")
    request = request_of(odd)
    draft = Draft.of(request).set("Max-Forwards", "69").prepend("Via", "SIP/2.0/TCP proxy;branch=z9hG4bKx")
    forwarded = draft.request().serialize()
    expected = odd.replace(b"Max-Forwards: 70", b"Max-Forwards: 69").replace(
        b"SIP/2.0\r\nVia", b"SIP/2.0\r\nVia: SIP/2.0/TCP proxy;branch=z9hG4bKx\r\nVia", 1
    )
    assert forwarded == expected
    assert request.serialize() == odd
    assert request_of(forwarded).max_forwards == 69
    assert len(request_of(forwarded).vias) == 2


def test_branches_of_a_fork_share_their_lines() -> None:
    request = request_of(INVITE)
    branches = [Draft.of(request).start("INVITE", f"sip:{name}@b").request() for name in ("one", "two")]
    assert [branch.request_uri for branch in branches] == ["sip:one@b", "sip:two@b"]
    assert request.request_uri == "sip:bob@127.0.0.1:5060"
    assert branches[0].lines[2] is branches[1].lines[2] is request.lines[2]


@pytest.mark.parametrize(
    ("edit", "before", "after"),
    [
        (lambda draft: draft.add("Path", "<sip:p;lr>"), None, b"Path: <sip:p;lr>"),
        (lambda draft: draft.set("Subject", "new"), b"Subject: Performance Test", b"Subject: new"),
        (lambda draft: draft.set("s", "new"), b"Subject: Performance Test", b"s: new"),
        (lambda draft: draft.set("X-New", b"\xff"), None, b"X-New: \xff"),
        (lambda draft: draft.set("X-New", "caf\udce9 \u00e9"), None, b"X-New: caf\xe9 \xc3\xa9"),
        (lambda draft: draft.remove("Subject"), b"Subject: Performance Test", None),
        (lambda draft: draft.remove("c"), b"Content-Type: application/sdp", None),
        (lambda draft: draft.remove("Route"), None, None),
        (lambda draft: draft.remove_first("Route"), None, None),
        (lambda draft: draft.remove_last("Route"), None, None),
        (lambda draft: draft.remove_first("Contact"), b"Contact: <sip:alice@127.0.0.1:5080>", None),
        (lambda draft: draft.remove_last("Contact"), b"Contact: <sip:alice@127.0.0.1:5080>", None),
    ],
)
def test_edits(edit: Callable[[Draft], Draft], before: bytes | None, after: bytes | None) -> None:
    expected = fields_of(INVITE)
    if before is not None:
        position = expected.index(before)
        expected[position : position + 1] = [] if after is None else [after]
    elif after is not None:
        expected.append(after)
    draft = Draft.of(parse(INVITE))
    assert edit(draft) is draft
    message = draft.finish()
    assert fields_of(message.serialize()) == expected
    assert message.keys == parse(message.serialize()).keys


def test_set_leaves_one_field() -> None:
    data = with_more(OPTIONS, b"Supported: a", b"X-Y: z", b"k: b", b"Supported: c")
    message = Draft.of(parse(data)).set("Supported", "d").finish()
    assert message.texts("Supported") == ["d"]
    assert message.keys[-2:] == ["supported", "x-y"]


def test_remove_takes_all_fields() -> None:
    data = with_more(OPTIONS, b"Supported: a", b"X-Y: z", b"k: b", b"Supported: c")
    assert Draft.of(parse(data)).remove("Supported").finish().serialize() == with_more(OPTIONS, b"X-Y: z")


def test_fields_go_by_what_they_say() -> None:
    fields = [b"X-Y: a,\r\n b", b"Supported: c", b"x-y : d", b"X-Y: \xff"]
    asked: list[str] = []

    def goes(value: str) -> bool:
        asked.append(value)
        return value != "d"

    left = Draft.of(parse(with_more(OPTIONS, *fields))).remove_where("X-Y", goes).finish()
    assert left.serialize() == with_more(OPTIONS, *fields[1:3])
    assert left.keys == parse(left.serialize()).keys
    assert sorted(asked) == ["a, b", "d", "\udcff"]


def test_the_first_value_goes_and_the_others_stay_as_they_are() -> None:
    message: Message = parse(with_more(OPTIONS, *FOLDED_ROUTES))
    for left in (
        [b"Route: <sip:b;lr> ,\r\n\t<sip:c;lr>", b"route : <sip:d;lr>"],
        [b"Route: <sip:c;lr>", b"route : <sip:d;lr>"],
        [b"route : <sip:d;lr>"],
        [],
        [],
    ):
        message = Draft.of(message).remove_first("Route").finish()
        assert message.serialize() == with_more(OPTIONS, *left)
        assert message.keys == parse(message.serialize()).keys


def test_the_last_value_goes_and_the_others_stay_as_they_are() -> None:
    message: Message = parse(with_more(OPTIONS, *FOLDED_ROUTES))
    for left in (
        [b"Route: <sip:a;lr>,\r\n <sip:b;lr> ,\r\n\t<sip:c;lr>"],
        [b"Route: <sip:a;lr>,\r\n <sip:b;lr>"],
        [b"Route: <sip:a;lr>"],
        [],
        [],
    ):
        message = Draft.of(message).remove_last("Route").finish()
        assert message.serialize() == with_more(OPTIONS, *left)


def test_the_own_via_of_a_response_goes_out_of_a_joined_line() -> None:
    response = Draft.of(parse(RINGING)).remove_first("Via").response()
    assert response.octets("via") == b"SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-123-1-0"
    assert not response.top_via.more
    quoted = with_line(RINGING, b"Via", b'v: SIP/2.0/UDP a;branch=x;y="1,2" , SIP/2.0/UDP b (c, d)')
    response = Draft.of(parse(quoted)).remove_first("Via").response()
    assert response.serialize() == with_line(RINGING, b"Via", b"v: SIP/2.0/UDP b (c, d)")


def test_fields_are_copied_as_they_stand() -> None:
    source = parse(with_more(OPTIONS, *FOLDED_ROUTES))
    message = new_request("BYE", "sip:x").copy("Route", source).copy("Path", source).copy("v", source).finish()
    assert message.lines[1:4] == [*FOLDED_ROUTES, source.lines[1]]
    assert message.keys[1:4] == ["route", "route", "via"]


@pytest.mark.rfc("3261 7.4.1 #1")
def test_a_body_brings_its_length_and_type() -> None:
    message = Draft.of(parse(OPTIONS)).body(b"hello", "text/plain").finish()
    assert (message.content_length, message.text("Content-Length"), message.content_type) == (5, "5", "text/plain")
    message = Draft.of(message).body(b"other").finish()
    assert (message.body, message.content_type) == (b"other", "text/plain")
    message = Draft.of(message).body(b"").finish()
    assert (message.serialize(), message.content_type) == (OPTIONS, None)


@pytest.mark.rfc("3261 18.3 #4", "3261 20.14 #2")
def test_content_length_is_made_true() -> None:
    cut = Draft.of(parse(INVITE[:-5])).finish()
    assert cut.content_length == len(SDP) - 5
    assert not parse(cut.serialize()).truncated
    without = Draft.of(parse(with_line(INVITE, b"Content-Length"))).finish()
    assert without.lines[-1] == b"Content-Length: %d" % len(SDP)


@pytest.mark.rfc("3261 7 #1")
def test_line_ends_of_lf_leave_as_crlf() -> None:
    bare = OPTIONS.replace(b"\r\n", b"\n")
    assert Draft.of(parse(bare)).finish().serialize() == OPTIONS


# New messages


@pytest.mark.rfc("3261 7 #1", "3261 7.1 #3", "3261 7.1 #4", "3261 20 #3", "3261 20.14 #2")
def test_a_new_request() -> None:
    draft = new_request("MESSAGE", "sip:b@example.com").add("Via", "SIP/2.0/UDP a;branch=z9hG4bK1")
    draft.add("From", "<sip:a>;tag=1").add("To", "<sip:b>").add("Call-ID", "c").add("CSeq", "1 MESSAGE")
    request = draft.body(b"hi", "text/plain").request()
    assert isinstance(request, Request)
    assert request.serialize() == (
        b"MESSAGE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\n"
        b"To: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
    )
    assert parse(request.serialize()).keys == request.keys
    assert (request.method, request.request_uri, request.branch) == ("MESSAGE", "sip:b@example.com", "z9hG4bK1")


@pytest.mark.rfc("3261 7 #2", "3261 7.1 #3", "3261 7.1 #4", "3261 20 #3", "3261 20.14 #2")
def test_a_new_response() -> None:
    response = new_response(486).response()
    assert isinstance(response, Response)
    assert response.serialize() == b"SIP/2.0 486 Busy Here\r\nContent-Length: 0\r\n\r\n"
    assert (response.status, response.reason) == (486, "Busy Here")
    assert new_response(486, "caf\udce9").response().lines[0] == b"SIP/2.0 486 caf\xe9"
    assert new_response(699, "").response().lines[0] == b"SIP/2.0 699 "


@pytest.mark.rfc(
    "3261 8.2.6.2 #1",
    "3261 8.2.6.2 #2",
    "3261 8.2.6.2 #3",
    "3261 8.2.6.2 #4",
    "3261 8.2.6.2 #5",
    "3261 8.2.6.2 #7",
    "3261 8.2.6.2 #8",
)
def test_a_reply_copies_what_identifies_it() -> None:
    request = request_of(
        with_line(INVITE, b"Via", b"v: SIP/2.0/UDP a;branch=x", b" , SIP/2.0/UDP b", b"Via: SIP/2.0/UDP c")
    )
    response = reply(request, 180, None, "mine").response()
    assert response.lines == [
        b"SIP/2.0 180 Ringing",
        b"v: SIP/2.0/UDP a;branch=x\r\n , SIP/2.0/UDP b",
        b"Via: SIP/2.0/UDP c",
        b'From: "Alice" <sip:alice@example.com>;tag=123SIPpTag001',
        b"To: <sip:bob@example.com>;tag=mine",
        b"Call-ID: 1-123@127.0.0.1",
        b"CSeq: 1 INVITE",
        b"Content-Length: 0",
    ]
    assert response_of(response.serialize()).to_tag == "mine"


@pytest.mark.rfc("3261 8.2.6.1 #3")
def test_a_100_copies_timestamp_and_adds_no_tag() -> None:
    request = request_of(with_more(OPTIONS, b"Timestamp: 54"))
    trying = reply(request, 100, None, "mine").response()
    assert (trying.to_tag, trying.text("Timestamp")) == (None, "54")
    assert reply(request, 200, None, "mine").response().text("Timestamp") is None


@pytest.mark.rfc("3261 8.2.6.2 #6")
def test_a_tag_that_is_there_stays() -> None:
    line = b"t:  sip:carol@chicago.example.com ; tag = theirs"
    request = request_of(with_line(OPTIONS, b"To", line))
    response = reply(request, 200, "Fine", "mine").response()
    assert response.lines[3] == line
    assert response.to_tag == "theirs"
    assert response.reason == "Fine"


# What a program must not do


@pytest.mark.parametrize(
    "value", ["a\r\nX: y", "a\nX: y", "a\r", "\n", "a\x00b", b"a\r\n\r\nbody", b"\x00", '"\\\\\x00"']
)
def test_a_value_cannot_inject_a_line(value: str | bytes) -> None:
    draft = Draft.of(parse(OPTIONS))
    for act in (draft.add, draft.set, draft.prepend, field):
        with pytest.raises(InvalidState):
            act("Subject", value)
    assert draft.finish().serialize() == OPTIONS


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nX", "é", "a\x00", "\udcff"])
def test_a_name_is_a_token(name: str) -> None:
    draft = Draft.of(parse(OPTIONS))
    for act in (draft.add, draft.set, draft.prepend, field):
        with pytest.raises(InvalidState):
            act(name, "x")
    for other in (draft.remove, draft.remove_first, draft.remove_last):
        with pytest.raises(InvalidState):
            other(name)
    with pytest.raises(InvalidState):
        draft.copy(name, parse(OPTIONS))
    assert draft.finish().serialize() == OPTIONS


def test_folded_values_are_unfolded_and_paired_nul_is_kept() -> None:
    assert field("subject", "a\r\n b\n\tc") == ("subject", b"subject: a b c")
    assert field("X-Y", '"\\\x00"') == ("x-y", b'X-Y: "\\\x00"')


@pytest.mark.rfc("3261 7.1 #1", "3261 7.1 #2")
@pytest.mark.parametrize(
    ("method", "uri"),
    [
        *(("", "sip:a"), ("IN VITE", "sip:a"), ("INVITE\r\n", "sip:a"), ("é", "sip:a"), ("INVITE", "")),
        *(("INVITE", "sip:a b"), ("INVITE", "sip:a\r\nX: y"), ("INVITE", "<sip:a>"), ("INVITE", b"sip:\x00")),
        ("INVITE", "sip:a\t"),
    ],
)
def test_request_lines_are_checked(method: str, uri: str | bytes) -> None:
    with pytest.raises(InvalidState):
        new_request(method, uri)


@pytest.mark.parametrize(("status", "reason"), [(99, "x"), (700, "x"), (200, "a\r\nX: y"), (200, "a\n"), (200, "\x00")])
def test_status_lines_are_checked(status: int, reason: str) -> None:
    with pytest.raises(InvalidState):
        new_response(status, reason)


def test_requests_and_responses_are_not_mixed_up() -> None:
    with pytest.raises(InvalidState):
        Draft.of(parse(OPTIONS)).response()
    with pytest.raises(InvalidState):
        Draft.of(parse(RINGING)).request()
    with pytest.raises(InvalidState):
        Draft.of(parse(RINGING)).start("INVITE", "sip:a")


@given(
    st.text(
        st.one_of(st.characters(categories=["Cs", "L", "C", "P"]), st.sampled_from('\r\n\x00\\" :;,')), max_size=20
    ),
    st.binary(max_size=30),
)
def test_whatever_is_taken_can_be_parsed_again(value: str, body: bytes) -> None:
    draft = Draft.of(parse(OPTIONS)).body(body)
    try:
        draft.add("Subject", value)
    except InvalidState:
        return
    message = parse(draft.finish().serialize())
    assert message.body == body
    assert len(message.lines) == 9


@pytest.mark.parametrize("data", [b"a: b\r\n c", b"a: b"])
def test_parse_errors_do_not_pass_for_invalid_states(data: bytes) -> None:
    """What a stranger broke and what the caller broke stay apart."""
    with pytest.raises(ParseError):
        parse(data)


@pytest.mark.parametrize(
    "to",
    ["<sip:bob@b>", "<sip:bob@b>;", "<sip:bob@b> ; ", "<sip:bob@b>;tag=", "<sip:bob@b>;tag", "<sip:bob@b> ; TAG = "],
)
def test_a_tag_can_be_read_whatever_it_is_added_to(to: str) -> None:
    assert tagged(to.encode(), "1") == b"<sip:bob@b>;tag=1"
    request = request_of(with_line(OPTIONS, b"To", b"To: " + to.encode()))
    assert reply(request, 200, None, "1").response().to_tag == "1"


OURS = b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-0-1"
NEXT = b"Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-123-1-0"


@pytest.mark.rfc("3261 16.7 step 3")
@pytest.mark.parametrize("lines", [(OURS, NEXT), (OURS + b" ,  " + NEXT[5:],), (OURS + b"," + NEXT[5:],)])
@pytest.mark.parametrize("length", [(b"Content-Length: 0",), ()])
def test_our_via_goes_and_all_else_stays(lines: tuple[bytes, ...], length: tuple[bytes, ...]) -> None:
    received = with_line(with_line(RINGING, b"Via", *lines), b"Content-Length", *length)
    response = response_of(received)
    upstream = without_top_via(response)
    assert upstream is not None
    assert upstream.serialize() == with_line(RINGING, b"Via", NEXT)
    assert (upstream.call_id, upstream.cseq_method, upstream.to_tag) == ("1-123@127.0.0.1", "INVITE", "9")
    assert response.serialize() == received


@pytest.mark.rfc("3261 16.7 step 3", "3261 16.7 #6")
@pytest.mark.parametrize("via", [OURS, OURS + b" , "])
@pytest.mark.parametrize("length", [(b"Content-Length: 0",), ()])
def test_a_response_with_our_via_alone_is_for_nobody_else(via: bytes, length: tuple[bytes, ...]) -> None:
    response = response_of(with_line(with_line(RINGING, b"Via", via), b"Content-Length", *length))
    assert without_top_via(response) is None
