"""Requests that are formed from URIs: what of a URI is honored, and what keeps a request from being sent."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.uri import SipUri, parse_uri
from offhook.ua.forming import form, form_from_contact
from tests.ua.household import House

BOB = "sip:bob@192.0.2.9"
NOT_HONORED = (
    "From Call-ID CSeq Via Record-Route Route f i v "  # dangerous
    "Accept Accept-Encoding Accept-Language Allow Contact Organization Supported User-Agent m k "  # of ourselves
    "Content-Disposition Content-Encoding Content-Language Content-Length Content-Type Date MIME-Version Timestamp "
    "c e l Max-Forwards To t Authorization Proxy-Authorization P-Asserted-Identity Identity body Unheard-Of"
)


@pytest.mark.rfc("3261 19.1.5 #1", "3261 19.1.5 #2", "3261 19.1.5 #3", "3261 19.1.5 #4", "3261 19.1.1 #6")
def test_the_parameters_go_with_the_request_uri_but_for_the_method() -> None:
    house = House()
    alice, bob = house.phone("alice"), house.script()
    more = ";transport=udp;user=ip;method=INVITE;day=friday;maddr=192.0.2.9"
    alice.invite(parse_uri(f"sip:bob@somewhere.invalid:5060{more}"))
    house.run(1.0)
    request = bob.last("INVITE")
    assert request.request_uri == ("sip:bob@somewhere.invalid:5060;transport=udp;user=ip;day=friday;maddr=192.0.2.9")
    # Nothing of the way belongs into To (19.1.1 table 1).
    assert request.text("To") == "<sip:bob@somewhere.invalid;user=ip;day=friday>"


@pytest.mark.rfc("3261 19.1.5 #2", "3261 19.1.5 #11")
@pytest.mark.parametrize(("asked", "method"), [("MESSAGE", "INVITE"), ("invite", "INVITE"), ("BYE", "OPTIONS")])
def test_a_uri_for_another_method_is_refused(asked: str, method: str) -> None:
    with pytest.raises(ParseError, match=f"is for {asked}"):
        form(parse_uri(f"{BOB};method={asked}"), method)


@pytest.mark.rfc("3261 19.1.5 #5")
@pytest.mark.parametrize(
    ("method", "honored"),
    [
        ("INVITE", {"Subject": "a b", "X-Mood": "fine", "Priority": "urgent", "s": "no"}),
        ("MESSAGE", {"Subject": "a b", "X-Mood": "fine", "Priority": "urgent"}),
        # The others have no place there (20 tables 2 and 3).
        ("OPTIONS", {"X-Mood": "fine", "Call-Info": "<http://x>"}),
    ],
)
def test_what_tells_the_callee_more_is_honored(method: str, honored: dict[str, str]) -> None:
    uri = parse_uri(f"{BOB}?Subject=a%20b&X-Mood=fine&Priority=urgent&Call-Info=%3Chttp://x%3E")
    formed = form(uri, method)
    assert str(formed.uri) == BOB
    for name, value in honored.items():
        assert ((name, value) in formed.headers) == (name != "s")
    assert len(formed.headers) == {"INVITE": 4, "MESSAGE": 4, "OPTIONS": 2}[method]


@pytest.mark.rfc("3261 19.1.5 #6", "3261 19.1.5 #7", "3261 19.1.5 #8", "3261 19.1.5 #9")
def test_what_is_dangerous_or_would_be_untrue_is_not_honored() -> None:
    house = House()
    alice, bob = house.phone("alice"), house.script()
    alice.invite(parse_uri(BOB))
    alice.invite(parse_uri(f"{BOB}?{'&'.join(f'{name}=1' for name in NOT_HONORED.split())}"))
    house.run(1.0)
    plain, formed = [request for request, _ in bob.requests]
    assert formed.keys == plain.keys
    for name in ("Allow", "Contact", "Content-Type", "From", "To", "User-Agent"):
        assert (formed.text(name) or "").partition(";tag")[0] == (plain.text(name) or "").partition(";tag")[0]


def test_what_the_caller_says_goes_before_what_the_uri_says() -> None:
    house = House()
    alice, bob = house.phone("alice"), house.script()
    alice.invite(parse_uri(f"{BOB}?Subject=theirs&X-A=1&X-A=2"), headers=(("subject", "ours"),))
    house.run(1.0)
    assert bob.last("INVITE").texts("Subject") == ["ours"]
    assert bob.last("INVITE").texts("X-A") == ["1", "2"]


@pytest.mark.rfc("3261 19.1.5 #10", "3261 19.1.1 #4")
@pytest.mark.parametrize(
    "more",
    [
        "?Subject=x%0d%0aX-Evil:%201",
        "?X-A=a%00b",
        "?Subject=x&s=y",
        "?Expires=soon",
        "?In-Reply-To=%20",
        "?X%20A=1",
        ";ttl=1",
        ";ttl=x",
        ";ttl=1;maddr=192.0.2.1",
        ";ttl=1;maddr=example.com",
        ";ttl=1;maddr=224.2.0.1;transport=tcp",
    ],
)
def test_what_makes_no_valid_request_is_not_sent(more: str) -> None:
    house = House()
    alice = house.phone("alice")
    with pytest.raises(ParseError):
        alice.invite(parse_uri(f"{BOB}{more}"))
    house.run()
    assert house.log() == []
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 19.1.1 #4")
def test_a_ttl_goes_with_a_multicast_address() -> None:
    uri = parse_uri("sip:all@example.com;maddr=239.255.255.1;ttl=15")
    assert form(uri, "INVITE").uri == uri


@pytest.mark.rfc("3261 19.1.5 #12", "3261 19.1.5 #11")
@pytest.mark.parametrize("more", ["Require=magic", "require=100rel,%20magic", "Proxy-Require=100rel"])
def test_an_extension_that_we_lack_is_not_asked_for(more: str) -> None:
    with pytest.raises(ParseError, match="extension"):
        form(parse_uri(f"{BOB}?{more}"), "INVITE")
    form(parse_uri(f"{BOB}?Require=100rel"), "INVITE")


def test_uris_that_say_no_more_are_left_alone() -> None:
    number = parse_uri("tel:+1-555-0100")
    assert form(number, "INVITE").uri is number


@pytest.mark.rfc("3261 19.1.1 #7")
def test_a_contact_says_no_method() -> None:
    contact = parse_uri(f"{BOB};method=BYE?Subject=x")
    assert isinstance(contact, SipUri)
    formed = form_from_contact(contact, "INVITE")
    assert (str(formed.uri), formed.headers) == (BOB, (("Subject", "x"),))


def test_messages_and_questions_are_formed_so_too() -> None:
    house = House()
    alice, bob = house.phone("alice"), house.script()
    core = alice.core
    alice.do(lambda now: core.message(parse_uri(f"{BOB}?Subject=x"), b"hello", lambda failure, now: None, now))
    alice.do(lambda now: core.options(parse_uri(f"{BOB}?Subject=x&Call-Info=%3Chttp://x%3E"), lambda *_: None, now))
    house.run(1.0)
    assert bob.last("MESSAGE").text("Subject") == "x"
    assert (bob.last("OPTIONS").text("Subject"), bob.last("OPTIONS").text("Call-Info")) == (None, "<http://x>")
