"""SIPp registers, and calls through the server."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.process import Process
from tests.interop.server import PASSWORDS, OffhookServer, add_accounts, listening
from tests.interop.sipp import Sipp
from tests.transport.certificates import Authority

pytestmark = pytest.mark.interop("sipp")

CALLS = 50
TRANSPORTS = {"udp": "u1", "tcp": "t1"}


def login(user: str) -> list[str]:
    return ["-au", user, "-ap", PASSWORDS[user]]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_calls_to_a_registered_phone(tmp_path: Path, local_server: str, running: ExitStack, transport: str) -> None:
    here = local_server
    keys = {"domain": here, "via": transport.upper(), "contact": f"sip:bob@{here}:5070;transport={transport}"}
    way = ["-t", TRANSPORTS[transport]]
    target = f"{here}:5060"
    answering = running.enter_context(Sipp(tmp_path, "answer", *way, local=here, port=5070, keys=keys))
    registering = Sipp(tmp_path, "register", target, "-m", "1", *login("bob"), *way, local=here, port=5072, keys=keys)
    counted = running.enter_context(registering).finish(30)
    assert (counted["SuccessfulCall(C)"], counted["FailedCall(C)"]) == (1, 0)
    arguments = [target, "-r", "50", "-m", str(CALLS), *login("alice"), *way]
    calling = running.enter_context(Sipp(tmp_path, "call-digest", *arguments, local=here, port=5080, keys=keys))
    counted = calling.finish(60)
    assert (counted["SuccessfulCall(C)"], counted["FailedCall(C)"]) == (CALLS, 0)
    assert answering.running


@pytest.mark.interop("sipp", "stunnel4")
def test_calls_over_tls(tmp_path: Path, loopback: str, authority: Authority, running: ExitStack) -> None:
    """SIPp knows no TLS: stunnel stands before it, and checks the server's certificate."""
    chain, key = authority.issue(tmp_path, loopback)
    authorities = authority.write(tmp_path / "authorities.pem")
    configuration = f"""
        {listening("tls", loopback)}
        {listening("udp", loopback)}
        [tls]
        certificate = "{chain}"
        key = "{key}"
        [[domain]]
        name = "{loopback}"
        fallback = "sip:{loopback}:5070"
    """
    add_accounts(tmp_path, loopback)
    running.enter_context(OffhookServer(tmp_path, configuration))
    (tmp_path / "stunnel.conf").write_text(
        f"""
        foreground = yes
        pid =
        [sips]
        client = yes
        accept = {loopback}:5090
        connect = {loopback}:5061
        CAfile = {authorities}
        verifyChain = yes
        checkIP = {loopback}
        """,
        "ascii",
    )
    tunnel = running.enter_context(Process(tmp_path, "stunnel", ["stunnel4", str(tmp_path / "stunnel.conf")]))
    tunnel.wait_for("Configuration successful")
    keys = {"domain": loopback, "via": "UDP"}
    running.enter_context(Sipp(tmp_path, "answer", local=loopback, port=5070, keys=keys))
    arguments = [f"{loopback}:5090", "-r", "50", "-m", str(CALLS), "-t", "t1", *login("alice")]
    keys["via"] = "TLS"
    calling = running.enter_context(Sipp(tmp_path, "call-digest", *arguments, local=loopback, port=5080, keys=keys))
    counted = calling.finish(60)
    assert (counted["SuccessfulCall(C)"], counted["FailedCall(C)"]) == (CALLS, 0)
    assert "CERT: Verification error" not in tunnel.output


def test_memory_is_free_again_after_10000_calls(tmp_path: Path, loopback: str, running: ExitStack) -> None:
    configuration = f"""
        {listening("udp", loopback)}
        [location]
        store = "memory"
        [[domain]]
        name = "{loopback}"
        trusted = ["127.0.0.0/8"]
        fallback = "sip:{loopback}:5070"
    """
    server = running.enter_context(OffhookServer(tmp_path, configuration))
    keys = {"domain": loopback, "via": "UDP"}
    running.enter_context(Sipp(tmp_path, "answer", local=loopback, port=5070, keys=keys))
    resident = []
    # A few calls first: what is loaded and remembered once does not count as growth.
    for port, calls in ((5079, 1000), (5080, 10000), (5081, 10000)):
        arguments = [f"{loopback}:5060", "-r", "200", "-m", str(calls), "-l", "10000"]
        calling = running.enter_context(Sipp(tmp_path, "call", *arguments, local=loopback, port=port, keys=keys))
        counted = calling.finish(200)
        assert (counted["SuccessfulCall(C)"], counted["FailedCall(C)"]) == (calls, 0)
        if calls < 10000:
            continue
        # The last transactions end 32 s (64 * T1) after the last call.
        time.sleep(40)
        resident.append(server.process.resident)
    assert resident[1] <= 1.05 * resident[0]
