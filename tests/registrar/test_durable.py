"""The registrar over SQLite: what is acknowledged on the wire survives kill -9, and what cannot be kept is refused."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.location.later import AwaitLater
from offhook.location.sqlite import LOCATION_SCHEMA, SqliteLocation
from offhook.registrar import Registrar
from offhook.sip.message import Response
from offhook.storage.sqlite import Database
from tests.registrar.wiring import AOR, NAT, TCP, Desk, is_listener
from tests.storage.test_sqlite import limit_pages

CONTACT = "Contact: <sip:alice@192.168.1.5>"


class DurableDesk(Desk):
    """A desk whose location service is a file."""

    def __init__(self, location: SqliteLocation) -> None:
        super().__init__(location=location)
        later = AwaitLater(self.call)
        domains = frozenset(("example.com",))
        self.registrar = Registrar(self.stack, location, later, domains, is_listener, b"secret")
        self._called = asyncio.Event()

    def call(self, act: Callable[[Moment], None]) -> None:
        act(self.now)
        self.flush()
        self._called.set()

    async def answered(self, count: int) -> None:
        """Wait until so many answers were sent in all."""
        while len(self.sent) < count:
            self._called.clear()
            await self._called.wait()

    async def answer(self, data: bytes, flow: Flow = NAT) -> Response:
        """Hand over octets and wait for the answer."""
        count = len(self.sent)
        self.receive(data, flow)
        await self.answered(count + 1)
        return self.sent[count][0]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "location.db", [LOCATION_SCHEMA]) as opened:
        yield opened


async def desk_over(database: Database, now: Moment | None = None) -> DurableDesk:
    return DurableDesk(await SqliteLocation.open(database, now or Desk().now))


async def test_the_answer_comes_once_the_binding_is_on_disk(database: Database) -> None:
    desk = await desk_over(database)
    octets = desk.text(CONTACT, sent_by="192.168.1.5")
    assert desk.receive(octets, NAT) == []
    assert desk.receive(octets, NAT) == [], "a retransmission is absorbed"
    assert desk.bindings() == []
    await desk.answered(1)
    assert [response.status for response, _ in desk.sent] == [200]
    assert await database.read("SELECT aor, contact FROM binding") == [(AOR, "sip:alice@192.168.1.5")]
    assert [response.status for response in desk.receive(octets, NAT)] == [200]


async def test_a_phone_is_reached_after_a_restart(database: Database) -> None:
    """Over UDP by its flow, over a connection, which died with the process, by its contact."""
    desk = await desk_over(database)
    await desk.answer(desk.text(CONTACT, sent_by="192.168.1.5"))
    await desk.answer(desk.text("Contact: <sip:tcp@192.168.1.5>", cseq=2, transport="TCP"), TCP)
    assert [binding.way(desk.stack.is_open) for binding in desk.bindings()] == [NAT, TCP]
    desk = await desk_over(database)
    desk.stack.flow_changed(TCP, "closed", "", desk.now)
    ways = {binding.contact: binding.way(desk.stack.is_open) for binding in desk.bindings()}
    assert ways == {"sip:alice@192.168.1.5": NAT, "sip:tcp@192.168.1.5": "sip:tcp@192.168.1.5"}


async def test_a_retransmission_to_a_restarted_server_gets_its_200(database: Database) -> None:
    """Its first answer was lost with the process, the binding was not."""
    desk = await desk_over(database)
    octets = desk.text(CONTACT, sent_by="192.168.1.5")
    first = await desk.answer(octets)
    second = await (await desk_over(database)).answer(octets)
    assert second.serialize() == first.serialize()


async def test_a_full_disk(database: Database) -> None:
    desk = await desk_over(database)
    await desk.answer(desk.text(CONTACT))
    await limit_pages(database, 5)
    with capture_logs() as logs:
        answers = []
        for number in range(40):
            contact = f"Contact: <sip:{number % 9}@192.0.2.1;x={'x' * 1500}>"
            answers.append(await desk.answer(desk.text(contact, cseq=number + 2)))
    refused = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in refused} == {500}
    assert {answer.text("Retry-After") for answer in refused} == {"10"}
    assert {entry["error"] for entry in logs} == {f"{database.path} cannot grow: the disk is full"}
    kept = [binding.row() for binding in desk.bindings()]
    again = await desk_over(database)
    assert sorted([binding.row() for binding in again.bindings()]) == sorted(kept)


@pytest.mark.rfc("3261 10.3 #4", "3261 10.3 #6")
async def test_requests_of_one_user_are_answered_in_their_order(database: Database) -> None:
    desk = await desk_over(database)
    for cseq in (1, 2, 4, 3, 5):
        desk.receive(desk.text(CONTACT, f"Expires: {cseq}000", cseq=cseq))
    await desk.answered(5)
    answers = [(response.cseq_number, response.status) for response, _ in desk.sent]
    assert answers == [(1, 200), (2, 200), (4, 200), (3, 500), (5, 200)]
    assert desk.binding().expires == desk.now.wall + 5000


SERVER = """
import asyncio, os, sys
from offhook.clock import now
from offhook.flow import Flow
from offhook.ids import IdSource
from offhook.location.later import AwaitLater
from offhook.location.sqlite import LOCATION_SCHEMA, SqliteLocation
from offhook.registrar import Registrar
from offhook.stack import Stack
from offhook.storage.sqlite import Database
from offhook.transaction.effects import RequestReceived, Transmit

FLOW = Flow("UDP", "u", ("192.0.2.10", 5060), ("203.0.113.9", 41234))
REGISTER = (
    "REGISTER sip:example.com SIP/2.0\\r\\nVia: SIP/2.0/UDP 192.168.1.5;branch=z9hG4bK{n}\\r\\n"
    "From: <sip:{n}@example.com>;tag=1\\r\\nTo: <sip:{n}@example.com>\\r\\nCall-ID: c\\r\\nCSeq: 1 REGISTER\\r\\n"
    "Contact: <sip:{n}@192.168.1.5>\\r\\nContent-Length: 0\\r\\n\\r\\n"
)

async def main():
    database = await Database.open(sys.argv[1], [LOCATION_SCHEMA])
    location = await SqliteLocation.open(database, now())
    stack = Stack(IdSource(), b"s", lambda query: [])
    answered = asyncio.Event()

    def call(act):
        act(now())
        for effect in stack.drain():
            if isinstance(effect, RequestReceived):
                registrar.request(effect.request, effect.flow, now())
            elif isinstance(effect, Transmit):
                assert effect.data.startswith(b"SIP/2.0 200 "), effect.data
                os.write(1, effect.data.split(b"<sip:", 2)[1].split(b"@")[0] + b"\\n")
                answered.set()

    registrar = Registrar(stack, location, AwaitLater(call), frozenset(["example.com"]), lambda uri: False, b"s")
    n = await location.count()
    while True:
        answered.clear()
        for _ in range(16):
            n += 1
            stack.receive(REGISTER.format(n=n).encode(), FLOW, now())
        call(lambda now: None)
        await answered.wait()

asyncio.run(main())
"""


def killed_after(path: Path, answers: int) -> set[int]:
    """Run the registrar, kill it in the middle, and return whose REGISTER it had answered with 200."""
    with subprocess.Popen([sys.executable, "-c", SERVER, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(answers)]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return {int(line) for line in lines if line.endswith(b"\n")}


async def test_kill_9_loses_no_acknowledged_binding(tmp_path: Path) -> None:
    path = tmp_path / "location.db"
    acknowledged: set[int] = set()
    for kill in range(5):
        acknowledged |= killed_after(path, 1 + 73 * kill)
    assert len(acknowledged) > 500
    async with await Database.open(path, [LOCATION_SCHEMA]) as database:
        service = await SqliteLocation.open(database, Desk().now)
        for user in acknowledged:
            [binding] = service.lookup_now(f"sip:{user}@example.com", Desk().now)
            assert binding.way(lambda flow: True) == Flow("UDP", "u", ("192.0.2.10", 5060), ("203.0.113.9", 41234))
