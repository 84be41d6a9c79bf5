from __future__ import annotations

from offhook.clock import Moment
from offhook.transport import log_limit
from offhook.transport.log_limit import LogLimit


def at(second: float) -> Moment:
    return Moment(second, 0.0)


def test_all_names_exist() -> None:
    assert all(hasattr(log_limit, name) for name in log_limit.__all__)


def test_a_flood_is_cut_and_counted() -> None:
    limit = LogLimit(2, 10.0)
    assert [limit.admits(at(second)) for second in (0.0, 1.0, 2.0, 9.9)] == [True, True, False, False]
    assert limit.withheld == 0
    assert limit.admits(at(10.0))
    assert limit.withheld == 2
    assert limit.remark == {"not_logged_before": 2}
    assert limit.admits(at(11.0))
    assert limit.withheld == 0
    assert not limit.admits(at(12.0))


def test_what_is_seldom_is_never_cut() -> None:
    limit = LogLimit(1, 1.0)
    assert all(limit.admits(at(float(second))) for second in range(100))
    assert limit.withheld == 0
