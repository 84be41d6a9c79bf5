"""The phones of the measurements: whole messages, in scenarios that SIPp reads."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from bench import phones
from offhook.sip.message import Request
from offhook.sip.parser import parse

SCENARIOS = [phones.caller(False), phones.caller(True), phones.registering(False), phones.registering(True)]


def sent(scenario: str) -> list[str]:
    """What is sent, with SIPp's keywords filled in."""
    values = {"[len]": "0", "[routes]": "Route: <sip:a;lr>", "[peer_tag_param]": ";tag=b", "[next_url]": "sip:b@b"}
    texts = []
    for step in ElementTree.fromstring(scenario).iter("send"):
        text = (step.text or "").strip("\n")
        for keyword, value in values.items():
            text = text.replace(keyword, value)
        text = re.sub(r"\[last_(.*?):\]", r"\1: x", text).replace("[field1]", "Authorization: Digest a=b")
        texts.append(re.sub(r"\[\w+\]", "5", text) + "\n\n")
    return texts


def read(text: str) -> Request:
    message = parse(text.replace("\n", "\r\n").encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_request_is_whole(scenario: str) -> None:
    requests = [read(text) for text in sent(scenario)]
    assert len(requests) >= len(phones.CALLERS)
    for request in requests:
        assert request.max_forwards == 70
        assert request.holds("contact")
        assert not request.truncated


def test_the_phones_differ() -> None:
    invites = [text for text in sent(phones.caller(False)) if text.startswith("INVITE")]
    assert len({tuple(read(invite).keys) for invite in invites}) == len(phones.CALLERS) == 4
    assert len({invite.partition("\n\n")[2] for invite in invites}) == 3


def test_the_callee_answers_in_two_orders() -> None:
    answers = [text for text in sent(phones.callee()) if text.startswith("SIP/2.0 200")]
    assert len({tuple(re.findall(r"^([\w-]+):", text, re.MULTILINE)) for text in answers}) == len(answers) == 4


def test_each_way_is_taken_as_often() -> None:
    chances = [float(step.get("chance") or 0) for step in ElementTree.fromstring(SCENARIOS[0]).iter("nop")]
    left = 1.0
    for chance in chances[:3]:
        assert left * chance == pytest.approx(0.25, abs=1e-4)
        left *= 1 - chance
