"""Listeners and their sockets."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from offhook.errors import ConfigError, TransportFailed
from offhook.flow import Query
from offhook.sip.host import bare_host
from offhook.sip.serializer import reply
from offhook.transaction.effects import RequestReceived, ResponseReceived
from offhook.transport import interfaces, listener
from offhook.transport.listener import BoundSocket, Listener, bind_all, host_and_port, written
from offhook.transport.tls import TlsSettings
from tests.transport.conftest import Drivers
from tests.transport.support import address_of, request


def close(bound: list[BoundSocket]) -> None:
    for one in bound:
        one.socket.close()


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 0),
        ("192.0.2.1:5070", "192.0.2.1", 5070),
        ("sip.example.com", "sip.example.com", 0),
        ("sip.example.com:5061", "sip.example.com", 5061),
        ("[2001:db8::1]:5060", "2001:db8::1", 5060),
        ("[2001:db8::1]", "2001:db8::1", 0),
        ("2001:db8::1", "2001:db8::1", 0),
    ],
)
def test_host_and_port_are_read(text: str, host: str, port: int) -> None:
    assert host_and_port(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    ["", "a b", "example.com:sip", "[2001:db8::1]5060", "[::1]:x", "example.com:70000", "[2001:db8::1", "é"],
)
def test_a_bad_host_and_port_is_named(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        host_and_port(text)
    assert repr(text) in str(caught.value)


def test_a_listener_knows_its_defaults_and_its_name() -> None:
    assert Listener("UDP", "127.0.0.1").name == "udp:127.0.0.1:5060"
    assert Listener("TLS", "::1").name == "tls:[::1]:5061"
    assert Listener("TCP", "[2001:DB8::1]", 5070).name == "tcp:[2001:db8::1]:5070"
    assert Listener("UDP", "0.0.0.0", 0).name == "udp:0.0.0.0:0"
    assert repr(Listener("UDP", "127.0.0.1")) == "Listener(udp:127.0.0.1:5060)"


@pytest.mark.rfc("3261 18.1.1 #7")
def test_sent_by_always_has_a_port() -> None:
    assert Listener("UDP", "127.0.0.1").sent_by("127.0.0.1", 5060) == "127.0.0.1:5060"
    assert Listener("UDP", "::1").sent_by("::1", 5060) == "[::1]:5060"
    assert Listener("UDP", "::", advertise="2001:db8::7").sent_by("::1", 5070) == "[2001:db8::7]:5070"
    assert (
        Listener("UDP", "0.0.0.0", advertise="sip.example.com:5080").sent_by("10.0.0.1", 5060) == "sip.example.com:5080"
    )


@pytest.mark.rfc("3261 18.1.1 #9", "3261 18.1.1 #10", "3261 18.1.1 #11", "3261 18.1.1 #12")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_responses_are_taken_where_sent_by_points_to(drivers: Drivers, transport: str, host: str) -> None:
    """From wherever they come: a socket that the server has just opened is none that the request went to."""
    client, server = await drivers(Listener(transport, host, 0)), await drivers(Listener(transport, host, 0))
    targets = client.stack.resolve_now(Query(*address_of(server, transport), transport))
    assert targets is not None
    client.stack.send(request(), targets[0], client.now())
    client.flush()
    asked = (await server.role.next(RequestReceived)).request
    sent_by = (bare_host(asked.top_via.host), asked.top_via.port)
    kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as other:
        other.connect(sent_by)
        other.sendall(reply(asked, 200, None, "t").response().serialize())
        assert (await client.role.next(ResponseReceived)).response.status == 200


@pytest.mark.parametrize(
    ("transport", "host", "port", "sentence"),
    [
        ("SCTP", "127.0.0.1", None, "'SCTP' is not a transport to listen on; write one of UDP, TCP, TLS"),
        ("UDP", "localhost", None, "cannot listen at 'localhost': write a numeric address, 0.0.0.0 or ::"),
        ("UDP", "127.0.0.1", 65536, "65536 is not a port; ports go from 0 to 65535"),
    ],
)
def test_a_listener_that_cannot_be_is_refused(transport: str, host: str, port: int | None, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Listener(transport, host, port)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_in_use_is_named_with_what_to_do(transport: str, host: str) -> None:
    first = bind_all([Listener(transport, host, 0)])
    port = first[0].local[1]
    try:
        with pytest.raises(TransportFailed) as caught:
            bind_all([Listener(transport, host, port)])
    finally:
        close(first)
    sentence = f"{transport} port {port} of {host} is in use; stop the program that holds it or choose another port"
    assert str(caught.value) == sentence


def test_what_was_bound_is_let_go_when_a_later_listener_fails() -> None:
    taken = bind_all([Listener("TCP", "127.0.0.1", 0)])
    free = bind_all([Listener("UDP", "127.0.0.2", 0)])
    port = free[0].local[1]
    close(free)
    try:
        with pytest.raises(TransportFailed):
            bind_all([Listener("UDP", "127.0.0.2", port), Listener("TCP", "127.0.0.1", taken[0].local[1])])
        close(bind_all([Listener("UDP", "127.0.0.2", port)]))
    finally:
        close(taken)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(TransportFailed) as caught:
        bind_all([Listener("UDP", "203.0.113.7", 5060)])
    sentence = "cannot listen on UDP port 5060 of 203.0.113.7: no interface of this machine has that address"
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (
            errno.EACCES,
            "may not listen on UDP port 80 of 127.0.0.1; ports below 1024 need root or CAP_NET_BIND_SERVICE",
        ),
        (errno.EMFILE, "cannot listen on UDP port 80 of 127.0.0.1: Too many open files"),
    ],
)
def test_other_refusals_of_the_kernel_are_told(number: int, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(number, "Too many open files")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(TransportFailed) as caught:
        bind_all([Listener("UDP", "127.0.0.1", 80)])
    assert str(caught.value) == sentence


def test_two_listeners_alike_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"two listeners are called udp:127\.0\.0\.1:5099; leave one out"):
        bind_all([Listener("UDP", "127.0.0.1", 5099), Listener("UDP", "127.0.0.1", 5099)])


@pytest.mark.rfc("3261 18.2.1 #2")
def test_udp_and_tcp_share_the_port_that_the_kernel_chose() -> None:
    bound = bind_all([Listener("UDP", "127.0.0.1", 0), Listener("TCP", "127.0.0.1", 0)])
    close(bound)
    assert bound[0].local[1] == bound[1].local[1]


def test_a_shared_port_that_is_taken_for_tcp_is_changed_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    bind = listener._bound

    def once_in_use(transport: str, host: str, port: int) -> socket.socket:
        if transport == "TCP" and not taken:
            taken.append(port)
            raise OSError(errno.EADDRINUSE, "in use")
        return bind(transport, host, port)

    monkeypatch.setattr(listener, "_bound", once_in_use)
    bound = bind_all([Listener("UDP", "127.0.0.1", 0), Listener("TCP", "127.0.0.1", 0)])
    close(bound)
    assert bound[0].local[1] == bound[1].local[1]
    assert taken[0] > 0


def test_a_shared_port_that_is_never_free_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = listener._bound

    def in_use(transport: str, host: str, port: int) -> socket.socket:
        if transport == "TCP":
            raise OSError(errno.EADDRINUSE, "in use")
        return bind(transport, host, port)

    monkeypatch.setattr(listener, "_bound", in_use)
    with pytest.raises(TransportFailed, match="no port is free for all listeners"):
        bind_all([Listener("UDP", "127.0.0.1", 0), Listener("TCP", "127.0.0.1", 0)])


@pytest.mark.parametrize(("host", "family"), [("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6)])
def test_a_udp_wildcard_is_one_socket_for_each_address(host: str, family: socket.AddressFamily) -> None:
    bound = bind_all([Listener("UDP", host, 0)])
    close(bound)
    assert [one.local[0] for one in bound] == interfaces.interface_addresses(family)
    assert len({one.local[1] for one in bound}) == 1


def test_a_tcp_wildcard_is_one_socket() -> None:
    bound = bind_all([Listener("TCP", "0.0.0.0", 0)])
    close(bound)
    assert [one.local[0] for one in bound] == ["0.0.0.0"]


def test_an_address_that_goes_while_the_list_is_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "interface_addresses", lambda _: ["127.0.0.1", "203.0.113.7"])
    bound = bind_all([Listener("UDP", "0.0.0.0", 0)])
    close(bound)
    assert [one.local[0] for one in bound] == ["127.0.0.1"]


def test_a_wildcard_without_any_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "interface_addresses", lambda _: [])
    with pytest.raises(TransportFailed, match=r"udp:\[::\]:5060: this machine has no address of that family"):
        bind_all([Listener("UDP", "::")])


def test_ipv6_and_ipv4_wildcards_stand_side_by_side() -> None:
    bound = bind_all([Listener("TCP", "0.0.0.0", 0), Listener("TCP", "::", 0)])
    port = bound[0].local[1]
    close(bound)
    again = bind_all([Listener("TCP", "::", port), Listener("TCP", "0.0.0.0", port)])
    close(again)


def test_tls_without_a_certificate_binds_nothing(tmp_path: Path) -> None:
    assert bind_all([Listener("TLS", "127.0.0.1")]) == []
    assert not Listener("TLS", "127.0.0.1").accepts
    assert Listener("TLS", "127.0.0.1", tls=TlsSettings(tmp_path / "any.pem")).accepts


def test_written_addresses() -> None:
    assert written("192.0.2.1", 5060) == "192.0.2.1:5060"
    assert written("2001:db8::1", 5060) == "[2001:db8::1]:5060"
