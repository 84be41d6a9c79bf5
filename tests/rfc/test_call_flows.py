"""The flows of RFC 3665 2 and 3 and of RFC 3261 24, played by ours: our messages beside the RFC's, field by field.

`flow_plays` has the plays, `flow_differences` what differs on purpose and why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

import pytest

from offhook.sip.parser import parse
from offhook.sip.serializer import Draft
from tests.rfc.flow_comparison import Comparison, Finding, align, disorder
from tests.rfc.flow_credentials import wrong_credentials
from tests.rfc.flow_differences import DIFFERENCES, INSTEAD, PRELUDES, SKIPPED
from tests.rfc.flow_plays import PLAYS
from tests.rfc.flow_site import PASSWORDS, Sent
from tests.rfc.flow_steps import Step, steps_of


class Played(NamedTuple):
    """`everything` that ours sent, what of it came before the flow, and the flow beside its steps."""

    everything: list[Sent]
    prelude: list[Sent]
    pairs: list[tuple[Step, Sent]]
    missing: list[Step]
    surplus: list[Sent]


@cache
def played(play: str) -> Played:
    section, act = PLAYS[play]
    site = act()
    begins = len(PRELUDES.get(play, ()))
    steps = [step for step in steps_of(section) if step.name not in SKIPPED]
    pairs, missing, surplus = align(steps, site.sent[begins:], INSTEAD)
    return Played(site.network.sent, site.sent[:begins], pairs, missing, surplus)


Found = list[tuple[Step, Finding]]


def compared(pairs: list[tuple[Step, Sent]]) -> Found:
    comparison = Comparison()
    return [(step, finding) for step, sent in pairs for finding in comparison.findings(step, sent)]


@cache
def found(play: str) -> Found:
    return compared(played(play).pairs)


def unexplained(play: str, differences: Found) -> list[str]:
    """The differences that nobody has given a reason for."""
    return [
        f"{step}: {finding.code}: {finding.detail}"
        for step, finding in differences
        if not any(one.words(play, step, finding) for one in DIFFERENCES)
    ]


each_play = pytest.mark.parametrize("play", PLAYS)


@each_play
def test_each_step_is_taken_and_no_other(play: str) -> None:
    result = played(play)
    assert [str(sent) for sent in result.prelude] == list(PRELUDES.get(play, ()))
    assert (result.missing, result.surplus) == ([], [])


@each_play
def test_the_steps_come_in_the_order_of_the_rfc(play: str) -> None:
    assert disorder(played(play).pairs) == []


@each_play
def test_our_messages_are_the_rfcs_but_for_what_has_a_reason(play: str) -> None:
    assert unexplained(play, found(play)) == []


@each_play
def test_the_credentials_are_right(play: str) -> None:
    passwords = {"bob": "wrong"} if play == "2.5" else PASSWORDS
    assert wrong_credentials(played(play).everything, passwords) == []


def test_no_reason_is_given_for_what_does_not_differ() -> None:
    """It would hide a fault."""
    for one in DIFFERENCES:
        used: set[str] = set()
        for play in PLAYS:
            used = used.union(*(one.words(play, step, finding) for step, finding in found(play)))
        assert used == {*one.codes, *one.scopes}, one


BOBS_VIA: Final = "SIP/2.0/UDP client.biloxi.example.com:5060"
Edit = Callable[[Draft], object]
FAULTS: Final[list[tuple[str, int, Edit, str]]] = [
    ("3.2", 1, lambda draft: draft.start("INVITE", "sip:bob@ss1.atlanta.example.com"), "Request-URI is"),
    ("3.2", 5, lambda draft: draft.remove("Record-Route"), "Record-Route left out"),
    ("3.2", 7, lambda draft: draft.set("Max-Forwards", "69"), "Max-Forwards"),
    ("3.2", 9, lambda draft: draft.remove_first("Via"), "Via count"),
    ("3.2", 9, lambda draft: draft.set("Contact", "<sip:bob@192.0.2.9>"), "Contact is"),
    ("3.2", 10, lambda draft: draft.remove_last("Record-Route"), "Record-Route count"),
    ("3.2", 11, lambda draft: draft.set("Call-ID", "another"), "Call-ID changed"),
    ("3.2", 14, lambda draft: draft.set("To", "Bob <sip:bob@biloxi.example.com>"), "To tag left out"),
    ("3.2", 14, lambda draft: draft.set("To", "<sip:bob@biloxi.example.com>;tag=another"), "To tag changed"),
    ("3.2", 15, lambda draft: draft.set("CSeq", "3 ACK"), "CSeq"),
    ("3.2", 15, lambda draft: draft.remove("Route"), "Route left out"),
    ("3.2", 18, lambda draft: draft.set("From", "<sip:bob@biloxi.example.com>;tag=another"), "From tag changed"),
    ("3.2", 21, lambda draft: draft.add("Contact", "<sip:alice@192.0.2.101>"), "Contact added"),
    ("3.2", 4, lambda draft: draft.body(b"", None), "body"),
    ("3.2", 4, lambda draft: draft.set("Content-Type", "text/plain"), "Content-Type"),
    ("3.2", 4, lambda draft: draft.remove("Proxy-Authorization"), "Proxy-Authorization left out"),
    ("3.2", 2, lambda draft: draft.remove("Proxy-Authenticate"), "Proxy-Authenticate left out"),
    (
        "3.2",
        2,
        lambda draft: draft.set("Proxy-Authenticate", 'Digest realm="b", nonce="c"'),
        "Proxy-Authenticate realm",
    ),
    ("2.1", 4, lambda draft: draft.set("Contact", "<sips:bob@client.biloxi.example.com>"), "Contact expires left out"),
    ("3.8", 9, lambda draft: draft.set("Via", f"{BOBS_VIA};branch=z9hG4bKother"), "Via sent-by"),
]


@pytest.mark.parametrize(("play", "number", "edit", "code"), FAULTS, ids=[f"{row[3]} in {row[0]}" for row in FAULTS])
def test_a_fault_is_found(play: str, number: int, edit: Edit, code: str) -> None:
    pairs = []
    for step, sent in played(play).pairs:
        message = sent.message
        if step.number == number:
            draft = Draft.of(message)
            edit(draft)
            message = parse(draft.finish().serialize())
        pairs.append((step, Sent(sent.time, sent.sender, sent.receiver, message)))
    faults = unexplained(play, compared(pairs))
    assert any(fault.startswith(f"{play} F{number} ") and f": {code}" in fault for fault in faults), faults


@pytest.mark.parametrize("method", ["ACK", "CANCEL", "BYE"])
def test_another_branch_is_found(method: str) -> None:
    """What refuses or cancels an INVITE has its branch, and nothing else has."""
    pairs = played("3.8").pairs if method != "BYE" else played("3.2").pairs
    edited = []
    branch = next(sent.message.branch for _, sent in pairs if sent.kind == "INVITE")
    for step, sent in pairs:
        message = sent.message
        if sent.kind == method:
            via = message.texts("Via")[0].replace(
                message.branch or "", f"{'z9hG4bKnew' if method != 'BYE' else branch}"
            )
            draft = Draft.of(message).remove_first("Via").prepend("Via", via)
            message = parse(draft.finish().serialize())
        edited.append((step, Sent(sent.time, sent.sender, sent.receiver, message)))
    assert any(": Via branch" in fault for fault in unexplained("3.8", compared(edited)))


def test_another_order_is_found() -> None:
    pairs = played("3.2").pairs
    assert disorder([*pairs[:8], pairs[11], *pairs[8:11], *pairs[12:]]) != []


def test_wrong_credentials_are_found() -> None:
    """A replayed count, a wrong password, and a nonce that nobody gave."""
    everything = played("3.2").everything
    assert wrong_credentials(everything, {**PASSWORDS, "alice": "another"})
    assert wrong_credentials([sent for sent in everything if sent.kind != "407 INVITE"], PASSWORDS)
    counted = [
        Sent(
            sent.time,
            sent.sender,
            sent.receiver,
            parse(sent.message.serialize().replace(b"nc=00000001", b"nc=00000002")),
        )
        for sent in everything
    ]
    assert any("is not number" in fault for fault in wrong_credentials(counted, PASSWORDS))


def test_all_flows_are_played() -> None:
    """RFC 3665 2.1 to 2.5 and 3.1 to 3.11, RFC 3261 24.1 and 24.2, with every step that is printed."""
    sections = {section for section, _ in PLAYS.values()}
    assert sections == {"24.1", "24.2", *(f"2.{n}" for n in range(1, 6)), *(f"3.{n}" for n in range(1, 12))}
    assert sum(len(steps_of(section)) for section in sections) == 209
    for section in sections:
        assert [step.number for step in steps_of(section)] == list(range(1, len(steps_of(section)) + 1))
    assert SKIPPED.keys() | INSTEAD.keys() <= {step.name for section in sections for step in steps_of(section)}
