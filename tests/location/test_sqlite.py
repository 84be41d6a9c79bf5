from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from offhook.clock import Moment
from offhook.errors import LimitExceeded, ProtocolError, SipError
from offhook.location import sqlite
from offhook.location.binding import Binding
from offhook.location.memory import MemoryLocation
from offhook.location.sqlite import LOCATION_SCHEMA, MAX_WAITING, SqliteLocation
from offhook.location.update import Update
from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.sqlite import Database
from tests.location.bindings import AOR, at, bound, rows
from tests.storage.test_sqlite import limit_pages, occupy

BOB = "sip:bob@example.com"
COUNT = "SELECT count(*) FROM binding"


def update(*bindings: Binding, aor: str = AOR, everything: bool = False) -> Update:
    first = bindings[0]
    return Update(aor, first.call_id, first.cseq, () if everything else bindings, everything)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "location.db", [LOCATION_SCHEMA]) as opened:
        yield opened


@pytest.fixture
async def service(database: Database) -> SqliteLocation:
    return await SqliteLocation.open(database, at(0))


def unlink(database: Database) -> None:
    Path(database.path).unlink()


NO_DELETES = """
CREATE TEMP TRIGGER no_deletes BEFORE DELETE ON binding BEGIN SELECT raise(ABORT, 'not now'); END
"""


async def written(database: Database, sql: str) -> list[tuple[Any, ...]]:
    """What a query finds once all that was asked for before is on disk."""
    await database.write("UPDATE binding SET q = q WHERE aor = ''")
    return await database.read(sql)


async def reopened(database: Database, now: Moment) -> SqliteLocation:
    """What a server that starts now would find."""
    return await SqliteLocation.open(database, now)


def test_all_names_exist() -> None:
    assert all(hasattr(sqlite, name) for name in sqlite.__all__)


async def test_bindings_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "location.db"
    full = bound(
        "sip:alice@192.0.2.1;transport=tcp",
        q=0.25,
        params=';methods="INVITE"',
        path=("<sip:p3.example;lr>", "<sip:p1.example;lr;ob>"),
        over_flow=False,
        instance="urn:uuid:1",
        reg_id=2,
        user_agent="Phone",
    )
    async with await Database.open(path, [LOCATION_SCHEMA]) as database:
        service = await SqliteLocation.open(database, at(0))
        assert await service.save(update(full, bound(expires=60)), at(0))
    async with await Database.open(path, [LOCATION_SCHEMA]) as database:
        service = await SqliteLocation.open(database, at(0))
        assert rows(service.lookup_now(AOR, at(0))) == rows([full, bound(expires=60)])
        assert rows(await service.lookup(AOR, at(60))) == rows([full])
        assert await service.count() == 2
        assert [(aor, len(bindings)) async for aor, bindings in service.all(at(0))] == [(AOR, 2)]
        assert service.lookup_now(AOR, at(0))[0].flow == full.flow


async def test_octets_that_are_no_unicode_survive(database: Database, service: SqliteLocation) -> None:
    odd = bound(
        "sip:\udcff\udc80@h",
        call_id="\udce4",
        branch="z9hG4bK\udcff",
        params=";x=\udcfe",
        path=("<sip:\udcfd@p;lr>",),
        instance="urn:x:\udcfc",
        user_agent="Ph\u00f6ne \udce4 \u260e",
    )
    await service.save(update(odd, bound("sip:\u00e4@h", call_id="\udce4")), at(0))
    again = await reopened(database, at(0))
    assert rows(again.lookup_now(AOR, at(0))) == rows(service.lookup_now(AOR, at(0)))
    assert [kind for (kind,) in await database.read("SELECT DISTINCT typeof(contact) FROM binding ORDER BY 1")] == [
        "blob",
        "text",
    ]
    # They can be found again to be changed.
    removal = [bound(one.contact, call_id="b", expires=0) for one in again.lookup_now(AOR, at(0))]
    assert await again.save(update(*removal), at(0)) == []
    assert await database.read(COUNT) == [(0,)]


async def test_nothing_is_seen_before_it_is_on_disk(database: Database, service: SqliteLocation) -> None:
    await service.save(update(bound()), at(0))
    release = await occupy(database)
    saved = service.save(update(bound("sip:new@h", cseq=2), bound(cseq=2, expires=0)), at(0))
    await asyncio.sleep(0.01)
    assert not saved.done()
    assert [one.contact for one in service.lookup_now(AOR, at(0))] == ["sip:alice@192.0.2.1"]
    release.set()
    assert [one.contact for one in await saved] == ["sip:new@h"]
    assert rows(service.lookup_now(AOR, at(0))) == rows(await saved)


async def test_changes_of_one_user_happen_in_their_order(database: Database, service: SqliteLocation) -> None:
    release = await occupy(database)
    first = service.save(update(bound(cseq=1)), at(0))
    second = service.save(update(bound(cseq=2, expires=7200)), at(0))
    late = service.save(update(bound(cseq=1, branch="z9hG4bKlate")), at(0))
    star = service.save(update(bound(cseq=3), everything=True), at(0))
    after = service.save(update(bound("sip:new@h", cseq=4)), at(0))
    other = service.save(update(bound(), aor=BOB), at(0))
    release.set()
    assert [(one.cseq, one.contact) for one in await first] == [(1, "sip:alice@192.0.2.1")]
    assert [one.cseq for one in await second] == [2]
    with pytest.raises(ProtocolError):
        await late
    assert await star == []
    assert [one.contact for one in await after] == ["sip:new@h"]
    await other
    again = await reopened(database, at(0))
    assert [one.contact for one in again.lookup_now(AOR, at(0))] == ["sip:new@h"]
    assert len(again.lookup_now(BOB, at(0))) == 1


async def test_changes_of_many_users_share_commits(database: Database, service: SqliteLocation) -> None:
    release = await occupy(database)
    saved = [service.save(update(bound(), aor=f"sip:{number}@example.com"), at(0)) for number in range(100)]
    release.set()
    await asyncio.wait(saved[:1])
    assert all(one.done() for one in saved)


async def test_what_changes_nothing_is_not_written(database: Database, service: SqliteLocation) -> None:
    await service.save(update(bound()), at(0))
    release = await occupy(database)
    again = service.save(update(bound()), at(0))
    gone = service.save(update(bound("sip:other@h", cseq=2, expires=0)), at(0))
    assert again.done()
    assert gone.done()
    release.set()
    assert rows(await again) == rows(await gone) == rows([bound()])


async def test_only_what_changed_is_written(database: Database, service: SqliteLocation) -> None:
    await service.save(update(*[bound(f"sip:{number}@h") for number in range(5)]), at(0))
    before = await database.transact(apsw.Connection.total_changes)
    await service.save(update(bound("sip:3@h", cseq=2)), at(0))
    after = await database.transact(apsw.Connection.total_changes)
    assert after - before == 1


async def test_another_spelling_takes_the_place_of_the_first(database: Database, service: SqliteLocation) -> None:
    await service.save(update(bound("sip:a@h")), at(0))
    await service.save(update(bound("sip:%61@H", cseq=2)), at(0))
    assert await database.read("SELECT contact FROM binding") == [("sip:%61@H",)]


async def test_an_administrator_removes_a_user(database: Database, service: SqliteLocation) -> None:
    await service.save(update(bound(cseq=9), bound("sip:b@h", cseq=9)), at(0))
    assert await service.save(Update.removal(AOR), at(0)) == []
    assert await database.read(COUNT) == [(0,)]


# When the storage fails


async def test_a_full_disk_keeps_nothing_and_says_so(database: Database, service: SqliteLocation) -> None:
    await service.save(update(bound()), at(0))
    await limit_pages(database, 10)
    big = f";x={'x' * 50_000}"
    failing = service.save(update(bound("sip:big@h", cseq=2, params=big)), at(0))
    waiting = service.save(update(bound(cseq=3, q=0.1)), at(0))
    with pytest.raises(StorageError) as raised:
        await failing
    assert raised.value.fault is StorageFault.FULL
    assert str(raised.value) == f"{database.path} cannot grow: the disk is full"
    # What waited was computed from what is on disk, not from what failed.
    assert [(one.cseq, one.q) for one in await waiting] == [(3, 0.1)]
    with pytest.raises(SipError):
        await service.save(update(bound("sip:big@h", cseq=4, params=big), bound(cseq=4, q=0.2)), at(0))
    assert [(one.cseq, one.q) for one in service.lookup_now(AOR, at(0))] == [(3, 0.1)]
    await limit_pages(database, 1_000_000)
    assert len(await service.save(update(bound("sip:big@h", cseq=5, params=big), bound(cseq=5)), at(0))) == 2
    assert rows((await reopened(database, at(0))).lookup_now(AOR, at(0))) == rows(service.lookup_now(AOR, at(0)))


async def test_a_file_that_went_away_keeps_nothing(database: Database, service: SqliteLocation) -> None:
    await service.save(update(bound()), at(0))
    unlink(database)
    with pytest.raises(StorageError) as raised:
        await service.save(update(bound(cseq=2, expires=9000)), at(0))
    assert raised.value.fault is StorageFault.MOVED
    assert rows(service.lookup_now(AOR, at(0))) == rows([bound()])


async def test_a_closed_database_takes_nothing(database: Database, service: SqliteLocation) -> None:
    await database.close()
    with pytest.raises(Exception, match="is closed"):
        await service.save(update(bound()), at(0))
    assert service.lookup_now(AOR, at(0)) == []


async def test_a_damaged_file_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "location.db"
    async with await Database.open(path, [LOCATION_SCHEMA]) as database:
        service = await SqliteLocation.open(database, at(0))
        users = [f"sip:{number}@example.com" for number in range(300)]
        await asyncio.gather(*[service.save(update(bound(), aor=user), at(0)) for user in users])
    octets = bytearray(path.read_bytes())
    octets[4096 * 3 : 4096 * 5] = b"\xaa" * 8192
    path.write_bytes(octets)
    async with await Database.open(path, [LOCATION_SCHEMA]) as database:
        with pytest.raises(StorageError, match="is damaged: put a backup in its place") as raised:
            await SqliteLocation.open(database, at(0))
        assert raised.value.fault is StorageFault.CORRUPT


async def test_a_user_who_floods_is_bounded(database: Database, service: SqliteLocation) -> None:
    release = await occupy(database)
    saved = [service.save(update(bound(cseq=number)), at(0)) for number in range(1, MAX_WAITING + 2)]
    with pytest.raises(LimitExceeded, match=r"33 changes of sip:alice@example\.com wait"):
        await service.save(update(bound(cseq=999)), at(0))
    other = service.save(update(bound(), aor=BOB), at(0))
    release.set()
    await asyncio.gather(*saved, other)
    assert [one.cseq for one in service.lookup_now(AOR, at(0))] == [MAX_WAITING + 1]


async def test_who_gives_up_waiting_harms_nobody(database: Database, service: SqliteLocation) -> None:
    release = await occupy(database)
    saved = service.save(update(bound()), at(0))
    waiting = service.save(update(bound(cseq=2)), at(0))
    saved.cancel()
    waiting.cancel()
    release.set()
    await service.save(update(bound("sip:b@h", cseq=3)), at(0))
    assert [one.cseq for one in service.lookup_now(AOR, at(0))] == [2, 3]


# Expiry


async def test_a_sweep_empties_the_file_too(database: Database, service: SqliteLocation) -> None:
    await service.save(update(bound(expires=60), bound("sip:b@h")), at(0))
    await service.save(update(bound(expires=60), aor=BOB), at(0))
    assert service.sweep(at(100)) > 0
    assert await written(database, "SELECT aor, contact FROM binding") == [(AOR, "sip:b@h")]
    assert await service.count() == 1


async def test_a_sweep_spares_what_is_being_refreshed(database: Database, service: SqliteLocation) -> None:
    await service.save(update(bound(expires=60)), at(0))
    release = await occupy(database)
    saved = service.save(update(bound(cseq=2, expires=9000)), at(59))
    service.sweep(at(100))
    release.set()
    await saved
    assert await written(database, "SELECT cseq FROM binding") == [(2,)]
    assert [one.cseq for one in service.lookup_now(AOR, at(100))] == [2]


async def test_what_expired_is_replaced_on_disk_too(database: Database, service: SqliteLocation) -> None:
    """Before any sweep: the row of the expired binding goes with the change that comes after it."""
    await service.save(update(bound(expires=60), bound("sip:b@h", expires=60)), at(0))
    await service.save(update(bound("sip:new@h", cseq=2, expires=9000)), at(100))
    assert await database.read("SELECT contact FROM binding") == [("sip:new@h",)]


async def test_what_expired_while_the_server_was_away_is_gone(database: Database, service: SqliteLocation) -> None:
    await service.save(update(bound(expires=60), bound("sip:b@h")), at(0))
    again = await reopened(database, at(60))
    assert await again.count() == 1
    assert await database.read(COUNT) == [(2,)], "a full disk does not keep a server from starting"
    again.sweep(at(60))
    assert await written(database, COUNT) == [(1,)]


@pytest.mark.parametrize("closed", [True, False])
async def test_a_sweep_that_fails_is_logged(database: Database, service: SqliteLocation, closed: bool) -> None:
    await service.save(update(bound(expires=60)), at(0))
    if closed:
        await database.close()
    else:
        unlink(database)
    with capture_logs() as logs:
        service.sweep(at(100))
        if not closed:
            await database.close()
            await asyncio.sleep(0)
    assert [entry["event"] for entry in logs] == ["expired bindings stay in the file"]
    assert database.path in logs[0]["error"]


async def test_what_could_not_be_forgotten_is_forgotten_later(database: Database, service: SqliteLocation) -> None:
    async def settled(second: float) -> list[tuple[Any, ...]]:
        service.sweep(at(second))
        return await written(database, COUNT)

    await service.save(update(bound(expires=60)), at(0))
    assert await settled(1) == [(1,)]
    await database.write(NO_DELETES)
    with capture_logs() as logs:
        assert await settled(100) == [(1,)]
        assert await settled(105) == [(1,)], "not at once again"
        assert await settled(111) == [(1,)]
        await database.write("DROP TRIGGER no_deletes")
        assert await settled(130) == [(0,)]
    assert [entry["event"] for entry in logs] == [
        "expired bindings stay in the file",
        "expired bindings leave the file again",
    ]
    assert logs[1]["failed"] == 2


# Against the service in memory

steps = st.one_of(
    st.tuples(
        st.just("save"),
        st.sampled_from([AOR, BOB]),
        st.sampled_from("xy"),
        st.integers(1, 4),
        st.lists(st.tuples(st.sampled_from("pq"), st.sampled_from([0, 30, 3600])), min_size=1, max_size=2) | st.none(),
    ),
    st.tuples(st.just("wait"), st.sampled_from([1, 40])),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("restart")),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=15))
def test_it_does_what_the_service_in_memory_does(steps: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder), steps))


async def live(folder: Path, steps: list[tuple[Any, ...]]) -> None:
    memory = MemoryLocation()
    seconds = 0.0
    async with await Database.open(folder / "location.db", [LOCATION_SCHEMA]) as database:
        service = await SqliteLocation.open(database, at(0))
        for number, (what, *rest) in enumerate(steps):
            if what == "save":
                aor, call_id, cseq, wanted = rest
                branch = f"z9hG4bK{number}"
                bindings = [
                    bound(f"sip:{user}@h", expires=e and seconds + e, call_id=call_id, cseq=cseq, branch=branch)
                    for user, e in wanted or []
                ]
                change = Update(aor, call_id, cseq, bindings, wanted is None)
                try:
                    expected = memory.save(change, at(seconds))
                except ProtocolError:
                    with pytest.raises(ProtocolError):
                        await service.save(change, at(seconds))
                else:
                    assert rows(await service.save(change, at(seconds))) == rows(expected)
            elif what == "wait":
                seconds += rest[0]
            elif what == "sweep":
                memory.sweep(at(seconds))
                service.sweep(at(seconds))
            else:
                service = await SqliteLocation.open(database, at(seconds))
                service.sweep(at(seconds))
            for aor in (AOR, BOB):
                assert rows(service.lookup_now(aor, at(seconds))) == rows(memory.lookup_now(aor, at(seconds)))
        [(stored,)] = await written(database, COUNT)
        assert stored == await service.count()


# kill -9

WRITER = """
import asyncio, os, sys, time
from offhook.clock import now
from offhook.location.binding import Binding
from offhook.location.sqlite import LOCATION_SCHEMA, SqliteLocation
from offhook.location.update import Update
from offhook.storage.sqlite import Database

async def main():
    database = await Database.open(sys.argv[1], [LOCATION_SCHEMA])
    service = await SqliteLocation.open(database, now())
    first = int(sys.argv[2])
    async def register(user):
        cseq = first
        while True:
            aor = f"sip:{user}@example.com"
            contact = f"sip:{user}@192.0.2.{cseq % 3}"
            wanted = [Binding(contact, "", None, now().wall + 3600, "c", cseq, str(cseq), (), "", True)]
            wanted += [Binding(f"sip:{user}@192.0.2.{(cseq - 1) % 3}", "", None, 0.0, "c", cseq, "", (), "", True)]
            await service.save(Update(aor, "c", cseq, wanted), now())
            os.write(1, b"%d %d\\n" % (user, cseq))
            cseq += 1
    await asyncio.gather(*[register(user) for user in range(8)])

asyncio.run(main())
"""


def killed_after(path: Path, first: int, acknowledgements: int) -> list[tuple[int, int]]:
    """Run the writer, kill it in the middle, and return what it had acknowledged."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(first)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledgements)]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return [(int(user), int(cseq)) for user, cseq in (line.split() for line in lines if line.endswith(b"\n"))]


async def test_kill_9_loses_no_acknowledged_binding(tmp_path: Path) -> None:
    path = tmp_path / "location.db"
    acknowledged: dict[int, int] = {}
    for kill in range(5):
        first = max(acknowledged.values(), default=0) + 2
        acknowledged.update(killed_after(path, first, 1 + 61 * kill))
        async with await Database.open(path, [LOCATION_SCHEMA]) as database:
            service = await SqliteLocation.open(database, at(0))
            for user, cseq in acknowledged.items():
                bindings = service.lookup_now(f"sip:{user}@example.com", at(0))
                # The change that was under way is there whole or not at all: one contact, never none or two.
                assert len(bindings) <= 1 + (bindings[0].cseq == first), bindings
                newest = max(bindings, key=lambda one: one.cseq)
                assert newest.cseq - cseq in (0, 1)
                assert newest.contact == f"sip:{user}@192.0.2.{newest.cseq % 3}"
    assert sum(acknowledged.values()) > 500
