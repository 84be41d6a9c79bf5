from __future__ import annotations

import pytest

from offhook.proxy.settings import ProxyDomain, ProxySettings


def test_the_defaults() -> None:
    settings = ProxySettings()
    assert (settings.timer_c, settings.record_route, settings.max_breadth) == (190.0, True, 60)
    assert settings.realms == frozenset()
    domain = ProxyDomain("example.com")
    assert (domain.name, domain.fallback, domain.stateless) == ("example.com", None, False)


@pytest.mark.rfc("3261 16.6 step 11", "3261 16.6 #49")
@pytest.mark.parametrize("seconds", [0.0, 180.0])
def test_timer_c_is_more_than_three_minutes(seconds: float) -> None:
    with pytest.raises(ValueError, match="180"):
        ProxySettings(timer_c=seconds)
    assert ProxySettings(timer_c=180.5).timer_c == 180.5


@pytest.mark.rfc("5393 5.3.3 #2")
def test_max_breadth_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="Max-Breadth"):
        ProxySettings(max_breadth=0)
    assert ProxySettings(max_breadth=1).max_breadth == 1
