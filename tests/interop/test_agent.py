"""What a program can do with our user agent, seen from baresip."""

from __future__ import annotations

import pytest

from tests.interop.agent import Agent
from tests.interop.baresip import Baresip
from tests.interop.namespaces import DOMAIN, Network
from tests.interop.phones import Phones
from tests.interop.process import until

pytestmark = pytest.mark.interop("baresip", "ip", "nft", root=True)


def answered(alice: Baresip, bob: Agent) -> None:
    """A call from baresip to us that stands, with audio from us."""
    alice.command("dial", f"sip:{bob.user}@{DOMAIN}")
    bob.says("incoming sip:alice@example.com")
    bob.type("answer")
    alice.event("CALL_ESTABLISHED")
    bob.says("answered")
    alice.talk(0.5)


@pytest.mark.parametrize(("act", "status"), [("busy", "486"), ("decline", "603")])
def test_we_refuse(phones: Phones, act: str, status: str) -> None:
    alice, bob = phones.baresip("alice"), phones.agent("bob")
    alice.command("dial", f"sip:bob@{DOMAIN}")
    bob.says("incoming .*")
    alice.event("CALL_RINGING")
    bob.type(act)
    assert status in alice.event("CALL_CLOSED")["param"]


def test_baresip_refuses(phones: Phones) -> None:
    alice, bob = phones.agent("alice"), phones.baresip("bob")
    alice.type(f"dial sip:bob@{DOMAIN}")
    bob.event("CALL_INCOMING")
    alice.says("180 Ringing")
    bob.command("hangup")
    alice.says("failed: .*486.*")


def test_baresip_gives_up(phones: Phones) -> None:
    alice, bob = phones.baresip("alice"), phones.agent("bob")
    alice.command("dial", f"sip:bob@{DOMAIN}")
    bob.says("incoming .*")
    alice.event("CALL_RINGING")
    alice.command("hangup")
    bob.says("ended: the caller gave up.*")


def test_we_give_up(phones: Phones) -> None:
    alice, bob = phones.agent("alice"), phones.baresip("bob")
    alice.type(f"dial sip:bob@{DOMAIN}")
    bob.event("CALL_INCOMING")
    alice.says("180 Ringing")
    alice.type("cancel")
    alice.says("cancelled")
    bob.event("CALL_CLOSED")


@pytest.mark.rfc("3264 8.4 #1")
def test_baresip_holds_us(phones: Phones, network: Network) -> None:
    alice, bob = phones.baresip("alice"), phones.agent("bob")
    answered(alice, bob)
    alice.command("hold")
    bob.says("held")
    silent = network.audio_packets("bob")
    alice.talk(2.5)
    assert network.audio_packets("bob") - silent < 5
    alice.command("resume")
    bob.says("taken back")
    until("audio after the hold", lambda: network.audio_packets("bob") > silent + 50)
    alice.command("hangup")
    bob.says("ended: the peer hung up")


@pytest.mark.rfc("3264 8.3.4 #1")
def test_we_hold_baresip(phones: Phones, network: Network) -> None:
    alice, bob = phones.baresip("alice"), phones.agent("bob")
    answered(alice, bob)
    bob.type("hold")
    bob.says("done: hold")
    silent, others = network.audio_packets("alice"), network.audio_packets("bob")
    until("a second", lambda: network.audio_packets("bob") > others + 50)
    assert network.audio_packets("alice") - silent < 10
    bob.type("resume")
    bob.says("done: resume")
    until("audio after the hold", lambda: network.audio_packets("alice") > silent + 50)
    bob.type("hang_up")
    alice.event("CALL_CLOSED")


@pytest.mark.rfc("4733")
def test_digits_go_both_ways(phones: Phones) -> None:
    alice, bob = phones.baresip("alice"), phones.agent("bob")
    answered(alice, bob)
    for digit in "1*":
        alice.command("sndcode", digit)
        bob.says(f"digit [{digit}]")
    bob.type("send_dtmf 5#")
    for digit in "5#":
        assert alice.event("CALL_DTMF_START")["param"] == digit
        alice.event("CALL_DTMF_END")
    alice.command("hangup")
    bob.says("ended: the peer hung up")
