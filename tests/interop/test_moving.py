"""Our phone's machine gets another address while it is registered, and in the middle of a call with baresip."""

from __future__ import annotations

import re
import time

import pytest

from offhook.media.audio.tone import tone_above_rest
from tests.interop.agent import Agent
from tests.interop.namespaces import DOMAIN, Namespace, Network
from tests.interop.phones import Phones
from tests.interop.process import until
from tests.interop.tones import CLEAR, RATE, TONES

pytestmark = pytest.mark.interop("baresip", "ip", "nft", root=True)

ROUTER, NEW = "198.51.100.5", "198.51.100.6"


def move(network: Network, phone: Namespace) -> None:
    """Take the phone's IPv4 address away, and give it another one in another network."""
    network.hub.run("ip", "address", "add", f"{ROUTER}/30", "dev", phone.name)
    phone.run("ip", "-4", "address", "flush", "dev", "eth0")
    phone.run("ip", "address", "add", f"{NEW}/30", "dev", "eth0")
    phone.run("ip", "route", "add", "default", "via", ROUTER)


def registered_again(phone: Agent) -> None:
    until("second registration", lambda: phone.process.output.count("registration: accepted") == 2)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_it_is_called_at_its_new_address(phones: Phones, network: Network, transport: str) -> None:
    alice, bob = phones.agent("alice", transport), phones.baresip("bob")
    move(network, alice.home)
    registered_again(alice)
    bob.command("dial", f"sip:alice@{DOMAIN}")
    alice.says("incoming sip:bob@example.com")
    alice.type("busy")
    assert "486" in bob.event("CALL_CLOSED")["param"]


@pytest.mark.parametrize("caller", ["alice", "bob"])
def test_a_call_goes_on(phones: Phones, network: Network, caller: str) -> None:
    alice, bob = phones.agent("alice"), phones.baresip("bob")
    if caller == "alice":
        alice.type(f"dial sip:bob@{DOMAIN}")
        bob.event("CALL_INCOMING")
        bob.command("accept")
    else:
        bob.command("dial", f"sip:alice@{DOMAIN}")
        alice.says("incoming sip:bob@example.com")
        alice.type("answer")
    alice.says("answered")
    bob.talk(1.0)
    move(network, alice.home)
    registered_again(alice)
    until("re-INVITE", lambda: bob.seen(f"(Contact: <sip:alice@{NEW})"))
    played, spoken = network.audio_packets("alice"), heard_packets(alice)
    until("audio from us", lambda: network.audio_packets("alice") > played + 100)
    until("audio from the peer", lambda: heard_packets(alice) > spoken + 100)
    bob.command("hangup")
    alice.says("ended: the peer hung up")
    assert tone_above_rest(bob.heard()[-2 * RATE :], TONES["alice"]) > CLEAR


@pytest.mark.parametrize("hangs_up", ["alice", "bob"])
def test_a_call_waits_for_the_network(phones: Phones, network: Network, hangs_up: str) -> None:
    """A cable that is pulled out and put in again, ten seconds later, elsewhere."""
    alice, bob = phones.agent("alice"), phones.baresip("bob")
    alice.type(f"dial sip:bob@{DOMAIN}")
    bob.event("CALL_INCOMING")
    bob.command("accept")
    alice.says("answered")
    bob.talk(1.0)
    alice.home.run("ip", "-4", "address", "flush", "dev", "eth0")
    time.sleep(10)
    move(network, alice.home)
    until("re-INVITE", lambda: bob.seen(f"(Contact: <sip:alice@{NEW})"))
    if hangs_up == "alice":
        alice.type("hang_up")
        bob.event("CALL_CLOSED")
    else:
        bob.command("hangup")
        alice.says("ended: the peer hung up")


def heard_packets(phone: Agent) -> int:
    """How many RTP packets our phone has received."""
    seen = len(re.findall(r"^packets \d+$", phone.process.output, re.MULTILINE))
    phone.type("packets")
    until("count", lambda: len(re.findall(r"^packets \d+$", phone.process.output, re.MULTILINE)) > seen)
    return int(re.findall(r"^packets (\d+)$", phone.process.output, re.MULTILINE)[-1])
