from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.flow import Flow
from offhook.location.binding import Binding
from tests.location.bindings import FLOW, WALL, bound

STREAM = Flow("TCP", "tcp:192.0.2.10:5060", ("192.0.2.10", 5060), ("198.51.100.7", 50000), "n.0.1", 7, accepted=True)
URN = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"


def is_open(flow: Flow) -> bool:
    return not flow.reliable


def everything_is_open(flow: Flow) -> bool:
    return True


texts = st.text(st.characters(exclude_categories=["Cs"]) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF))


@given(
    st.builds(
        Binding,
        *(texts, texts, st.none() | st.floats(0, 1), st.floats(0, 1e11), texts, st.integers(0, 2**31), texts),
        *(st.lists(texts).map(tuple), texts, st.booleans(), texts, st.integers(0, 2**31), texts),
    )
)
def test_a_row_holds_all_of_a_binding(binding: Binding) -> None:
    names = tuple(inspect.signature(Binding).parameters)
    assert binding.row() == tuple(getattr(binding, name) for name in names)
    assert Binding(*binding.row()).row() == binding.row()


def test_a_binding_knows_its_flow_and_uri() -> None:
    binding = bound(flow=STREAM)
    assert (binding.flow, binding.flow.remote, binding.flow.accepted) == (STREAM, STREAM.remote, True)
    assert binding.uri.serialize() == binding.contact
    assert repr(binding) == f"<Binding sip:alice@192.0.2.1 until {WALL + 3600:.0f}>"


@pytest.mark.rfc("3261 19.1.4 #1")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sip:alice@192.0.2.1", "sip:alice@192.0.2.1", True),
        ("sip:%61lice@Host.example", "sip:alice@host.EXAMPLE", True),
        ("sip:alice@192.0.2.1;x=1", "sip:alice@192.0.2.1", True),
        ("sip:alice@192.0.2.1;transport=tcp", "sip:alice@192.0.2.1", False),
        ("sip:alice@192.0.2.1", "sip:alice@192.0.2.1:5060", False),
        ("sip:Alice@192.0.2.1", "sip:alice@192.0.2.1", False),
        ("tel:+1-555-0100", "tel:+15550100", True),
    ],
)
def test_contacts_are_compared_as_uris(one: str, other: str, same: bool) -> None:
    assert bound(one).matches(bound(other)) is same


@pytest.mark.rfc("5626 6")
def test_bindings_to_a_flow_are_compared_by_instance_and_reg_id() -> None:
    first = bound("sip:alice@192.0.2.1", instance=URN, reg_id=1)
    assert first.matches(bound("sip:alice@192.0.2.2", instance=URN, reg_id=1))
    assert not first.matches(bound("sip:alice@192.0.2.1", instance=URN, reg_id=2))
    assert not first.matches(bound("sip:alice@192.0.2.1", instance=f"{URN[:-1]}9", reg_id=1))
    assert not first.matches(bound("sip:alice@192.0.2.1", instance=URN))
    assert bound("sip:alice@192.0.2.1", instance=URN).matches(bound("sip:alice@192.0.2.1"))
    assert first.key() != bound("sip:alice@192.0.2.1", instance=URN, reg_id=2).key()


def test_a_phone_behind_a_nat_is_reached_over_its_flow() -> None:
    assert bound().way(is_open) == FLOW
    assert bound(over_flow=False).way(everything_is_open) == "sip:alice@192.0.2.1"


def test_a_connection_is_used_while_it_lives() -> None:
    binding = bound(flow=STREAM)
    assert binding.way(everything_is_open) == STREAM
    assert binding.way(is_open) == "sip:alice@192.0.2.1"


@pytest.mark.rfc("5626 7")
def test_a_binding_to_a_connection_ends_with_it() -> None:
    binding = bound(flow=STREAM, instance=URN, reg_id=1)
    assert binding.way(everything_is_open) == STREAM
    assert binding.way(is_open) is None


@pytest.mark.rfc("3327 5.4")
def test_a_path_leads_the_way() -> None:
    binding = bound(path=("<sip:p3.example;lr>", "<sip:p1.example;lr>"))
    assert binding.way(everything_is_open) == "sip:p3.example;lr"
    assert bound(path=("<sip:>",)).way(everything_is_open) is None


@pytest.mark.rfc("3261 10.3 #31")
@pytest.mark.parametrize(
    ("seconds", "expires"), [(0, 3600), (0.3, 3600), (1800.4, 1800), (3599.7, 1), (3600, 1), (4000, 1)]
)
def test_a_contact_value_tells_what_is_left(seconds: float, expires: int) -> None:
    assert bound().contact_value(WALL + seconds) == f"<sip:alice@192.0.2.1>;expires={expires}"


@pytest.mark.parametrize(
    ("q", "text"), [(None, ""), (1.0, ";q=1"), (0.5, ";q=0.5"), (0.0, ";q=0"), (0.123, ";q=0.123")]
)
def test_a_contact_value_tells_the_preference(q: float | None, text: str) -> None:
    binding = bound(q=q, params=";a=b")
    assert binding.contact_value(WALL) == f"<sip:alice@192.0.2.1>{text};expires=3600"
    assert binding.contact_value(WALL, binding.params) == f"<sip:alice@192.0.2.1>;a=b{text};expires=3600"
    assert binding.preference == (1.0 if q is None else q)


def test_the_size_counts_what_a_stranger_sent() -> None:
    assert bound().size() == len("sip:alice@192.0.2.1") + len("a") + len("z9hG4bK-a-1")
    assert bound(path=("12", "345"), user_agent="67", params="8").size() == bound().size() + 8


def test_a_contact_that_is_no_uri_is_found_out_when_it_is_read() -> None:
    with pytest.raises(ParseError):
        _ = bound("nonsense").uri
