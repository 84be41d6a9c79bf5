"""The code of docs/testing.md runs."""

from __future__ import annotations

from typing import Any

from offhook.testing.network import VirtualNetwork
from tests.pages import DOCS, run

GUIDE = DOCS / "testing.md"


def test_the_test_of_the_guide_passes() -> None:
    run(GUIDE)["test_it_answers_over_a_bad_network"]()


def test_what_it_shows_of_a_failure_works(capsys: Any) -> None:
    names = run(GUIDE)
    network = VirtualNetwork(trace=True)
    alice = network.add("192.0.2.1", lambda stack: names["ScriptedPeer"](stack, "sip:alice@192.0.2.1"))
    network.add("192.0.2.2", names["Capable"])
    alice.call(
        lambda now: alice.role.send(
            alice.role.request("OPTIONS", "sip:192.0.2.2"), alice.target_to("192.0.2.2", 5060), now
        )
    )
    assert names["left"](alice.stack) == 2
    network.run()
    assert names["left"](alice.stack) == 0
    names["show"](network)
    assert capsys.readouterr().out == (
        "  0.001  192.0.2.1 -> 192.0.2.2  OPTIONS sip:192.0.2.2 SIP/2.0\n"
        "  0.002  192.0.2.2 -> 192.0.2.1  SIP/2.0 200 OK\n"
    )
