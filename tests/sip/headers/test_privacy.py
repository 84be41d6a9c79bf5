"""Privacy, by RFC 3323 4.2."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.privacy import Privacy, parse_privacy


def test_privacy() -> None:
    privacy = parse_privacy("header ; User;critical")
    assert privacy.values == ("header", "user", "critical")
    assert "user" in privacy
    assert "id" not in privacy
    assert str(privacy) == "header;user;critical"
    assert privacy == Privacy("Header", "user", "critical")
    assert hash(privacy) == hash(Privacy("header", "user", "critical"))
    assert parse_privacy("id, critical") == Privacy("id", "critical")
    assert parse_privacy("id;;user;") == Privacy("id", "user")


@pytest.mark.parametrize("text", ["", ";", ";,", "a b", "id=1"])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_privacy(text)


@pytest.mark.parametrize("privacy", [Privacy(), Privacy("a b"), Privacy("id", "a\r\n")], ids=["none", "space", "line"])
def test_what_cannot_be_written(privacy: Privacy) -> None:
    with pytest.raises(ValueError, match="privacy"):
        str(privacy)
