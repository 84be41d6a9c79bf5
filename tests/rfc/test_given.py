"""The torture messages of RFC 4475 and 5118, and every message of the flows of RFC 3261, 3665, 3666 and 5359."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offhook.sip.checks import OK, judge
from offhook.sip.message import Message, Request
from offhook.sip.parser import parse
from offhook.sip.uri import SipUri

DATA = Path(__file__).parent.parent / "data"
SETS = ("torture/rfc4475", "torture/rfc5118", "flows/rfc3261", "flows/rfc3665", "flows/rfc3666", "flows/rfc5359")


def rows() -> list[Any]:
    found = []
    for name in SETS:
        for line in (DATA / name / "manifest.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            found.append(pytest.param(DATA / name / row["file"], row, id=f"{name.partition('/')[2]}-{row['id']}"))
    return found


def sip_uri(message: Message) -> SipUri:
    assert isinstance(message, Request)
    assert isinstance(message.uri, SipUri)
    return message.uri


def as_request(message: Message) -> Request:
    assert isinstance(message, Request)
    return message


FACTS: dict[str, Callable[[Message], object]] = {
    "method": lambda message: as_request(message).method,
    "ruri": lambda message: as_request(message).request_uri,
    "ruri_host": lambda message: sip_uri(message).host,
    "ruri_user_unescaped": lambda message: sip_uri(message).user_unescaped,
    "cseq": lambda message: message.cseq_number,
    "cseq_method": lambda message: message.cseq_method,
    "max_forwards": lambda message: as_request(message).max_forwards,
    "via_count": lambda message: len(message.vias),
    "contact_count": lambda message: len(message.contacts),
    "from_tag": lambda message: message.from_tag,
    "to_tag": lambda message: message.to_tag,
    "call_id": lambda message: message.call_id,
    "content_length": lambda message: message.content_length,
    "body_len": lambda message: len(message.body),
    "status": lambda message: getattr(message, "status", None),
    "reason": lambda message: getattr(message, "reason", None),
}


@pytest.mark.parametrize(("path", "row"), rows())
def test_the_verdict_and_the_facts(path: Path, row: dict[str, Any]) -> None:
    data = path.read_bytes()
    verdict = judge(data).verdict
    if row["expect"] != "lenient":
        assert (verdict == OK) == (row["expect"] == "valid"), judge(data)
    for name, value in row.get("facts", {}).items():
        assert FACTS[name](parse(data)) == value, name


def test_nothing_is_missing() -> None:
    assert len(rows()) > 400
    assert sum(1 for name in SETS for _ in (DATA / name).glob("*.[ds][ai][tp]")) == len(rows())
