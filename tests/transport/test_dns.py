"""The DNS client, against a name server in this process."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset
import pytest

from offhook.errors import ResolveFailed
from offhook.transport.dns import DnsClient
from offhook.transport.hosts import HostsFile
from tests.transport.fake_dns import FakeDns
from tests.transport.support import soon, until

BOTH = [socket.AF_INET6, socket.AF_INET]
IPV4 = [socket.AF_INET]


async def failure(client: DnsClient, name: str = "example.com") -> str:
    with pytest.raises(ResolveFailed) as caught:
        await soon(client.addresses(name, IPV4))
    return str(caught.value)


async def test_addresses_of_both_families_ipv6_first(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", "192.0.2.1", "192.0.2.2")
    name_server.add("example.com", "AAAA", "2001:db8::1")
    records = await soon(name_server.client().addresses("Example.com.", BOTH))
    assert records.found == ["2001:db8::1", "192.0.2.1", "192.0.2.2"]
    assert records.exists


async def test_only_the_families_that_are_asked_for(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", "192.0.2.1")
    name_server.add("example.com", "AAAA", "2001:db8::1")
    assert (await soon(name_server.client().addresses("example.com", IPV4))).found == ["192.0.2.1"]
    assert name_server.asked == [("example.com", "A")]


async def test_srv_records_come_by_priority(name_server: FakeDns) -> None:
    name_server.add("_sip._udp.example.com", "SRV", "20 0 5060 third.example.com.", "10 0 5070 first.example.com.")
    records = await soon(name_server.client().srv("_sip._udp.example.com"))
    assert [(one.priority, one.weight, one.port, one.target) for one in records.found] == [
        (10, 0, 5070, "first.example.com"),
        (20, 0, 5060, "third.example.com"),
    ]


@pytest.mark.rfc("2782")
async def test_srv_weights_are_drawn_anew_each_time(name_server: FakeDns) -> None:
    name_server.add("_sip._udp.example.com", "SRV", "10 90 5060 heavy.example.com.", "10 10 5060 light.example.com.")
    client = name_server.client()
    first = [(await soon(client.srv("_sip._udp.example.com"))).found[0].target for _ in range(400)]
    # 400 draws at 9 to 1: far beyond six standard deviations on either side.
    assert 310 < first.count("heavy.example.com") < 399
    assert len(name_server.asked) == 1


async def test_a_service_that_is_not_offered_has_an_empty_target(name_server: FakeDns) -> None:
    name_server.add("_sip._udp.example.com", "SRV", "0 0 0 .")
    assert [one.target for one in (await soon(name_server.client().srv("_sip._udp.example.com"))).found] == [""]


async def test_naptr_records_come_by_order_and_preference(name_server: FakeDns) -> None:
    name_server.add(
        "example.com",
        "NAPTR",
        '90 50 "s" "SIP+D2T" "" _sip._tcp.example.com.',
        '50 60 "S" "SIPS+D2T" "" _sips._tcp.example.com.',
        '50 50 "u" "E2U+sip" "!^.*$!sip:a@example.com!" .',
    )
    records = await soon(name_server.client().naptr("example.com"))
    assert [(one.order, one.preference, one.flags, one.service, one.replacement) for one in records.found] == [
        (50, 50, "u", "E2U+sip", ""),
        (50, 60, "S", "SIPS+D2T", "_sips._tcp.example.com"),
        (90, 50, "s", "SIP+D2T", "_sip._tcp.example.com"),
    ]
    assert records.found[0].regexp == "!^.*$!sip:a@example.com!"


async def test_an_answer_is_kept_for_its_ttl(name_server: FakeDns, monkeypatch: pytest.MonkeyPatch) -> None:
    name_server.add("example.com", "A", "192.0.2.1", ttl=60)
    client = name_server.client()
    records = await soon(client.addresses("example.com", IPV4))
    assert 55.0 < records.expires - time.monotonic() <= 60.0
    await soon(client.addresses("EXAMPLE.com", IPV4))
    assert len(name_server.asked) == 1
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 61.0)
    await soon(client.addresses("example.com", IPV4))
    assert len(name_server.asked) == 2


@pytest.mark.parametrize("name", ["example.com", "nobody.example"])
async def test_a_wall_clock_that_is_set_back_prolongs_no_answer(
    name_server: FakeDns, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    name_server.add("example.com", "A", "192.0.2.1", ttl=60)
    name_server.negative_ttl = 60
    client = name_server.client()
    await soon(client.addresses(name, IPV4))
    real, steady = time.time, time.monotonic
    monkeypatch.setattr(time, "time", lambda: real() - 3600.0)
    records = await soon(client.addresses(name, IPV4))
    assert records.expires - time.monotonic() <= 60.0
    assert len(name_server.asked) == 1
    monkeypatch.setattr(time, "monotonic", lambda: steady() + 61.0)
    await soon(client.addresses(name, IPV4))
    assert len(name_server.asked) == 2


async def test_no_answer_is_kept_longer_than_a_day(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", "192.0.2.1", ttl=2_000_000)
    records = await soon(name_server.client().addresses("example.com", IPV4))
    assert records.expires - time.monotonic() <= 86_400.0


@pytest.mark.rfc("2308 5")
@pytest.mark.parametrize(("ttl", "longest"), [(40, 40.0), (86_400, 300.0), (None, 300.0)])
async def test_that_a_name_does_not_exist_is_kept_too(name_server: FakeDns, ttl: int | None, longest: float) -> None:
    name_server.negative_ttl = ttl
    client = name_server.client()
    for _ in range(3):
        records = await soon(client.addresses("nobody.example", IPV4))
        assert not records.exists
        assert records.found == []
        assert 0.0 < records.expires - time.monotonic() <= longest
    assert len(name_server.asked) == 1


async def test_a_name_without_the_record_exists(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", "192.0.2.1")
    records = await soon(name_server.client().srv("example.com"))
    assert records.exists
    assert records.found == []


async def test_aliases_are_followed(name_server: FakeDns) -> None:
    name_server.add("example.com", "CNAME", "a.example.net.")
    name_server.add("a.example.net", "CNAME", "b.example.net.")
    name_server.add("b.example.net", "A", "192.0.2.1")
    assert (await soon(name_server.client().addresses("example.com", IPV4))).found == ["192.0.2.1"]


async def test_aliases_that_go_round_end(name_server: FakeDns) -> None:
    name_server.add("example.com", "CNAME", "a.example.net.")
    name_server.add("a.example.net", "CNAME", "example.com.")
    said = await failure(name_server.client())
    assert said.startswith("the name servers have no answer for example.com: ")
    assert "ChainTooLong" in said


async def test_a_truncated_answer_is_asked_for_over_tcp(name_server: FakeDns) -> None:
    name_server.truncate = True
    name_server.add("example.com", "A", *(f"192.0.2.{last}" for last in range(1, 90)))
    records = await soon(name_server.client().addresses("example.com", IPV4))
    assert len(records.found) == 89
    assert name_server.over_tcp == 1


async def test_a_truncated_answer_of_a_server_without_tcp_is_told(name_server: FakeDns) -> None:
    name_server.add("big.example.com", "A", "192.0.2.1")
    name_server.truncate = True
    name_server.serves_tcp = False
    with pytest.raises(ResolveFailed, match=r"the name servers have no answer for big\.example\.com: "):
        await name_server.client().addresses("big.example.com", IPV4)


def octets(message: dns.message.Message) -> bytes:
    return message.to_wire(want_shuffle=False)


def of_another_question(message: dns.message.Message) -> bytes:
    other = dns.message.make_query("bank.example", "A")
    other.id = message.id
    answer = dns.message.make_response(other)
    answer.answer.append(dns.rrset.from_text("bank.example.", 60, "IN", "A", "203.0.113.66"))
    return octets(answer)


FORGERIES: dict[str, Callable[[dns.message.Message], bytes]] = {
    "another id": lambda answer: (answer.id ^ 1).to_bytes(2, "big") + octets(answer)[2:],
    "another question": of_another_question,
    "no answer but a question": lambda answer: octets(answer)[:2] + b"\x01\x00" + octets(answer)[4:],
    "noise": lambda answer: b"\xff" * 40,
    "nothing": lambda answer: b"",
    "half": lambda answer: octets(answer)[: len(octets(answer)) // 2],
    "a name that goes round": lambda answer: octets(answer)[:12] + b"\xc0\x0c\x00\x01\x00\x01",
    "too many records": lambda answer: octets(answer)[:6] + b"\xff\xff" + octets(answer)[8:],
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_is_no_answer_to_the_question_does_not_keep_the_answer_away(
    name_server: FakeDns, forgery: str
) -> None:
    """An off-path liar is faster than the server; nothing of it counts (RFC 5452)."""
    name_server.add("a.example.com", "A", "192.0.2.1")
    name_server.lie = lambda answer: [FORGERIES[forgery](answer), octets(answer)]
    assert (await name_server.client().addresses("a.example.com", IPV4)).found == ["192.0.2.1"]
    assert len(name_server.asked) == 1


async def test_an_answer_from_another_address_is_none(name_server: FakeDns) -> None:
    name_server.add("a.example.com", "A", "192.0.2.1")
    liar = FakeDns()
    await liar.start()
    liar.add("a.example.com", "A", "203.0.113.66")
    true, asked = name_server.datagram_received, []

    def both(data: bytes, addr: tuple[str, int]) -> None:
        asked.append(data)
        liar.datagram_received(data, addr)
        asyncio.get_running_loop().call_later(0.05, true, data, addr)

    name_server.datagram_received = both  # type: ignore[method-assign]
    assert (await name_server.client().addresses("a.example.com", IPV4)).found == ["192.0.2.1"]
    assert len(asked) == 1
    await liar.stop()


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_server_that_only_lies_is_told_in_time(name_server: FakeDns, forgery: str) -> None:
    name_server.add("a.example.com", "A", "192.0.2.1")
    name_server.lie = lambda answer: [FORGERIES[forgery](answer)]
    begun = time.monotonic()
    with pytest.raises(ResolveFailed, match=r"a\.example\.com"):
        await name_server.client(timeout=0.1, lifetime=0.4).addresses("a.example.com", IPV4)
    assert time.monotonic() - begun < 5


async def test_records_of_another_name_are_no_answer(name_server: FakeDns) -> None:
    name_server.add("a.example.com", "A", "192.0.2.1")

    def lie(answer: dns.message.Message) -> list[bytes]:
        answer.answer = [dns.rrset.from_text("bank.example.", 60, "IN", "A", "203.0.113.66")]
        return [octets(answer)]

    name_server.lie = lie
    assert (await name_server.client().addresses("a.example.com", IPV4)).found == []


async def test_an_answer_that_is_late_is_asked_for_again(name_server: FakeDns) -> None:
    name_server.add("a.example.com", "A", "192.0.2.1")
    name_server.delays = [0.3, 0.0]
    client = name_server.client(timeout=0.1, lifetime=2.0)
    assert (await client.addresses("a.example.com", IPV4)).found == ["192.0.2.1"]
    assert len(name_server.asked) == 2
    # The late one comes when nobody waits for it.
    await asyncio.sleep(0.3)
    name_server.add("b.example.com", "A", "192.0.2.2")
    assert (await client.addresses("b.example.com", IPV4)).found == ["192.0.2.2"]


async def test_an_answer_that_is_always_late_is_none(name_server: FakeDns) -> None:
    name_server.add("a.example.com", "A", "192.0.2.1")
    name_server.delays = [0.5] * 100
    with pytest.raises(ResolveFailed, match=r"^no name server answered for a\.example\.com within 0\.3 s$"):
        await name_server.client(timeout=0.1, lifetime=0.3).addresses("a.example.com", IPV4)


async def test_a_dead_name_server_is_named_by_what_was_asked(name_server: FakeDns) -> None:
    name_server.silent.add("example.com")
    client = name_server.client(timeout=0.05, lifetime=0.15)
    assert await failure(client) == "no name server answered for example.com within 0.15 s"


async def test_a_failure_is_remembered_for_a_moment(name_server: FakeDns, monkeypatch: pytest.MonkeyPatch) -> None:
    name_server.silent.add("example.com")
    client = name_server.client(timeout=0.05, lifetime=0.1)
    first = await failure(client)
    asked = len(name_server.asked)
    name_server.silent.clear()
    name_server.add("example.com", "A", "192.0.2.1")
    assert await failure(client) == first
    assert len(name_server.asked) == asked
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + 6.0)
    assert (await soon(client.addresses("example.com", IPV4))).found == ["192.0.2.1"]


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP])
async def test_a_server_that_refuses_is_told(name_server: FakeDns, rcode: dns.rcode.Rcode) -> None:
    name_server.rcodes["example.com", "A"] = rcode
    said = await failure(name_server.client())
    assert said.startswith("the name servers have no answer for example.com: ")
    assert f" says {dns.rcode.to_text(rcode)}" in said


async def test_nobody_at_the_servers_address(name_server: FakeDns) -> None:
    await name_server.stop()
    said = await failure(name_server.client(timeout=0.05, lifetime=0.15))
    assert "example.com" in said


async def test_one_family_that_fails_does_not_hide_the_other(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", "192.0.2.1")
    name_server.rcodes["example.com", "AAAA"] = dns.rcode.SERVFAIL
    assert (await soon(name_server.client().addresses("example.com", BOTH))).found == ["192.0.2.1"]


async def test_a_dead_server_costs_its_time_only_once(name_server: FakeDns) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.1", 0))
        name_server.add("a.example", "A", "192.0.2.1")
        name_server.add("b.example", "A", "192.0.2.2")
        client = DnsClient([dead.getsockname(), name_server.address], timeout=0.2, lifetime=5.0)
        assert (await soon(client.addresses("a.example", IPV4))).found == ["192.0.2.1"]
        dead.setblocking(False)
        assert dead.recv(512)
        assert (await soon(client.addresses("b.example", IPV4))).found == ["192.0.2.2"]
        with pytest.raises(BlockingIOError):
            dead.recv(512)


async def test_whoever_asks_the_same_at_once_shares_one_question(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", "192.0.2.1")
    client = name_server.client()
    answers = await soon(asyncio.gather(*(client.addresses("example.com", IPV4) for _ in range(50))))
    assert {tuple(records.found) for records in answers} == {("192.0.2.1",)}
    assert len(name_server.asked) == 1


async def test_one_who_leaves_does_not_take_the_others_along(name_server: FakeDns) -> None:
    name_server.add("example.com", "A", "192.0.2.1")
    client = name_server.client()
    leaving = asyncio.ensure_future(client.addresses("example.com", IPV4))
    staying = asyncio.ensure_future(client.addresses("example.com", IPV4))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await soon(staying)).found == ["192.0.2.1"]


async def test_closing_cancels_what_is_being_asked(name_server: FakeDns) -> None:
    name_server.silent.add("example.com")
    client = name_server.client()
    waiting = asyncio.ensure_future(client.addresses("example.com", IPV4))
    await until(lambda: name_server.asked)
    await soon(client.close())
    with pytest.raises(asyncio.CancelledError):
        await soon(waiting)


async def test_the_hosts_file_goes_before_dns(name_server: FakeDns, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.7 example.com\n2001:db8::7 example.com\n")
    client = name_server.client(HostsFile(tmp_path / "hosts"))
    assert (await soon(client.addresses("example.com", BOTH))).found == ["2001:db8::7", "192.0.2.7"]
    assert (await soon(client.addresses("example.com", IPV4))).found == ["192.0.2.7"]
    assert name_server.asked == []


async def test_the_name_servers_come_from_resolv_conf(name_server: FakeDns, tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    client = DnsClient(resolv_conf=file, hosts=HostsFile(tmp_path / "none"))
    assert await failure(client) == f"{file} names no name server"
    file.write_text("search example.net\nnameserver 127.0.0.1\noptions timeout:1\n")
    name_server.add("pbx.example.net", "A", "192.0.2.8")
    # Its port is not a matter of the file.
    client._current_resolver().port = name_server.address[1]
    client._current_resolver().nameservers = ["127.0.0.1"]
    client._failed.clear()
    assert (await soon(client.addresses("pbx", IPV4))).found == ["192.0.2.8"]
    assert not (await soon(client.srv("_sip._udp.pbx"))).exists
    assert ("_sip._udp.pbx.example.net", "SRV") not in name_server.asked


async def test_a_changed_resolv_conf_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 127.0.0.1\n")
    client = DnsClient(resolv_conf=file)
    assert client._current_resolver().nameservers == ["127.0.0.1"]
    file.write_text("nameserver 127.0.0.2\n")
    os.utime(file, ns=(1, 1))
    assert client._current_resolver().nameservers == ["127.0.0.2"]
    file.write_text("# nothing\n")
    os.utime(file, ns=(2, 2))
    assert await failure(client, "other.example") == f"{file} names no name server"


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".example", "\udcff.example", "é" * 80])
async def test_what_is_no_name_is_refused_with_a_sentence(name_server: FakeDns, name: str) -> None:
    client = name_server.client()
    with pytest.raises(ResolveFailed):
        await soon(client.addresses(name, IPV4))
    with pytest.raises(ResolveFailed):
        await soon(client.srv(f"_sip._udp.{name}"))


async def test_nothing_is_no_name(name_server: FakeDns) -> None:
    assert await failure(name_server.client(), ".") == "an empty name cannot be looked up"
    assert name_server.asked == []
