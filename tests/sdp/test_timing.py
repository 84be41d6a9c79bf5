from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sdp.line import Line
from offhook.sdp.timing import PERMANENT, RepeatTimes, TimeDescription, ZoneAdjustment, read_times


def lines(*texts: str) -> list[Line]:
    return [Line(text[0], text[2:], offset=40) for text in texts]


def test_the_example_of_the_rfc_in_both_its_writings() -> None:
    # RFC 8866 5.10 and 5.11.
    seconds = read_times(lines("t=3724394400 3754123200", "r=604800 3600 0 90000", "z=3730928400 -1h 3749680800 0"))
    units = read_times(lines("t=3724394400 3754123200", "r=7d 1h 0 25h", "z=3730928400 -3600s 3749680800 0"))
    assert seconds == units
    assert seconds == (
        TimeDescription(
            3724394400,
            3754123200,
            (RepeatTimes(604800, 3600, (0, 90000)),),
            (ZoneAdjustment(3730928400, -3600), ZoneAdjustment(3749680800, 0)),
        ),
    )


def test_repeats_belong_to_the_time_before_them() -> None:
    times = read_times(lines("t=1 2", "t=3 4", "r=1 1 0", "r=2m 2 0", "t=5 6"))
    assert [(time.start, len(time.repeats)) for time in times] == [(1, 0), (3, 2), (5, 0)]
    assert times[1].repeats[1].interval == 120


def test_lines_of_other_types_are_passed_over() -> None:
    assert read_times(lines("v=0", "t=0 0", "c=IN IP4 192.0.2.1")) == (PERMANENT,)
    assert read_times(lines("v=0")) == ()


def test_rfc_5359_prints_a_space_too_many() -> None:
    assert TimeDescription.parse(" 0 0") == PERMANENT
    assert PERMANENT.serialize() == "0 0"


@pytest.mark.parametrize(
    ("texts", "clause"),
    [
        (["t="], "RFC 8866 5.9"),
        (["t=0"], "RFC 8866 5.9"),
        (["t=0 0 0"], "RFC 8866 5.9"),
        (["t=0 x"], "RFC 8866 5.9"),
        (["t=0 -1"], "RFC 8866 5.9"),
        ([f"t=0 {1 << 63}"], "RFC 8866 5.9"),
        (["r=1 1 0"], "RFC 8866 9"),
        (["z=1 1"], "RFC 8866 9"),
        (["t=0 0", "r=1 1"], "RFC 8866 5.10"),
        (["t=0 0", "r=1w 1 0"], "RFC 8866 5.10"),
        (["t=0 0", "r=d 1 0"], "RFC 8866 5.10"),
        (["t=0 0", "z="], "RFC 8866 5.11"),
        (["t=0 0", "z=1"], "RFC 8866 5.11"),
        (["t=0 0", "z=1 --1"], "RFC 8866 5.11"),
    ],
)
def test_malformed_times(texts: list[str], clause: str) -> None:
    with pytest.raises(ParseError) as caught:
        read_times(lines(*texts))
    assert (caught.value.clause, caught.value.offset) == (clause, 40)
