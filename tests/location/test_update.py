"""The rules of RFC 3261 10.3 steps 6 and 7, one by one and against a model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ProtocolError
from offhook.location.binding import Binding
from offhook.location.update import Update
from tests.location.bindings import AOR, bound

URN = "urn:uuid:1"


def register(*bindings: Binding, everything: bool = False, most: int = 10) -> Update:
    first = bindings[0]
    return Update(AOR, first.call_id, first.cseq, () if everything else bindings, everything, most)


def contacts(bindings: list[Binding]) -> list[str]:
    return [binding.contact for binding in bindings]


def test_a_new_contact_is_added() -> None:
    first, second = bound("sip:a@h"), bound("sip:b@h", call_id="b")
    assert register(second).apply([first]) == [first, second]


def test_what_was_not_named_is_the_same_object() -> None:
    first, second, third = bound("sip:a@h"), bound("sip:b@h"), bound("sip:b@h", cseq=2)
    result = register(third).apply([first, second])
    assert result[0] is first
    assert result[1] is third


@pytest.mark.rfc("3261 10.3 #24", "3261 10.3 #25")
@pytest.mark.parametrize("call_id", ["a", "z"])
def test_a_contact_is_updated(call_id: str) -> None:
    old, new = bound("sip:a@h"), bound("sip:a@H;x=1", call_id=call_id, cseq=2)
    assert register(new).apply([old]) == [new]


@pytest.mark.rfc("3261 10.3 #24", "3261 10.3 #25")
@pytest.mark.parametrize("call_id", ["a", "z"])
def test_a_contact_is_removed(call_id: str) -> None:
    old, other = bound("sip:a@h"), bound("sip:b@h")
    assert register(bound("sip:a@h", call_id=call_id, cseq=2, expires=0)).apply([old, other]) == [other]


def test_what_is_not_there_can_be_removed() -> None:
    assert register(bound("sip:a@h", expires=0)).apply([]) == []


@pytest.mark.rfc("3261 10.3 #5", "3261 10.3 #26", "3261 10.3 #27")
@pytest.mark.parametrize("cseq", [1, 2])
@pytest.mark.parametrize("expires", [0, 3600])
def test_an_older_request_of_the_same_client_changes_nothing(cseq: int, expires: int) -> None:
    """All or nothing: the contact that could be added is not."""
    current = [bound("sip:a@h", cseq=2)]
    update = register(
        bound("sip:new@h", cseq=cseq, branch="z9hG4bKx"),
        bound("sip:a@h", cseq=cseq, expires=expires, branch="z9hG4bKx"),
    )
    with pytest.raises(ProtocolError) as raised:
        update.apply(current)
    assert raised.value.status == 500
    assert len(current) == 1


def test_the_same_request_again_changes_nothing_and_is_no_fault() -> None:
    """A retransmission, by the branch (RFC 3261 17.2.3)."""
    old = bound("sip:a@h", cseq=2, expires=100)
    again = bound("sip:a@h", cseq=2, expires=3600)
    assert register(again).apply([old]) == [old]
    with pytest.raises(ProtocolError):
        register(bound("sip:a@h", cseq=2, branch="z9hG4bKother")).apply([old])


def test_a_lower_cseq_of_another_client_counts() -> None:
    new = bound("sip:a@h", call_id="rebooted", cseq=1)
    assert register(new).apply([bound("sip:a@h", cseq=999)]) == [new]


def test_the_last_of_two_equal_contacts_in_one_request_counts() -> None:
    first, last = bound("sip:a@h", q=0.1), bound("sip:a@H", q=0.2)
    assert register(first, last).apply([]) == [last]
    assert register(first, bound("sip:a@h", expires=0)).apply([]) == []


@pytest.mark.rfc("3261 10.3 #17", "3261 10.3 #18")
def test_a_star_removes_everything() -> None:
    current = [bound("sip:a@h"), bound("sip:b@h", call_id="b", cseq=99)]
    assert register(bound(cseq=2), everything=True).apply(current) == []
    assert register(bound(call_id="c"), everything=True).apply(current) == []


@pytest.mark.rfc("3261 10.3 #18", "3261 10.3 #19")
@pytest.mark.parametrize("cseq", [1, 2])
def test_a_star_needs_a_higher_cseq_where_the_call_id_agrees(cseq: int) -> None:
    with pytest.raises(ProtocolError) as raised:
        register(bound(cseq=cseq), everything=True).apply([bound("sip:b@h", call_id="b"), bound(cseq=2)])
    assert raised.value.status == 500


def test_an_administrator_removes_everything() -> None:
    assert Update.removal(AOR).apply([bound(cseq=7), bound("sip:b@h", call_id="b")]) == []
    assert repr(Update.removal(AOR)) == f"<Update {AOR}: *>"
    assert repr(register(bound("sip:a@h"), bound("sip:b@h"))) == f"<Update {AOR}: sip:a@h, sip:b@h>"


def test_there_is_a_bound_on_contacts() -> None:
    current = [bound(f"sip:{number}@h") for number in range(3)]
    with pytest.raises(ProtocolError) as raised:
        register(bound("sip:new@h"), most=3).apply(current)
    assert raised.value.status == 403
    # Those that are there can be refreshed, exchanged and removed, even when the bound was lowered.
    assert len(register(bound("sip:0@h", cseq=2), most=2).apply(current)) == 3
    swap = register(bound("sip:0@h", cseq=2, expires=0), bound("sip:new@h", cseq=2), most=3)
    assert contacts(swap.apply(current)) == ["sip:1@h", "sip:2@h", "sip:new@h"]
    with pytest.raises(ProtocolError):
        register(*[bound(f"sip:{number}@h") for number in range(4)], most=3).apply([])


@pytest.mark.rfc("5626 6")
def test_a_phone_takes_its_place_again_from_another_address() -> None:
    old = bound("sip:a@192.0.2.1", instance=URN, reg_id=1)
    second = bound("sip:a@192.0.2.1", instance=URN, reg_id=2)
    moved = bound("sip:a@192.0.2.99", call_id="rebooted", instance=URN, reg_id=1)
    assert register(moved).apply([old, second]) == [moved, second]
    plain = bound("sip:a@192.0.2.1", call_id="plain", cseq=1)
    assert register(plain).apply([old]) == [old, plain]


# Against a model: a dict by the canonical form of the contacts that these examples have.

USERS = ("sip:a@h", "sip:A@h", "sip:%61@H", "sip:b@h;transport=tcp", "sip:b@h")
CANONICAL = {"sip:%61@H": "sip:a@h"}

Wanted = tuple[str, int]
RequestSketch = tuple[str, int, list[Wanted] | None]

sketches = st.tuples(
    st.sampled_from("xyz"),
    st.integers(1, 6),
    st.none() | st.lists(st.tuples(st.sampled_from(USERS), st.sampled_from([0, 60, 3600])), min_size=1, max_size=4),
)


def model(state: dict[str, tuple[str, int, int]], sketch: RequestSketch) -> bool:
    """Carry out one request by the words of 10.3 on `state`; False when it fails."""
    call_id, cseq, wanted = sketch
    if wanted is None:
        if any(had == call_id and cseq <= last for had, last, _ in state.values()):
            return False
        state.clear()
        return True
    for uri, _ in wanted:
        had = state.get(CANONICAL.get(uri, uri))
        if had is not None and had[0] == call_id and cseq <= had[1]:
            return False
    for uri, expires in wanted:
        key = CANONICAL.get(uri, uri)
        state.pop(key, None) if expires == 0 else state.update({key: (call_id, cseq, expires)})
    return True


@given(st.lists(sketches, max_size=30))
def test_it_does_what_the_model_does(sketches: list[RequestSketch]) -> None:
    check_against_model(sketches, lambda current, update: update.apply(current))


def check_against_model(sketches: list[RequestSketch], save: Callable[[list[Binding], Update], list[Binding]]) -> None:
    state: dict[str, tuple[str, int, int]] = {}
    current: list[Binding] = []
    for number, sketch in enumerate(sketches):
        call_id, cseq, wanted = sketch
        branch = f"z9hG4bK{number}"
        bindings = [bound(uri, expires=e, call_id=call_id, cseq=cseq, branch=branch) for uri, e in wanted or []]
        update = Update(AOR, call_id, cseq, bindings, wanted is None)
        succeeds = model(state, sketch)
        if succeeds:
            current = save(current, update)
        else:
            with pytest.raises(ProtocolError):
                save(current, update)
        found = {
            CANONICAL.get(one.contact, one.contact): (
                one.call_id,
                one.cseq,
                round(one.expires - bound().expires + 3600),
            )
            for one in current
        }
        assert found == state
        assert len(found) == len(current)
