from __future__ import annotations

from datetime import UTC, datetime

import pytest

from offhook.media.rtcp import ntp


def test_the_epoch_is_1900() -> None:
    assert (datetime(1970, 1, 1, tzinfo=UTC) - datetime(1900, 1, 1, tzinfo=UTC)).total_seconds() == ntp.EPOCH_OFFSET


@pytest.mark.rfc("3550 4")
@pytest.mark.parametrize("wall", [0.0, 0.5, 1_700_000_000.25, 1_999_999_999.999])
def test_wall_time_survives_the_way(wall: float) -> None:
    timestamp = ntp.from_wall(wall)
    assert ntp.to_wall(timestamp) == pytest.approx(wall, abs=1e-6)
    assert timestamp >> 32 == int(wall) + ntp.EPOCH_OFFSET


def test_the_seconds_wrap_in_2036() -> None:
    assert ntp.from_wall(float((1 << 32) - ntp.EPOCH_OFFSET + 5)) == 5 << 32


@pytest.mark.rfc("3550 6.4.1")
def test_the_compact_form_is_the_middle() -> None:
    # RFC 3550 figure 2: the SR of "n" was sent at 0xb44db705.20000000.
    assert ntp.compact(0xB44DB705_20000000) == 0xB705_2000
