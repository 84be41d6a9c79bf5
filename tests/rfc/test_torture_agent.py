"""The torture messages against a running user agent, over UDP and TCP: the answers that RFC 4475 and RFC 5118 ask for.

Its user declines each call and takes each message. After each of them the user agent still answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from offhook.ua.agent import UserAgent
from offhook.ua.message import ReceivedMessage
from tests.rfc.torture import BY_NAME
from tests.rfc.wire import Answer, Wire, statuses

DECLINED: Final = 603
"""The call has reached the user."""
NOTHING: Final = 0
NOT_SERVED: Final = 405
"""A user agent is no registrar."""

ANSWERS: Final = {
    "wsinv": 481,  # a To tag, for a dialog that nobody knows
    "intmeth": 501,
    "esc01": DECLINED,
    "escnull": NOT_SERVED,
    "esc02": 501,
    "lwsdisp": 200,
    "longreq": DECLINED,
    "dblreq": NOT_SERVED,
    "semiuri": 200,
    "transports": 200,
    "mpart01": 200,
    "unreason": NOTHING,
    "noreason": NOTHING,
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "scalarlg": NOTHING,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 200,
    "escruri": DECLINED,  # what no Request-URI may have is passed over
    "baddate": DECLINED,
    "regbadct": NOT_SERVED,
    "badaspec": 200,
    "baddn": 400,
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 501,
    "bigcode": NOTHING,
    "badbranch": 200,
    "insuf": 400,
    "unkscm": 416,
    "novelsc": 416,
    "unksm2": NOT_SERVED,
    "bext01": 420,
    "invut": 415,
    "regaut01": NOT_SERVED,
    "multi01": 400,
    "mcl01": 400,
    "bcast": NOTHING,
    "zeromf": 200,  # for an endpoint there are hops enough
    "cparam01": NOT_SERVED,
    "cparam02": NOT_SERVED,
    "regescrt": NOT_SERVED,
    "sdp01": 406,
    "inv2543": DECLINED,
    "ipv6-good": NOT_SERVED,
    "ipv6-bad": NOT_SERVED,
    "port-ambiguous": NOT_SERVED,
    "port-unambiguous": NOT_SERVED,
    "via-received-param-with-delim": 481,
    "via-received-param-no-delim": 200,
    "ipv6-in-sdp": 400,
    "mult-ip-in-header": 481,
    "mult-ip-in-sdp": DECLINED,
    "ipv4-mapped-ipv6": DECLINED,
    "ipv6-bug-abnf-3-colons": 200,
    "ipv6-correct-abnf-2-colons": 200,
}
TCP_ANSWERS: Final = {
    "clerr": NOTHING,  # the rest of the body is waited for
    "ipv6-in-sdp": NOTHING,
}
CLOSED: Final = ("mcl01", "ncl")


@asynccontextmanager
async def answering() -> AsyncIterator[tuple[Wire, list[ReceivedMessage]]]:
    """A user agent as strangers see it, and the messages that its user has taken."""
    taken: list[ReceivedMessage] = []
    take = taken.append
    async with UserAgent("sip:user@example.com", register=False, local="127.0.0.1", most_calls=1000) as agent:

        async def decline() -> None:
            async for call in agent.incoming():
                await call.refuse(DECLINED)

        async def read() -> None:
            async for message in agent.messages():
                take(message)

        tasks = [asyncio.create_task(decline()), asyncio.create_task(read())]
        await asyncio.sleep(0)
        (where,) = agent.addresses
        address = ("127.0.0.1", int(where.rpartition(":")[2]))
        yield Wire(address, address, f"sip:user@{where}"), taken
        for task in tasks:
            task.cancel()


async def answer_to(name: str) -> Answer:
    async with answering() as (wire, _):
        return (await wire.over("UDP", BY_NAME[name].data))[-1]


def test_no_message_is_left_out() -> None:
    assert set(ANSWERS) == set(BY_NAME)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("name", list(ANSWERS))
async def test_the_answer_that_is_asked_for(name: str, transport: str) -> None:
    status = TCP_ANSWERS.get(name, ANSWERS[name]) if transport == "TCP" else ANSWERS[name]
    async with answering() as (wire, taken):
        answers = await wire.over(transport, BY_NAME[name].data, answered=status != NOTHING)
        closed = wire.closed
    assert statuses(answers)[:1] == ([status] if status else [])
    assert closed is (transport == "TCP" and name in CLOSED)
    assert len(taken) == (1 if name == "mpart01" else 0)
    if name == "dblreq":
        assert statuses(answers)[1:] == ([DECLINED] if transport == "TCP" else [])


async def test_what_a_420_lists() -> None:
    """RFC 4475 3.3.5: a user agent looks at Require alone."""
    answer = await answer_to("bext01")
    assert answer.text("Unsupported") == "nothingSupportsThis, nothingSupportsThisEither"


async def test_what_is_accepted_is_told() -> None:
    """RFC 4475 3.3.6"""
    answer = await answer_to("invut")
    assert "application/sdp" in (answer.text("Accept") or "")


async def test_why_nothing_is_acceptable_is_told() -> None:
    """RFC 4475 3.3.15: in a Warning, and in no body, for none would be accepted."""
    answer = await answer_to("sdp01")
    assert (answer.text("Warning") or "").startswith("399 ")
    assert answer.body == b""


async def test_a_message_of_several_parts_arrives_octet_by_octet() -> None:
    """RFC 4475 3.1.1.11"""
    data = BY_NAME["mpart01"].data
    async with answering() as (wire, taken):
        await wire.over("TCP", data)
    (message,) = taken
    assert message.body == data.partition(b"\r\n\r\n")[2][: len(message.body)]
    assert len(message.body) == 553
    assert b"\0" in message.body
