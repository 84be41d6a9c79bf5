from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sdp.line import Line, serialize


def test_lines_keep_their_ends() -> None:
    assert serialize([Line("v", "0", "\n"), Line("s", " "), Line("t", "0 0", "")]) == "v=0\ns= \r\nt=0 0"


def test_a_line_that_was_not_ended_is_ended_when_another_follows() -> None:
    assert serialize([Line("t", "0 0", ""), Line("a", "sendrecv")]) == "t=0 0\r\na=sendrecv\r\n"


def test_no_lines_are_no_text() -> None:
    assert serialize([]) == ""


@pytest.mark.parametrize("value", ["x\r\nm=audio 9 RTP/AVP 0", "x\ny", "x\ry", "x\x00"])
def test_a_value_cannot_smuggle_in_a_line(value: str) -> None:
    with pytest.raises(ParseError) as caught:
        Line("a", value, offset=12)
    assert caught.value.clause is not None
    assert caught.value.clause.startswith("RFC 8866 9")
    assert caught.value.offset == 12


def test_the_offset_takes_no_part_in_comparisons() -> None:
    assert Line("s", "-", offset=3) == Line("s", "-")
    assert Line("s", "-", "\n") != Line("s", "-")
