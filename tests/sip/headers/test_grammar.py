"""The basic rules, by RFC 3261 7.3.1 and 25.1."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.headers.grammar import (
    comment_end,
    is_token,
    parse_params,
    quote,
    quoted_end,
    resolve_quoted_pairs,
    serialize_params,
    split_list,
    strip_comment,
    unfold,
    unquote,
)

TOKEN_CHARS = string.ascii_letters + string.digits + "-.!%*_+`'~"


def test_tokens() -> None:
    for code in range(0x100):
        assert is_token(chr(code)) == (chr(code) in TOKEN_CHARS)
    assert is_token(TOKEN_CHARS)
    assert not is_token("")
    assert not is_token("a b")
    assert not is_token("a\n")
    assert not is_token("a\udcff")


@pytest.mark.parametrize(
    ("text", "unfolded"),
    [
        ("a", "a"),
        ("a\r\n b", "a b"),
        ("a \r\n \t b", "a  b"),
        ("a\n\tb", "a b"),
        ("\r\n a\r\n b", " a b"),
        ("a\rb", "a\rb"),
        ("a\nb", "a\nb"),
    ],
)
def test_unfold(text: str, unfolded: str) -> None:
    assert unfold(text) == unfolded


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ("a b", '"a b"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("bell\x07\x00\x7f", '"bell\\\x07\\\x00\\\x7f"'),
        ("tab\t", '"tab\t"'),
        ("Jörg\udcff", '"Jörg\udcff"'),
    ],
)
def test_quote(text: str, quoted: str) -> None:
    assert quote(text) == quoted
    assert unquote(quoted) == text
    assert quoted_end(quoted, 0) == len(quoted)


@pytest.mark.parametrize("text", ["a\r", "\n", "a\r\nVia: x"])
def test_what_cannot_be_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="CR"):
        quote(text)


@given(st.text(st.characters(exclude_characters="\r\n")))
def test_quotes_come_off_again(text: str) -> None:
    assert unquote(quote(text)) == text
    assert quoted_end(quote(text) + "tail", 0) == len(quote(text))
    assert split_list(f"{quote(text)},b") == [quote(text), "b"]


@pytest.mark.parametrize("text", ["abc", '"', '"abc', 'abc"', ""])
def test_unquote_leaves_the_rest(text: str) -> None:
    assert unquote(text) == text


@pytest.mark.parametrize("text", ['"', '"abc', '"abc\\"', '"a\nb"', "abc", '"a\\\r"'])
def test_quoted_strings_that_never_end(text: str) -> None:
    assert quoted_end(text, 0) == -1


@pytest.mark.parametrize(
    ("text", "end", "content"),
    [
        ("()", 2, ""),
        ("(a)b", 3, "a"),
        ("(a (b) c)", 9, "a (b) c"),
        ("(a\\)b) c)", 6, "a)b"),
        ("(\\() )", 4, "("),
        ("( in)", 5, "in"),
        ('(")', 3, '"'),
    ],
)
def test_comments(text: str, end: int, content: str) -> None:
    assert comment_end(text, 0) == end
    assert strip_comment(text[:end]) == content


@pytest.mark.parametrize("text", ["(", "((a)", "(a\\)", "(\\"])
def test_comments_that_never_end(text: str) -> None:
    assert comment_end(text, 0) == -1


def test_quoted_pairs() -> None:
    assert resolve_quoted_pairs("a\\b\\\\c\\") == "ab\\c\\"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        (" \t", []),
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        (" a ,\tb ", ["a", "b"]),
        ("a,,b", ["a", "", "b"]),
        (",", ["", ""]),
        ('"a,b",c', ['"a,b"', "c"]),
        ('"a\\",b",c', ['"a\\",b"', "c"]),
        ('a;x="b,c" , d', ['a;x="b,c"', "d"]),
        ("<sip:a,b@c>,d", ["<sip:a,b@c>", "d"]),
        ('"<" <sip:a>, ">" <sip:b>', ['"<" <sip:a>', '">" <sip:b>']),
        ("a (b, c), d", ["a (b, c)", "d"]),
        ("a (b, (c, \\), d)), e", ["a (b, (c, \\), d))", "e"]),
        ("(a, b), c", ["(a, b)", "c"]),
        # A parenthesis inside a word is part of a URI, and one that is never closed opens nothing.
        ("sip:a(b@c, sip:d)e@f", ["sip:a(b@c", "sip:d)e@f"]),
        ("a (b, (c, d", ["a (b", "(c", "d"]),
        ('"a, b', ['"a, b']),
        ("<a, b", ["<a, b"]),
        ('a, "b, c', ["a", '"b, c']),
    ],
)
def test_lists(text: str, values: list[str]) -> None:
    assert split_list(text) == values


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", {}),
        (";a", {"a": None}),
        (";A=B", {"a": "B"}),
        (" ; a = b ; c"[1:], {"a": "b", "c": None}),
        (';\ta\t=\t"b;c,\\"d"\t;e', {"a": '"b;c,\\"d"', "e": None}),
        (";rport=;x", {"rport": None, "x": None}),
        (";a=[2001:db8::1];b=2001:db8::1", {"a": "[2001:db8::1]", "b": "2001:db8::1"}),
        (";tag=Zm9v+/==;u=http://a/?b@c", {"tag": "Zm9v+/==", "u": "http://a/?b@c"}),
        (';a="\xff\udcff\x01"', {"a": '"\xff\udcff\x01"'}),
        (';+sip.instance="<urn:uuid:1>"', {"+sip.instance": '"<urn:uuid:1>"'}),
    ],
)
def test_parameters(text: str, params: dict[str, str | None]) -> None:
    assert parse_params(text) == params
    again = parse_params(serialize_params(params))
    assert list(again) == list(params)
    assert [value and unquote(value) for value in again.values()] == [v and unquote(v) for v in params.values()]


@pytest.mark.rfc("3261 7.3.1 #4")
@pytest.mark.parametrize(
    "text",
    [
        ";;", ";;,;,,", ";a;;", ";=b", "a", " ;a", ";a=b c", ';a="b', ';a="b"c', ";a=b,", ";a=<b>", ";a;A=1",
        ";ü=a", ";a\n", ';a="\n"', ";a=b\x00", ";a/b",
    ],
)  # fmt: skip
def test_malformed_parameters(text: str) -> None:
    with pytest.raises(ParseError):
        parse_params(text)


@pytest.mark.parametrize(("text", "params"), [(";", {}), ("; ", {}), (";a;", {"a": None}), (";a=b ; ", {"a": "b"})])
def test_one_semicolon_at_the_end_is_passed_over(text: str, params: dict[str, str | None]) -> None:
    assert parse_params(text) == params


def test_values_in_utf_8_need_no_quotes() -> None:
    assert parse_params(";a=ü\udcff;b") == {"a": "ü\udcff", "b": None}


@pytest.mark.rfc("3261 25.1 #1")
@pytest.mark.parametrize("special", list('()<>@,;:\\"/[]?={} \t'))
def test_special_characters_stand_in_quotes(special: str) -> None:
    written = serialize_params({"a": f"b{special}c"})
    assert written == f';a="b{special}c"' if special not in '"\\' else f';a="b\\{special}c"'
    assert unquote(parse_params(written)["a"] or "") == f"b{special}c"


def test_what_has_no_quotes_in_its_grammar_gets_none() -> None:
    """A tag is whatever its peer made it, and is given back as such."""
    kept = {"tag": "Zm9v+/==", "received": "2001:db8::1", "maddr": "[2001:db8::1]", "x": "[2001:db8::1]"}
    assert serialize_params(dict(kept)) == "".join(f";{name}={value}" for name, value in kept.items())
    assert serialize_params({"tag": "a b"}) == ';tag="a b"'


def test_values_are_quoted_where_they_must_be() -> None:
    assert serialize_params({"a": "b c", "d": "", "e": None, "f": "token", "g": '"as is"', "h": "<urn:x>"}) == (
        ';a="b c";d="";e;f=token;g="as is";h="<urn:x>"'
    )
    assert serialize_params({"a": '"half'}) == ';a="\\"half"'


@pytest.mark.parametrize("params", [{"": None}, {"a b": "c"}, {"a": "b\r\nVia: c"}, {"a;b": None}, {"a=b": None}])
def test_parameters_that_cannot_be_written(params: dict[str, str | None]) -> None:
    with pytest.raises(ValueError):
        serialize_params(params)


NAMES = st.text(TOKEN_CHARS, min_size=1).map(str.lower)
VALUES = st.none() | st.text(st.characters(exclude_characters="\r\n"))


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_parameters_come_back(params: dict[str, str | None]) -> None:
    again = parse_params(serialize_params(params))
    assert list(again) == list(params)
    for name, value in again.items():
        wanted = params[name]
        assert (value is None) == (wanted is None)
        assert value is None or wanted is None or unquote(value) == unquote(wanted)
