"""A call goes on from another address when the machine's has changed (RFC 3261 12.2.1.1, 14.1; RFC 3264 8.3.1)."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment, Timer
from offhook.dialog.invite import UsageState
from offhook.errors import SipError, TransportFailed
from offhook.flow import Target
from offhook.ua.events import CallEnd, EndCause
from offhook.ua.invite_session import InviteSession, media_hosts
from offhook.ua.modify import Modification
from offhook.ua.transaction_user import TransactionUser

__all__ = ["Relocation"]

LONGEST: Final = 32.0
"""Seconds (64*T1) that a call waits for a new address; then it is over."""

LOOK_AGAIN: Final = 1.0
"""Seconds after which what stood in the way may be gone."""

_AGAIN: Final = "look again"
_OVER: Final = "no way to the peer"


class Relocation(TransactionUser):
    """Tells the peer of one session where we are from now on: our Contact, and the address of our media.

    A re-INVITE does both. When the peer refuses it, or no address comes, the call is ended.
    """

    def __init__(self, session: InviteSession) -> None:
        self._session = session
        self._known = session.hosts
        self._timers: dict[str, Timer] = {}
        self._hosts: frozenset[str] = frozenset()
        self._look_up = 0
        self._telling = False

    def check(self, hosts: frozenset[str], now: Moment) -> None:
        """The machine's addresses are these now."""
        self._hosts = hosts
        if self._telling:
            return  # what comes of it is seen when it is done
        if not self._timers:
            self._known = self._session.hosts
        if self._known[0] in hosts:
            self._session.hosts = self._known
            self.stop()
            return
        if _OVER not in self._timers:
            self._start(LONGEST, _OVER, now)
        self._find(now)

    def stop(self) -> None:
        """Nothing is left to be done."""
        for timer in self._timers.values():
            self._session.context.stack.cancel_timer(timer)
        self._timers.clear()

    def on_timer(self, event: str, now: Moment) -> None:
        self._timers.pop(event, None)
        if event == _AGAIN:
            self._find(now)
        elif not self._telling:
            self._give_up("this machine has no way to the peer any more", now)

    def on_resolved(self, token: object, targets: list[Target], error: Exception | None, now: Moment) -> None:
        session = self._session
        if token != self._look_up or not targets or session.usage.state is UsageState.LEAVING or session.usage.over:
            return
        if media_hosts(targets[0])[0] not in self._hosts:
            return
        if session.change is not None:
            self._start(LOOK_AGAIN, _AGAIN, now)
            return
        self._telling = True
        Modification(session, self._done).start(now)

    # Within

    def _find(self, now: Moment) -> None:
        """Ask from which address the peer is reached now."""
        session = self._session
        stack = session.context.stack
        self._look_up += 1
        try:
            dialog = session.dialog
            query = session.context.query(dialog.next_hop, dialog.remote_target, dialog.secure)
            targets = stack.resolve(query, self, self._look_up)
        except SipError:
            return
        if targets is not None:
            self.on_resolved(self._look_up, targets, None, now)

    def _done(self, error: SipError | None, now: Moment) -> None:
        self._telling = False
        if error is None:
            self.stop()
            self.check(self._hosts, now)
        elif isinstance(error, TransportFailed) and _OVER in self._timers:
            # The network is not there yet, or has gone again.
            self._start(LOOK_AGAIN, _AGAIN, now)
        else:
            self._give_up(str(error), now)

    def _give_up(self, why: str, now: Moment) -> None:
        self.stop()
        self._session.hang_up(now, CallEnd(EndCause.LOST, None, why))

    def _start(self, delay: float, event: str, now: Moment) -> None:
        stack = self._session.context.stack
        running = self._timers.pop(event, None)
        if running is not None:
            stack.cancel_timer(running)
        self._timers[event] = stack.start_timer(delay, self, event, now)
