from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.registrar import contacts
from offhook.registrar.contacts import WantedContact, wanted_contacts
from offhook.registrar.refused import Refused
from offhook.registrar.settings import RegistrarSettings
from offhook.sip.message import Request
from offhook.sip.parser import parse
from tests.registrar.wiring import Desk

SETTINGS = RegistrarSettings()
NAMES = ("uri", "host", "secure", "expires", "q", "params", "instance", "reg_id")


def request(*headers: str) -> Request:
    message = parse(Desk().text(*headers))
    assert isinstance(message, Request)
    return message


def values(wanted: list[WantedContact] | None) -> list[tuple[object, ...]] | None:
    return None if wanted is None else [tuple(getattr(one, name) for name in NAMES) for one in wanted]


def wanted_of(*headers: str) -> list[WantedContact]:
    found = wanted_contacts(request(*headers), SETTINGS)
    assert found is not None
    return found


def outcome(*headers: str) -> object:
    """What is read, or how it is refused."""
    try:
        return values(wanted_contacts(request(*headers), SETTINGS))
    except (ParseError, Refused) as error:
        return error.status


def test_all_names_exist() -> None:
    assert all(hasattr(contacts, name) for name in contacts.__all__)


def test_a_star_is_none() -> None:
    assert wanted_contacts(request("Contact: *", "Expires: 0"), SETTINGS) is None
    assert wanted_contacts(request("m:  * ", "Expires: 00"), SETTINGS) is None


def test_all_that_a_contact_says() -> None:
    [wanted] = wanted_of(
        'Contact: "A" <sips:a@[2001:db8::1]:99;x>;q=.5;expires=90;reg-id=3;+sip.instance="<urn:X:y>";z'
    )
    assert (wanted.uri, wanted.host, wanted.secure) == ("sips:a@[2001:db8::1]:99;x", "2001:db8::1", True)
    assert (wanted.expires, wanted.q, wanted.instance, wanted.reg_id) == (90, 0.5, "urn:x:y", 3)
    assert wanted.params == ';reg-id=3;+sip.instance="<urn:X:y>";z'


@pytest.mark.rfc("5626 4.1")
@pytest.mark.parametrize(
    ("written", "instance"),
    [
        ("<URN:UUID:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6>", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        ("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        ("<URN:GSMA:IMEI:Ab>", "urn:gsma:IMEI:Ab"),
        ("<Phone-7>", "Phone-7"),
        ("", ""),
    ],
)
def test_the_name_of_an_instance_is_compared_by_the_rules_of_its_scheme(written: str, instance: str) -> None:
    [wanted] = wanted_of(f'Contact: <sip:a@h>;+sip.instance="{written}";reg-id=1')
    assert wanted.instance == instance
    assert wanted.reg_id == (1 if instance else 0), "RFC 5626 6: ignored without an instance"


@pytest.mark.rfc("5626 11.1")
@pytest.mark.parametrize("text", ["0", "2147483648", "99999999999", "-1", "one", '"1 "'])
def test_a_reg_id_is_a_number(text: str) -> None:
    assert outcome(f'Contact: <sip:a@h>;+sip.instance="<urn:x:y>";reg-id={text}') == 400


# The quick way for the usual form, beside the full grammar

users = st.sampled_from(["", "alice@", "a.b-c_d!e~f*g+1@", "%61@", "a:b@", "@", "ä@"])
hosts = st.sampled_from(
    ["h", "a.b-c.example", "192.0.2.1", "[2001:db8::1]", "a..b", "-", "", "h.", ".h", "under_score", "[1]"]
)
ports = st.sampled_from(
    ["", ":5060", ":0", ":51234", ":64999", ":65000", ":65535", ":65536", ":99999", ":123456", ":", ":x", ":0080"]
)
uri_params = st.sampled_from(
    ["", ";transport=tcp", ";transport=UDP;ob", ";ob", ";ob;ob", ";x=1", ";transport=", ";lr;"]
)
params = st.sampled_from(["", ";expires=60", ";expires=59", ";expires=0", ";expires=999999999", ";expires=x", ";q=0.5"])
more = st.sampled_from(["", ";q=2", ";expires=3", ";+sip.instance=1", " ", ";", ",", ">"])
schemes = st.sampled_from(["sip:", "sips:", "SIP:", "tel:", "", "sip :"])


@given(schemes, users, hosts, ports, uri_params, params, more, st.sampled_from(["", "Expires: 90", "Expires: 5"]))
def test_both_ways_read_the_same(
    scheme: str, user: str, host: str, port: str, uri_params: str, params: str, more: str, expires: str
) -> None:
    contact = f"<{scheme}{user}{host}{port}{uri_params}>{params}{more}"
    headers = [expires] if expires else []
    # A display name is not kept, and no usual form.
    assert outcome(f"Contact: {contact}", *headers) == outcome(f'Contact: "A" {contact}', *headers)
