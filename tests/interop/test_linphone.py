"""linphone registers with SHA-256 digest, and talks to our commands."""

from __future__ import annotations

import re

import pytest

from tests.interop.namespaces import DOMAIN, Network
from tests.interop.phones import Phones
from tests.interop.process import until
from tests.interop.tones import CLEAR, clearness

pytestmark = [
    pytest.mark.interop("linphonec", "ip", "nft", root=True),
    pytest.mark.parametrize("algorithms", [("SHA-256",)], ids=["sha-256"]),
]


@pytest.mark.rfc("8760 2.6 #4", "8760 2.6 #6")
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_linphone_calls_us(phones: Phones, transport: str) -> None:
    alice, bob = phones.linphone("alice", transport), phones.answer("bob", transport)
    alice.type(f"call sip:bob@{DOMAIN}")
    alice.wait_for("LinphoneCallStreamsRunning")
    alice.talk(2.0)
    bob.talk(2.0)
    alice.type("terminate")
    bob.process.wait_for("the call is over: the peer hung up")
    assert min(clearness(alice, bob)) > CLEAR
    for method, header in (("REGISTER", "Authorization"), ("INVITE", "Proxy-Authorization")):
        assert re.search(rf"^{method} (?:.+\r?\n)+{header}: +Digest .*algorithm=SHA-256", alice.trace, re.MULTILINE)


def test_we_call_linphone(phones: Phones) -> None:
    bob = phones.linphone("bob")
    alice = phones.call("alice", f"sip:bob@{DOMAIN}", "--seconds", "5")
    bob.wait_for("LinphoneCallIncomingReceived")
    bob.type("answer")
    bob.wait_for("LinphoneCallStreamsRunning")
    alice.talk(2.0)
    bob.talk(2.0)
    assert alice.process.wait() == 0
    assert min(clearness(alice, bob)) > CLEAR


def test_linphone_holds_us(phones: Phones, network: Network) -> None:
    alice, bob = phones.linphone("alice"), phones.answer("bob")
    alice.type(f"call sip:bob@{DOMAIN}")
    alice.wait_for("LinphoneCallStreamsRunning")
    until("audio", lambda: network.audio_packets("bob") > 25)
    alice.type("pause")
    alice.wait_for("LinphoneCallPaused")
    silent, others = network.audio_packets("bob"), network.audio_packets("alice")
    # A second of linphone's music, to which we listen without a word.
    until("music", lambda: network.audio_packets("alice") > others + 50)
    assert network.audio_packets("bob") - silent < 5
    alice.type("resume 1")
    until("audio after the hold", lambda: network.audio_packets("bob") > silent + 50)
    alice.type("terminate")
    bob.process.wait_for("the call is over")


@pytest.mark.rfc("3428")
def test_messages_go_both_ways(phones: Phones) -> None:
    alice, bob = phones.linphone("alice"), phones.agent("bob")
    alice.type(f"chat sip:bob@{DOMAIN} hello there")
    bob.says("message hello there")
    sending = phones.command("bob", "carol", "message", f"sip:alice@{DOMAIN}", "and back")
    assert sending.wait() == 0
    alice.process.wait_for(f"Message received from sip:bob@{DOMAIN}: and back")


def test_we_ping_linphone(phones: Phones) -> None:
    phones.linphone("alice")
    asking = phones.command("bob", "carol", "ping", f"sip:alice@{DOMAIN}")
    assert asking.wait() == 0
    asking.wait_for("^200 Ok after ")
