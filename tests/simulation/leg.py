"""One end of a call, with all that its user was told."""

from __future__ import annotations

from collections.abc import Callable

from offhook.testing.clock import VirtualClock
from offhook.ua.accept import ServerInvite
from offhook.ua.events import Answered, CallEvent, EndCause, Ended, Progress
from offhook.ua.invite import ClientInvite

__all__ = ["Leg"]


class Leg:
    """`phone`: the name of its phone. `vanished`: that crashed while the call was not over.

    `given_up`: the user hung up before the answer. `changing`: changes of the session without an outcome yet. `ended`:
    the second of its end. `wrong`: what the agent should not have said.
    """

    def __init__(self, phone: str, clock: VirtualClock, on_answered: Callable[[Leg], None]) -> None:
        self.phone = phone
        self.clock = clock
        self.on_answered = on_answered
        self.call: ClientInvite | ServerInvite
        self.answered = False
        self.vanished = False
        self.given_up = False
        self.changing = 0
        self.heard: list[str] = []
        self.wrong: list[str] = []
        self.ended = 0.0

    def hear(self, event: CallEvent) -> None:
        """Take what the agent tells; whether it may be told is noted."""
        over = bool(self.heard) and self.heard[-1].startswith("ended")
        if isinstance(event, Progress):
            said = str(event.status)
            if self.answered:
                self.wrong.append(f"{said} after the answer")
        elif isinstance(event, Answered):
            said = "answered"
            if self.answered:
                self.wrong.append("answered twice")
            self.answered = True
        elif isinstance(event, Ended):
            said = f"ended: {event.end}"
            self.ended = self.clock.monotonic
        else:
            said = "held" if event.held else "resumed"
        if over:
            self.wrong.append(f"{said} after its end")
        self.heard.append(said)
        if isinstance(event, Answered):
            self.on_answered(self)

    @property
    def call_id(self) -> str:
        return self.call.call_id

    @property
    def is_caller(self) -> bool:
        return isinstance(self.call, ClientInvite)

    @property
    def cause(self) -> EndCause | None:
        return None if self.call.end is None else self.call.end.cause

    @property
    def status(self) -> int | None:
        return None if self.call.end is None else self.call.end.status

    @property
    def open(self) -> bool:
        """Whether something can still be done with it."""
        return not self.vanished and self.call.end is None

    @property
    def waiting(self) -> bool:
        """Whether it rings, or could."""
        return self.open and not self.answered

    @property
    def tag(self) -> str:
        """The callee's tag in the dialog that was answered."""
        if isinstance(self.call, ServerInvite):
            return self.call.transaction.to_tag or ""
        return "" if self.call.session is None else self.call.session.dialog.remote_tag

    def __repr__(self) -> str:
        side = "caller" if self.is_caller else "callee"
        gone = ", vanished" if self.vanished else ""
        return f"{side} {self.phone} ({', '.join(self.heard) or 'heard nothing'}{gone})"
