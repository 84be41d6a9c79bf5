"""The loop over the server without sockets: each kind of work is done, message by message."""

from __future__ import annotations

import pytest

from bench.engine import WORK, measured

CALL = ["INVITE", "180", "200 to INVITE", "ACK", "BYE", "200 to BYE"]


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("call", CALL),
        ("stateless call", CALL),
        ("REGISTER", ["REGISTER"]),
        ("REGISTER with digest", ["REGISTER without", "REGISTER"]),
        ("call with digest", ["INVITE without", "ACK of 407", *CALL]),
    ],
)
def test_each_operation_succeeds_and_tells_what_each_message_took(name: str, steps: list[str]) -> None:
    found = measured(name, 3)
    assert list(found) == steps
    assert all(0 < taken < 1e6 for taken in found.values())


def test_every_kind_of_work_is_tried() -> None:
    assert set(WORK) == {"call", "stateless call", "REGISTER", "REGISTER with digest", "call with digest"}
