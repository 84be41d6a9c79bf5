"""TLS from end to end, as the examples of RFC 3261 26.3.2 have it: two domains, their servers and their users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from offhook.accounts.base import Account
from offhook.clock import Moment
from offhook.errors import CallFailed, TransportFailed
from offhook.flow import Flow
from offhook.server.app import Server
from offhook.server.config import parse as configured
from offhook.sip.headers.auth import parse_challenge
from offhook.sip.message import Message, Request, Response
from offhook.sip.parser import parse
from offhook.transport.driver import IN, OUT
from offhook.transport.tls import TlsSettings
from offhook.ua.agent import UserAgent
from tests.transport.certificates import Authority
from tests.transport.fake_dns import FakeDns

ATLANTA, BILOXI = "atlanta.test", "biloxi.test"
PASSWORD = "wonderland"
PHONES, PEERS = "127.0.0.2", "127.0.0.3"
"""Where Biloxi listens for its users, and for other servers, which have to show a certificate."""


class World:
    """An authority, a name server, and what was started; `seen` are the messages of each server, with their flows."""

    def __init__(self, folder: Path, name_server: FakeDns, running: AsyncExitStack) -> None:
        self.folder = folder
        self.name_server = name_server
        self.running = running
        self.authority = Authority("Test Authority")
        self.trusted = self.authority.write(folder / "root.pem")
        self.seen: dict[str, list[tuple[str, Message, Flow]]] = {}

    async def server(self, domain: str, user: str, *addresses: str, certified: tuple[Path, Path]) -> Server:
        """A server with one user. Its last address is for other servers, where there are several."""
        seen = self.seen[domain] = []

        def tap(way: str, octets: bytes, flow: Flow, now: Moment) -> None:
            if octets.strip():
                seen.append((way, parse(octets), flow))

        listen = "".join(f'[[listen]]\ntransport = "tls"\naddress = "{address}"\nport = 0\n' for address in addresses)
        if len(addresses) > 1:
            listen += "require_client_certificate = true\n"
        server = Server(
            configured(
                f'data = "{self.folder / domain}"\n{listen}[tls]\ncertificate = "{certified[0]}"\n'
                f'key = "{certified[1]}"\nauthorities = "{self.trusted}"\n[[domain]]\nname = "{domain}"\n'
                f'aliases = ["{addresses[-1]}"]\n'
            ),
            tap,
        )
        await self.running.enter_async_context(server)
        await server.accounts.add(Account.create(user, domain, PASSWORD))
        name = f"sip.{domain}"
        self.name_server.add(domain, "NAPTR", f'10 10 "s" "SIPS+D2T" "" _sips._tcp.{domain}.')
        self.name_server.add(f"_sips._tcp.{domain}", "SRV", f"0 0 {server.addresses[0].port} {name}.")
        self.name_server.add(name, "A", addresses[0])
        return server

    async def phone(self, user: str, domain: str, **more: Any) -> UserAgent:
        """A user's phone, which knows the domain's name and no more."""
        settings: dict[str, Any] = {"tls": TlsSettings(authorities=self.trusted), "local": "127.0.0.1"} | more
        agent = UserAgent(f"sip:{user}@{domain}", PASSWORD, dns=self.name_server.client(), keep_alive=None, **settings)
        return await self.running.enter_async_context(agent)

    def requests(self, domain: str, method: str, way: str = IN) -> list[tuple[Request, Flow]]:
        """The requests of a method that a domain's server got, or sent."""
        return [
            (message, flow)
            for seen_way, message, flow in self.seen[domain]
            if seen_way == way and isinstance(message, Request) and message.method == method
        ]


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    name_server = FakeDns()
    await name_server.start()
    async with asyncio.timeout(20), AsyncExitStack() as running:
        yield World(tmp_path, name_server, running)
    await name_server.stop()


async def answer(agent: UserAgent) -> None:
    async for call in agent.incoming():
        await call.answer()


def answering(agent: UserAgent, world: World) -> None:
    task = asyncio.create_task(answer(agent))
    world.running.callback(task.cancel)


@pytest.mark.rfc(
    "3261 26.3.1 #1",
    "3261 26.3.1 #2",
    "3261 26.3.1 #6",
    "3261 26.3.2.1 #1",
    "3261 26.3.2.1 #2",
    "3261 26.3.2.1 #3",
    "3261 26.3.2.1 #6",
    "3261 26.3.2.1 #7",
    "3261 26.3.2.1 #8",
    "3261 26.3.2.1 #9",
    "3261 26.3.2.1 #10",
)
async def test_a_registration_goes_over_tls_and_is_challenged_in_the_domains_realm(world: World) -> None:
    await world.server(BILOXI, "bob", PHONES, certified=world.authority.issue(world.folder, BILOXI))
    bob = await world.phone("bob", BILOXI)
    assert bob.registered
    (first, flow), (second, again) = world.requests(BILOXI, "REGISTER")
    assert (flow.transport, again) == ("TLS", flow)
    assert first.request_uri == second.request_uri == f"sip:{BILOXI}"
    [challenge] = [message for _, message, _ in world.seen[BILOXI] if isinstance(message, Response)][:1]
    assert challenge.status == 401
    assert parse_challenge(challenge.texts("WWW-Authenticate")[0]).params["realm"] == BILOXI
    credentials = parse_challenge(second.texts("Authorization")[0]).params
    assert (credentials["realm"], credentials["username"]) == (BILOXI, "bob")
    assert "sip:bob@" in (second.text("To") or "")


@pytest.mark.rfc("3261 26.2.2 #3", "3261 26.2.2 #4", "3261 26.3.1 #4", "3261 26.3.2.1 #4", "3261 26.3.2.1 #5")
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("another name", f"the certificate of {BILOXI} is refused: it is for {ATLANTA}"),
        ("expired", "has expired"),
        ("untrusted", "is refused"),
        ("revoked", "it has been revoked"),
    ],
)
async def test_nothing_is_registered_at_a_server_whose_certificate_is_no_good(
    world: World, fault: str, told: str
) -> None:
    issuer = Authority("Nobody") if fault == "untrusted" else world.authority
    name = ATLANTA if fault == "another name" else BILOXI
    chain = issuer.issue(world.folder, name, days=(-3, -1) if fault == "expired" else (-1, 1))
    lists = world.authority.revoke(world.folder / "crl.pem", *([chain[0]] if fault == "revoked" else []))
    await world.server(BILOXI, "bob", PHONES, certified=chain)
    with pytest.raises(TransportFailed) as failure:
        await world.phone("bob", BILOXI, tls=TlsSettings(authorities=world.trusted, revocations=lists))
    assert told in str(failure.value)
    assert world.seen[BILOXI] == []


async def two_domains(world: World, *names: str) -> tuple[UserAgent, str]:
    """Alice's phone in Atlanta, and the URI of Bob in Biloxi, whose server's certificate is for these names too."""
    await world.server(
        ATLANTA, "alice", "127.0.0.1", certified=world.authority.issue(world.folder, ATLANTA, "127.0.0.1")
    )
    certified = world.authority.issue(world.folder, BILOXI, *names)
    server = await world.server(BILOXI, "bob", PHONES, PEERS, certified=certified)
    peers = next(address.port for address in server.addresses if address.local[0] == PEERS)
    alice = await world.phone("alice", ATLANTA, outbound_proxy=f"sip:{ATLANTA};lr")
    return alice, f"sip:bob@{PEERS}:{peers};transport=tls"


@pytest.mark.rfc(
    "3261 26.2.2 #1",
    "3261 26.3.1 #2",
    "3261 26.3.2.1 #11",
    "3261 26.3.2.2 #1",
    "3261 26.3.2.2 #2",
    "3261 26.3.2.2 #3",
    "3261 26.3.2.2 #4",
    "3261 26.3.2.2 #5",
    "3261 26.3.2.2 #6",
    "3261 26.3.2.2 #7",
    "3261 26.3.2.2 #8",
    "3261 26.3.2.2 #9",
    "3261 26.3.2.2 #10",
)
async def test_a_call_between_two_domains_is_over_tls_all_the_way(world: World) -> None:
    alice, uri = await two_domains(world, PHONES, PEERS)
    bob = await world.phone("bob", BILOXI)
    answering(bob, world)
    with capture_logs() as lines:
        call = await alice.invite(uri)
        await call.hang_up()
        async with asyncio.timeout(5):
            while not world.requests(BILOXI, "BYE", OUT):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    # Alice's phone goes on over the connection of its registration, and knows what to answer the challenge with.
    [registered] = {flow.key for _, flow in world.requests(ATLANTA, "REGISTER")}
    invites = world.requests(ATLANTA, "INVITE")
    assert {flow.key for _, flow in invites} == {registered}
    assert [request.has("Proxy-Authorization") for request, _ in invites] == [False, True]
    # Both servers showed who they are.
    [(sent, out)] = world.requests(ATLANTA, "INVITE", OUT)
    assert (out.transport, out.remote[0]) == ("TLS", PEERS)
    [(got, arrival)] = world.requests(BILOXI, "INVITE")
    assert (arrival.transport, arrival.domains) == ("TLS", (ATLANTA,))
    assert got.request_uri == sent.request_uri
    assert not [line for line in lines if line["event"] == "a caller of another domain"]
    # Bob gets it over the connection that he registered over, by way of both.
    [(last, channel)] = world.requests(BILOXI, "INVITE", OUT)
    assert channel == world.requests(BILOXI, "REGISTER")[-1][1]
    hosts = [str(route.uri) for route in last.record_routes]
    assert ["127.0.0.1" in hosts[-1], any(PEERS in host for host in hosts)] == [True, True]
    # And so does what follows.
    assert world.requests(BILOXI, "BYE", OUT)[-1][1] == channel


@pytest.mark.rfc("3261 26.2.2 #4", "3261 26.3.2.2 #6", "3261 26.3.2.2 #7")
async def test_a_call_does_not_go_to_a_server_that_cannot_show_who_it_is(world: World) -> None:
    alice, uri = await two_domains(world, PHONES)
    with pytest.raises(CallFailed):
        await alice.invite(uri)
    assert world.requests(BILOXI, "INVITE") == []


@pytest.mark.rfc("3261 26.3.2.3 #1", "3261 26.3.2.3 #2")
@pytest.mark.parametrize("named", [BILOXI, "elsewhere.test"])
async def test_a_stranger_calls_the_domain_itself_over_tls(world: World, named: str) -> None:
    await world.server(BILOXI, "bob", PHONES, certified=world.authority.issue(world.folder, named))
    carol = await world.phone("carol", "chicago.test", register=False)
    with pytest.raises(CallFailed) as failure:
        await carol.invite(f"sip:bob@{BILOXI}")
    if named == BILOXI:
        [(_, flow)] = world.requests(BILOXI, "INVITE")
        assert (flow.transport, failure.value.status) == ("TLS", 480)
    else:
        assert world.seen[BILOXI] == []
        assert f"the certificate of {BILOXI} is refused" in str(failure.value)
