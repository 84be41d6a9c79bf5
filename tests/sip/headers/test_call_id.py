"""Call-ID, In-Reply-To, Replaces, Join and Target-Dialog."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.call_id import (
    Join,
    Replaces,
    TargetDialog,
    parse_call_id,
    parse_join,
    parse_replaces,
    parse_target_dialog,
)


@pytest.mark.parametrize(
    "text",
    [
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@biloxi.com",
        "a84b4c76e66710",
        "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",  # RFC 4475 3.1.1.2
        "a=b@c@d",
        "ü",
        "\udcff",
    ],
)
def test_call_ids(text: str) -> None:
    assert parse_call_id(text) == text


@pytest.mark.parametrize("text", ["", "a b", "a\tb", "a\n", "\x00", "a\x7f"])
def test_what_is_no_call_id(text: str) -> None:
    with pytest.raises(ParseError):
        parse_call_id(text)


def test_replaces() -> None:
    # RFC 3891 6.1
    replaces = parse_replaces("98732@sip.example.com ;from-tag=r33th4x0r  ;to-tag=ff87ff")
    assert (replaces.call_id, replaces.from_tag, replaces.to_tag) == ("98732@sip.example.com", "r33th4x0r", "ff87ff")
    assert not replaces.early_only
    assert str(replaces) == "98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff"
    early = parse_replaces("12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only")
    assert early.early_only
    assert early == Replaces("12adf2f34456gs5", {"from-tag": "54321", "to-tag": "12345", "early-only": None})
    assert early != Replaces("12ADF2f34456gs5", {"from-tag": "54321", "to-tag": "12345", "early-only": None})
    assert hash(early) == hash(parse_replaces(str(early)))
    assert parse_replaces("87134@171.161.34.23;to-tag=24796;from-tag=0").from_tag == "0"


def test_join() -> None:
    # RFC 3911 7.1
    join = parse_join("12adf2f34456gs5;to-tag=12345;from-tag=54321")
    assert (join.call_id, join.to_tag, join.from_tag) == ("12adf2f34456gs5", "12345", "54321")
    assert join != parse_replaces(str(join))
    assert parse_join(str(join)) == join


def test_target_dialog() -> None:
    # RFC 4538 6
    target = parse_target_dialog("fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544")
    assert (target.call_id, target.local_tag, target.remote_tag) == (
        "fa77as7dad8-sd98ajzz@host.example.com",
        "kkaz-",
        "6544",
    )
    assert parse_target_dialog(str(target)) == target


@pytest.mark.parametrize(
    "text", ["", "a", "a;to-tag=1", "a;from-tag=1", ";to-tag=1;from-tag=2", "a;to-tag;from-tag=2",
             "a;to-tag=1;from-tag=2;to-tag=3", "a b;to-tag=1;from-tag=2", "a;to-tag=1;from-tag=2;;"]
)  # fmt: skip
def test_both_tags_must_stand_once(text: str) -> None:
    with pytest.raises(ParseError):
        parse_replaces(text)
    with pytest.raises(ParseError):
        parse_join(text)
    with pytest.raises(ParseError):
        parse_target_dialog(text)


@pytest.mark.parametrize("value", [Replaces("a b"), Join(""), TargetDialog("a\r\n")], ids=["space", "empty", "line"])
def test_what_cannot_be_written(value: Replaces | Join | TargetDialog) -> None:
    with pytest.raises(ValueError, match="Call-ID"):
        str(value)


def test_tags_of_a_value_without_them() -> None:
    assert (Replaces("a").to_tag, Replaces("a").from_tag) == ("", "")
    assert (Join("a").to_tag, Join("a").from_tag) == ("", "")
    assert (TargetDialog("a").local_tag, TargetDialog("a").remote_tag) == ("", "")
