"""The methods."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip import method
from offhook.sip.method import METHODS, intern_method, parse_method

NAMES = [
    "INVITE", "ACK", "OPTIONS", "BYE", "CANCEL", "REGISTER", "INFO", "REFER", "PRACK", "UPDATE",
    "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH", "COMET", "UNSUBSCRIBE",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_known_methods_are_one_object(name: str) -> None:
    known = getattr(method, name)
    assert known == name
    assert METHODS[name.encode()] is known
    assert parse_method("".join(list(name))) is known
    assert intern_method("".join(list(name))) is known


def test_no_other_is_known() -> None:
    assert sorted(METHODS.values()) == sorted(NAMES)


@pytest.mark.parametrize("name", ["NEWMETHOD", "invite", "RE%47IST%45R", "!interesting-Method0123456789_*+`.%indeed'~"])
def test_extension_methods(name: str) -> None:
    """RFC 4475 3.1.1.2, 3.1.1.5: any token is a method, and its case and escapes count."""
    assert parse_method(name) == name
    assert intern_method(name) == name
    assert name.encode() not in METHODS


@pytest.mark.parametrize("name", ["", " INVITE", "INVITE\n", "A B", "A/B", "Ä", '"A"'])
def test_what_is_no_method(name: str) -> None:
    with pytest.raises(ParseError):
        parse_method(name)
