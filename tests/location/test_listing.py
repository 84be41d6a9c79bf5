from __future__ import annotations

from offhook.location.binding import Binding
from offhook.location.listing import listed
from tests.location.bindings import AOR, bound


async def test_what_is_at_hand_is_listed_step_by_step() -> None:
    taken: list[str] = []

    def pairs() -> list[tuple[str, list[Binding]]]:
        taken.append("all")
        return [(AOR, [bound()]), ("sip:bob@example.com", [])]

    listing = listed(pairs())
    assert [aor async for aor, _ in listing] == [AOR, "sip:bob@example.com"]
    assert taken == ["all"]
