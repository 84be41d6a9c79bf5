"""Whole SIP messages: the corpus, and how their lines are changed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from tests.fuzz.judge import check_whole
from tests.fuzz.octets import MARKS
from tests.fuzz.target import Target
from tests.fuzz.timing import OF_A_CHECK

__all__ = ["LARGEST", "MESSAGES", "corpus"]

DATA: Final = Path(__file__).parents[1] / "data"
LARGEST: Final = 65536
FLOWS_PER_RFC: Final = 24

MESSAGE_MARKS: Final = (
    *MARKS,
    *(b"\r\n", b"\n", b"\r", b"\r\n ", b"\n\t", b"\r\n\r\n", b"\n\n"),
    *(b"SIP/2.0", b"sip:", b"sips:", b"tel:", b"SIP/2.0/UDP a;branch=z9hG4bK1", b"z9hG4bK", b";rport"),
    *(b";received=::1", b";lr", b";tag=", b";q=", b";expires=", b";maddr=", b"[::1]", b"::", b"Digest ", b"GMT"),
    b" INVITE",
)
LINES: Final = (
    *(b"Via: SIP/2.0/UDP x;branch=z9hG4bKx", b"v: SIP / 2.0 / TCP [::1]:5060;rport", b"Route: <sip:a;lr>,<sip:b;lr>"),
    *(b"Record-Route: <sip:c;lr>", b"Content-Length: 0", b"l: 5", b"Contact: *", b"m: <sip:a@b>;q=0.5, sip:c"),
    *(b"X: 1;y", b"Subject:", b"no colon", b" folded", b"\tfolded", b": no name", b"k:"),
    b"Date: Sat, 13 Nov 2010 23:29:00 GMT",
)


@cache
def corpus() -> tuple[bytes, ...]:
    """Torture messages, some of each RFC's flows, and one message with each field that was ever seen."""
    found = [file.read_bytes() for file in sorted(DATA.glob("torture/*/*")) if file.suffix in (".dat", ".sip")]
    for folder in sorted(DATA.glob("flows/*")):
        files = sorted(folder.glob("*.sip"))
        found += [file.read_bytes() for file in files[:: max(1, len(files) // FLOWS_PER_RFC)]]
    head, blank, body = found[0].partition(b"\r\n\r\n")
    fields: dict[str, bytes] = {}
    for line in (DATA / "headers" / "fields.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        text = f"{record['header']}: {record['text']}".encode("utf-8", "surrogateescape")
        fields.setdefault(record["header"], text)
    known = list(fields.values())
    for start in range(0, len(known), 6):
        found.append(b"\r\n".join([head, *known[start : start + 6]]) + blank + body)
    return tuple(found)


def line(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(random.randrange(len(lines)), random.choice(LINES))
    return b"\r\n".join(lines)


def drop_line(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    del lines[random.randrange(len(lines))]
    return b"\r\n".join(lines)


def swap_lines(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r\n".join(lines)


def swap_values(random: Random, data: bytes) -> bytes:
    """Give a header the value of another: what is right for one grammar and wrong for the next."""
    lines = data.split(b"\r\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    name, colon, _ = lines[one].partition(b":")
    lines[one] = name + colon + lines[other].partition(b":")[2]
    return b"\r\n".join(lines)


def fold(random: Random, data: bytes) -> bytes:
    blanks = [at for at, octet in enumerate(data) if octet == 32]
    if not blanks:
        return data
    at = random.choice(blanks)
    return data[:at] + random.choice([b"\r\n ", b"\n ", b"\r\n\t", b" \r\n  "]) + data[at + 1 :]


def bare_line_ends(random: Random, data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n", random.choice([1, 2, 5, 1000]))


def splice_lines(random: Random, data: bytes) -> bytes:
    """Go on with the lines of another message."""
    other = random.choice(corpus()).split(b"\r\n")
    lines = data.split(b"\r\n")
    return b"\r\n".join(lines[: random.randrange(len(lines) + 1)] + other[random.randrange(len(other)) :])


MESSAGES: Final = Target(
    "messages",
    corpus,
    check_whole,
    marks=MESSAGE_MARKS,
    more=(line, drop_line, swap_lines, swap_values, swap_values, fold, bare_line_ends, splice_lines),
    largest=LARGEST,
    most=OF_A_CHECK,
)
