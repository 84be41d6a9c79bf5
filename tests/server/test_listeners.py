from __future__ import annotations

from offhook.server import listeners
from offhook.server.config import ServerConfig, parse
from offhook.server.listeners import listeners_of


def test_all_names_exist() -> None:
    assert all(hasattr(listeners, name) for name in listeners.__all__)


def test_without_a_configuration_only_this_machine_is_served() -> None:
    assert [listener.name for listener in listeners_of(ServerConfig())] == ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]


def test_a_certificate_adds_tls() -> None:
    made = listeners_of(parse('[tls]\ncertificate = "/c.pem"\nkey = "/k.pem"'))
    assert [listener.name for listener in made][2:] == ["tls:127.0.0.1:5061"]
    assert (str(made[2].tls.certificate), str(made[2].tls.key)) == ("/c.pem", "/k.pem")
    assert made[2].accepts


def test_what_is_configured_is_bound() -> None:
    text = '[[listen]]\ntransport = "tcp"\naddress = "::1"\nport = 5070\nadvertise = "example.com"'
    [listener] = listeners_of(parse(text))
    assert (listener.name, listener.advertise) == ("tcp:[::1]:5070", ("example.com", 0))
