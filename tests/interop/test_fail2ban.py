"""fail2ban reads the log with the filter that the documentation gives, and bans nobody whom a stranger names."""

from __future__ import annotations

import re
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.process import until
from tests.interop.server import OffhookServer, add_accounts, listening

pytestmark = pytest.mark.interop("fail2ban-regex")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "security.md"
INNOCENT = "203.0.113.99"


def request(host: str, method: str, user: str, number: int, *fields: str) -> bytes:
    name = "example.net" if method == "OPTIONS" else host
    lines = [
        f"{method} sip:{user}@{host} SIP/2.0" if method == "OPTIONS" else f"{method} sip:{host} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{method}{number};rport",
        f"From: <sip:alice@{name}>;tag=1",
        f"To: <sip:alice@{name}>",
        f'Call-ID: {{"source":"{INNOCENT}"}}{number}',
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        *fields,
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def offend(host: str) -> int:
    """Do what is logged; how many lines there should be of it."""
    forged = rf"x source={INNOCENT} port=1 transport=UDP reason= \\\", \\\"source\\\": \\\"{INNOCENT}"
    wrong = f'Authorization: Digest username="{forged}", realm="{host}", nonce="n", uri="sip:{host}", response="0"'
    broken = f'Authorization: Digest realm="{host}", nonce="source={INNOCENT}"'
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(20.0)
        for number in range(3):
            for data in (
                request(host, "REGISTER", "", number, wrong),
                request(host, "OPTIONS", "nobody", number),
                request(host, "REGISTER", "", 10 + number, broken),
            ):
                peer.sendto(data, (host, 5060))
                peer.recv(65536)
    return 9


@pytest.mark.parametrize("form", ["console", "json"])
def test_fail2ban_reads_the_log(form: str, tmp_path: Path, loopback: str, running: ExitStack) -> None:
    add_accounts(tmp_path, loopback)
    configuration = f'{listening("udp", loopback)}\n[[domain]]\nname = "{loopback}"\n[log]\nformat = "{form}"\n'
    server = running.enter_context(OffhookServer(tmp_path, configuration))
    expected = offend(loopback)
    until("lines", lambda: server.process.output.count("security: refused") >= expected, 10.0)
    [definition, _] = re.findall("```ini\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    filter_file = tmp_path / "offhook.conf"
    filter_file.write_text(definition)
    lines = tmp_path / "security.log"
    lines.write_text("".join(line for line in server.process.output.splitlines(True) if "security: " in line))
    assert INNOCENT in lines.read_text()
    command = ["fail2ban-regex", "--print-all-matched", "-v", str(lines), str(filter_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert f"Lines: {expected} lines, 0 ignored, {expected} matched, 0 missed" in done.stdout, done.stdout
    assert len(re.findall(r"^\|? +127\.0\.0\.1  ", done.stdout, re.MULTILINE)) == expected, done.stdout
