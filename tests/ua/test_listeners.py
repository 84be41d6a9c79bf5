"""The sockets of a user agent."""

from __future__ import annotations

import pytest

from offhook.errors import ConfigError
from offhook.transport.tls import TlsSettings
from offhook.ua.listeners import listeners_for


def shown(local: str, advertise: str = "", tls: TlsSettings | None = None) -> list[str]:
    return [listener.name for listener in listeners_for(local, advertise, tls)]


@pytest.mark.rfc("3261 18.2.1 #2")
def test_one_host_has_udp_and_tcp_on_one_port_and_tls_to_connect() -> None:
    assert shown("127.0.0.1:5070") == ["udp:127.0.0.1:5070", "tcp:127.0.0.1:5070", "tls:127.0.0.1:0"]
    assert shown("[::1]") == ["udp:[::1]:0", "tcp:[::1]:0", "tls:[::1]:0"]


def test_with_a_certificate_tls_listens_on_the_next_port() -> None:
    tls = TlsSettings("cert.pem", "key.pem")
    assert shown("127.0.0.1:5070", tls=tls)[2] == "tls:127.0.0.1:5071"
    assert shown("127.0.0.1", tls=tls)[2] == "tls:127.0.0.1:0"


def test_by_default_every_address_of_the_machine_counts() -> None:
    names = shown("")
    assert names[0] == "udp:0.0.0.0:0"
    assert len(names) in (3, 6)


def test_the_advertised_address_is_what_peers_are_told() -> None:
    listeners = listeners_for("127.0.0.1:5070", "phone.example.com", None)
    assert listeners[0].sent_by("127.0.0.1", 5070) == "phone.example.com:5070"


@pytest.mark.parametrize("local", ["localhost", "127.0.0.1:x", "a b"])
def test_what_is_no_address_is_said_so(local: str) -> None:
    with pytest.raises(ConfigError):
        listeners_for(local, "", None)
