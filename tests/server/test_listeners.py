from __future__ import annotations

from pathlib import Path
from time import time

import pytest

from offhook.server import listeners
from offhook.server.config import ServerConfig, parse
from offhook.server.listeners import certificate_refusals, listeners_of
from tests.transport.certificates import Authority


def test_all_names_exist() -> None:
    assert all(hasattr(listeners, name) for name in listeners.__all__)


def test_without_a_configuration_only_this_machine_is_served() -> None:
    assert [listener.name for listener in listeners_of(ServerConfig())] == ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]


def test_a_certificate_adds_tls() -> None:
    made = listeners_of(parse('[tls]\ncertificate = "/c.pem"\nkey = "/k.pem"'))
    assert [listener.name for listener in made][2:] == ["tls:127.0.0.1:5061"]
    assert (str(made[2].tls.certificate), str(made[2].tls.key)) == ("/c.pem", "/k.pem")
    assert made[2].accepts


@pytest.mark.rfc("3261 26.2.1 #1", "3261 26.3.1 #2")
def test_each_listener_says_whether_clients_need_a_certificate() -> None:
    phones = '[[listen]]\ntransport = "tls"\naddress = "192.0.2.1"\n'
    peers = f"{phones}port = 5071\nrequire_client_certificate = true\n"
    tls = '[tls]\ncertificate = "/c.pem"\nauthorities = "/a.pem"\nrevocations = "/r.pem"\nciphers = "AES128-SHA"\n'
    made = listeners_of(parse(phones + peers + tls))
    assert [listener.tls.require_client_certificate for listener in made] == [False, True]
    for settings in (listener.tls for listener in made):
        assert (str(settings.authorities), str(settings.revocations)) == ("/a.pem", "/r.pem")
        assert settings.ciphers == "AES128-SHA"


def test_what_is_configured_is_bound() -> None:
    text = '[[listen]]\ntransport = "tcp"\naddress = "::1"\nport = 5070\nadvertise = "example.com"'
    [listener] = listeners_of(parse(text))
    assert (listener.name, listener.advertise) == ("tcp:[::1]:5070", ("example.com", 0))


@pytest.mark.rfc("3261 18.2.1 #2")
@pytest.mark.parametrize(
    ("listens", "names"),
    [
        (["udp 192.0.2.1"], ["udp:192.0.2.1:5060", "tcp:192.0.2.1:5060"]),
        (["udp 192.0.2.1 0"], ["udp:192.0.2.1:0", "tcp:192.0.2.1:0"]),
        (["tcp 192.0.2.1"], ["tcp:192.0.2.1:5060"]),
        (["udp 192.0.2.1", "tcp 192.0.2.1"], ["udp:192.0.2.1:5060", "tcp:192.0.2.1:5060"]),
        (
            ["udp 192.0.2.1", "tcp 192.0.2.1 5070"],
            ["udp:192.0.2.1:5060", "tcp:192.0.2.1:5070", "tcp:192.0.2.1:5060"],
        ),
        (["udp 192.0.2.1", "tcp 0.0.0.0"], ["udp:192.0.2.1:5060", "tcp:0.0.0.0:5060"]),
        (["udp 192.0.2.1", "tcp ::"], ["udp:192.0.2.1:5060", "tcp:[::]:5060", "tcp:192.0.2.1:5060"]),
        (["udp 2001:db8::1", "tcp [2001:DB8::1]"], ["udp:[2001:db8::1]:5060", "tcp:[2001:db8::1]:5060"]),
    ],
)
def test_where_udp_is_taken_tcp_is_too(listens: list[str], names: list[str]) -> None:
    text = ""
    for listen in listens:
        transport, address, *port = listen.split()
        text += f'[[listen]]\ntransport = "{transport}"\naddress = "{address}"\n'
        text += "".join(f"port = {number}\n" for number in port)
    assert [listener.name for listener in listeners_of(parse(text))] == names


def test_the_tcp_that_udp_brings_is_advertised_alike() -> None:
    made = listeners_of(parse('[[listen]]\ntransport = "udp"\naddress = "192.0.2.1"\nadvertise = "example.com:5080"'))
    assert [listener.advertise for listener in made] == [("example.com", 5080)] * 2


@pytest.mark.rfc("5922 6 #1", "3261 26.3.1 #3")
@pytest.mark.parametrize(
    ("names", "days", "refused"),
    [
        (("example.com", "example.net"), (-1.0, 1.0), []),
        (("example.com",), (-1.0, 1.0), ["example.net is refused: it is for example.com (RFC 5922 7.2)"]),
        (
            ("example.com", "example.net"),
            (-2.0, -1.0),
            ["example.com is refused: it expired on ", "example.net is refused: it expired on "],
        ),
    ],
)
def test_what_peers_will_have_against_our_certificate(
    tmp_path: Path, names: tuple[str, ...], days: tuple[float, float], refused: list[str]
) -> None:
    chain, key = Authority("root").issue(tmp_path, *names, days=days)
    tls = f'[tls]\ncertificate = "{chain}"\nkey = "{key}"\n'
    domains = '[[domain]]\nname = "example.com"\n[[domain]]\nname = "example.net"\n'
    found = certificate_refusals(parse(tls + domains), time())
    for one, said in zip(found, refused, strict=True):
        assert one.startswith(f"the certificate of {said}")


@pytest.mark.rfc("5922 7.5 #3")
@pytest.mark.parametrize(
    ("listen", "reached", "refused"),
    [
        ('address = "192.0.2.10"', (), ["192.0.2.10"]),
        ('address = "192.0.2.11"', (), []),
        ('address = "192.0.2.10"\nadvertise = "sip.example.com:5061"', (), []),
        ('address = "192.0.2.10"\nadvertise = "edge.example.com"', (), ["edge.example.com"]),
        ('address = "127.0.0.1"', ("127.0.0.1", "example.com"), []),
        ('address = "::"', ("2001:db8::10", "192.0.2.11", "::1"), ["2001:db8::10"]),
    ],
)
def test_record_route_leads_to_a_name_of_the_certificate(
    tmp_path: Path, listen: str, reached: tuple[str, ...], refused: list[str]
) -> None:
    chain, key = Authority("root").issue(tmp_path, "example.com", "sip.example.com", "192.0.2.11")
    tls = f'[[listen]]\ntransport = "tls"\n{listen}\n[tls]\ncertificate = "{chain}"\nkey = "{key}"\n'
    found = certificate_refusals(parse(tls + '[[domain]]\nname = "example.com"\n'), time(), reached)
    for one, host in zip(found, refused, strict=True):
        assert one.startswith(f"the certificate of {host} is refused: it is for example.com, sip.example.com and ")
        assert one.endswith("; advertise a host that it is for")


def test_further_certificates_speak_for_further_domains(tmp_path: Path) -> None:
    authority = Authority("root")
    text = ""
    for head, name in (("[tls]", "example.com"), ("[[tls.named]]", "example.net")):
        chain, key = authority.issue(tmp_path, name)
        text += f'{head}\ncertificate = "{chain}"\nkey = "{key}"\n'
    domains = [f'[[domain]]\nname = "{name}"\n' for name in ("example.com", "example.net", "example.org")]
    found = certificate_refusals(parse(text + "".join(domains)), time())
    assert [one.partition(" is ")[0] for one in found] == ["the certificate of example.org"]
    settings = listeners_of(parse(text))[2].tls
    assert [chain.name for chain in settings.certificates] == ["example.com.pem", "example.net.pem"]


def test_without_tls_nobody_looks_at_a_certificate() -> None:
    assert certificate_refusals(parse('[[domain]]\nname = "example.com"\n'), time()) == []
