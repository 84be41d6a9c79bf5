"""The hosts of the example flows on the virtual network: phones and servers of ours, and all that they send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from offhook.accounts.base import Account
from offhook.accounts.memory import MemoryAccounts
from offhook.clock import Moment
from offhook.flow import Flow, Query, Target
from offhook.location.memory import MemoryLocation
from offhook.proxy import Proxy, ProxySettings
from offhook.sdp.codec import Codec
from offhook.security.digest_client import Secret
from offhook.server.assembly import assemble
from offhook.server.config import DomainConfig, ServerConfig
from offhook.server.lookups import LocationLookups
from offhook.server.role import ServerRole
from offhook.sip.message import Request, Response
from offhook.sip.parser import parse
from offhook.sip.uri import SipUri, parse_uri
from offhook.stack import Stack
from offhook.testing.media import SilentProvider
from offhook.testing.network import Faults, VirtualNetwork, VirtualNode
from offhook.ua.accept import ServerInvite
from offhook.ua.core import UserAgentCore
from offhook.ua.events import CallEvent
from offhook.ua.invite import ClientInvite
from offhook.ua.settings import Settings
from tests.rfc.flow_steps import ADDRESSES, kind_of

__all__ = ["PASSWORDS", "FlowSite", "Phone", "Sent"]

PASSWORDS: Final = {"alice": "wonderland", "bob": "scaffolding"}
SECRET: Final = b"a secret of 32 octets, not random"
RFC_MEDIA: Final = (Codec("PCMU", 8000),)
"""What the phones of the RFCs can do."""
UNDER_WAY: Final = 0.03
REACTION: Final = 0.18
"""Seconds: so slow that each proxy has to say 100 before the callee's phone says anything (17.2.1), which does not."""


class Sent:
    """A message that one of ours sent, and when."""

    def __init__(self, time: float, sender: str, receiver: str, message: Request | Response) -> None:
        self.time = time
        self.sender = sender
        self.receiver = receiver
        self.message = message
        self.kind = kind_of(message)

    def __repr__(self) -> str:
        return f"{self.kind} {self.sender} -> {self.receiver}"


class FlowNetwork(VirtualNetwork):
    """Notes what is sent, also to hosts that are dead.

    Hosts write their names into Via and Contact, as those of the RFCs do. `transport` is what the NAPTR records of all
    domains name first.
    """

    def __init__(self, transport: str, port: int) -> None:
        super().__init__(1, Faults(delay=(UNDER_WAY, UNDER_WAY)))
        self.transport = transport
        self.port = port
        self.hosts: dict[str, str] = {}
        self.sent: list[Sent] = []

    def host(self, name: str) -> str:
        """The address of a host, by which its name is known from now on."""
        address = ADDRESSES.get(name, name)
        self.hosts[address] = name
        self.name(name, (address, self.port))
        return address

    def advertise(self, node: VirtualNode[Any]) -> None:
        """Let a host be called by its name in what it sends."""
        for transport in ("udp", "tcp", "tls"):
            node.stack.advertised[f"{transport}:{node.host}:{node.port}"] = f"{self.hosts[node.host]}:{node.port}"

    def move(self, node: VirtualNode[Any], name: str) -> None:
        """Give a host another address in mid-run."""
        del self.nodes[(node.host, node.port)]
        node.host = self.host(name)
        self.nodes[(node.host, node.port)] = node
        self.advertise(node)

    def resolve(self, node: VirtualNode[Any], query: Query) -> list[Target]:
        wanted = Query(query.host, query.port, query.transport or self.transport, query.secure)
        targets = super().resolve(node, wanted)
        for target in targets:
            for way in (target, target.stream):
                if way is not None:
                    way.sent_by = f"{self.hosts[node.host]}:{node.port}"
        return targets

    def transmit(self, node: VirtualNode[Any], flow: Flow, data: bytes) -> None:
        self.sent.append(Sent(self.clock.monotonic, node.host, flow.remote[0], parse(data)))
        super().transmit(node, flow, data)


class Phone:
    """A user agent of ours. `call` is its last call, out or in; `on_ring` what it does when it is called."""

    def __init__(self, site: FlowSite, name: str, settings: Settings) -> None:
        self.site = site
        self.on_ring: Callable[[ServerInvite, Moment], None] = ServerInvite.ring
        self.call: Any = None
        address = site.network.host(name)
        media = SilentProvider(RFC_MEDIA)
        for _ in site.network.nodes:
            # No two phones have one session id.
            media.port()
        self.node: VirtualNode[UserAgentCore] = site.network.add(
            address, lambda stack: UserAgentCore(stack, settings, media, self._take), site.network.port
        )
        site.network.advertise(self.node)

    @property
    def core(self) -> UserAgentCore:
        return self.node.role

    def do(self, act: Callable[[Moment], object], seconds: float = 1.0) -> None:
        """Do something, and let follow what follows."""
        self.node.call(lambda now: (act(now), None)[1])
        self.site.run(seconds)

    def register(self) -> None:
        self.do(lambda now: self.core.register(3600, lambda failure, then: None, now))
        assert self.core.registration is not None
        assert self.core.registration.registered

    def invite(self, uri: str, offer: bool = True, seconds: float = 1.0) -> None:
        def act(now: Moment) -> None:
            self.call = self.core.invite(parse_uri(uri), _ignore, now, offer=offer)

        self.do(act, seconds)
        assert isinstance(self.call, ClientInvite)

    def answer(self) -> None:
        self.do(lambda now: self.call.answer(now))

    def hang_up(self) -> None:
        self.do(lambda now: self.call.hang_up(now))

    def _take(self, call: ServerInvite) -> bool:
        self.call = call
        network = self.site.network
        network.at(REACTION, self.node, lambda: self.on_ring(call, network.clock.now()))
        return True


class FlowSite:
    """The hosts of one flow. `transport` is what it runs over; TLS has a port of its own."""

    def __init__(self, transport: str = "UDP") -> None:
        self.network = FlowNetwork(transport, 5061 if transport == "TLS" else 5060)
        self._begun = 0

    # Who is there

    def phone(
        self,
        aor: str,
        name: str,
        realms: tuple[str, ...] = (),
        *,
        proxy: str = "",
        transport: str = "",
        wrong: bool = False,
    ) -> Phone:
        """A phone of alice or bob; `wrong`: its password is. `proxy` is the host of its outbound proxy."""
        uri = sip_uri(aor)
        user = uri.user or ""
        password = "wrong" if wrong else PASSWORDS[user]
        settings = Settings(
            uri,
            user.capitalize(),
            tuple(Secret(user, password, realm) for realm in realms),
            sip_uri(f"sip:{proxy};lr") if proxy else None,
            transport,
        )
        return Phone(self, name, settings)

    def server(
        self, name: str, users: str, *domains: DomainConfig, record_route: bool = True, also: str = ""
    ) -> VirtualNode[ServerRole]:
        """Registrar, proxy and redirect server for domains with some users ("bob@biloxi.com alice@atlanta.com").

        `also` is another name that the server is known by.
        """
        network = self.network
        address = network.host(name)
        realms = {domain.name: domain.realm or domain.name for domain in domains}
        known = [user.split("@") for user in users.split()]
        accounts = [Account.create(user, at, PASSWORDS[user], realm=realms[at]) for user, at in known]

        def later(work: Any, done: Any) -> None:
            """What is awaited takes no time in memory."""

            def finish() -> None:
                try:
                    work.send(None)
                except StopIteration as stop:
                    done(stop.value, network.clock.now())

            network.at(0.0, node, finish)

        def make_role(stack: Stack) -> ServerRole:
            role = assemble(
                ServerConfig(domain=list(domains)), stack, MemoryAccounts(accounts), MemoryLocation(), SECRET, later
            )
            for host in (name, also or name):
                role.listens_at((host, network.port), (address, network.port))
            if not record_route:
                _leave_the_way(role)
            return role

        node = network.add(address, make_role, network.port)
        network.advertise(node)
        for domain in domains:
            network.names.setdefault(domain.name, [(address, network.port)])
        return node

    def run(self, seconds: float) -> None:
        self.network.run(self.network.clock.monotonic + seconds)

    # What is sent

    def begin(self) -> None:
        """The flow begins here: what was sent before set the scene."""
        self._begun = len(self.network.sent)

    @property
    def sent(self) -> list[Sent]:
        """What was sent in the flow."""
        return self.network.sent[self._begun :]


def sip_uri(text: str) -> SipUri:
    uri = parse_uri(text)
    assert isinstance(uri, SipUri)
    return uri


def _leave_the_way(role: ServerRole) -> None:
    """Give a server a proxy that records no route."""
    old = role.proxy
    lookups = old.lookups
    assert isinstance(lookups, LocationLookups)
    settings = ProxySettings(realms=old.settings.realms, record_route=False)
    role.proxy = Proxy(old.stack, old.domains, old.own, lookups, old.access, SECRET, settings)
    lookups.located = role.proxy.located
    role.access.admitted = role.proxy.admitted


def _ignore(event: CallEvent) -> None:
    """What the user hears is not what is compared."""
