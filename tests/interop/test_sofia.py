"""sofia's sip-options asks the server, and a user behind it."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = pytest.mark.interop("sip-options")


def sip_options(uri: str) -> tuple[int, str]:
    """Its exit code (0 for a 200) and what it printed."""
    command = ["sip-options", "--all", "--bind=sip:127.0.0.1:*", "--from=sip:sofia@example.net", uri]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.rfc("3261 11.2 #2")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_server_says_what_it_can_do(local_server: str, transport: str) -> None:
    code, printed = sip_options(f"sip:{local_server};transport={transport}")
    assert code == 0, printed
    assert printed.startswith("SIP/2.0 200 OK")
    assert f"Via: SIP/2.0/{transport.upper()} 127.0.0.1" in printed
    assert "path" in printed.partition("Supported: ")[2].partition("\n")[0]


@pytest.mark.parametrize(("user", "status"), [("alice", 480), ("nobody", 404)])
def test_a_user_that_is_not_there(local_server: str, user: str, status: int) -> None:
    code, printed = sip_options(f"sip:{user}@{local_server}")
    assert code != 0
    assert printed.startswith(f"SIP/2.0 {status} ")
