"""What all header values have in common."""

from __future__ import annotations

import pytest

from offhook.sip.headers.content import ContentDisposition
from offhook.sip.headers.event import Event
from offhook.sip.headers.reason import Reason
from offhook.sip.headers.value import HeaderValue, Parameterized


def test_values_are_equal_by_kind_and_content() -> None:
    assert Event("presence", {"id": "1"}) == Event("Presence", {"id": "1"})
    assert hash(Event("presence", {"id": "1"})) == hash(Event("Presence", {"id": "1"}))
    assert Event("presence", {"id": "1"}) != Event("presence", {"id": "2"})
    assert Event("session") != ContentDisposition("session")
    assert Event("presence") != "presence"
    assert Event("a", {"x": "1", "y": None}) == Event("a", {"y": None, "x": "1"})
    assert Reason("SIP", {"text": "gone"}) == Reason("SIP", {"text": '"gone"'})
    assert Reason("SIP", {"text": None}) != Reason("SIP", {"text": '""'})


def test_text_forms() -> None:
    event = Event("presence", {"id": "1"})
    assert str(event) == event.serialize() == "presence;id=1"
    assert repr(event) == "Event('presence;id=1')"


def test_parameters_without_quotes() -> None:
    reason = Reason("SIP", {"text": '"a \\"b\\""', "cause": "200", "flag": None})
    assert reason.param("text") == 'a "b"'
    assert reason.param("cause") == "200"
    assert reason.param("flag") is None
    assert reason.param("absent") is None


def test_a_kind_of_value_must_say_how_it_is_written() -> None:
    with pytest.raises(NotImplementedError):
        HeaderValue().serialize()
    with pytest.raises(NotImplementedError):
        str(Parameterized({}))
