"""baresips register at the server and call each other through it."""

from __future__ import annotations

import pytest

from tests.interop.baresip import Baresip
from tests.interop.namespaces import DOMAIN, SERVER, SERVER6, Network
from tests.interop.phones import Phones
from tests.interop.process import until
from tests.interop.server import HubServer
from tests.interop.tones import CLEAR, converse

pytestmark = pytest.mark.interop("baresip", "ip", "nft", root=True)


def establish(caller: Baresip, callee: Baresip) -> None:
    """One calls, the other answers."""
    caller.command("dial", f"sip:{callee.user}@{DOMAIN}")
    callee.event("CALL_INCOMING")
    callee.command("accept")
    caller.event("CALL_ESTABLISHED")
    callee.event("CALL_ESTABLISHED")


def end(one: Baresip, other: Baresip) -> None:
    """One hangs up, and both calls are over."""
    one.command("hangup")
    one.event("CALL_CLOSED")
    other.event("CALL_CLOSED")


@pytest.mark.parametrize("host", [SERVER, SERVER6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_audio_goes_both_ways(phones: Phones, transport: str, host: str) -> None:
    alice, bob = phones.baresip("alice", transport, server=host), phones.baresip("bob", transport, server=host)
    establish(alice, bob)
    assert min(converse(alice, bob)) > CLEAR
    end(alice, bob)
    for baresip in (alice, bob):
        assert set(baresip.seen("^Via: SIP/2.0/([A-Z]+)")) == {transport.upper()}
        assert baresip.seen('^Authorization: Digest username="(.*?)", realm="example.com"') == [baresip.user]
    assert "alice" in alice.seen('^Proxy-Authorization: Digest username="(.*?)", realm="example.com"')


def test_without_rtp_the_same_call_fails(phones: Phones, network: Network) -> None:
    alice, bob = phones.baresip("alice"), phones.baresip("bob")
    network.block_audio()
    establish(alice, bob)
    assert max(converse(alice, bob)) < CLEAR
    assert network.audio_packets("alice") > 50
    assert network.audio_packets("bob") > 50
    end(alice, bob)


@pytest.mark.parametrize(("one", "other"), [("udp", "tcp"), ("tcp", "tls"), ("tls", "udp")])
def test_transports_of_the_two_may_differ(phones: Phones, one: str, other: str) -> None:
    alice, bob = phones.baresip("alice", one), phones.baresip("bob", other)
    establish(alice, bob)
    assert min(converse(alice, bob)) > CLEAR
    end(bob, alice)


def test_hold_and_digits_pass_within_a_dialog(phones: Phones, network: Network) -> None:
    alice, bob = phones.baresip("alice"), phones.baresip("bob")
    establish(alice, bob)
    alice.talk(0.5)
    alice.command("hold")
    until("recvonly", lambda: "recvonly" in alice.seen("^a=(recvonly)"))
    silent = network.audio_packets("bob")
    alice.talk(2.0)
    # What was under way when the answer left may still come.
    assert network.audio_packets("bob") - silent < 10
    alice.command("resume")
    until("audio after the hold", lambda: network.audio_packets("bob") > silent + 25)
    for digit in "5#":
        alice.command("sndcode", digit)
        assert bob.event("CALL_DTMF_START")["param"] == digit
        bob.event("CALL_DTMF_END")
    end(alice, bob)


def test_a_caller_gives_up(phones: Phones) -> None:
    alice, bob = phones.baresip("alice"), phones.baresip("bob")
    alice.command("dial", f"sip:bob@{DOMAIN}")
    bob.event("CALL_INCOMING")
    alice.event("CALL_RINGING")
    end(alice, bob)
    until("487", lambda: alice.seen("^SIP/2.0 (487)"))
    assert bob.seen(r"^(CANCEL) ")


def test_a_callee_declines(phones: Phones) -> None:
    alice, bob = phones.baresip("alice"), phones.baresip("bob")
    alice.command("dial", f"sip:bob@{DOMAIN}")
    bob.event("CALL_INCOMING")
    bob.command("hangup")
    assert "486" in alice.event("CALL_CLOSED")["param"]


@pytest.mark.parametrize(("user", "status"), [("nobody", "404"), ("bob", "480")])
def test_a_callee_that_is_not_there(phones: Phones, user: str, status: str) -> None:
    alice = phones.baresip("alice")
    alice.command("dial", f"sip:{user}@{DOMAIN}")
    assert status in alice.event("CALL_CLOSED")["param"]


def test_of_two_phones_the_first_that_answers_has_the_call(phones: Phones) -> None:
    alice, desk, mobile = phones.baresip("alice"), phones.baresip("bob"), phones.baresip("bob", "tcp", place="carol")
    alice.command("dial", f"sip:bob@{DOMAIN}")
    desk.event("CALL_INCOMING")
    mobile.event("CALL_INCOMING")
    mobile.command("accept")
    alice.event("CALL_ESTABLISHED")
    desk.event("CALL_CLOSED")
    assert min(converse(alice, mobile)) > CLEAR
    end(alice, mobile)


def test_a_phone_asks_what_another_can_do(phones: Phones) -> None:
    alice, bob = phones.baresip("alice"), phones.baresip("bob")
    alice.command("options", f"sip:bob@{DOMAIN}")
    until("OPTIONS", lambda: bob.seen("^(OPTIONS) "))
    until("answer", lambda: len(alice.seen("^CSeq: [0-9]+ (OPTIONS)")) >= 4)
    assert "SIP/2.0 200" in alice.process.output.rpartition("SIP/2.0 407")[2]


def test_a_wrong_password_does_not_register(phones: Phones) -> None:
    mallory = phones.baresip("alice", password="looking-glass")
    mallory.process.wait_for("reg: sip:alice@example.com: 40[13] ")


def test_a_phone_that_goes_away_unregisters(phones: Phones) -> None:
    alice, bob = phones.baresip("alice"), phones.baresip("bob")
    bob.send("quit")
    assert bob.process.wait() == 0
    alice.command("dial", f"sip:bob@{DOMAIN}")
    assert "480" in alice.event("CALL_CLOSED")["param"]


def test_a_killed_server_calls_its_phones_when_it_is_back(phones: Phones, server: HubServer) -> None:
    alice, bob = phones.baresip("alice"), phones.baresip("bob")
    server.kill()
    server.start()
    establish(alice, bob)
    assert min(converse(alice, bob)) > CLEAR
    end(alice, bob)
    assert len(bob.seen("^(REGISTER) ")) == 2
