"""Reliable provisional responses and PRACK (RFC 3262): the numbering at both ends."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from offhook.clock import Moment
from offhook.dialog.repetition import Repetition, RepetitionEvent
from offhook.sip.headers.cseq import RAck
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft
from offhook.transaction.table import TransactionTable

__all__ = ["OPTION_TAG", "ProvisionalOrder", "ReliableResponses", "Sequence"]

OPTION_TAG: Final = "100rel"

HIGHEST_FIRST: Final = 2**31 - 1


class Sequence(StrEnum):
    """What a reliable provisional response is to its receiver (RFC 3262 4)."""

    NEXT = "next"
    REPEATED = "repeated"
    OUT_OF_ORDER = "out of order"


class ReliableResponses:
    """The reliable provisional responses of a UAS to one INVITE (RFC 3262 3).

    One is under way at a time, as the section recommends; the others wait. `send` passes a response to the server
    transaction. `give_up` is called when one is not acknowledged in 64*T1. `settled` is called each time when
    nothing is left to be acknowledged: a 2xx that had to wait goes then.
    """

    __slots__ = (
        "_current",
        "_described",
        "_invite",
        "_number",
        "_repetition",
        "_transactions",
        "_waiting",
        "give_up",
        "send",
        "settled",
    )

    def __init__(
        self,
        transactions: TransactionTable,
        invite: Request,
        first: int,
        send: Callable[[Response, Moment], None],
        give_up: Callable[[Moment], None],
        settled: Callable[[Moment], None],
    ) -> None:
        self._transactions = transactions
        self._invite = invite
        self._number = first - 1
        self._current: Response | None = None
        self._repetition: Repetition | None = None
        self._described = False
        self._waiting: list[Draft] = []
        self.send = send
        self.give_up = give_up
        self.settled = settled

    @staticmethod
    def first_number(random: int) -> int:
        """An RSeq to start with, 1 to 2**31 - 1, from any number that is not negative (RFC 3262 3)."""
        return 1 + random % HIGHEST_FIRST

    @property
    def holds_back_success(self) -> bool:
        """Whether a 2xx has to wait, because a session description is not acknowledged yet (RFC 3262 3, 5)."""
        return self._described and (self._repetition is not None or len(self._waiting) > 0)

    def add(self, draft: Draft, described: bool, now: Moment) -> None:
        """Send a provisional response reliably, or once those before it are acknowledged.

        `described`: it carries a session description.
        """
        self._described = self._described or described
        self._waiting.append(draft)
        self._next(now)

    def matches(self, prack: Request) -> bool:
        """Whether a PRACK acknowledges what is under way; otherwise it earns 481. Raises ParseError."""
        rack = prack.header("RAck")
        if self._repetition is None or not isinstance(rack, RAck) or rack.method != self._invite.method:
            return False
        return rack.response_number == self._number and rack.cseq_number == self._invite.cseq_number

    def acknowledge(self, now: Moment) -> None:
        """A PRACK that matches has its 200."""
        if self._repetition is None:
            return
        self._repetition.fire(RepetitionEvent.ACKNOWLEDGED, None, now)
        self._repetition = None
        if not self._next(now):
            self._described = False
            self.settled(now)

    def stop(self, now: Moment) -> None:
        """A final response goes: nothing is sent again, but a late PRACK still gets its 200 (RFC 3262 3)."""
        self._waiting.clear()
        if self._repetition is not None:
            self._repetition.fire(RepetitionEvent.STOP, None, now)

    def _next(self, now: Moment) -> bool:
        """Send the next one that waits, unless one is under way; False when there is none."""
        if self._repetition is not None or not self._waiting:
            return False
        self._number += 1
        draft = self._waiting.pop(0)
        response = draft.add("Require", OPTION_TAG).add("RSeq", str(self._number)).response()
        self._current = response
        # The intervals double without a limit: a PRACK does not depend on seeing the response again (RFC 3262 3).
        self._repetition = Repetition(self._transactions, self._transactions.values.timeout, self._again, self._lost)
        self.send(response, now)
        self._repetition.begin(now)
        return True

    def _again(self, now: Moment) -> None:
        if self._current is not None:
            self.send(self._current, now)

    def _lost(self, now: Moment) -> None:
        self._waiting.clear()
        self.give_up(now)


class ProvisionalOrder:
    """The order in which a UAC takes the reliable provisional responses of one dialog (RFC 3262 4)."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: int | None = None

    @staticmethod
    def is_reliable(response: Response) -> bool:
        """Whether a provisional response asks for a PRACK. Raises ParseError."""
        if not 100 < response.status < 200 or not response.has("RSeq"):
            return False
        return OPTION_TAG in [tag.lower() for tag in response.tokens("Require")]

    def take(self, response: Response) -> Sequence:
        """Take a reliable one: only the NEXT is processed and gets a PRACK. Raises ParseError."""
        number = response.number("RSeq") or 0
        if self._last is None or number == self._last + 1:
            self._last = number
            return Sequence.NEXT
        return Sequence.REPEATED if number <= self._last else Sequence.OUT_OF_ORDER
