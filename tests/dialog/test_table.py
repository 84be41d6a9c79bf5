"""Which dialog a request belongs to."""

from __future__ import annotations

import pytest

from offhook.dialog.dialog import Dialog
from offhook.dialog.table import DialogTable
from offhook.errors import InvalidState
from offhook.sip.message import Request
from tests.dialog.messages import UDP, request, response


def dialog(tag: str) -> Dialog:
    return Dialog.as_uac(request(), response(tag=tag), UDP)


def of_peer(tag: str) -> Request:
    return request("BYE", from_=f"<sip:bob@biloxi.com>;tag={tag}", to="<sip:alice@atlanta.com>;tag=1928301774")


def test_forks_are_told_apart_by_the_remote_tag() -> None:
    table = DialogTable()
    one, other = dialog("1"), dialog("2")
    table.add(one)
    table.add(other)
    assert len(table) == 2
    assert table.dialogs() == [one, other]
    assert table.of_request(of_peer("1")) is one
    assert table.of_request(of_peer("2")) is other
    assert table.of_request(of_peer("3")) is None


@pytest.mark.rfc("3261 12.2.2 #1")
def test_the_tags_of_a_request_stand_the_other_way_round() -> None:
    table = DialogTable()
    own = dialog("1")
    table.add(own)
    assert table.of_request(of_peer("1")) is own
    # Our own request, come back to us.
    assert table.of_request(request("BYE", to="<sip:bob@biloxi.com>;tag=1")) is None
    outside = request("BYE", from_="<sip:bob@biloxi.com>;tag=1", to="<sip:alice@atlanta.com>")
    assert table.of_request(outside) is None
    foreign = request("BYE", from_="<sip:b@c>;tag=1", to="<sip:alice@atlanta.com>;tag=1928301774", call_id="another")
    assert table.of_request(foreign) is None


def test_a_peer_without_a_tag_is_found() -> None:
    table = DialogTable()
    own = Dialog.as_uas(request(from_="sip:alice@atlanta.com"), "mine", UDP)
    table.add(own)
    assert table.of_request(request("BYE", from_="sip:alice@atlanta.com", to="<sip:bob@biloxi.com>;tag=mine")) is own


def test_no_two_dialogs_have_one_id() -> None:
    table = DialogTable()
    table.add(dialog("1"))
    with pytest.raises(InvalidState):
        table.add(dialog("1"))


def test_what_is_removed_is_gone_and_another_stays() -> None:
    table = DialogTable()
    one = dialog("1")
    table.add(one)
    table.remove(dialog("1"))
    assert len(table) == 1
    table.remove(one)
    table.remove(one)
    assert len(table) == 0
    assert table.of_request(of_peer("1")) is None
