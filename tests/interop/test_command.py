"""`offhook call` and `offhook answer` talk to phones that others wrote, through the server."""

from __future__ import annotations

import pytest

from tests.interop.namespaces import DOMAIN
from tests.interop.phones import Phones
from tests.interop.tones import CLEAR, converse

pytestmark = pytest.mark.interop("baresip", "ip", "nft", root=True)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_we_call_baresip(phones: Phones, transport: str) -> None:
    bob = phones.baresip("bob", transport)
    alice = phones.call("alice", f"sip:bob@{DOMAIN}", "--seconds", "4", transport=transport)
    bob.event("CALL_INCOMING")
    bob.command("accept")
    assert min(converse(alice, bob)) > CLEAR
    bob.event("CALL_CLOSED")
    assert alice.process.wait() == 0


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_baresip_calls_us(phones: Phones, transport: str) -> None:
    alice, bob = phones.baresip("alice", transport), phones.answer("bob", transport)
    alice.command("dial", f"sip:bob@{DOMAIN}")
    alice.event("CALL_ESTABLISHED")
    assert min(converse(alice, bob)) > CLEAR
    alice.command("hangup")
    alice.event("CALL_CLOSED")
    bob.process.wait_for("the call is over")
