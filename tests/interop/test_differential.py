"""What we write, another program reads back with the same values: tshark, hundreds of messages at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from offhook.sip.parser import parse
from tests.interop.reading import Facts, Writer, facts_of, read_by_tshark
from tests.server.wiring import Site

pytestmark = pytest.mark.interop("tshark")

MESSAGES: Final = 600


def differences(made: list[tuple[bytes, Facts]], folder: Path) -> list[str]:
    """What tshark reads otherwise than it was written."""
    names = sorted({name for _, facts in made for name in facts})
    read = read_by_tshark([octets for octets, _ in made], names, folder)
    return [
        f"{name}: {said.get(name)} was written, {seen.get(name)} read\n{octets.decode()}"
        for (octets, said), seen in zip(made, read, strict=True)
        for name in names
        if said.get(name) != seen.get(name)
    ]


def test_tshark_reads_what_we_write(tmp_path: Path) -> None:
    writer = Writer(1)
    made = [writer.message() for _ in range(MESSAGES)]
    wrong = differences(made, tmp_path)
    assert not wrong, "\n".join(wrong[:5])
    # Each kind of value was there often enough to mean something.
    count = Counter(name for _, facts in made for name in facts)
    assert len(count) > 80
    assert min(count.values()) > MESSAGES / 50


def test_we_read_what_we_write() -> None:
    """What is said of a message by whoever made it is what the parser reads, so that the next test means something."""
    writer = Writer(2)
    for _ in range(MESSAGES):
        octets, said = writer.message()
        read = facts_of(parse(octets))
        assert {name: said[name] for name in read if name in said} == read


def test_tshark_reads_what_our_programs_write(tmp_path: Path) -> None:
    """A registration with digest, a message and a call between two user agents, through the server."""
    site = Site()
    alice, bob = site.phone("alice"), site.phone("bob")
    assert (alice.register(), bob.register()) == ([200], [200])
    assert alice.message("sip:bob@example.com") == [200]
    call = alice.invite("sip:bob@example.com")
    bob.node.call(bob.rings[0].answer)
    site.run(2.0)
    alice.node.call(call.hang_up)
    site.run(40.0)
    assert site.network.trace
    made = [(octets, facts_of(parse(octets))) for _, _, _, octets in site.network.trace]
    methods = Counter(facts["sip.CSeq.method"][0] for _, facts in made)
    assert methods.keys() >= {"REGISTER", "MESSAGE", "INVITE", "ACK", "BYE"}
    wrong = differences(made, tmp_path)
    assert not wrong, "\n".join(wrong[:5])


def test_a_difference_shows(tmp_path: Path) -> None:
    octets, said = Writer(3).message()
    said["sip.CSeq.seq"] = ["77"]
    wrong = differences([(octets, said)], tmp_path)
    assert len(wrong) == 1
    assert wrong[0].startswith("sip.CSeq.seq: ['77'] was written, ")
