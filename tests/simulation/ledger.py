"""What a registrar has acknowledged, kept apart from it: each binding and its end, as its 200 told (RFC 3261 10.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from offhook.clock import Moment
from offhook.location.base import LocationService
from offhook.registrar.aor import aor_of
from offhook.sip.headers.address import Contact
from offhook.sip.message import Message
from offhook.sip.parser import parse

__all__ = ["Ledger"]

ROUNDED: Final = 1.0
"""A 200 tells whole seconds."""


class Entry:
    """One binding. `ends`: wall seconds, None where the clock was set before that was told.

    `sure`: it is there until then; else it was about to end, or has.
    """

    __slots__ = ("ends", "sure")

    def __init__(self, ends: float | None) -> None:
        self.ends = ends
        self.sure = ends is not None


class Ledger:
    """Takes the answers that the registrar sends and says in what its store differs from them.

    `compared` counts the bindings looked at. `changing`: the addresses-of-record with changes that are under way.
    """

    def __init__(self) -> None:
        self.compared = 0
        self.changing: Counter[str] = Counter()
        self._told: dict[str, dict[str, Entry]] = {}
        # Those of which nobody was told how the last change went: the next answer tells.
        self._open: set[str] = set()
        self._seen: set[tuple[str, str | None, int]] = set()
        # How many of the changes that were under way when the clock was set are not answered yet.
        self._asked_before: Counter[str] = Counter()

    def sent(self, data: bytes, now: Moment) -> None:
        """The registrar sends something."""
        if not data.startswith(b"SIP/2.0 200 ") or b" REGISTER\r\n" not in data:
            return
        answer = parse(data)
        request = (answer.call_id, answer.branch, answer.cseq_number)
        if request in self._seen:
            # Sent again: what it tells was so then.
            return
        self._seen.add(request)
        aor = aor_of(answer.octets("to"))
        told = dict(_told(answer, None if self._asked_before[aor] > 0 else now))
        for contact, entry in self._told.get(aor, {}).items():
            if entry.ends is None or entry.ends <= now.wall + ROUNDED:
                # It has ended, and lives again where the clock is set back.
                told.setdefault(contact, Entry(None))
        self._told[aor] = told
        self._asked_before[aor] -= 1
        self._open.discard(aor)

    def begun(self, aor: str) -> None:
        """The registrar has given a change to its store."""
        self.changing[aor] += 1

    def done(self, aor: str, kept: bool) -> None:
        """The store has carried it out, or refused it; whether anybody is told remains to be seen."""
        self.changing[aor] -= 1
        if kept:
            self._open.add(aor)

    def crashed(self) -> None:
        """The registrar has gone, with all that was under way: that was kept or not, and nobody was told."""
        self._open.update(self.under_way)
        self.changing.clear()

    def clock_is_to_be_set(self, now: Moment) -> None:
        """What has ended by now may be gone for good, or live again when the clock is set back."""
        self._asked_before = self.changing.copy()
        for told in self._told.values():
            for entry in told.values():
                if entry.ends is not None and entry.ends <= now.wall + ROUNDED:
                    entry.sure = False

    @property
    def under_way(self) -> list[str]:
        """The addresses-of-record with changes that are neither kept nor refused."""
        return [aor for aor, count in self.changing.items() if count]

    def lives(self, aor: str, contact: str, now: Moment) -> bool:
        """Whether a binding was acknowledged and has not come to its end."""
        if aor in self._open:
            return True
        entry = self._told.get(aor, {}).get(contact)
        return entry is not None and (entry.ends is None or entry.ends > now.wall - ROUNDED)

    def differences(self, store: LocationService, now: Moment) -> Iterator[str]:
        """What was acknowledged and is not there, or is there in another way, and what nobody asked for."""
        for aor, told in self._told.items():
            if aor in self._open or self.changing[aor]:
                continue
            held = {binding.contact: binding.expires for binding in store.lookup_now(aor, now) or ()}
            self.compared += len(held)
            for contact, ends in held.items():
                if ends <= now.wall:
                    yield f"{contact} of {aor} is given out {now.wall - ends:.0f} s after its end"
            for contact, entry in told.items():
                there = held.pop(contact, None)
                if entry.ends is None:
                    continue
                if there is None:
                    if entry.sure and entry.ends > now.wall + ROUNDED:
                        yield f"{contact} of {aor} was acknowledged for {entry.ends - now.wall:.0f} s more and is gone"
                elif abs(there - entry.ends) > ROUNDED:
                    yield f"{contact} of {aor} ends {there - entry.ends:+.0f} s off what was acknowledged"
            for contact in held:
                yield f"{contact} of {aor} is there, which was never acknowledged or was taken back"


def _told(answer: Message, now: Moment | None) -> Iterator[tuple[str, Entry]]:
    for contact in answer.headers("Contact"):
        assert isinstance(contact, Contact)
        yield contact.uri.serialize(), Entry(None if now is None else now.wall + (contact.expires or 0))
