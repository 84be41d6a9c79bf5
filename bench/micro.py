"""CPU time of parsing and serializing one message, in microseconds; run by the interpreter that is measured."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from offhook.sip import Draft, Request, Response, parse

HERE = Path(__file__).parent


def fastest(act: Callable[[], object], repeats: int = 9, seconds: float = 0.2) -> float:
    """The least CPU time of one call, over several series."""
    act()
    start = time.thread_time()
    count = 0
    while time.thread_time() - start < seconds / repeats:
        act()
        count += 1
    best = float("inf")
    for _ in range(repeats):
        start = time.thread_time()
        for _ in range(count):
            act()
        best = min(best, (time.thread_time() - start) / count)
    return best * 1e6


def forwarded(message: Request | Response) -> bytes:
    """What a proxy does to a message on its way: a Via on top of a request, one off the top of a response."""
    draft = Draft.of(message)
    if isinstance(message, Response):
        return draft.remove_first("Via").finish().serialize()
    draft.set("Max-Forwards", b"69").prepend("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-0-0123456789abcdef")
    return draft.finish().serialize()


def main() -> None:
    results: dict[str, dict[str, float]] = {}
    for path in sorted((HERE / "messages").glob("*.sip")):
        data = path.read_bytes()
        message = parse(data)
        results[path.stem] = {
            "parse": fastest(lambda data=data: parse(data)),  # type: ignore[misc]
            "forward": fastest(lambda message=message: forwarded(message)),  # type: ignore[misc]
        }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
