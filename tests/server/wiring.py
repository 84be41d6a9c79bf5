"""A whole server on the virtual network, with phones of its users and strangers around it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from offhook.accounts.base import PENDING, Account, Pending
from offhook.accounts.memory import MemoryAccounts
from offhook.clock import Moment
from offhook.location.memory import MemoryLocation
from offhook.security.digest_client import Secret
from offhook.server.assembly import assemble
from offhook.server.config import DomainConfig, RegistrarConfig, ServerConfig, ThrottleConfig
from offhook.server.role import ServerRole
from offhook.sip.message import Request, Response
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft
from offhook.sip.uri import SipUri, parse_uri
from offhook.stack import Stack
from offhook.testing.media import SilentProvider
from offhook.testing.network import Faults, VirtualNetwork, VirtualNode
from offhook.testing.peer import ScriptedPeer
from offhook.transaction.machine import Transaction
from offhook.ua.accept import ServerInvite
from offhook.ua.core import UserAgentCore
from offhook.ua.events import CallEvent, Failure, Progress
from offhook.ua.settings import Settings

__all__ = ["DOMAIN", "PASSWORDS", "SERVER", "Phone", "Site", "SlowAccounts"]

DOMAIN: Final = "example.com"
SERVER: Final = "192.0.2.10"
PASSWORDS: Final = {"alice": "wonderland", "bob": "scaffolding"}
SECRET: Final = b"a secret of 32 octets, not random"


class SlowAccounts(MemoryAccounts):
    """Accounts that have to be awaited as long as `slow`, or unless they exist; with `error` asking for them fails."""

    def __init__(self, accounts: list[Account]) -> None:
        super().__init__(accounts)
        self.slow = False
        self.slow_to_deny = False
        self.asked = 0
        self.error: Exception | None = None

    def by_username_now(self, username: str, realm: str) -> Account | Pending | None:  # type: ignore[override]
        found = super().by_username_now(username, realm)
        return PENDING if self.slow or (self.slow_to_deny and found is None) else found

    def by_aor_now(self, aor: str) -> Account | Pending | None:  # type: ignore[override]
        found = super().by_aor_now(aor)
        return PENDING if self.slow or (self.slow_to_deny and found is None) else found

    async def by_username(self, username: str, realm: str) -> Account | None:
        self._ask()
        return super().by_username_now(username, realm)

    async def by_aor(self, aor: str) -> Account | None:
        self._ask()
        return super().by_aor_now(aor)

    def _ask(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error


class Phone:
    """A user agent. `heard` has what its calls told, `rings` the calls to it; `outcomes` what its requests came to."""

    def __init__(self, site: Site, uri: str, host: str, secrets: tuple[Secret, ...], proxy: str) -> None:
        outbound = sip_uri(proxy) if proxy else None
        settings = Settings(sip_uri(uri), secrets=secrets, outbound_proxy=outbound)
        self.heard: list[str] = []
        self.rings: list[ServerInvite] = []
        self.outcomes: list[int] = []
        self.site = site
        self.node: VirtualNode[UserAgentCore] = site.network.add(
            host, lambda stack: UserAgentCore(stack, settings, SilentProvider(), self._take, lambda message: True)
        )

    @property
    def core(self) -> UserAgentCore:
        return self.node.role

    def register(self) -> list[int]:
        """Register and let it happen; 200, or the status of the failure."""
        outcomes: list[int] = []

        def changed(failure: Failure | None, now: Moment) -> None:
            outcomes.append(200 if failure is None else failure.status)

        self.node.call(lambda now: (self.core.register(600, changed, now), None)[1])
        self.site.run(3.0)
        return outcomes

    def message(self, uri: str) -> list[int]:
        """Send a message and let it happen."""

        def done(failure: Failure | None, now: Moment) -> None:
            self.outcomes.append(200 if failure is None else failure.status)

        self.node.call(lambda now: self.core.message(parse_uri(uri), b"hello", done, now))
        self.site.run(3.0)
        return self.outcomes

    def invite(self, uri: str, seconds: float = 2.0) -> Any:
        """Call somebody and let it happen."""
        calls: list[Any] = []
        self.node.call(lambda now: calls.append(self.core.invite(parse_uri(uri), self._hear, now)))
        self.site.run(seconds)
        return calls[0]

    def _take(self, call: ServerInvite) -> bool:
        call.notify = self._hear
        self.rings.append(call)
        return True

    def _hear(self, event: CallEvent) -> None:
        self.heard.append(str(event.status) if isinstance(event, Progress) else type(event).__name__)

    @property
    def left(self) -> list[int]:
        table = self.node.stack.transactions
        return [len(self.core.calls), len(table.clients), len(table.servers)]


def sip_uri(text: str) -> SipUri:
    uri = parse_uri(text)
    assert isinstance(uri, SipUri)
    return uri


class Site:
    """The server at 192.0.2.10, known as example.com, and everybody else. `delay`: seconds that slow stores take."""

    def __init__(
        self,
        *,
        domain: DomainConfig | None = None,
        registrar: RegistrarConfig | None = None,
        throttle: ThrottleConfig | None = None,
        faults: Faults | None = None,
        seed: int = 1,
        delay: float = 0.05,
    ) -> None:
        self.network = VirtualNetwork(seed, faults, trace=True)
        self.network.name(DOMAIN, (SERVER, 5060))
        self.accounts = SlowAccounts([Account.create(user, DOMAIN, PASSWORDS[user]) for user in PASSWORDS])
        self.location = MemoryLocation()
        self.delay = delay
        self.config = ServerConfig(
            domain=[domain or DomainConfig(name=DOMAIN)],
            registrar=registrar or RegistrarConfig(),
            throttle=throttle or ThrottleConfig(),
        )
        self.waiting = 0
        self.server: VirtualNode[ServerRole] = self.network.add(SERVER, self._make_role)
        self._hosts = 0

    def _make_role(self, stack: Stack) -> ServerRole:
        later: Any = self._later
        role = assemble(self.config, stack, self.accounts, self.location, SECRET, later)
        role.listens_at((SERVER, 5060), (SERVER, 5060))
        return role

    def _later(self, work: Coroutine[Any, Any, object], done: Callable[[Any, Moment], None]) -> None:
        self.waiting += 1

        def finish() -> None:
            self.waiting -= 1
            outcome: object
            try:
                work.send(None)
                raise AssertionError("it waits for something else")
            except StopIteration as stop:
                outcome = stop.value
            except Exception as error:
                outcome = error
            done(outcome, self.network.clock.now())

        self.network.at(self.delay, self.server, finish)

    # Who is there

    def phone(
        self, user: str, password: str | None = None, proxy: str = "", username: str = "", domain: str = DOMAIN
    ) -> Phone:
        """A phone of a user, with the right name and password unless others are given."""
        self._hosts += 1
        secret = Secret(username or user, PASSWORDS[user] if password is None else password)
        return Phone(self, f"sip:{user}@{domain}", f"192.0.2.{100 + self._hosts}", (secret,), proxy)

    def stranger(self, host: str = "198.51.100.1", contact: str = "") -> VirtualNode[ScriptedPeer]:
        """Somebody who sends what he is told to and answers everything with 200."""
        return self.network.add(host, lambda stack: ScriptedPeer(stack, contact or f"sip:mallory@{host}", None, "m"))

    def send(
        self,
        peer: VirtualNode[ScriptedPeer],
        method: str,
        uri: str,
        edit: Callable[[Draft], object] | None = None,
        transport: str = "UDP",
        to_tag: str = "",
    ) -> list[int]:
        """Let somebody send a request to the server, and the statuses that come back."""
        before = len(peer.role.responses)
        sent: list[Transaction] = []

        def act(now: Moment) -> None:
            draft = peer.role.request(method, uri, f"c{len(self.network.trace or [])}", 1, to_tag)
            if edit is not None:
                edit(draft)
            sent.append(peer.role.send(draft, peer.target_to(SERVER, 5060, transport), now))

        peer.call(act)
        self.run(3.0)
        return [response.status for response in peer.role.responses[before:] if response.status != 100]

    def run(self, seconds: float) -> None:
        self.network.run(self.network.clock.monotonic + seconds)

    # What happened

    def messages(self, to: str = "", of: str = "") -> list[Request | Response]:
        """What was delivered to a host, from a host."""
        trace = self.network.trace or []
        return [parse(data) for _, sender, receiver, data in trace if to in ("", receiver) and of in ("", sender)]

    def left(self) -> list[int]:
        """Transactions that the server still holds."""
        table = self.server.stack.transactions
        return [len(table.clients), len(table.servers)]
