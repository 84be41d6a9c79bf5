"""The server of the simulation: the server role whole, over accounts and bindings that sometimes take their time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final

from offhook.accounts.base import PENDING, Account, Pending
from offhook.accounts.memory import MemoryAccounts
from offhook.clock import Moment
from offhook.ids import IdSource
from offhook.location.binding import Binding
from offhook.location.later import AwaitLater
from offhook.location.memory import MemoryLocation
from offhook.location.sqlite import SqliteLocation
from offhook.location.update import Update
from offhook.security.digest import require_algorithms
from offhook.server.assembly import assemble
from offhook.server.config import DomainConfig, RegistrarConfig, ServerConfig
from offhook.server.role import ServerRole
from offhook.stack import Stack
from offhook.testing.network import VirtualNode
from tests.simulation.disk import Disk, SimulatedDatabase
from tests.simulation.ledger import Ledger
from tests.simulation.loop import VirtualLoop, running
from tests.simulation.watch import Watch
from tests.simulation.wire import WatchedNetwork

__all__ = ["DOMAIN", "SERVER", "TRUSTED", "HesitantAccounts", "HesitantLocation", "SimulatedServer", "password_of"]

DOMAIN: Final = "example.com"
SERVER: Final = "192.0.2.10"
TRUSTED: Final = "203.0.113."
SECRET: Final = b"secret of the simulated server"
HESITATION: Final = 0.1
"""How often a store has to be waited for."""


def password_of(user: str) -> str:
    return f"password of {user}"


class HesitantLocation:
    """A store of bindings of which one question in ten has to be awaited; the server's ledger hears of each change.

    The changes of one that awaits nothing have to be awaited just as often.
    """

    def __init__(self, store: SqliteLocation | MemoryLocation, server: SimulatedServer) -> None:
        self.store = store
        self._network = server.network
        self._chance = server.chance
        self._ledger = server.ledger

    def lookup_now(self, aor: str, now: Moment) -> list[Binding] | None:
        return None if self._chance.fraction() < HESITATION else self.store.lookup_now(aor, now)

    async def lookup(self, aor: str, now: Moment) -> list[Binding]:
        return self.store.lookup_now(aor, self._network.clock.now())

    def save(self, update: Update, now: Moment) -> list[Binding] | Awaitable[list[Binding]]:
        if isinstance(self.store, MemoryLocation):
            hesitates = self._chance.fraction() < HESITATION
            return self._save(self.store, update) if hesitates else self._save_now(self.store, update, now)
        saved = self.store.save(update, now)
        self._ledger.begun(update.aor)
        saved.add_done_callback(lambda done: self._ledger.done(update.aor, kept=done.exception() is None))
        return saved

    async def _save(self, store: MemoryLocation, update: Update) -> list[Binding]:
        return self._save_now(store, update, self._network.clock.now())

    def _save_now(self, store: MemoryLocation, update: Update, now: Moment) -> list[Binding]:
        bindings = store.save(update, now)
        self._ledger.begun(update.aor)
        self._ledger.done(update.aor, kept=True)
        return bindings

    def sweep(self, now: Moment) -> float:
        return self.store.sweep(now)

    async def count(self) -> int:
        return await self.store.count()

    def all(self, now: Moment) -> AsyncIterator[tuple[str, list[Binding]]]:
        return self.store.all(now)


class HesitantAccounts(MemoryAccounts):
    """Accounts in memory; one question for credentials in ten has to be awaited."""

    def __init__(self, accounts: list[Account], chance: IdSource) -> None:
        super().__init__(accounts)
        self._chance = chance

    def by_username_now(self, username: str, realm: str) -> Account | Pending | None:  # type: ignore[override]
        return PENDING if self._chance.fraction() < HESITATION else super().by_username_now(username, realm)

    async def by_username(self, username: str, realm: str) -> Account | None:
        return super().by_username_now(username, realm)


class SimulatedServer:
    """Registrar and proxy of one domain, at one address. Accounts and bindings outlive a crash; nothing else does.

    `faults`: what was wrong with its bindings when it was there again, and when the clock was set.
    """

    def __init__(self, network: WatchedNetwork, users: list[str], watch: Watch, durable: bool) -> None:
        self.network = network
        self.watch = watch
        self.chance = IdSource.seeded(f"server {network.seed}")
        self.ledger = Ledger()
        network.sent = self._sent
        network.wire.proxies.add(SERVER)
        self.faults: list[str] = []
        algorithms = require_algorithms(("SHA-256", "MD5"))
        accounts = [Account.create(user, DOMAIN, password_of(user), algorithms=algorithms) for user in users]
        self.accounts = HesitantAccounts(accounts, self.chance)
        self.loop = VirtualLoop(network)
        self.disk = Disk() if durable else None
        self.database: SimulatedDatabase | None = None
        self.location = HesitantLocation(MemoryLocation(), self)
        self.role: ServerRole
        self._await_later = AwaitLater(lambda act: self.node.call(act))
        self._waiting: list[Coroutine[Any, Any, object]] = []
        self.node = self.boot()

    def boot(self) -> VirtualNode[Any]:
        """Start, the first time or again."""
        if self.disk is not None:
            self.database = self.disk.open(self.network, self.loop, self.chance)
            with running(self.loop):
                store = self.database.restore(self.network.clock.now())
            self.location = HesitantLocation(store, self)
        self.node = self.network.add(SERVER, lambda stack: self.watch.over(SERVER, self._make_role(stack)))
        self.loop.node = self.node
        self.compare("after a restart")
        self.node.call(self.role.start)
        return self.node

    def crash(self, orderly: bool = False) -> int:
        """Stop without a word, or, `orderly`, once all that was to be written is.

        Returns how many writes were kept that nobody was told of.
        """
        self.node.crash()
        for work in self._waiting:
            work.close()
        self._waiting.clear()
        self.ledger.crashed()
        return 0 if self.database is None else self.database.crash(orderly)

    def compare(self, when: str) -> None:
        """Look for what was acknowledged."""
        now = self.network.clock.now()
        self.faults += (f"{when}: {line}" for line in self.ledger.differences(self.location.store, now))

    def _sent(self, host: str, data: bytes, now: Moment) -> None:
        if host == SERVER:
            self.ledger.sent(data, now)

    def _make_role(self, stack: Stack) -> ServerRole:
        domain = DomainConfig(name=DOMAIN, algorithms=["SHA-256", "MD5"], trusted=[f"{TRUSTED}0/24"])
        config = ServerConfig(domain=[domain], registrar=RegistrarConfig(max_expires=600, default_expires=600))
        later: Any = self._later
        self.role = assemble(config, stack, self.accounts, self.location, SECRET, later)
        self.role.listens_at((SERVER, 5060), (SERVER, 5060))
        return self.role

    def _later(
        self,
        work: Coroutine[Any, Any, object] | asyncio.Future[object],
        done: Callable[[object, Moment], None],
    ) -> None:
        """Await something: what the disk does by itself, the rest by hand after 1 ms to 1 s, in its turn."""
        if isinstance(work, asyncio.Future):
            self._await_later(work, done)
            return
        self._waiting.append(work)

        def finish() -> None:
            self._waiting.remove(work)
            outcome: object
            try:
                work.send(None)
                raise AssertionError("it waits for something else")
            except StopIteration as stop:
                outcome = stop.value
            except Exception as error:
                outcome = error
            done(outcome, self.network.clock.now())

        # Mostly soon, seldom so late that the sender has sent again, or has given up.
        self.network.at(0.001 + self.chance.fraction() ** 4, self.node, finish)
