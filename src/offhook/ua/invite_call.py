"""What a call is from either side: one session that counts, its media, its longest time, and who is told."""

from __future__ import annotations

from collections.abc import Callable

from offhook.clock import Moment, Timer
from offhook.errors import InvalidState, SipError
from offhook.ua.context import Context
from offhook.ua.events import Answered, CallEnd, CallEvent, EndCause, Ended, Held
from offhook.ua.invite_session import InviteSession
from offhook.ua.media import MediaPort
from offhook.ua.modify import Modification
from offhook.ua.relocation import Relocation
from offhook.ua.transaction_user import TransactionUser

__all__ = ["InviteCall"]

TOO_LONG = "longest call"


class InviteCall(TransactionUser):
    """One call. `session` is the one that was answered, None before; `end` how it ended, None until then.

    `notify` takes what happens; it must not call back into the engine's middle: it may call any method of the call.
    """

    def __init__(self, context: Context, media: MediaPort, notify: Callable[[CallEvent], None]) -> None:
        self.context = context
        self.media = media
        self.notify = notify
        self.session: InviteSession | None = None
        self.end: CallEnd | None = None
        self.held = False
        self._sessions: list[InviteSession] = []
        self._longest: Timer | None = None
        self._relocation: Relocation | None = None
        context.calls.append(self)

    # What the user asks for

    def hang_up(self, now: Moment) -> None:
        """End the call, whatever it takes: BYE, CANCEL or a refusal (15). Over, nothing happens."""
        raise NotImplementedError

    def hold(self, hold: bool, on_done: Callable[[SipError | None, Moment], None], now: Moment) -> None:
        """Put the peer on hold, or take it back (RFC 3264 8.4). Raises InvalidState without a session to change.

        `on_done` is called with None, or with why the peer refused.
        """
        session = self.session
        if session is None or not session.usage.confirmed or session.change is not None:
            raise InvalidState("there is no call, or it is being changed already")
        if session.holding == hold:
            on_done(None, now)
            return
        session.holding = hold

        def done(error: SipError | None, now: Moment) -> None:
            if error is not None:
                session.holding = not hold
            on_done(error, now)

        Modification(session, done).start(now)

    def moved(self, hosts: frozenset[str], now: Moment) -> None:
        """The machine's addresses have changed to these: an answered call goes on from another one where it has to."""
        if self.session is not None and self.end is None:
            if self._relocation is None:
                self._relocation = Relocation(self.session)
            self._relocation.check(hosts, now)

    @property
    def answered(self) -> bool:
        """Whether the call stands."""
        return self.session is not None and self.end is None

    @property
    def parting(self) -> bool:
        """Whether the peer has still to hear, or to confirm, that the call is over."""
        return self.end is None or any(session.parting for session in self._sessions)

    def give_up(self, now: Moment) -> None:
        """The call is over for its user, whatever the peer says; so is every change of it that waits for the peer."""
        for session in list(self._sessions):
            if session.change is not None:
                session.change.stop(now)
        self._finish(CallEnd(EndCause.HUNG_UP), now)

    # What sessions report (SessionUser)

    def on_session_changed(self, session: InviteSession, now: Moment) -> None:
        agreed = session.exchange.session
        if agreed is None or self.end is not None or self.session not in (None, session):
            return
        self.media.apply(agreed)
        running = [stream for stream in agreed.streams if stream.enabled]
        held = bool(running) and all(stream.held for stream in running)
        if held != self.held:
            self.held = held
            self.notify(Held(held))

    def on_session_ended(self, session: InviteSession, now: Moment) -> None:
        if session is self.session:
            self._finish(session.end or CallEnd(EndCause.LOST), now)

    def on_usage_ended(self, session: InviteSession, now: Moment) -> None:
        self._sessions.remove(session)
        self._forget()

    def on_timer(self, event: str, now: Moment) -> None:
        if event == TOO_LONG and self.session is not None:
            self._longest = None
            self.session.hang_up(now, CallEnd(EndCause.TOO_LONG))

    # For both sides

    def _begin(self, session: InviteSession, now: Moment) -> None:
        """The session is the one that counts from now on."""
        self.session = session
        self._longest = self.context.stack.start_timer(self.context.settings.longest_call, self, TOO_LONG, now)
        self.on_session_changed(session, now)
        self.notify(Answered())

    def _finish(self, end: CallEnd, now: Moment) -> None:
        """The call is over for its user."""
        if self.end is not None:
            return
        self.end = end
        if self._longest is not None:
            self.context.stack.cancel_timer(self._longest)
            self._longest = None
        if self._relocation is not None:
            self._relocation.stop()
        self.media.close()
        self.notify(Ended(end))
        self._forget()

    @property
    def _transactions_open(self) -> bool:
        """Whether the INVITE that makes the call may still bring anything."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Leave the agent's list once nothing can happen any more."""
        over = self.end is not None and not self._sessions and not self._transactions_open
        if over and self in self.context.calls:
            self.context.calls.remove(self)
            self.context.settled()
