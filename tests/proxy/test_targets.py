"""The target set: RFC 3261 16.5, RFC 5630 5.3."""

from __future__ import annotations

import pytest

from offhook.flow import Flow
from offhook.proxy.settings import ProxyDomain
from offhook.proxy.target_uri import TargetUri
from offhook.proxy.targets import as_asked, as_sip, by_preference, fallback_target, is_among, itself
from offhook.sip.uri import parse_uri
from tests.proxy.requests import request
from tests.proxy.wiring import sip_uri

ONE = Flow("TCP", "tcp:x", ("192.0.2.10", 5060), ("192.0.2.1", 4000), "0", 1, accepted=True)
TWO = Flow("TCP", "tcp:x", ("192.0.2.10", 5060), ("192.0.2.1", 4001), "0", 2, accepted=True)


def uris(targets: list[TargetUri]) -> list[str]:
    return [target.uri for target in targets]


@pytest.mark.rfc("3261 16.6")
def test_targets_are_tried_from_the_highest_preference_down() -> None:
    targets = [TargetUri("sip:c@h", q=0.1), TargetUri("sip:a@h", q=1.0), TargetUri("sip:b@h", q=0.5)]
    assert uris(by_preference(targets)) == ["sip:a@h", "sip:b@h", "sip:c@h"]


def test_the_order_of_equal_preferences_does_not_depend_on_the_look_up() -> None:
    targets = [TargetUri("sip:b@h"), TargetUri("sip:a@h"), TargetUri("sip:c@h")]
    assert uris(by_preference(targets)) == uris(by_preference(targets[::-1]))


@pytest.mark.rfc("3261 16.5", "3261 16.5 #8")
def test_a_uri_stands_in_the_set_once_by_the_equality_of_uris() -> None:
    targets = [TargetUri("sip:a@Host:5060"), TargetUri("sip:a@host:5060"), TargetUri("sip:%61@host:5060")]
    assert uris(by_preference(targets)) == ["sip:a@Host:5060"]
    assert len(by_preference([TargetUri("sip:a@host"), TargetUri("sip:a@host:5060")])) == 2


def test_a_uri_over_two_flows_has_two_ways() -> None:
    targets = [TargetUri("sip:a@h", ONE), TargetUri("sip:a@h", TWO), TargetUri("sip:a@h", ONE)]
    assert [target.flow for target in by_preference(targets)] == [ONE, TWO]


@pytest.mark.rfc("3261 16.6 step 2", "3261 16.6 #7")
@pytest.mark.parametrize(
    ("contact", "request_uri"),
    [
        ("sip:a@h;transport=tcp", "sip:a@h;transport=tcp"),
        ("sip:a@h?Subject=x", "sip:a@h"),
        ("sip:a@h;method=INVITE;x=1?Subject=x", "sip:a@h;x=1"),
        ("sip:a@h;METHOD=INVITE", "sip:a@h"),
        ("sip:what?is;this", "sip:what?is;this"),
    ],
)
def test_what_no_request_uri_may_have_is_taken_out(contact: str, request_uri: str) -> None:
    target = TargetUri(contact, ONE, ("<sip:p;lr>",), 0.7)
    (found,) = by_preference([target])
    assert (found.uri, found.flow, found.path, found.q) == (request_uri, ONE, ("<sip:p;lr>",), 0.7)


@pytest.mark.rfc("5630 5.3")
def test_from_sips_only_sips() -> None:
    targets = [TargetUri("sip:a@h"), TargetUri("SIPS:b@h"), TargetUri("tel:+1555")]
    assert uris(as_asked(targets, True)) == ["SIPS:b@h"]


@pytest.mark.rfc("5630 5.3")
def test_from_sip_a_sips_contact_is_called_by_sip_over_tls() -> None:
    targets = [TargetUri("sips:b@h;x=1", ONE, ("<sip:p;lr>",), 0.3), TargetUri("sip:a@h")]
    (first, second) = as_asked(targets, False)
    assert (first.uri, first.secure, first.flow, first.path, first.q) == (
        "sip:b@h;x=1",
        True,
        ONE,
        ("<sip:p;lr>",),
        0.3,
    )
    assert (second.uri, second.secure) == ("sip:a@h", False)


@pytest.mark.rfc("3261 16.7 #11")
@pytest.mark.parametrize(
    ("target", "called", "expected"),
    [
        ("tel:+1-555-0100;ext=7", "sip:bob:pw@Example.com:5070;x=y", "sip:+15550100@Example.com:5070;user=phone"),
        ("sip:bob@h", "sip:bob@example.com", None),
        ("mailto:bob@h", "sip:bob@example.com", None),
        ("tel:+15550100", "tel:+15550199", None),
    ],
)
def test_a_telephone_number_as_sip_uri(target: str, called: str, expected: str | None) -> None:
    found = as_sip(TargetUri(target, ONE, ("<sip:p;lr>",), 0.5), request(uri=called))
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.uri, found.flow, found.path, found.q) == (expected, ONE, ("<sip:p;lr>",), 0.5)


def test_a_set_has_a_uri_whatever_its_flow() -> None:
    others = [TargetUri("sip:b@h"), TargetUri("sip:a@Host", ONE)]
    assert is_among(TargetUri("sip:%61@host", TWO), others)
    assert not is_among(TargetUri("sip:c@h"), others)


def test_the_request_uri_itself_is_a_target() -> None:
    found = itself(request(uri="sip:carol@h;method=BYE;x=y?Subject=x"), ONE)
    assert (found.uri, found.flow) == ("sip:carol@h;x=y", ONE)
    assert itself(request(uri="tel:+1555;x=?")).uri == "tel:+1555;x=?"


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ("sip:carol@example.com", "sip:carol@192.0.2.70:5070;transport=tcp"),
        ("sip:a%20b:secret@example.com;x=1", "sip:a%20b@192.0.2.70:5070;transport=tcp"),
        ("sip:+1-555@example.com;x=1;user=Phone", "sip:+1-555@192.0.2.70:5070;transport=tcp;user=phone"),
        ("tel:+1-555-1234", "sip:+15551234@192.0.2.70:5070;transport=tcp;user=phone"),
        (
            "tel:911;Phone-Context=+1;isub=7",
            "sip:911;isub=7;phone-context=+1@192.0.2.70:5070;transport=tcp;user=phone",
        ),
        ("tel:*31#;phone-context=+1", "sip:*31%23;phone-context=+1@192.0.2.70:5070;transport=tcp;user=phone"),
    ],
)
@pytest.mark.rfc("3261 19.1.6 #1", "3261 19.1.1 #5", "3261 25.1 #2")
def test_the_fallback_bears_the_user_that_was_called(called: str, expected: str) -> None:
    domain = ProxyDomain("example.com", sip_uri("sip:trunk@192.0.2.70:5070;transport=tcp"))
    uri = parse_uri(called)
    assert uris(fallback_target(uri, domain)) == [expected]  # type: ignore[arg-type]


def test_without_a_fallback_there_is_none() -> None:
    uri = sip_uri("sip:carol@example.com")
    assert fallback_target(uri, None) == []
    assert fallback_target(uri, ProxyDomain("example.com")) == []
