"""sipsak asks the server what it can do, and keeps a registration."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.interop.server import PASSWORDS

pytestmark = pytest.mark.interop("sipsak")


def sipsak(*arguments: str) -> tuple[int, str]:
    """Its exit code (0 for a 200) and what it printed."""
    done = subprocess.run(["sipsak", "-vvv", *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def register(server: str, *arguments: str, password: str = PASSWORDS["alice"]) -> tuple[int, str]:
    # Without -u, sipsak 0.9.8 gives the user as "alice@".
    return sipsak("-U", "-u", "alice", "-a", password, "-s", f"sip:alice@{server}", *arguments)


def contacts(printed: str) -> list[str]:
    """The Contact values of the last response."""
    return re.findall("^Contact: (.*)", printed.rpartition("SIP/2.0 200 OK")[2], re.MULTILINE)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.rfc("3261 11.2 #2")
def test_options(local_server: str, transport: str) -> None:
    code, printed = sipsak("-E", transport, "-s", f"sip:{local_server}")
    assert (code, "SIP/2.0 200 OK" in printed) == (0, True)
    assert re.search("^Supported: .*path", printed, re.MULTILINE)


@pytest.mark.rfc("3261 10.3 #30")
@pytest.mark.parametrize("algorithms", [("MD5",), ("MD5", "SHA-256", "SHA-512-256")], ids=["md5", "all"])
def test_register_ask_and_remove(local_server: str, algorithms: tuple[str, ...]) -> None:
    contact = "sip:alice@192.0.2.7:5062"
    code, printed = register(local_server, "-x", "600", "-C", contact)
    assert code == 0, printed
    assert set(re.findall("algorithm=([A-Z0-9-]+)", printed.partition("SIP/2.0 200")[0])) >= set(algorithms)
    (bound,) = contacts(printed)
    assert bound.startswith(f"<{contact}>;expires=")
    assert contacts(register(local_server, "-C", "empty")[1]) == [bound]
    code, printed = register(local_server, "-x", "0", "-C", "*")
    assert (code, contacts(printed)) == (0, [])


@pytest.mark.rfc("3261 10.3 #23")
def test_too_short_an_expiry_is_refused(local_server: str) -> None:
    code, printed = register(local_server, "-x", "15")
    assert code != 0
    assert "SIP/2.0 423 Interval Too Brief" in printed
    assert "Min-Expires: 60" in printed


@pytest.mark.parametrize(("arguments", "password"), [((), "looking-glass"), (("-u", "bob"), PASSWORDS["bob"])])
def test_nobody_registers_for_another(local_server: str, arguments: tuple[str, ...], password: str) -> None:
    code, printed = register(local_server, "-x", "600", *arguments, password=password)
    assert code != 0
    assert re.search("^SIP/2.0 40[13] ", printed, re.MULTILINE)
    assert "SIP/2.0 200" not in printed


@pytest.mark.rfc("3261 16.3")
def test_a_route_is_traced_by_max_forwards(local_server: str) -> None:
    _, printed = sipsak("-T", "-s", f"sip:alice@{local_server}")
    assert "SIP/2.0 483 Too Many Hops" in printed
    assert "SIP/2.0 480 Not Registered" in printed
