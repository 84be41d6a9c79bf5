from __future__ import annotations

from offhook.server import reasons
from offhook.server.reasons import reason_of


def test_all_names_exist() -> None:
    assert all(hasattr(reasons, name) for name in reasons.__all__)


def test_a_reason_goes_on_with_a_sentence() -> None:
    assert reason_of(OSError(28, "No space left on device")) == "no space left on device"
    assert reason_of(OSError("Odd")) == "odd"
    assert reason_of(OSError()) == ""
