"""The server on real sockets, with its data on the disk."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sqlite3
import ssl
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import load_der_x509_certificate
from structlog.testing import capture_logs

from offhook.accounts.base import Account
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.clock import Moment
from offhook.errors import AuthenticationFailed, ConfigError, InvalidState, RequestFailed, SipError, TransportFailed
from offhook.flow import Flow
from offhook.location.sqlite import SqliteLocation
from offhook.server import app
from offhook.server.app import Server
from offhook.server.config import ServerConfig, parse
from offhook.server.demonstration import passwords
from offhook.storage.errors import StorageError
from offhook.storage.sqlite import Database
from offhook.ua.agent import UserAgent
from tests.transport.certificates import Authority

ROOT = Path(__file__).resolve().parent.parent.parent
DOMAIN = "example.test"
PASSWORD = "wonderland"
LISTEN = "".join(f'[[listen]]\ntransport = "{kind}"\naddress = "127.0.0.1"\nport = 0\n' for kind in ("udp", "tcp"))


def configured(folder: Path, text: str = "", listen: str = LISTEN) -> ServerConfig:
    return parse(f'data = "{folder / "data"}"\n{listen}[[domain]]\nname = "{DOMAIN}"\n{text}')


@asynccontextmanager
async def serving(folder: Path, text: str = "", **more: Any) -> AsyncIterator[Server]:
    """A server with an account of Alice's and one of Bob's."""
    async with Server(configured(folder, text), **more) as server:
        for user in ("alice", "bob"):
            if await server.accounts.by_aor(f"sip:{user}@{DOMAIN}") is None:
                await server.accounts.add(Account.create(user, DOMAIN, PASSWORD))
        yield server


def port_of(server: Server, transport: str = "UDP") -> int:
    return next(address.port for address in server.addresses if address.transport == transport)


def phone(server: Server, user: str, password: str = PASSWORD, transport: str = "udp", **more: Any) -> UserAgent:
    proxy = f"sip:127.0.0.1:{port_of(server, transport.upper())};transport={transport};lr"
    return UserAgent(f"sip:{user}@{DOMAIN}", password, outbound_proxy=proxy, local="127.0.0.1", keep_alive=None, **more)


async def taken(agent: UserAgent, count: int) -> list[str]:
    """The texts of the messages that come."""
    texts: list[str] = []
    async for message in agent.messages():
        texts.append(message.text)
        if len(texts) == count:
            break
    return texts


def test_all_names_exist() -> None:
    assert all(hasattr(app, name) for name in app.__all__)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_users_register_and_write_to_each_other(tmp_path: Path, transport: str) -> None:
    seen: list[str] = []

    def tap(direction: str, data: bytes, flow: Flow, now: Moment) -> None:
        seen.append(f"{direction} {data[:8].decode()}")

    async with serving(tmp_path, tap=tap) as server, phone(server, "bob", transport=transport) as bob:
        inbox = asyncio.create_task(taken(bob, 1))
        await asyncio.sleep(0)
        async with phone(server, "alice", transport=transport) as alice:
            await alice.message(f"sip:bob@{DOMAIN}", "hello")
        assert await inbox == ["hello"]
    assert "in REGISTER" in seen
    assert "out MESSAGE " in seen


async def test_timers_and_limits_are_those_of_the_configuration(tmp_path: Path) -> None:
    timers = "[timers]\nt1 = 0.4\nt2 = 3.0\nt4 = 4.5\n"
    limits = "[limits]\nmessage_octets = 5000\nheader_fields = 41\nvias = 7\ntransactions = 900\nunanswered = 300\n"
    async with serving(tmp_path, timers + limits) as server:
        stack = server.driver.stack
        values = stack.transactions.values
        assert (values.t1, values.t2, values.t4) == (0.4, 3.0, 4.5)
        assert (stack.limits.octets, stack.limits.fields, stack.limits.vias) == (5000, 41, 7)
        assert (stack.capacity.transactions, stack.capacity.unanswered) == (900, 300)


async def test_options_is_answered_to_anybody(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        ours = UserAgent("sip:x@foreign.example", register=False, local="127.0.0.1")
        async with ours as agent:
            response = await agent.options(f"sip:127.0.0.1:{port_of(server)}")
    assert response.status == 200
    assert "path" in response.tokens("Supported")


async def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        agent = phone(server, "alice", "wrong")
        with pytest.raises(AuthenticationFailed):
            await agent.start()


async def test_an_account_may_come_while_the_server_runs(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        agent = phone(server, "carol")
        with pytest.raises(AuthenticationFailed):
            await agent.start()
        other = await Database.open(tmp_path / "data/offhook.db", [ACCOUNTS_SCHEMA])
        try:
            await SqliteAccounts(other).add(Account.create("carol", DOMAIN, PASSWORD))
        finally:
            await other.close()
        async with phone(server, "carol") as carol:
            assert carol.registered


async def test_a_user_who_does_not_exist_is_a_404(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, phone(server, "alice") as alice:
        for user, status in (("nobody", 404), ("bob", 480)):
            with pytest.raises(RequestFailed) as failure:
                await alice.message(f"sip:{user}@{DOMAIN}", "hello")
            assert failure.value.status == status


async def test_bindings_outlive_the_server(tmp_path: Path) -> None:
    config = configured(tmp_path)
    async with serving(tmp_path) as server:
        config.listen[0].port = config.listen[1].port = port_of(server)
        bob = phone(server, "bob")
        await bob.start()
        inbox = asyncio.create_task(taken(bob, 1))
    async with Server(config) as again, phone(again, "alice") as alice:
        await alice.message(f"sip:bob@{DOMAIN}", "still there?")
        assert await inbox == ["still there?"]
        await bob.close()


async def test_bindings_in_memory_do_not(tmp_path: Path) -> None:
    async with serving(tmp_path, '[location]\nstore = "memory"') as server:
        bob = phone(server, "bob")
        await bob.start()
        assert await server.driver.role.location.count() == 1
    async with serving(tmp_path) as server:
        assert await server.driver.role.location.count() == 0
        await bob.close(patience=0.1)


async def test_without_a_configuration_there_are_two_accounts(tmp_path: Path) -> None:
    config = parse(f'data = "{tmp_path}"\n{LISTEN}')
    async with Server(config) as server:
        known = passwords(tmp_path)
        assert [account.aor for account in await server.accounts.accounts()] == [
            "sip:alice@localhost",
            "sip:bob@localhost",
        ]
        proxy = f"sip:127.0.0.1:{port_of(server)};lr"
        for host in ("localhost", "127.0.0.1"):
            agent = UserAgent(f"sip:alice@{host}", known["alice"], outbound_proxy=proxy, local="127.0.0.1")
            async with agent as alice:
                assert alice.registered
        assert not server.offers_tls
        assert [address.transport for address in server.addresses] == ["UDP", "TCP"]
    modes = {entry.name: oct(entry.stat().st_mode & 0o777) for entry in os.scandir(tmp_path)}
    assert modes == dict.fromkeys(("offhook.db", "secret", "demonstration.json", "lock"), "0o600")


async def test_tls_is_offered_with_a_certificate(tmp_path: Path) -> None:
    certificate, key = Authority("root").issue(tmp_path, DOMAIN)
    text = (
        f'[[listen]]\ntransport = "tls"\naddress = "127.0.0.1"\nport = 0\n'
        f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    )
    async with serving(tmp_path, text) as server:
        assert server.offers_tls


@pytest.mark.rfc("5922 7.5 #3")
async def test_a_certificate_that_record_route_does_not_lead_to_is_told(tmp_path: Path) -> None:
    certificate, key = Authority("root").issue(tmp_path, DOMAIN)
    listen = '[[listen]]\ntransport = "tls"\naddress = "127.0.0.1"\nport = 0\nadvertise = "edge.example.net"\n'
    with capture_logs() as lines:
        async with serving(tmp_path, f'{listen}[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'):
            pass
    told = [line["reason"] for line in lines if line["event"] == "peers will refuse our certificate"]
    assert [reason.partition(" is ")[0] for reason in told] == ["the certificate of edge.example.net"]


async def shown_serial(server: Server, trusted: Path) -> int:
    """The serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=str(trusted))
    [address] = [one for one in server.addresses if one.transport == "TLS"]
    _, writer = await asyncio.open_connection(*address.local, ssl=context, server_hostname=DOMAIN)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return load_der_x509_certificate(shown).serial_number


async def test_certificates_are_swapped_and_no_connection_ends(tmp_path: Path) -> None:
    authority = Authority("root")
    trusted = authority.write(tmp_path / "root.pem")
    certificate, key = authority.issue(tmp_path, DOMAIN)
    listen = '[[listen]]\ntransport = "tls"\naddress = "127.0.0.1"\nport = 0\n'
    async with serving(tmp_path, f'{listen}[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n') as server:
        context = ssl.create_default_context(cafile=str(trusted))
        [address] = [one for one in server.addresses if one.transport == "TLS"]
        reader, writer = await asyncio.open_connection(*address.local, ssl=context, server_hostname=DOMAIN)
        before = await shown_serial(server, trusted)
        authority.issue(tmp_path, DOMAIN)
        assert await shown_serial(server, trusted) == before
        assert server.renew_certificates()
        renewed = await shown_serial(server, trusted)
        assert renewed != before
        certificate.write_text("half of a certifi")
        with capture_logs() as lines:
            assert not server.renew_certificates()
        assert [(line["log_level"], line["reason"]) for line in lines] == [
            ("error", f"{certificate} is not a PEM certificate")
        ]
        assert await shown_serial(server, trusted) == renewed
        writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(2), 10) == b"\r\n"
        writer.close()


# What can go wrong at the start


async def failed_start(config: ServerConfig, kind: type[SipError]) -> str:
    server = Server(config)
    with pytest.raises(kind) as failure:
        await server.start()
    with pytest.raises(InvalidState):
        _ = server.driver
    await server.close()
    return str(failure.value)


async def test_a_port_in_use_is_told_and_nothing_stays_open(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        config = configured(tmp_path, listen=LISTEN.replace("port = 0", f"port = {port}"))
        said = await failed_start(config, TransportFailed)
        assert said == f"UDP port {port} of 127.0.0.1 is in use; stop the program that holds it or choose another port"
    async with Server(config):
        """What the first start had opened is free."""


@pytest.mark.parametrize("content", ["not a certificate", None])
async def test_a_bad_certificate_is_told(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "cert.pem"
    if content is not None:
        file.write_text(content, "utf-8")
    listen = '[[listen]]\ntransport = "tls"\naddress = "127.0.0.1"\nport = 0\n'
    said = await failed_start(configured(tmp_path, f'[tls]\ncertificate = "{file}"\n', listen), ConfigError)
    assert str(file) in said


async def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    said = await failed_start(configured(tmp_path), ConfigError)
    assert said == f"{tmp_path}/data: the data folder cannot be made: file exists"


async def test_a_data_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: object, *_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "open", denied)
    said = await failed_start(configured(tmp_path), ConfigError)
    assert said == f"{tmp_path}/data/lock: cannot be written: permission denied"


async def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path):
        """Make everything."""
    (tmp_path / "data/offhook.db").write_bytes(b"nonsense" * 1000)
    for rest in ("-wal", "-shm"):
        (tmp_path / f"data/offhook.db{rest}").unlink(missing_ok=True)
    said = await failed_start(configured(tmp_path), StorageError)
    assert said == (
        f"{tmp_path}/data/offhook.db is damaged, or no SQLite database: "
        "put a backup in its place and remove its -wal, or move it away to begin with an empty one"
    )


async def test_a_database_of_another_program_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with sqlite3.connect(tmp_path / "data/offhook.db") as other:
        other.execute("CREATE TABLE x (y)")
    other.close()
    said = await failed_start(configured(tmp_path), StorageError)
    assert "is the database of another program" in said


async def test_a_second_server_on_the_same_data_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path):
        said = await failed_start(configured(tmp_path), ConfigError)
    assert f"{tmp_path}/data is in use by another server" in said


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(SqliteLocation, "open", slow)
    server = Server(configured(tmp_path))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await server.start()
    monkeypatch.undo()
    async with serving(tmp_path):
        """The folder is free again."""


async def test_a_server_starts_once_and_closes_more_often(tmp_path: Path) -> None:
    server = Server(configured(tmp_path))
    with pytest.raises(InvalidState, match="the server is not started"):
        _ = server.accounts
    await server.close()
    await server.start()
    with pytest.raises(InvalidState, match="the server is started already"):
        await server.start()
    await server.close()
    await server.close()
    await server.start()
    await server.close()


async def test_everything_is_closed_even_when_something_fails(tmp_path: Path) -> None:
    server = Server(configured(tmp_path))
    await server.start()

    async def fail() -> None:
        raise OSError("a fault of the loop")

    close = server.driver.close
    server.driver.close = fail  # type: ignore[method-assign]
    with pytest.raises(OSError, match="a fault"):
        await server.close()
    await close()
    async with serving(tmp_path):
        """The database and the folder are free again."""


# What can go wrong later


async def test_an_answer_that_fails_does_not_keep_others_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        role = server.driver.role
        later: Callable[[Awaitable[object], Callable[[object, Moment], None]], None] = role._later

        def fault(outcome: object, now: Moment) -> None:
            raise RuntimeError("a fault of ours")

        async def nothing() -> None:
            """Take a turn."""

        with capture_logs() as lines:
            later(nothing(), fault)
            await asyncio.sleep(0.05)
        assert [line["event"] for line in lines] == ["an answer that was waited for was dropped"]
        async with phone(server, "alice") as alice:
            assert alice.registered


async def test_an_answer_after_the_end_is_told_to_nobody(tmp_path: Path) -> None:
    told: list[object] = []
    async with serving(tmp_path) as server:
        later: Any = server.driver.role._later
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        later(gate, lambda outcome, now: told.append(outcome))
    gate.set_result(None)
    await asyncio.sleep(0.05)
    assert told == []


async def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """A process that may write no larger files: what the kernel says then is what it says of a full disk."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.server.full_disk", str(tmp_path)), stdout=PIPE, stderr=PIPE, cwd=ROOT
    )
    printed, complained = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 9, complained.decode()
    acknowledged, refused = [int(number) for number in printed.split()]
    assert (acknowledged > 0, refused) == (True, 3)
    assert b"cannot grow: the disk is full" in complained
    assert b"Traceback" not in complained
    async with serving(tmp_path) as server:
        assert await server.driver.role.location.count() == acknowledged
