"""A running server: what the configuration says, bound to sockets, databases and the clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import structlog

from offhook import clock
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.clock import Moment
from offhook.errors import ConfigError, InvalidState
from offhook.flow import is_secure
from offhook.ids import IdSource
from offhook.location.base import LocationService
from offhook.location.later import AwaitLater
from offhook.location.sqlite import LOCATION_SCHEMA
from offhook.server.assembly import assemble
from offhook.server.config import DATABASE, ServerConfig, default_data_folder
from offhook.server.demonstration import add_accounts
from offhook.server.folder_lock import FolderLock
from offhook.server.listeners import certificate_refusals, listeners_of
from offhook.server.private_file import make_folder
from offhook.server.role import ServerRole
from offhook.server.secret import SECRET, derive, load_secret
from offhook.server.stores import open_location
from offhook.server.usage import usage
from offhook.sip.parser import Limits
from offhook.stack import Stack
from offhook.storage.sqlite import Database
from offhook.transaction.capacity import Capacity
from offhook.transaction.timers import TimerValues
from offhook.transport.connection import StreamLimits
from offhook.transport.driver import Driver, Tap
from offhook.transport.listener import host_and_port
from offhook.transport.local_address import LocalAddress

__all__ = ["Server"]

Part = TypeVar("Part")

_log = structlog.get_logger("offhook.server")


class Server:
    """Registrar, proxy and redirect server, as configured. `data` is the folder where it keeps what outlives it.

    async with Server(config) as server:
        ...
    """

    def __init__(self, config: ServerConfig, tap: Tap | None = None) -> None:
        """`tap` sees every message. Raises ConfigError."""
        self.config = config
        self.data = Path(config.data) if config.data else default_data_folder()
        self._listeners = listeners_of(config)
        self._tap = tap
        self._lock: FolderLock | None = None
        self._database: Database | None = None
        self._accounts: SqliteAccounts | None = None
        self._driver: Driver[ServerRole] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def driver(self) -> Driver[ServerRole]:
        """The driver, once started."""
        return _started(self._driver)

    @property
    def accounts(self) -> SqliteAccounts:
        """The accounts, once started."""
        return _started(self._accounts)

    @property
    def addresses(self) -> list[LocalAddress]:
        """What is listened at, in the order of the configuration; a wildcard stands for all that it means."""
        return [address for address in self.driver.addresses if address.listening]

    @property
    def offers_tls(self) -> bool:
        """Whether peers can reach the server over TLS."""
        return any(is_secure(address.transport) for address in self.addresses)

    async def start(self) -> None:
        """Open the databases and bind the listeners; when that fails, nothing is left open.

        Raises ConfigError, StorageError and TransportFailed, each with one sentence.
        """
        if self._lock is not None:
            raise InvalidState("the server is started already")
        make_folder(self.data)
        self._lock = FolderLock(self.data)
        try:
            database = self._database = await self._open_database()
            secret = load_secret(self.data)
            self._accounts = SqliteAccounts(database)
            if not self.config.domain:
                await add_accounts(self._accounts, self.data)
            await self._bind(secret, await open_location(self.config.location, database))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop taking messages, write what is still to be written, and close everything. Once more, it does nothing."""
        driver, self._driver = self._driver, None
        database, self._database = self._database, None
        lock, self._lock = self._lock, None
        self._accounts = None
        try:
            if driver is not None:
                await driver.close()
        finally:
            try:
                if database is not None:
                    await database.close()
            finally:
                if lock is not None:
                    lock.release()

    async def _open_database(self) -> Database:
        """The database, whole. One that is damaged is not written into: that could cost accounts."""
        path = self.data / DATABASE
        # The secret is made after the database: with it alone, there was one.
        is_lost = (self.data / SECRET).exists() and not _has_content(path)
        database = await Database.open(path, [ACCOUNTS_SCHEMA, LOCATION_SCHEMA])
        if is_lost:
            _log.warning("the database was gone: a new one was made, without accounts", path=str(path))
        try:
            await database.check()
        except BaseException:
            await database.close()
            raise
        return database

    async def _bind(self, secret: bytes, location: LocationService) -> None:
        config = self.config
        limits = config.limits
        timers = config.timers
        accounts = self.accounts
        later = AwaitLater(self._act)

        def make_role(stack: Stack) -> ServerRole:
            return assemble(config, stack, accounts, location, secret, later)

        driver = self._driver = Driver(
            make_role,
            self._listeners,
            # The boot stands in branches and tags: what a connection of an earlier run carried is not of this one.
            ids=IdSource(origin=f"0.0.{int(clock.now().wall * 1000):x}"),
            secret=derive(secret, b"branches"),
            values=TimerValues(timers.t1, timers.t2, timers.t4),
            limits=Limits(limits.message_octets, limits.header_fields, limits.vias),
            stream_limits=StreamLimits(
                idle=limits.idle_seconds,
                connections=limits.connections,
                per_address=limits.connections_per_address,
            ),
            capacity=Capacity(limits.transactions, limits.unanswered),
            tap=self._tap,
        )
        driver.is_preferred = driver.role.access.events.prefers
        await driver.start()
        for address in driver.addresses:
            driver.role.listens_at(host_and_port(address.sent_by), address.local)
        self._judge_certificates(driver)
        driver.role.start(driver.now())
        driver.flush()

    def renew_certificates(self) -> bool:
        """Read the files of `[tls]` anew, for the connections to come; none that stands ends.

        False when they cannot be used: the log says why, and those of before are used on.
        """
        driver = self.driver
        try:
            driver.renew_certificates()
            self._judge_certificates(driver)
        except ConfigError as error:
            _log.error("the certificates of before are used on", reason=str(error))
            return False
        _log.info("certificates were read again")
        return True

    async def tell_usage(self) -> None:
        """Write into the log what the server holds and has seen: `offhook.server.usage`."""
        _log.info("in use", **await usage(self.driver))

    def _judge_certificates(self, driver: Driver[ServerRole]) -> None:
        reached = [host_and_port(one.sent_by)[0] for one in driver.addresses if is_secure(one.transport)]
        for refusal in certificate_refusals(self.config, driver.now().wall, reached):
            _log.warning("peers will refuse our certificate", reason=refusal)

    def _act(self, act: Callable[[Moment], None]) -> None:
        """Let a role act on something that was awaited, and send what follows."""
        driver = self._driver
        if driver is None:
            return
        try:
            act(driver.now())
        except Exception:
            # A fault of ours in one request must not keep back what others queued.
            _log.exception("an answer that was waited for was dropped")
        driver.flush()


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _started(part: Part | None) -> Part:
    if part is None:
        raise InvalidState("the server is not started")
    return part
