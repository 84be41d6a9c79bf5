"""Warning, by RFC 3261 20.43."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.warning import SipWarning, parse_warning


@pytest.mark.parametrize(
    ("text", "code", "agent", "words"),
    [
        (
            "307 isi.edu \"Session parameter 'foo' not understood\"",
            307,
            "isi.edu",
            "Session parameter 'foo' not understood",
        ),
        (
            "301 isi.edu \"Incompatible network address type 'E.164'\"",
            301,
            "isi.edu",
            "Incompatible network address type 'E.164'",
        ),
        ('392 192.168.1.1:5060 "Noisy \\"feedback\\""', 392, "192.168.1.1:5060", 'Noisy "feedback"'),
        ('399\t[2001:db8::1]:5060  ""', 399, "[2001:db8::1]:5060", ""),
        ('099 a"b"', 99, "a", "b"),
    ],
)
def test_warnings(text: str, code: int, agent: str, words: str) -> None:
    warning = parse_warning(text)
    assert (warning.code, warning.agent, warning.text) == (code, agent, words)
    assert parse_warning(str(warning)) == warning == SipWarning(code, agent, words)
    assert hash(parse_warning(str(warning))) == hash(warning)


@pytest.mark.parametrize(
    "text",
    [
        "", "399", "399 a", "399 a b", '39 a "b"', '1812 overture "In Progress"',  # RFC 4475 3.1.2.5
        '399 "b"', '399 a "b', '399 a "b" c', '399a "b"', '-99 a "b"', '399 a,b "c"', '٣٣٣ a "b"', '399 a "b\n"',
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_warning(text)


@pytest.mark.parametrize(
    "warning",
    [SipWarning(1000, "a", "b"), SipWarning(399, "a b", "c"), SipWarning(-1, "a", "b"), SipWarning(399, "a", "\r")],
    ids=["code", "agent", "negative", "text"],
)
def test_what_cannot_be_written(warning: SipWarning) -> None:
    with pytest.raises(ValueError):
        str(warning)
