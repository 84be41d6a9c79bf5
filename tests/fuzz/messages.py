"""A deterministic mutator of SIP messages: the same shard makes the same messages, on every machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

__all__ = ["corpus", "mutants"]

DATA: Final = Path(__file__).parents[1] / "data"
LARGEST: Final = 65536
FLOWS_PER_RFC: Final = 24

MARKS: Final = [
    *(
        b",",
        b";",
        b":",
        b"<",
        b">",
        b'"',
        b"(",
        b")",
        b"\\",
        b"=",
        b"@",
        b"%",
        b"/",
        b"?",
        b"&",
        b"[",
        b"]",
        b"*",
        b" ",
    ),
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\t",
        b"\0",
        b"\x7f",
        b"\xff",
        b"\xc3\xa9",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
    ),
    *(
        b"\r\n ",
        b"\n\t",
        b"\r\n\r\n",
        b"\n\n",
        b"%00",
        b"%zz",
        b"%25",
        b"\\\0",
        b'\\"',
        b"<>",
        b"()",
        b'""',
        b";;",
        b",,",
    ),
    *(
        b"SIP/2.0",
        b"sip:",
        b"sips:",
        b"tel:",
        b"SIP/2.0/UDP a;branch=z9hG4bK1",
        b"z9hG4bK",
        b";rport",
        b";received=::1",
    ),
    *(b";lr", b";tag=", b";q=", b";expires=", b";maddr=", b"[::1]", b"[", b"::", b"*", b"Digest ", b"GMT", b" INVITE"),
]
NUMBERS: Final = [
    *(b"0", b"-1", b"00", b"1", b"255", b"256", b"65535", b"65536", b"2147483647", b"2147483648", b"4294967295"),
    *(b"4294967296", b"18446744073709551616", b"9" * 40, b"1e9", b"0x10", b"+1", b"1.5", b"\xd9\xa1", b"\xb2", b""),
]
LINES: Final = [
    *(b"Via: SIP/2.0/UDP x;branch=z9hG4bKx", b"v: SIP / 2.0 / TCP [::1]:5060;rport", b"Route: <sip:a;lr>,<sip:b;lr>"),
    *(
        b"Record-Route: <sip:c;lr>",
        b"Content-Length: 0",
        b"l: 5",
        b"Contact: *",
        b"m: <sip:a@b>;q=0.5, sip:c",
        b"X: 1;y",
    ),
    *(b"Subject:", b"no colon", b" folded", b"\tfolded", b": no name", b"Date: Sat, 13 Nov 2010 23:29:00 GMT", b"k:"),
]


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


def _span(random: Random, data: bytes, longest: int) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.randrange(1, longest + 1))


def _flip(random: Random, data: bytes) -> bytes:
    if not data:
        return b"\0"
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _insert(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(MARKS) + data[at:]


def _overwrite(random: Random, data: bytes) -> bytes:
    mark = random.choice(MARKS)
    at = random.randrange(len(data) + 1)
    return data[:at] + mark + data[at + len(mark) :]


def _cut(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data, 40)
    return data[:start] + data[end:]


def _double(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data, 60)
    return data[:end] + data[start:end] + data[end:]


def _truncate(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _number(random: Random, data: bytes) -> bytes:
    places = [at for at, octet in enumerate(data) if 48 <= octet <= 57]
    if not places:
        return data
    start = end = random.choice(places)
    while end < len(data) and 48 <= data[end] <= 57:
        end += 1
    return data[:start] + random.choice(NUMBERS) + data[end:]


def _change_case(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data, 30)
    return data[:start] + data[start:end].swapcase() + data[end:]


def _line(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(random.randrange(len(lines)), random.choice(LINES))
    return b"\r\n".join(lines)


def _drop_line(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    del lines[random.randrange(len(lines))]
    return b"\r\n".join(lines)


def _swap_lines(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r\n".join(lines)


def _swap_values(random: Random, data: bytes) -> bytes:
    """Give a header the value of another: what is right for one grammar and wrong for the next."""
    lines = data.split(b"\r\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    name, colon, _ = lines[one].partition(b":")
    lines[one] = name + colon + lines[other].partition(b":")[2]
    return b"\r\n".join(lines)


def _fold(random: Random, data: bytes) -> bytes:
    blanks = [at for at, octet in enumerate(data) if octet == 32]
    if not blanks:
        return data
    at = random.choice(blanks)
    return data[:at] + random.choice([b"\r\n ", b"\n ", b"\r\n\t", b" \r\n  "]) + data[at + 1 :]


def _bare_line_ends(random: Random, data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n", random.choice([1, 2, 5, 1000]))


def _splice(random: Random, data: bytes) -> bytes:
    other = random.choice(corpus()).split(b"\r\n")
    lines = data.split(b"\r\n")
    return b"\r\n".join(lines[: random.randrange(len(lines) + 1)] + other[random.randrange(len(other)) :])


def _amplify(random: Random, data: bytes) -> bytes:
    """Repeat a piece until the message is as large as one may be, or a little larger."""
    piece = (
        random.choice(MARKS) * random.randrange(1, 3)
        if random.random() < 0.7
        else data[slice(*_span(random, data, 30))]
    )
    room = LARGEST + 8 - len(data)
    at = random.randrange(len(data) + 1)
    return data[:at] + piece * (room // max(1, len(piece))) + data[at:]


Mutation = Callable[[Random, bytes], bytes]
USUAL: Final[tuple[Mutation, ...]] = (
    *(
        _flip,
        _insert,
        _insert,
        _overwrite,
        _overwrite,
        _cut,
        _double,
        _number,
        _number,
        _change_case,
        _line,
        _drop_line,
    ),
    *(_swap_lines, _swap_values, _swap_values, _fold, _bare_line_ends, _splice, _truncate),
)
ONE_LARGE_IN: Final = 250


def mutants(shard: int, count: int) -> Iterator[bytes]:
    """`count` mutated messages; another shard gives others."""
    random = Random(f"offhook {shard}")
    messages = corpus()
    for number in range(count):
        data = random.choice(messages)
        for _ in range(random.choice([1, 1, 1, 2, 2, 3, 5])):
            data = random.choice(USUAL)(random, data)
        if number % ONE_LARGE_IN == 0:
            data = _amplify(random, data)
        yield data
