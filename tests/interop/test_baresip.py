"""baresips register at the server and call each other through it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from offhook.media.audio.tone import tone_above_rest
from tests.interop.baresip import Baresip
from tests.interop.namespaces import DOMAIN, SERVER, SERVER6, Network
from tests.interop.process import until
from tests.interop.server import PASSWORDS, HubServer

pytestmark = pytest.mark.interop("baresip", "ip", "nft", root=True)

TONES = {"alice": 440.0, "bob": 1004.0, "carol": 2300.0}
CLEAR = 20.0
"""How many dB a tone that came through stands above all else."""

Phone = Callable[..., Baresip]


@pytest.fixture
def phone(network: Network, server: HubServer, running: ExitStack) -> Phone:
    """Starts a registered baresip: phone(user, transport, place of another name)."""

    def start(
        user: str, transport: str = "udp", place: str = "", password: str = "", host: str = SERVER, wait: bool = True
    ) -> Baresip:
        port = 5061 if transport == "tls" else 5060
        account = (
            f"<sip:{user}@{DOMAIN};transport={transport}>;auth_pass={password or PASSWORDS[user]};regint=600"
            f';outbound="sip:{f"[{host}]" if ":" in host else host}:{port};transport={transport}"'
        )
        home = network.phone(place or user)
        listen = "[::]" if ":" in host else "0.0.0.0"
        baresip = running.enter_context(
            Baresip(home, account, tone=TONES[home.name], authorities=str(server.authorities), listen=listen)
        )
        if wait:
            baresip.registered()
        return baresip

    return start


def establish(caller: Baresip, callee: Baresip) -> None:
    """One calls, the other answers."""
    caller.command("dial", f"sip:{callee.user}@{DOMAIN}")
    callee.event("CALL_INCOMING")
    callee.command("accept")
    caller.event("CALL_ESTABLISHED")
    callee.event("CALL_ESTABLISHED")


def converse(one: Baresip, other: Baresip) -> tuple[float, float]:
    """Both talk for a while; how far in dB each one's tone stands above all else in the other's ears."""
    one.talk(2.0)
    other.talk(2.0)
    return (
        tone_above_rest(other.heard(), TONES[one.home.name]),
        tone_above_rest(one.heard(), TONES[other.home.name]),
    )


def end(one: Baresip, other: Baresip) -> None:
    """One hangs up, and both calls are over."""
    one.command("hangup")
    one.event("CALL_CLOSED")
    other.event("CALL_CLOSED")


@pytest.mark.parametrize("host", [SERVER, SERVER6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_audio_goes_both_ways(phone: Phone, transport: str, host: str) -> None:
    alice, bob = phone("alice", transport, host=host), phone("bob", transport, host=host)
    establish(alice, bob)
    assert min(converse(alice, bob)) > CLEAR
    end(alice, bob)
    for baresip in (alice, bob):
        assert set(baresip.seen("^Via: SIP/2.0/([A-Z]+)")) == {transport.upper()}
        assert baresip.seen('^Authorization: Digest username="(.*?)", realm="example.com"') == [baresip.user]
    assert "alice" in alice.seen('^Proxy-Authorization: Digest username="(.*?)", realm="example.com"')


def test_without_rtp_the_same_call_fails(phone: Phone, network: Network) -> None:
    alice, bob = phone("alice"), phone("bob")
    network.block_audio()
    establish(alice, bob)
    assert max(converse(alice, bob)) < CLEAR
    assert network.audio_packets("alice") > 50
    assert network.audio_packets("bob") > 50
    end(alice, bob)


@pytest.mark.parametrize(("one", "other"), [("udp", "tcp"), ("tcp", "tls"), ("tls", "udp")])
def test_transports_of_the_two_may_differ(phone: Phone, one: str, other: str) -> None:
    alice, bob = phone("alice", one), phone("bob", other)
    establish(alice, bob)
    assert min(converse(alice, bob)) > CLEAR
    end(bob, alice)


def test_hold_and_digits_pass_within_a_dialog(phone: Phone, network: Network) -> None:
    alice, bob = phone("alice"), phone("bob")
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


def test_a_caller_gives_up(phone: Phone) -> None:
    alice, bob = phone("alice"), phone("bob")
    alice.command("dial", f"sip:bob@{DOMAIN}")
    bob.event("CALL_INCOMING")
    alice.event("CALL_RINGING")
    end(alice, bob)
    until("487", lambda: alice.seen("^SIP/2.0 (487)"))
    assert bob.seen(r"^(CANCEL) ")


def test_a_callee_declines(phone: Phone) -> None:
    alice, bob = phone("alice"), phone("bob")
    alice.command("dial", f"sip:bob@{DOMAIN}")
    bob.event("CALL_INCOMING")
    bob.command("hangup")
    assert "486" in alice.event("CALL_CLOSED")["param"]


@pytest.mark.parametrize(("user", "status"), [("nobody", "404"), ("bob", "480")])
def test_a_callee_that_is_not_there(phone: Phone, user: str, status: str) -> None:
    alice = phone("alice")
    alice.command("dial", f"sip:{user}@{DOMAIN}")
    assert status in alice.event("CALL_CLOSED")["param"]


def test_of_two_phones_the_first_that_answers_has_the_call(phone: Phone) -> None:
    alice, desk, mobile = phone("alice"), phone("bob"), phone("bob", "tcp", place="carol")
    alice.command("dial", f"sip:bob@{DOMAIN}")
    desk.event("CALL_INCOMING")
    mobile.event("CALL_INCOMING")
    mobile.command("accept")
    alice.event("CALL_ESTABLISHED")
    desk.event("CALL_CLOSED")
    assert min(converse(alice, mobile)) > CLEAR
    end(alice, mobile)


def test_a_phone_asks_what_another_can_do(phone: Phone) -> None:
    alice, bob = phone("alice"), phone("bob")
    alice.command("options", f"sip:bob@{DOMAIN}")
    until("OPTIONS", lambda: bob.seen("^(OPTIONS) "))
    until("answer", lambda: len(alice.seen("^CSeq: [0-9]+ (OPTIONS)")) >= 4)
    assert "SIP/2.0 200" in alice.process.output.rpartition("SIP/2.0 407")[2]


def test_a_wrong_password_does_not_register(phone: Phone) -> None:
    mallory = phone("alice", password="looking-glass", wait=False)
    mallory.process.wait_for("reg: sip:alice@example.com: 40[13] ")


def test_a_phone_that_goes_away_unregisters(phone: Phone) -> None:
    alice, bob = phone("alice"), phone("bob")
    bob.send("quit")
    assert bob.process.wait() == 0
    alice.command("dial", f"sip:bob@{DOMAIN}")
    assert "480" in alice.event("CALL_CLOSED")["param"]


def test_a_killed_server_calls_its_phones_when_it_is_back(phone: Phone, server: HubServer) -> None:
    alice, bob = phone("alice"), phone("bob")
    server.kill()
    server.start()
    establish(alice, bob)
    assert min(converse(alice, bob)) > CLEAR
    end(alice, bob)
    assert len(bob.seen("^(REGISTER) ")) == 2
