"""The flows of RFC 3665 2 and 3 and of RFC 3261 24, played by ours: our messages beside the RFC's, field by field.

`flow_plays` has the plays, `flow_differences` what differs on purpose and why.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest

from tests.rfc.flow_comparison import Comparison, align, disorder
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


@cache
def unexplained(play: str) -> list[str]:
    """The differences that nobody has given a reason for."""
    comparison = Comparison()
    return [
        f"{step}: {finding.code}: {finding.detail}"
        for step, sent in played(play).pairs
        for finding in comparison.findings(step, sent)
        if not [one for one in DIFFERENCES if one.explains(play, step, finding)]
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
    assert unexplained(play) == []


@each_play
def test_the_credentials_are_right(play: str) -> None:
    passwords = {"bob": "wrong"} if play == "2.5" else PASSWORDS
    assert wrong_credentials(played(play).everything, passwords) == []


def test_no_reason_is_given_for_what_does_not_differ() -> None:
    for play in PLAYS:
        unexplained(play)
    assert {str(one): one.unused for one in DIFFERENCES if one.unused} == {}


def test_all_flows_are_played() -> None:
    """RFC 3665 2.1 to 2.5 and 3.1 to 3.11, RFC 3261 24.1 and 24.2, with every step that is printed."""
    sections = {section for section, _ in PLAYS.values()}
    assert sections == {"24.1", "24.2", *(f"2.{n}" for n in range(1, 6)), *(f"3.{n}" for n in range(1, 12))}
    assert sum(len(steps_of(section)) for section in sections) == 209
    for section in sections:
        assert [step.number for step in steps_of(section)] == list(range(1, len(steps_of(section)) + 1))
    assert SKIPPED.keys() | INSTEAD.keys() <= {step.name for section in sections for step in steps_of(section)}
