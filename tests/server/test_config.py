from __future__ import annotations

from pathlib import Path

import pytest

from offhook.errors import ConfigError
from offhook.server import config
from offhook.server.config import ServerConfig, default_data_folder, load, parse


def test_all_names_exist() -> None:
    assert all(hasattr(config, name) for name in config.__all__)


def test_an_empty_file_means_the_defaults() -> None:
    assert parse("") == ServerConfig()


def test_a_whole_file() -> None:
    read = parse(
        """
        data = "data"
        [[listen]]
        transport = "udp"
        address = "0.0.0.0"
        [[listen]]
        transport = "tls"
        address = "::"
        port = 5071
        advertise = "sip.example.com:5061"
        [tls]
        certificate = "cert.pem"
        [[domain]]
        name = "example.com"
        aliases = ["192.0.2.1", "2001:db8::1", "[2001:db8::2]"]
        mode = "stateless"
        realm = "The Office"
        algorithms = ["SHA-256", "MD5"]
        trusted = ["192.0.2.0/24", "2001:db8::/32"]
        fallback = "sip:trunk.example.net;transport=tcp"
        [registrar]
        min_expires = 30
        [location]
        store = "memory"
        [timers]
        t1 = 1
        [limits]
        connections = 5
        [log]
        format = "json"
        """
    )
    assert read.listen[1].advertise == "sip.example.com:5061"
    assert read.domain[0].algorithms == ["SHA-256", "MD5"]
    assert (read.registrar.min_expires, read.location.store, read.timers.t1) == (30, "memory", 1.0)


UDP = '[[listen]]\ntransport="udp"\naddress="127.0.0.1"\n'
DOMAIN = '[[domain]]\nname="example.com"\n'


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        (f"{UDP}port = 65536", 4, "port must be from 0 to 65535, not 65536"),
        (UDP.replace("127.0.0.1", "localhost"), 3, "write a numeric address"),
        (f'{UDP}advertise = "a:b"', 4, "has no port number after its colon"),
        (UDP + UDP, 4, "udp:127.0.0.1:5060 is listened at already; leave one [[listen]] out"),
        (UDP.replace("udp", "tls"), 2, "TLS needs a certificate; add [tls] with certificate and key"),
        (f"{UDP}require_client_certificate = true", 4, "only TLS has client certificates; leave it out for udp"),
        ('[tls]\nkey = "x"', 2, "a key without a certificate"),
        (
            '[[tls.named]]\ncertificate = "x"',
            1,
            "who asks for no name, or another one, is shown the certificate of [tls]",
        ),
        ('[tls]\ncertificate = "x"\n[[tls.named]]\nkey = "x"', 3, "[[tls.named]] lacks certificate"),
        ('[[domain]]\nname = "a b"', 2, '"a b" is not the name of a host'),
        (f'{DOMAIN}aliases = ["x", "/"]', 3, '"/" is not the name of a host'),
        (f'{DOMAIN}aliases = ["EXAMPLE.com"]', 3, "EXAMPLE.com is served twice"),
        (DOMAIN + DOMAIN, 4, "example.com is served twice"),
        (f'{DOMAIN}trusted = ["192.0.2.1/24"]', 3, '"192.0.2.1/24" is not a network; write for example "192.0.2.0/24"'),
        (f'{DOMAIN}fallback = "tel:+1"', 3, '"tel:+1" is not a SIP URI; write for example "sip:trunk.example.com"'),
        (f'{DOMAIN}fallback = "sip:"', 3, "is not a SIP URI"),
        (f'{DOMAIN}mode = "redirect"\nfallback = "sip:trunk.example.net"', 4, "sends nothing to a fallback"),
        (f"{DOMAIN}realm = 'a\"b'", 3, "without quotation marks"),
        (f'{DOMAIN}algorithms = ["SHA"]', 3, "'SHA' is not a digest algorithm; use one of SHA-512-256, SHA-256, MD5"),
        (f"{DOMAIN}algorithms = []", 3, "no digest algorithm is named"),
        ("[registrar]\nmin_expires = 0", 1, "must rise in that order"),
        ("[registrar]\nmax_expires = 100", 1, "must rise in that order"),
        (
            "[registrar]\nmin_expires = 3601\ndefault_expires = 4000",
            2,
            "min_expires must be at most 3600: RFC 3261 10.3 lets nobody refuse an hour",
        ),
        ("[registrar]\nmax_contacts = 0", 2, "at least 1"),
        ("[timers]\nt1 = 5", 1, "at most t2"),
        ("[timers]\nt4 = nan", 2, "t4 must be a number of seconds"),
        ("[timers]\nt1 = 1.0\ntimer_c = inf", 3, "timer_c must be a number of seconds"),
        ("[limits]\nidle_seconds = inf", 2, "idle_seconds must be above 0"),
        ("[timers]\ntimer_c = 180", 2, "timer_c must be above 180 seconds (RFC 3261 16.6 step 11)"),
        ("[limits]\nmessage_octets = 1299", 2, "message_octets must be at least 1300"),
        ("[limits]\nvias = 0", 2, "vias must be above 0"),
        ("[limits]\nunanswered = 0", 2, "unanswered must be above 0"),
        ("[limits]\nconnections_per_address = 0", 2, "connections_per_address must be above 0"),
        ("[throttle]\nfailed_logins = -1", 2, "failed_logins must not be negative; 0 takes the limit away"),
        ("[throttle]\nban_seconds = 0", 2, "ban_seconds must be above 0"),
        ('[throttle]\nexempt = ["x"]', 2, '"x" is not a network; write for example "192.0.2.0/24"'),
        ("[limits]\nidle_seconds = -1", 2, "idle_seconds must be above 0"),
        ('[log]\nlevel = "loud"', 2, 'level must be "debug", "error", "info" or "warning", not "loud"'),
    ],
)
def test_what_types_do_not_show_is_told_with_its_line(text: str, line: int, expected: str) -> None:
    with pytest.raises(ConfigError) as failure:
        parse(text)
    assert str(failure.value).startswith(f"offhook.toml line {line}: ")
    assert expected in str(failure.value)


def test_two_listeners_may_share_a_port_that_the_kernel_chooses() -> None:
    assert len(parse(f"{UDP}port = 0\n{UDP}port = 0").listen) == 2


def test_files_are_found_from_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    folder = tmp_path / "etc"
    folder.mkdir()
    file = folder / "offhook.toml"
    file.write_text(
        f'data = "../data"\n[tls]\ncertificate = "~/c.pem"\nkey = "{folder}/k.pem"\nrevocations = "r.pem"\n', "utf-8"
    )
    home.mkdir()
    with pytest.raises(ConfigError, match=rf"{file} line 3: there is no {home}/c.pem; say where the file lies"):
        load(file)
    for needed in (home / "c.pem", folder / "k.pem", folder / "r.pem"):
        needed.touch()
    read = load(file)
    assert read.data == f"{folder}/../data"
    assert (read.tls.certificate, read.tls.key, read.tls.authorities) == (f"{home}/c.pem", f"{folder}/k.pem", "")
    assert read.tls.revocations == f"{folder}/r.pem"
    file.write_text(file.read_text("utf-8") + '[[tls.named]]\ncertificate = "n.pem"\nkey = "~/n.key"\n', "utf-8")
    with pytest.raises(ConfigError, match=rf"{file} line 7: there is no {folder}/n.pem; say where the file lies"):
        load(file)
    for needed in (folder / "n.pem", home / "n.key"):
        needed.touch()
    [named] = load(file).tls.named
    assert (named.certificate, named.key) == (f"{folder}/n.pem", f"{home}/n.key")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{tmp_path}/x.toml: cannot be read: no such file or directory"):
        load(tmp_path / "x.toml")


def test_the_data_folder_without_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/the/home")
    monkeypatch.delenv("OFFHOOK_DATA", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_data_folder() == Path("/the/home/.local/share/offhook")
    monkeypatch.setenv("XDG_DATA_HOME", "/share")
    assert default_data_folder() == Path("/share/offhook")
    monkeypatch.setenv("XDG_DATA_HOME", "relative, which the standard has us ignore")
    assert default_data_folder() == Path("/the/home/.local/share/offhook")
    monkeypatch.setenv("OFFHOOK_DATA", "~/sip")
    assert default_data_folder() == Path("/the/home/sip")


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("OFFHOOK_DATA", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    with pytest.raises(ConfigError, match="name a folder for data in OFFHOOK_DATA"):
        default_data_folder()
