"""The INVITE usage of a dialog: the machines of RFC 5407, figures 1 (caller) and 2 (callee).

They hold what RFC 3261 says in 13.2.2.4, 13.3.1.4 and 15 about 2xx, ACK and BYE. One state is added to the figures:
`LEAVING`, a Moratorium whose user has hung up. A BYE has to wait there, because the callee must not send one before
the ACK has come, or before it is too late for it (15), and the caller owes the ACK first.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from offhook.clock import Moment
from offhook.sip.message import Message
from offhook.transaction.machine import Machine, Table

__all__ = ["CALLEE", "CALLER", "InviteUsage", "UsageEvent", "UsageOwner", "UsageState"]


class UsageState(StrEnum):
    """The states of RFC 5407 2, and LEAVING."""

    PREPARATIVE = "Preparative"
    EARLY = "Early"
    MORATORIUM = "Moratorium"
    LEAVING = "Leaving"
    ESTABLISHED = "Established"
    MORTAL = "Mortal"
    MORGUE = "Morgue"


class UsageEvent(StrEnum):
    """What drives the two machines. Responses are received by the caller, sent by the callee; the ACK vice versa."""

    PROVISIONAL = "1xx with tag"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    """Or an INVITE that is over without a 2xx for this dialog (13.2.2.4)."""
    ACK = "ACK"
    NO_ACK = "no ACK in 64*T1"
    HANG_UP = "hang up"
    BYE = "BYE received"
    BYE_ENDED = "BYE transaction ended"


class UsageOwner(Protocol):
    """Who carries out what the machines decide."""

    def acknowledge(self, response: Message | None, now: Moment) -> None:
        """A 2xx came. The first time: make its ACK, send it, fire `UsageEvent.ACK`. Later: send the same ACK again."""

    def acknowledged(self, ack: Message | None, now: Moment) -> None:
        """The ACK came for the first time."""

    def send_bye(self, now: Moment) -> None:
        """Send BYE, and fire `UsageEvent.BYE_ENDED` when its transaction has ended."""

    def end_session(self, now: Moment) -> None:
        """The session is over: no more media (15.1.1, 15.1.2), and nothing that is sent again and again."""

    def end_usage(self, now: Moment) -> None:
        """Nothing of the usage is left."""


class InviteUsage(Machine):
    """One INVITE usage; `table` is CALLER or CALLEE."""

    __slots__ = ()

    def __init__(self, table: Table, owner: UsageOwner) -> None:
        super().__init__(table, UsageState.PREPARATIVE, owner)

    @property
    def confirmed(self) -> bool:
        """Whether there is a confirmed dialog: a 2xx went, and no BYE yet."""
        state = self.state
        return state is UsageState.MORATORIUM or state is UsageState.LEAVING or state is UsageState.ESTABLISHED

    @property
    def over(self) -> bool:
        """Whether the session is over."""
        return self.state is UsageState.MORTAL or self.state is UsageState.MORGUE


def _acknowledge(owner: UsageOwner, message: Message | None, now: Moment) -> None:
    owner.acknowledge(message, now)


def _acknowledged(owner: UsageOwner, message: Message | None, now: Moment) -> None:
    owner.acknowledged(message, now)


def _leave(owner: UsageOwner, _message: Message | None, now: Moment) -> None:
    owner.end_session(now)
    owner.send_bye(now)


def _left(owner: UsageOwner, _message: Message | None, now: Moment) -> None:
    owner.end_session(now)


def _end(owner: UsageOwner, _message: Message | None, now: Moment) -> None:
    owner.end_session(now)
    owner.end_usage(now)


def _gone(owner: UsageOwner, _message: Message | None, now: Moment) -> None:
    owner.end_usage(now)


CALLER: Table = {
    UsageState.PREPARATIVE: {
        UsageEvent.PROVISIONAL: (None, UsageState.EARLY),
        UsageEvent.SUCCESS: (_acknowledge, UsageState.MORATORIUM),
        UsageEvent.FAILURE: (_end, UsageState.MORGUE),
    },
    UsageState.EARLY: {
        UsageEvent.PROVISIONAL: (None, UsageState.EARLY),
        UsageEvent.SUCCESS: (_acknowledge, UsageState.MORATORIUM),
        UsageEvent.FAILURE: (_end, UsageState.MORGUE),
        # The caller may send BYE here, the callee must not (15); but one that overtook its 2xx looks like it: RFC 5407
        # 3.1.4.
        UsageEvent.HANG_UP: (_leave, UsageState.MORTAL),
        UsageEvent.BYE: (_left, UsageState.MORTAL),
    },
    UsageState.MORATORIUM: {
        UsageEvent.ACK: (None, UsageState.ESTABLISHED),
        UsageEvent.HANG_UP: (None, UsageState.LEAVING),
        UsageEvent.BYE: (_left, UsageState.MORTAL),
    },
    UsageState.LEAVING: {
        UsageEvent.ACK: (_leave, UsageState.MORTAL),
        UsageEvent.BYE: (_left, UsageState.MORTAL),
    },
    UsageState.ESTABLISHED: {
        UsageEvent.SUCCESS: (_acknowledge, UsageState.ESTABLISHED),
        UsageEvent.HANG_UP: (_leave, UsageState.MORTAL),
        UsageEvent.BYE: (_left, UsageState.MORTAL),
    },
    UsageState.MORTAL: {
        UsageEvent.SUCCESS: (_acknowledge, UsageState.MORTAL),
        UsageEvent.ACK: (None, UsageState.MORTAL),
        UsageEvent.BYE: (None, UsageState.MORTAL),
        UsageEvent.BYE_ENDED: (_gone, UsageState.MORGUE),
    },
    UsageState.MORGUE: {
        UsageEvent.SUCCESS: (_acknowledge, UsageState.MORGUE),
        UsageEvent.ACK: (None, UsageState.MORGUE),
        UsageEvent.BYE_ENDED: (None, UsageState.MORGUE),
    },
}
"""RFC 5407 figure 1."""

CALLEE: Table = {
    UsageState.PREPARATIVE: {
        UsageEvent.PROVISIONAL: (None, UsageState.EARLY),
        UsageEvent.SUCCESS: (None, UsageState.MORATORIUM),
        UsageEvent.FAILURE: (_end, UsageState.MORGUE),
    },
    UsageState.EARLY: {
        UsageEvent.PROVISIONAL: (None, UsageState.EARLY),
        UsageEvent.SUCCESS: (None, UsageState.MORATORIUM),
        UsageEvent.FAILURE: (_end, UsageState.MORGUE),
        UsageEvent.BYE: (_left, UsageState.MORTAL),
    },
    UsageState.MORATORIUM: {
        UsageEvent.ACK: (_acknowledged, UsageState.ESTABLISHED),
        UsageEvent.NO_ACK: (_leave, UsageState.MORTAL),
        UsageEvent.HANG_UP: (None, UsageState.LEAVING),
        UsageEvent.BYE: (_left, UsageState.MORTAL),
    },
    UsageState.LEAVING: {
        UsageEvent.ACK: (_leave, UsageState.MORTAL),
        UsageEvent.NO_ACK: (_leave, UsageState.MORTAL),
        UsageEvent.BYE: (_left, UsageState.MORTAL),
    },
    UsageState.ESTABLISHED: {
        UsageEvent.ACK: (None, UsageState.ESTABLISHED),
        UsageEvent.HANG_UP: (_leave, UsageState.MORTAL),
        UsageEvent.BYE: (_left, UsageState.MORTAL),
    },
    UsageState.MORTAL: {
        UsageEvent.ACK: (None, UsageState.MORTAL),
        UsageEvent.BYE: (None, UsageState.MORTAL),
        UsageEvent.BYE_ENDED: (_gone, UsageState.MORGUE),
    },
    UsageState.MORGUE: {
        UsageEvent.BYE_ENDED: (None, UsageState.MORGUE),
    },
}
"""RFC 5407 figure 2."""
