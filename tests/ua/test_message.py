"""MESSAGE between user agents (RFC 3428)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhook.clock import Moment
from offhook.errors import InvalidState
from offhook.sip.headers.address import parse_name_addr
from offhook.ua.events import Failure
from offhook.ua.message import LARGEST_MESSAGE, ReceivedMessage
from tests.ua.household import House


def exchanged(take: Callable[[ReceivedMessage], bool] | None, body: bytes) -> tuple[House, list[Failure | None]]:
    house = House()
    alice, bob = house.phone("alice"), house.phone("bob")
    bob.core.take_messages(take)
    done: list[Failure | None] = []

    def finish(failure: Failure | None, now: Moment) -> None:
        done.append(failure)

    alice.do(lambda now: alice.core.message(bob.uri, body, finish, now))
    house.run()
    return house, done


def test_a_message_is_handed_over_and_answered() -> None:
    got: list[ReceivedMessage] = []

    def take(message: ReceivedMessage) -> bool:
        got.append(message)
        return True

    house, done = exchanged(take, "Grüße".encode())
    assert done == [None]
    assert got == [ReceivedMessage(parse_name_addr("<sip:alice@example.com>"), "text/plain", "Grüße".encode())]
    assert got[0].text == "Grüße"
    sent = house.sent("MESSAGE")[0]
    assert sent.text("Content-Type") == "text/plain;charset=UTF-8"
    assert not sent.has("Contact")
    assert house.log() == ["1>2 MESSAGE", "2>1 200 (MESSAGE)"]
    assert house.nothing_is_left()


@pytest.mark.parametrize(("take", "status"), [(None, 405), (lambda message: False, 480)])
def test_what_nobody_takes_is_refused(take: Callable[[ReceivedMessage], bool] | None, status: int) -> None:
    _, done = exchanged(take, b"hello")
    assert done[0] is not None
    assert done[0].status == status


@pytest.mark.rfc("3428 8")
def test_a_long_one_is_not_sent() -> None:
    exchanged(lambda message: True, b"x" * LARGEST_MESSAGE)
    with pytest.raises(InvalidState):
        exchanged(lambda message: True, b"x" * (LARGEST_MESSAGE + 1))


def test_octets_that_are_no_text_are_replaced() -> None:
    assert ReceivedMessage(parse_name_addr("<sip:a@b>"), "text/plain", b"a\xffb").text == "a\ufffdb"
