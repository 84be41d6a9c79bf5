from __future__ import annotations

import pytest

from offhook.errors import ProtocolError
from offhook.location.update import Update
from offhook.registrar.removals import Removals
from tests.location.bindings import AOR, at, bound


def update(cseq: int, *expires: int, call_id: str = "a", aor: str = AOR) -> Update:
    bindings = [bound(f"sip:{number}@h", expires=end) for number, end in enumerate(expires)]
    return Update(aor, call_id, cseq, bindings, not expires)


@pytest.mark.rfc("3261 10.3 #26")
@pytest.mark.parametrize("removal", [update(5), update(5, 0), update(5, 60, 0)])
def test_what_came_before_a_removal_is_refused(removal: Update) -> None:
    removals = Removals(32.0)
    removals.remember(removal, at(0))
    with pytest.raises(ProtocolError) as raised:
        removals.check(update(4, 60), at(31.9))
    assert raised.value.status == 500
    removals.check(update(5, 60), at(0))
    removals.check(update(6, 60), at(0))
    removals.check(update(4, 60, call_id="b"), at(0))
    removals.check(update(4, 60, aor="sip:bob@example.com"), at(0))
    removals.check(update(4, 60), at(32))


def test_what_removes_nothing_is_not_remembered() -> None:
    removals = Removals(32.0)
    removals.remember(update(5, 60, 60), at(0))
    assert len(removals) == 0
    removals.check(update(4, 60), at(0))


def test_old_removals_are_forgotten() -> None:
    removals = Removals(32.0)
    for second in range(100):
        removals.remember(update(1, aor=f"sip:{second}@h"), at(second))
        removals.remember(update(2, aor="sip:again@h"), at(second))
    assert len(removals) == 33


def test_their_number_is_bounded() -> None:
    some = Removals(32.0, most=10)
    for number in range(30):
        some.remember(update(2, aor=f"sip:{number}@h"), at(0))
    assert len(some) == 10
    with pytest.raises(ProtocolError):
        some.check(update(1, aor="sip:29@h"), at(0))
    some.check(update(1, aor="sip:1@h"), at(0))
