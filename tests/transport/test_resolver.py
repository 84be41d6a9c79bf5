"""RFC 3263 section 4, against a name server in this process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dns.rcode
import pytest

from offhook.errors import ResolveFailed
from offhook.flow import Query, Target
from offhook.transport import resolver as resolver_module
from offhook.transport.dns import DnsClient
from offhook.transport.hosts import HostsFile
from offhook.transport.listener import Listener
from offhook.transport.local_address import LocalAddress, LocalAddresses
from offhook.transport.resolver import Resolver
from tests.transport.fake_dns import FakeDns
from tests.transport.support import soon, until

ALL = ("UDP", "TCP", "TLS")


def own(*transports: str, hosts: tuple[str, ...] = ("127.0.0.1", "::1"), advertise: str = "") -> LocalAddresses:
    """Own addresses with the usual ports, one for each transport and host."""
    addresses = LocalAddresses()
    for transport in transports or ALL:
        for host in hosts:
            listener = Listener(transport, host, advertise=advertise)
            addresses.add(LocalAddress(listener, host, listener.port))
    return addresses


def shown(targets: list[Target] | None) -> list[str]:
    assert targets is not None
    return [f"{target.transport} {target.host} {target.port}" for target in targets]


async def found(name_server: FakeDns, query: Query, *transports: str) -> list[str]:
    return shown(await soon(Resolver(name_server.client(), own(*transports)).resolve(query)))


async def failure(resolver: Resolver, query: Query) -> str:
    assert resolver.resolve_now(query) is None
    with pytest.raises(ResolveFailed) as caught:
        await soon(resolver.resolve(query))
    return str(caught.value)


@pytest.mark.rfc("3263 4.1 #1", "3263 4.1 #2")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query("127.0.0.9"), "UDP 127.0.0.9 5060"),
        (Query("127.0.0.9", 5070), "UDP 127.0.0.9 5070"),
        (Query("127.0.0.9", 0, "TCP"), "TCP 127.0.0.9 5060"),
        (Query("127.0.0.9", 0, "tls"), "TLS 127.0.0.9 5061"),
        (Query("127.0.0.9", 0, "", True), "TLS 127.0.0.9 5061"),
        (Query("127.0.0.9", 5070, "TCP", True), "TLS 127.0.0.9 5070"),
        (Query("[::1]"), "UDP ::1 5060"),
        (Query("[0:0:0:0:0:0:0:1]", 5070, "TCP"), "TCP ::1 5070"),
        (Query("[::ffff:127.0.0.9]"), "UDP 127.0.0.9 5060"),
    ],
)
def test_a_numeric_host_needs_no_question(query: Query, expected: str) -> None:
    resolver = Resolver(DnsClient([]), own())
    assert shown(resolver.resolve_now(query)) == [expected]


def test_without_a_udp_listener_tcp_is_the_default() -> None:
    assert shown(Resolver(DnsClient([]), own("TCP")).resolve_now(Query("127.0.0.9"))) == ["TCP 127.0.0.9 5060"]


def test_a_target_carries_the_own_side() -> None:
    resolver = Resolver(DnsClient([]), own("UDP", "TCP", advertise="sip.example.com"))
    targets = resolver.resolve_now(Query("127.0.0.9", 5070))
    assert targets is not None
    target = targets[0]
    assert target.listener == "udp:127.0.0.1:5060"
    assert target.local == ("127.0.0.1", 5060)
    assert target.sent_by == "sip.example.com:5060"
    assert (target.server_name, target.flow) == ("", None)
    assert target.stream is not None
    assert shown([target.stream]) == ["TCP 127.0.0.9 5070"]
    assert target.stream.listener == "tcp:127.0.0.1:5060"


def test_there_is_no_way_over_tcp_where_no_listener_speaks_it() -> None:
    targets = Resolver(DnsClient([]), own("UDP")).resolve_now(Query("127.0.0.9"))
    assert targets is not None
    assert targets[0].stream is None


@pytest.mark.rfc("3261 19.1.1 #3", "3261 19.1.5 #11")
@pytest.mark.parametrize(
    ("query", "transports", "sentence"),
    [
        (Query("127.0.0.9", 0, "UDP", True), ALL, "127.0.0.9: sips cannot go over UDP (RFC 3261 26.2.2)"),
        (Query("127.0.0.9", 0, "SCTP"), ALL, "127.0.0.9: no listener for SCTP to send from"),
        (Query("127.0.0.9"), ("TLS",), "127.0.0.9: no listener for UDP or TCP to send from"),
        (Query("127.0.0.9", 0, "", True), ("UDP",), "127.0.0.9: no listener for TLS to send from"),
        (Query("203.0.113.7"), ("UDP",), "203.0.113.7: no listener from which 203.0.113.7 can be reached"),
        (Query("224.0.1.75"), ALL, "224.0.1.75: no listener from which 224.0.1.75 can be reached"),
        (Query("[ff02::1]"), ALL, "[ff02::1]: no listener from which ff02::1 can be reached"),
    ],
)
async def test_what_cannot_be_reached_is_told(query: Query, transports: tuple[str, ...], sentence: str) -> None:
    assert await failure(Resolver(DnsClient([]), own(*transports)), query) == sentence


@pytest.mark.parametrize(
    "host", ["fe80::1%eth0", "::1%1", "a\0.example", "a b.example", "example.com\r\n", "\udcff", ""]
)
async def test_what_is_no_host_is_told(host: str) -> None:
    """A maddr may be any text that is escaped: it reached functions that take hosts alone."""
    assert await failure(Resolver(DnsClient([]), own()), Query(host, 5061, "TLS", True)) == f"{host!r} is not a host"


async def test_a_family_without_a_listener_is_told() -> None:
    resolver = Resolver(DnsClient([]), own("UDP", hosts=("127.0.0.1",)))
    assert await failure(resolver, Query("[::1]")) == "[::1]: no listener from which ::1 can be reached"


@pytest.mark.rfc("3263 4.1 #4", "3263 4.1 #5", "3263 4.1 #6", "3263 4.1 #7")
async def test_naptr_records_choose_the_transport(name_server: FakeDns) -> None:
    """The example of the section, with addresses."""
    name_server.add(
        "example.com",
        "NAPTR",
        '50 50 "s" "SIPS+D2T" "" _sips._tcp.example.com.',
        '90 50 "s" "SIP+D2T" "" _sip._tcp.example.com.',
        '100 50 "s" "SIP+D2U" "" _sip._udp.example.com.',
    )
    name_server.add("_sip._tcp.example.com", "SRV", "0 1 5060 server1.example.com.", "1 2 5070 server2.example.com.")
    name_server.add("_sips._tcp.example.com", "SRV", "0 1 5061 server1.example.com.")
    name_server.add("server1.example.com", "A", "127.0.0.11")
    name_server.add("server2.example.com", "A", "127.0.0.12")
    query = Query("example.com")
    assert await found(name_server, query, "UDP", "TCP") == ["TCP 127.0.0.11 5060", "TCP 127.0.0.12 5070"]
    assert await found(name_server, query) == ["TLS 127.0.0.11 5061"]
    assert await found(name_server, Query("example.com", 0, "", True)) == ["TLS 127.0.0.11 5061"]


@pytest.mark.rfc("5922 7.3 #2")
async def test_the_sip_domain_is_what_a_certificate_has_to_prove(name_server: FakeDns) -> None:
    name_server.add("example.com", "NAPTR", '50 50 "s" "SIPS+D2T" "" _sips._tcp.elsewhere.example.')
    name_server.add("_sips._tcp.elsewhere.example", "SRV", "0 1 5061 farm.elsewhere.example.")
    name_server.add("farm.elsewhere.example", "A", "127.0.0.11")
    targets = await soon(Resolver(name_server.client(), own()).resolve(Query("example.com.", 0, "", True)))
    assert [target.server_name for target in targets] == ["example.com"]
    assert shown(targets) == ["TLS 127.0.0.11 5061"]


async def test_equal_naptr_orders_are_all_tried_by_preference(name_server: FakeDns) -> None:
    name_server.add(
        "example.com",
        "NAPTR",
        '10 20 "s" "SIP+D2T" "" _sip._tcp.example.com.',
        '10 10 "s" "SIP+D2U" "" _sip._udp.example.com.',
        '20 10 "s" "SIPS+D2T" "" _sips._tcp.example.com.',
    )
    for service, port in (("_sip._udp", 1), ("_sip._tcp", 2), ("_sips._tcp", 3)):
        name_server.add(f"{service}.example.com", "SRV", f"0 0 {port} a.example.com.")
    name_server.add("a.example.com", "A", "127.0.0.11")
    assert await found(name_server, Query("example.com")) == ["UDP 127.0.0.11 1", "TCP 127.0.0.11 2"]


@pytest.mark.rfc("3263 4.1 #7")
async def test_naptr_records_of_other_services_are_passed_over(name_server: FakeDns) -> None:
    name_server.add(
        "example.com",
        "NAPTR",
        '1 1 "u" "E2U+sip" "!^.*$!sip:a@example.com!" .',
        '1 2 "s" "SIP+D2S" "" _sip._sctp.example.com.',
        '1 3 "a" "SIP+D2U" "" a.example.com.',
        '1 4 "s" "SIP+D2U" "!x!y!" .',
        '1 5 "S" "sip+d2t" "" _sip._tcp.example.com.',
    )
    name_server.add("_sip._tcp.example.com", "SRV", "0 0 5080 a.example.com.")
    name_server.add("a.example.com", "A", "127.0.0.11")
    assert await found(name_server, Query("example.com")) == ["TCP 127.0.0.11 5080"]


@pytest.mark.rfc("3263 7 #1", "3263 7 #2")
async def test_a_domain_that_offers_sips_no_longer_is_told(
    name_server: FakeDns, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, whether its records are others or all gone; who never offered any, or whose server is silent, is not."""
    resolver = Resolver(name_server.client(), own())
    secure = '10 10 "s" "SIPS+D2T" "" _sips._tcp.{}.'
    for domain in ("downgraded.example", "emptied.example", "sound.example"):
        name_server.add(domain, "NAPTR", secure.format(domain), ttl=0)
    for domain in ("downgraded.example", "emptied.example", "sound.example", "plain.example"):
        name_server.add(domain, "A", "127.0.0.11", ttl=0)
        await soon(resolver.resolve(Query(domain.upper())))
    for domain in ("downgraded.example", "emptied.example"):
        name_server.remove(domain)
        name_server.add(domain, "A", "127.0.0.11", ttl=0)
    name_server.add("downgraded.example", "NAPTR", '10 10 "s" "SIP+D2U" "" _sip._udp.downgraded.example.', ttl=0)
    for _ in range(2):
        for domain in ("downgraded.example", "emptied.example", "sound.example", "plain.example"):
            await soon(resolver.resolve(Query(f"{domain}.")))
    said = [record.getMessage() for record in caplog.records if record.name == "offhook.transport.resolver"]
    assert said == [
        f"{domain} offered SIPS in its NAPTR records and does not any longer"
        for domain in ("downgraded.example", "emptied.example")
    ]


@pytest.mark.rfc("3263 4.1 #4")
async def test_without_naptr_records_each_transport_is_asked_for(name_server: FakeDns) -> None:
    name_server.add("_sip._udp.example.com", "SRV", "0 0 5070 a.example.com.")
    name_server.add("_sip._tcp.example.com", "SRV", "0 0 5080 a.example.com.")
    name_server.add("_sips._tcp.example.com", "SRV", "0 0 5090 a.example.com.")
    name_server.add("a.example.com", "A", "127.0.0.11")
    assert await found(name_server, Query("example.com")) == ["UDP 127.0.0.11 5070", "TCP 127.0.0.11 5080"]
    assert await found(name_server, Query("example.com", 0, "", True)) == ["TLS 127.0.0.11 5090"]
    assert await found(name_server, Query("example.com"), "TCP") == ["TCP 127.0.0.11 5080"]


@pytest.mark.rfc("3263 4.1 #1")
@pytest.mark.parametrize(
    ("transport", "expected"),
    [("UDP", "UDP 127.0.0.11 5070"), ("TCP", "TCP 127.0.0.11 5080"), ("TLS", "TLS 127.0.0.11 5090")],
)
async def test_a_transport_that_is_said_asks_for_its_own_service_only(
    name_server: FakeDns, transport: str, expected: str
) -> None:
    name_server.add("example.com", "NAPTR", '50 50 "s" "SIP+D2U" "" _sip._udp.example.com.')
    name_server.add("_sip._udp.example.com", "SRV", "0 0 5070 a.example.com.")
    name_server.add("_sip._tcp.example.com", "SRV", "0 0 5080 a.example.com.")
    name_server.add("_sips._tcp.example.com", "SRV", "0 0 5090 a.example.com.")
    name_server.add("a.example.com", "A", "127.0.0.11")
    assert await found(name_server, Query("example.com", 0, transport)) == [expected]
    assert name_server.count("NAPTR") == 0
    assert name_server.count("SRV") == 1


@pytest.mark.rfc("3263 4.1 #3", "3261 8.1.2 #4")
async def test_a_port_that_is_said_asks_for_addresses_only(name_server: FakeDns) -> None:
    name_server.add("_sip._udp.example.com", "SRV", "0 0 5070 a.example.com.")
    name_server.add("example.com", "A", "127.0.0.11", "127.0.0.12")
    expected = ["UDP 127.0.0.11 5060", "UDP 127.0.0.12 5060"]
    assert await found(name_server, Query("example.com", 5060)) == expected
    assert await found(name_server, Query("example.com", 5061, "", True)) == [
        entry.replace("UDP", "TLS").replace("5060", "5061") for entry in expected
    ]
    assert name_server.count("SRV") == name_server.count("NAPTR") == 0


@pytest.mark.rfc("3263 4.1 #15")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query("example.com"), "UDP 127.0.0.11 5060"),
        (Query("example.com", 0, "TCP"), "TCP 127.0.0.11 5060"),
        (Query("example.com", 0, "", True), "TLS 127.0.0.11 5061"),
    ],
)
async def test_without_srv_records_the_name_itself_is_asked_for(
    name_server: FakeDns, query: Query, expected: str
) -> None:
    name_server.add("example.com", "A", "127.0.0.11")
    assert await found(name_server, query) == [expected]


@pytest.mark.rfc("6157 5")
async def test_both_families_are_tried_ipv6_first(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", "127.0.0.11")
    name_server.add("example.com", "AAAA", "::1")
    assert await found(name_server, Query("example.com", 5060)) == ["UDP ::1 5060", "UDP 127.0.0.11 5060"]


async def test_a_family_that_we_do_not_speak_is_not_asked_for(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", "127.0.0.11")
    name_server.add("example.com", "AAAA", "::1")
    only = Resolver(name_server.client(), own("UDP", hosts=("127.0.0.1",)))
    assert shown(await soon(only.resolve(Query("example.com", 5060)))) == ["UDP 127.0.0.11 5060"]
    assert name_server.count("AAAA") == 0


async def test_addresses_that_cannot_be_reached_are_left_out(name_server: FakeDns) -> None:
    name_server.add("_sip._udp.example.com", "SRV", "1 0 5060 far.example.com.", "2 0 5060 near.example.com.")
    name_server.add("far.example.com", "A", "203.0.113.7")
    name_server.add("near.example.com", "A", "127.0.0.11")
    assert await found(name_server, Query("example.com")) == ["UDP 127.0.0.11 5060"]


@pytest.mark.rfc("2782")
async def test_a_service_that_is_not_offered_is_not_looked_for_elsewhere(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", "127.0.0.11")
    name_server.add("_sip._udp.example.com", "SRV", "0 0 0 .")
    resolver = Resolver(name_server.client(), own("UDP"))
    said = await failure(resolver, Query("example.com"))
    assert said == "_sip._udp.example.com says that the service is not offered (RFC 2782)"
    name_server.add("_sip._tcp.example.com", "SRV", "0 0 5080 example.com.")
    assert await found(name_server, Query("example.com"), "UDP", "TCP") == ["TCP 127.0.0.11 5080"]


async def test_an_srv_target_may_be_numeric(name_server: FakeDns) -> None:
    name_server.add("_sip._udp.example.com", "SRV", "0 0 5070 127.0.0.11.")
    assert await found(name_server, Query("example.com", 0, "UDP")) == ["UDP 127.0.0.11 5070"]


async def test_a_name_that_does_not_exist_is_told_after_two_questions(name_server: FakeDns) -> None:
    resolver = Resolver(name_server.client(), own("UDP", hosts=("127.0.0.1",)))
    assert await failure(resolver, Query("nobody.example")) == "nobody.example does not exist"
    assert [kind for _, kind in name_server.asked] == ["NAPTR"]
    assert await failure(resolver, Query("nobody.example")) == "nobody.example does not exist"
    assert len(name_server.asked) == 1


async def test_a_name_without_addresses_is_told(name_server: FakeDns) -> None:
    name_server.add("example.com", "TXT", '"hello"')
    assert await failure(Resolver(name_server.client(), own()), Query("example.com")) == "example.com has no address"


async def test_a_server_that_knows_addresses_alone_is_enough(name_server: FakeDns) -> None:
    """There are home routers that fail at NAPTR and SRV."""
    for name, kind in (("example.com", "NAPTR"), ("_sip._udp.example.com", "SRV"), ("_sip._tcp.example.com", "SRV")):
        name_server.rcodes[name, kind] = dns.rcode.NOTIMP
    name_server.add("example.com", "A", "127.0.0.11")
    assert await found(name_server, Query("example.com")) == ["UDP 127.0.0.11 5060"]


async def test_dead_name_servers_are_told(name_server: FakeDns) -> None:
    name_server.silent |= {"NAPTR", "SRV", "A", "AAAA"}
    resolver = Resolver(name_server.client(timeout=0.02, lifetime=0.05), own("UDP"))
    assert "no name server answered for example.com within 0.05 s" in await failure(resolver, Query("example.com"))


async def test_a_resolution_is_bounded_in_all(name_server: FakeDns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "_LONGEST", 0.05)
    name_server.silent.add("A")
    resolver = Resolver(name_server.client(), own("UDP", hosts=("127.0.0.1",)))
    name_server.add("example.com", "TXT", '"there"')
    assert await failure(resolver, Query("example.com")) == "example.com: no answer from DNS within 0.05 s"


async def test_what_was_resolved_is_known_for_its_ttl(name_server: FakeDns) -> None:
    name_server.add("_sip._udp.example.com", "SRV", "0 0 5070 a.example.com.", ttl=300)
    name_server.add("a.example.com", "A", "127.0.0.11", ttl=40)
    now = 1000.0
    loop = asyncio.get_running_loop()
    started = loop.time()
    resolver = Resolver(name_server.client(), own("UDP", hosts=("127.0.0.1",)), lambda: now + loop.time())
    query = Query("example.com", 0, "UDP")
    now = 0.0
    targets = await soon(resolver.resolve(query))
    assert resolver.resolve_now(query) is targets
    asked = len(name_server.asked)
    now = 41.0 + loop.time() - started
    assert resolver.resolve_now(query) is None
    assert len(name_server.asked) == asked


@pytest.mark.rfc("3263 4.4 #2")
async def test_a_choice_by_chance_is_never_known_at_once(name_server: FakeDns) -> None:
    """A stateless ACK or CANCEL that drew another server than its INVITE would be lost."""
    name_server.add("_sip._udp.example.com", "SRV", "10 50 5060 a.example.com.", "10 50 5060 b.example.com.")
    name_server.add("a.example.com", "A", "127.0.0.11")
    name_server.add("b.example.com", "A", "127.0.0.12")
    resolver = Resolver(name_server.client(), own("UDP"))
    query = Query("example.com")
    orders = {tuple(shown(await soon(resolver.resolve(query)))) for _ in range(100)}
    assert len(orders) == 2
    assert resolver.resolve_now(query) is None


async def test_names_in_the_hosts_file_need_no_question(name_server: FakeDns, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("127.0.0.11 pbx\n::1 pbx\n")
    resolver = Resolver(name_server.client(HostsFile(file)), own())
    assert shown(resolver.resolve_now(Query("pbx"))) == ["UDP ::1 5060", "UDP 127.0.0.11 5060"]
    assert shown(resolver.resolve_now(Query("PBX", 5070, "TCP"))) == ["TCP ::1 5070", "TCP 127.0.0.11 5070"]
    assert shown(await soon(resolver.resolve(Query("localhost")))) == ["UDP ::1 5060", "UDP 127.0.0.1 5060"]
    file.write_text("127.0.0.12 pbx.\n")
    assert shown(resolver.resolve_now(Query("pbx"))) == ["UDP 127.0.0.12 5060"]
    assert name_server.asked == []


async def test_the_number_of_targets_is_bounded(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", *(f"127.0.0.{last}" for last in range(1, 60)))
    assert len(await found(name_server, Query("example.com", 5060))) == 32


async def test_what_is_remembered_of_domains_is_bounded(name_server: FakeDns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "_MOST_CACHED", 1)
    resolver = Resolver(name_server.client(), own())
    for domain in ("a.example", "b.example"):
        name_server.add(domain, "NAPTR", f'10 10 "s" "SIPS+D2T" "" _sips._tcp.{domain}.')
        name_server.add(domain, "A", "127.0.0.11")
        await soon(resolver.resolve(Query(domain)))
    assert resolver._with_sips == {"b.example"}


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "_MOST_CACHED", 4)
    resolver = Resolver(DnsClient([]), own("UDP"))
    for port in range(1, 30):
        assert resolver.resolve_now(Query("127.0.0.9", port)) is not None
    assert len(resolver._cache) <= 4


async def test_a_numeric_answer_is_made_once() -> None:
    resolver = Resolver(DnsClient([]), own("UDP"))
    first = resolver.resolve_now(Query("127.0.0.9"))
    assert resolver.resolve_now(Query("127.0.0.9")) is first


async def test_cancelling_leaves_nothing_behind(name_server: FakeDns) -> None:
    name_server.silent.add("NAPTR")
    client = name_server.client()
    task = asyncio.ensure_future(Resolver(client, own()).resolve(Query("example.com")))
    await until(lambda: name_server.asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await client.close()


def test_a_resolver_shows_where_it_stands() -> None:
    assert repr(Resolver(DnsClient([]), own("UDP"))) == "Resolver(127.0.0.1:5060, [::1]:5060)"
