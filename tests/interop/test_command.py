"""`offhook call` and `offhook answer` talk to phones that others wrote, through the server."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.command import environment
from tests.interop.namespaces import DOMAIN, Network
from tests.interop.phones import Phones
from tests.interop.process import Process, until
from tests.interop.server import OFFHOOK
from tests.interop.sipp import Sipp
from tests.interop.tones import CLEAR, clearness, converse

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


def test_without_rtp_the_same_call_fails(phones: Phones, network: Network) -> None:
    alice, bob = phones.baresip("alice"), phones.answer("bob")
    network.block_audio()
    alice.command("dial", f"sip:bob@{DOMAIN}")
    alice.event("CALL_ESTABLISHED")
    alice.talk(3.0)
    alice.command("hangup")
    bob.process.wait_for("the call is over")
    assert max(clearness(alice, bob)) < CLEAR
    assert network.audio_packets("bob") > 50


def test_a_busy_callee_is_an_exit_status(phones: Phones) -> None:
    bob = phones.baresip("bob")
    alice = phones.call("alice", f"sip:bob@{DOMAIN}")
    bob.event("CALL_INCOMING")
    bob.command("hangup")
    assert alice.process.wait() == 3
    assert "486" in alice.process.output.splitlines()[-1]


def test_ctrl_c_gives_up_a_call_that_rings(phones: Phones) -> None:
    bob = phones.baresip("bob")
    alice = phones.call("alice", f"sip:bob@{DOMAIN}")
    bob.event("CALL_INCOMING")
    alice.process.wait_for("^180 Ringing")
    alice.process.interrupt()
    bob.event("CALL_CLOSED")
    assert alice.process.wait() == 130
    assert "Contact: <sip:alice@198.51.100.2" in alice.process.output
    assert bob.seen("^(CANCEL) ")


def test_ctrl_c_hangs_up(phones: Phones) -> None:
    alice, bob = phones.baresip("alice"), phones.answer("bob")
    alice.command("dial", f"sip:bob@{DOMAIN}")
    alice.event("CALL_ESTABLISHED")
    alice.talk(1.0)
    bob.process.interrupt()
    alice.event("CALL_CLOSED")
    bob.process.wait()
    # It has unregistered too: nobody is there any more.
    alice.command("dial", f"sip:bob@{DOMAIN}")
    assert "480" in alice.event("CALL_CLOSED")["param"]


@pytest.mark.interop("sipp")
def test_the_callers_of_sipp_are_answered(tmp_path: Path, loopback: str, running: ExitStack) -> None:
    command = [OFFHOOK, "answer", "--no-register", "--as", "sip:service@127.0.0.1"]
    answering = running.enter_context(Process(tmp_path, "answer", command, environment=environment(tmp_path)))
    port = answering.wait_for(r"^waiting for calls .* 127\.0\.0\.1:([0-9]+)")[1]
    arguments = [f"127.0.0.1:{port}", "-m", "10", "-r", "5", "-d", "500"]
    calling = running.enter_context(Sipp(tmp_path, "uac", *arguments, local=loopback, port=5060))
    counted = calling.finish(60)
    assert (counted["SuccessfulCall(C)"], counted["FailedCall(C)"]) == (10, 0)
    until("ten calls", lambda: answering.output.count("the call is over: the peer hung up") == 10)


@pytest.mark.interop("sipp")
def test_we_call_the_answering_side_of_sipp(tmp_path: Path, loopback: str, running: ExitStack) -> None:
    answering = running.enter_context(Sipp(tmp_path, "uas", "-m", "1", local=loopback, port=5060))
    command = [
        OFFHOOK,
        "call",
        f"sip:service@{loopback}",
        "--seconds",
        "1",
        "--no-register",
        "--as",
        "sip:us@127.0.0.1",
    ]
    calling = running.enter_context(Process(tmp_path, "call", command, environment=environment(tmp_path)))
    assert calling.wait() == 0
    counted = answering.finish(30)
    assert (counted["SuccessfulCall(C)"], counted["FailedCall(C)"]) == (1, 0)
