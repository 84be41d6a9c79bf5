from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.media.rtcp.goodbye import Goodbye


@pytest.mark.rfc("3550 6.6")
@pytest.mark.parametrize(
    ("ssrcs", "reason", "body"),
    [
        ((1,), None, "00000001"),
        ((1, 2), None, "0000000100000002"),
        ((1,), b"bye", "00000001 03627965"),
        ((1,), b"over", "00000001 046f766572000000"),
        ((), None, ""),
    ],
)
def test_goodbyes_are_read_and_written(ssrcs: tuple[int, ...], reason: bytes | None, body: str) -> None:
    data = bytes.fromhex(body.replace(" ", ""))
    assert Goodbye(ssrcs, reason).serialize_body() == (len(ssrcs), data)
    goodbye = Goodbye.parse(len(ssrcs), data)
    assert (goodbye.ssrcs, goodbye.reason) == (ssrcs, reason)


@pytest.mark.parametrize(("count", "body"), [(1, "000000"), (2, "00000001"), (1, "0000000105626965")])
def test_a_short_goodbye_is_refused(count: int, body: str) -> None:
    with pytest.raises(ParseError):
        Goodbye.parse(count, bytes.fromhex(body))
