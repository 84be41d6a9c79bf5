from __future__ import annotations

from offhook.registrar.refused import Refused


def test_a_refusal_holds_its_answer() -> None:
    assert (Refused(439).status, Refused(439).headers) == (439, ())
    assert Refused(423, ("Min-Expires", "60")).headers == (("Min-Expires", "60"),)
    assert Refused(415, ("Accept", ""), ("X", "y")).headers == (("Accept", ""), ("X", "y"))
