"""Locating servers by RFC 3263 with what BIND says: NAPTR, weighted SRV, IPv6, and answers that need TCP."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from offhook.errors import ResolveFailed
from offhook.flow import Query, Target
from offhook.transport.dns import DnsClient
from offhook.transport.hosts import HostsFile
from offhook.transport.listener import Listener
from offhook.transport.local_address import LocalAddress, LocalAddresses
from offhook.transport.resolver import Resolver
from tests.interop.bind import ZONE, NameServer, free_port
from tests.interop.command import environment
from tests.interop.namespaces import SERVER, SERVER6, Network
from tests.interop.process import Process
from tests.interop.server import OFFHOOK, OffhookServer, listening

pytestmark = pytest.mark.interop("named")

MANY = 40
DRAWS = 2000
RECORDS = """\
@ NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp
@ NAPTR 10 20 "s" "SIP+D2T" "" _sip._tcp
@ NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp
@ NAPTR 5 10 "s" "SIP+D2W" "" _sip._ws
@ NAPTR 5 10 "u" "E2U+sip" "!^.*$!sip:info@example.org!" .
_sips._tcp SRV 1 0 5081 both
_sip._tcp SRV 1 0 5070 both
_sip._udp SRV 1 0 5060 ipv4
both A 127.0.0.1
both AAAA ::1
ipv4 A 127.0.0.2
weighted NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.weighted
_sip._udp.weighted SRV 20 0 5099 ipv4
_sip._udp.weighted SRV 10 60 5061 ipv4
_sip._udp.weighted SRV 10 30 5062 ipv4
_sip._udp.weighted SRV 10 10 5063 ipv4
_sip._udp.weighted SRV 10 0 5064 ipv4
_sip._udp.plain SRV 1 0 5065 alias
alias CNAME further
further CNAME ipv4
round CNAME trip
trip CNAME round
off NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.off
_sip._udp.off SRV 0 0 0 .
""" + "".join(f"_sip._udp.large SRV {number} 0 {6000 + number} server-{number}\n" for number in range(MANY))
RECORDS += "".join(f"server-{number} A 127.0.0.{number + 1}\n" for number in range(MANY))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NameServer]:
    port = free_port("127.0.0.1", "::1")
    with NameServer(tmp_path, ["127.0.0.1", "::1"], port, RECORDS) as running:
        yield running


@pytest_asyncio.fixture
async def client(server: NameServer) -> AsyncIterator[DnsClient]:
    client = DnsClient([("127.0.0.1", server.port)], hosts=HostsFile("/nonexistent/hosts"))
    yield client
    await client.close()


def resolver_of(client: DnsClient) -> Resolver:
    own = LocalAddresses()
    for transport in ("UDP", "TCP", "TLS"):
        for host in ("127.0.0.1", "::1"):
            listener = Listener(transport, host)
            own.add(LocalAddress(listener, host, listener.port))
    return Resolver(client, own)


def shown(targets: list[Target]) -> list[str]:
    return [f"{target.transport} {target.host} {target.port}" for target in targets]


async def test_naptr_records_choose_transport_and_order(client: DnsClient, server: NameServer) -> None:
    targets = await resolver_of(client).resolve(Query(ZONE))
    assert shown(targets) == ["TLS ::1 5081", "TLS 127.0.0.1 5081", "TCP ::1 5070", "TCP 127.0.0.1 5070"]
    assert [target.server_name for target in targets[:2]] == [ZONE, ZONE]
    # Those of the higher order are not looked at (RFC 3403 4.1).
    assert server.asked(f"_sip._udp.{ZONE}", "SRV") == []


async def test_a_transport_that_is_asked_for_needs_no_naptr(client: DnsClient, server: NameServer) -> None:
    assert shown(await resolver_of(client).resolve(Query(ZONE, 0, "UDP"))) == ["UDP 127.0.0.2 5060"]
    assert server.asked(ZONE, "NAPTR") == []


async def test_weights_are_kept_to_within_a_priority(client: DnsClient, server: NameServer) -> None:
    resolver = resolver_of(client)
    first: Counter[int] = Counter()
    for _ in range(DRAWS):
        ports = [target.port for target in await resolver.resolve(Query(f"weighted.{ZONE}"))]
        assert sorted(ports[:-1]) == [5061, 5062, 5063, 5064]
        assert ports[-1] == 5099
        first[ports[0]] += 1
    for port, share in ((5061, 0.6), (5062, 0.3), (5063, 0.1)):
        # Five standard deviations: once in a million runs.
        assert abs(first[port] - share * DRAWS) < 5 * (DRAWS * share * (1 - share)) ** 0.5
    assert first[5064] < DRAWS * 0.05
    assert len(server.asked(f"_sip._udp.weighted.{ZONE}", "SRV")) == 1


async def test_an_answer_that_is_too_large_for_a_datagram_comes_over_tcp(client: DnsClient, server: NameServer) -> None:
    found = (await client.srv(f"_sip._udp.large.{ZONE}")).found
    assert [record.port for record in found] == [6000 + number for number in range(MANY)]
    datagram, stream = server.asked(f"_sip._udp.large.{ZONE}", "SRV")
    assert "T" not in datagram
    assert "T" in stream


async def test_aliases_are_followed_and_those_that_go_round_are_told(client: DnsClient) -> None:
    resolver = resolver_of(client)
    assert shown(await resolver.resolve(Query(f"plain.{ZONE}", 0, "UDP"))) == ["UDP 127.0.0.2 5065"]
    with pytest.raises(ResolveFailed, match=rf"round\.{ZONE}"):
        await resolver.resolve(Query(f"round.{ZONE}"))


async def test_what_is_not_offered_or_not_there_is_told(client: DnsClient) -> None:
    resolver = resolver_of(client)
    with pytest.raises(ResolveFailed, match="says that the service is not offered"):
        await resolver.resolve(Query(f"off.{ZONE}"))
    with pytest.raises(ResolveFailed, match=rf"^nobody\.{ZONE} does not exist$"):
        await resolver.resolve(Query(f"nobody.{ZONE}"))


async def test_a_name_server_is_reached_over_ipv6(server: NameServer) -> None:
    client = DnsClient([("::1", server.port)], hosts=HostsFile("/nonexistent/hosts"))
    assert shown(await resolver_of(client).resolve(Query(ZONE, 0, "UDP"))) == ["UDP 127.0.0.2 5060"]
    await client.close()


async def test_a_name_server_that_comes_back_is_asked_again(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    client = DnsClient([("127.0.0.1", port)], hosts=HostsFile("/nonexistent/hosts"), timeout=0.2, lifetime=0.5)
    with pytest.raises(ResolveFailed):
        await client.srv(f"_sip._udp.{ZONE}")
    with NameServer(tmp_path, ["127.0.0.1"], port, RECORDS):
        # Not before a failure is forgotten; a question of another name is not concerned.
        assert (await client.srv(f"_sip._tcp.{ZONE}")).found[0].port == 5070
    await client.close()


@pytest.mark.interop("named", "ip", "nft", root=True)
def test_a_server_is_found_by_its_domain_alone(tmp_path: Path, network: Network) -> None:
    """From a phone's network: NAPTR over UDP to BIND, then SIP over TCP and IPv6 to where it leads."""
    records = (
        f'@ NAPTR 1 1 "s" "SIP+D2T" "" _sip._tcp\n_sip._tcp SRV 1 0 5060 sip\nsip A {SERVER}\nsip AAAA {SERVER6}\n'
    )
    alice = network.phone("alice")
    resolv = alice.folder / "resolv.conf"
    with resolv.open("w", encoding="ascii") as file:
        file.write(f"nameserver {SERVER}\n")
    configuration = f'{listening("tcp", SERVER6)}[[domain]]\nname = "{ZONE}"\n'
    with (
        NameServer(tmp_path, [SERVER], 53, records, network.hub.command()),
        OffhookServer(tmp_path, configuration, network.hub.command()),
    ):
        command = [*alice.command(), OFFHOOK, "ping", f"sip:{ZONE}", "--trace"]
        with Process(alice.folder, "ping", command, environment=environment(alice.folder)) as ping:
            assert ping.wait() == 0, ping.output
            assert "2001:db8::1" in ping.output
            assert "SIP/2.0/TCP" in ping.output
