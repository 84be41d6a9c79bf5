"""The server of the simulation: the server role whole, over accounts and bindings that sometimes take their time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final

from offhook.accounts.base import PENDING, Account, Pending
from offhook.accounts.memory import MemoryAccounts
from offhook.clock import Moment
from offhook.ids import IdSource
from offhook.location.binding import Binding
from offhook.location.memory import MemoryLocation
from offhook.location.update import Update
from offhook.security.digest import require_algorithms
from offhook.server.assembly import assemble
from offhook.server.config import DomainConfig, RegistrarConfig, ServerConfig
from offhook.server.role import ServerRole
from offhook.stack import Stack
from offhook.testing.network import VirtualNetwork, VirtualNode
from tests.simulation.watch import Watch

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
    """Bindings in memory, durable beyond the server's restarts; one question in ten has to be awaited."""

    def __init__(self, network: VirtualNetwork, chance: IdSource) -> None:
        self.memory = MemoryLocation()
        self._network = network
        self._chance = chance

    def lookup_now(self, aor: str, now: Moment) -> list[Binding] | None:
        return None if self._chance.fraction() < HESITATION else self.memory.lookup_now(aor, now)

    async def lookup(self, aor: str, now: Moment) -> list[Binding]:
        return self.memory.lookup_now(aor, self._network.clock.now())

    def save(self, update: Update, now: Moment) -> list[Binding] | Awaitable[list[Binding]]:
        return self._save(update) if self._chance.fraction() < HESITATION else self.memory.save(update, now)

    async def _save(self, update: Update) -> list[Binding]:
        return self.memory.save(update, self._network.clock.now())

    def sweep(self, now: Moment) -> float:
        return self.memory.sweep(now)

    async def count(self) -> int:
        return await self.memory.count()

    def all(self, now: Moment) -> AsyncIterator[tuple[str, list[Binding]]]:
        return self.memory.all(now)


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
    """Registrar and proxy of one domain, at one address. Accounts and bindings outlive a crash; nothing else does."""

    def __init__(self, network: VirtualNetwork, users: list[str], watch: Watch) -> None:
        self.network = network
        self.watch = watch
        self._chance = IdSource.seeded(f"server {network.seed}")
        algorithms = require_algorithms(("SHA-256", "MD5"))
        accounts = [Account.create(user, DOMAIN, password_of(user), algorithms=algorithms) for user in users]
        self.accounts = HesitantAccounts(accounts, self._chance)
        self.location = HesitantLocation(network, self._chance)
        self.role: ServerRole
        self._waiting: list[Coroutine[Any, Any, object]] = []
        self.node = self.boot()

    def boot(self) -> VirtualNode[Any]:
        """Start, the first time or again."""
        self.node = self.network.add(SERVER, lambda stack: self.watch.over(SERVER, self._make_role(stack)))
        self.node.call(self.role.start)
        return self.node

    def crash(self) -> None:
        """Stop without a word."""
        self.node.crash()
        for work in self._waiting:
            work.close()
        self._waiting.clear()

    def _make_role(self, stack: Stack) -> ServerRole:
        domain = DomainConfig(name=DOMAIN, algorithms=["SHA-256", "MD5"], trusted=[f"{TRUSTED}0/24"])
        config = ServerConfig(domain=[domain], registrar=RegistrarConfig(max_expires=600, default_expires=600))
        later: Any = self._later
        self.role = assemble(config, stack, self.accounts, self.location, SECRET, later)
        self.role.listens_at((SERVER, 5060), (SERVER, 5060))
        return self.role

    def _later(self, work: Coroutine[Any, Any, object], done: Callable[[object, Moment], None]) -> None:
        """Await something by hand, after 1 ms to 1 s: nothing here waits for more than its turn."""
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
        self.network.at(0.001 + self._chance.fraction() ** 4, self.node, finish)
