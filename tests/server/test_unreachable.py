"""What the log says of next hops that cannot be reached."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from offhook.clock import Moment
from offhook.errors import CallFailed
from offhook.server.app import Server
from offhook.server.config import load
from offhook.server.unreachable import UnreachableHops
from offhook.transport.log_limit import MOST
from offhook.ua.agent import UserAgent
from tests.proxy.requests import request

CONFIG = """\
data = "{folder}"
[[listen]]
transport = "udp"
address = "127.0.0.1"
port = 0
[[domain]]
name = "example.com"
trusted = ["127.0.0.0/8"]
"""


def test_the_log_does_not_grow_by_each_of_a_flood() -> None:
    hops = UnreachableHops()
    with capture_logs() as lines:
        for _ in range(2 * MOST):
            hops.note(request("INVITE"), "no way there", Moment(0.0, 0.0))
        hops.note(request("INVITE"), "no way there", Moment(60.0, 60.0))
    assert len(lines) == MOST + 1
    assert lines[0]["reason"] == "no way there"
    assert lines[0]["method"] == "INVITE"
    assert lines[-1]["not_logged_before"] == MOST


async def test_a_refused_connection_and_an_unknown_host_are_in_the_log_of_the_server(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    config = tmp_path / "offhook.toml"
    config.write_text(CONFIG.format(folder=tmp_path))
    with capture_logs() as lines:
        async with Server(load(config)) as server:
            proxy = f"sip:127.0.0.1:{server.addresses[0].port};lr"
            agent = UserAgent("sip:alice@example.com", outbound_proxy=proxy, local="127.0.0.1", register=False)
            async with agent as alice:
                for called in (f"sip:bob@127.0.0.1:{port};transport=tcp", "sip:bob@unknown.invalid"):
                    with pytest.raises(CallFailed) as caught:
                        await alice.invite(called)
                    assert caught.value.status == 500
    told = [line for line in lines if line["event"] == "a next hop cannot be reached"]
    assert [line["log_level"] for line in told] == ["warning"] * 2
    assert f"127.0.0.1:{port}" in told[0]["reason"]
    assert "refused" in told[0]["reason"]
    assert "unknown.invalid" in told[1]["reason"]
    assert all(line["call_id"] for line in told)
