"""Registering: the binding of our address-of-record to where we are (RFC 3261 10.2, RFC 5626 4.5, RFC 3608)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from offhook.clock import Moment, Timer
from offhook.errors import AuthenticationFailed, ParseError
from offhook.flow import Flow, Target
from offhook.sip.headers.address import Contact, NameAddr, parse_contact
from offhook.sip.headers.durations import RetryAfter
from offhook.sip.message import Message, Response
from offhook.sip.serializer import Draft
from offhook.sip.uri import SipUri, Uri
from offhook.transaction.machine import Machine, Table, Transaction
from offhook.ua.authentication import is_stale
from offhook.ua.context import Context
from offhook.ua.events import Failure
from offhook.ua.standalone import StandaloneRequest
from offhook.ua.transaction_user import TransactionUser

__all__ = ["Registration", "RegistrationEvent", "RegistrationState", "retry_delay"]

FIRST_RETRY: Final = 30.0
LONGEST_RETRY: Final = 1800.0
"""RFC 5626 4.5: base-time-all-fail and max-time, in seconds."""
MOST_FAILURES: Final = 16
"""As many in a row have long brought the longest pause."""

FLOW_RETRY: Final = 2.0
"""Seconds within which a lost connection is made up for."""

LEAD: Final = 40.0
"""Seconds by which a refresh comes before the expiry: more than 64*T1, so that a lost answer can be made up for."""

PASSING: Final = frozenset((408, 423, 430, 480, 482, 483, 486, 487, 491))
"""Those of the 4xx that may be over by the next try; after another one the same request is not sent again (21.4)."""

MAX_BRIEF: Final = 3
"""How often a registrar may ask for a longer time before we give up on it."""


class RegistrationState(StrEnum):
    """Where a registration stands."""

    IDLE = "Idle"
    REGISTERING = "Registering"
    REGISTERED = "Registered"
    WAITING = "Waiting"
    REJECTED = "Rejected"
    LEAVING = "Leaving"
    REMOVING = "Removing"
    REMOVED = "Removed"


class RegistrationEvent(StrEnum):
    """What moves a registration on."""

    START = "start"
    ACCEPTED = "2xx"
    TOO_BRIEF = "423"
    REFUSED = "other 3xx-6xx, or no answer"
    FORBIDDEN = "4xx that will be the same next time"
    TIMER = "refresh or retry is due"
    FLOW_LOST = "connection lost"
    MOVED = "our address has changed"
    STOP = "stop"


def retry_delay(failures: int, fraction: float) -> float:
    """Seconds to wait after so many failures in a row (RFC 5626 4.5); `fraction` is a random number below 1."""
    longest = min(LONGEST_RETRY, FIRST_RETRY * 2.0 ** min(failures - 1, MOST_FAILURES))
    return longest * (0.5 + 0.5 * fraction)


class Registration(StandaloneRequest, TransactionUser):
    """The registration of one address-of-record.

    `expires`: the seconds we ask for. `on_change` is called with None each time the registrar has accepted, with the
    failure each time it has not; after one the registration goes on trying until `stop`, unless the registrar refuses
    it for good, as with 403 or a password that it never took: then it is over until `start`. `registered` and
    `granted` say what holds now. `flow` is what the last accepted request went over, where the next one goes too
    (10.2.4), and `flow_timer` how often, in seconds, the first proxy wants to hear a keep-alive over it (RFC 5626 4.4),
    None when it does not say.
    """

    def __init__(self, context: Context, expires: int, on_change: Callable[[Failure | None, Moment], None]) -> None:
        aor = context.settings.aor
        registrar = SipUri.build(aor.bare_host, port=aor.port, scheme=aor.scheme)
        # No Service-Route on the way to the registrar, from which it comes (RFC 3608 5.1).
        super().__init__(context, "REGISTER", registrar, aor, context.proxy_route())
        self.machine = Machine(TRANSITIONS, RegistrationState.IDLE, self)
        self.registered = False
        self.granted = 0
        self.flow_timer: int | None = None
        self.on_removed: Callable[[Moment], None] | None = None
        self._expires = expires
        self.on_change = on_change
        self._contact = ""
        self._asked = expires
        self._brief = 0
        self._failures = 0
        self._accepted_once = False
        self._failure: Failure | None = None
        self._timer: Timer | None = None

    def start(self, now: Moment) -> None:
        """Register, and stay so."""
        self.machine.fire(RegistrationEvent.START, None, now)

    def stop(self, now: Moment, on_removed: Callable[[Moment], None]) -> None:
        """Unregister (10.2.2); `on_removed` is called when the registrar has answered or cannot be reached."""
        self.on_removed = on_removed
        self.machine.fire(RegistrationEvent.STOP, None, now)

    def flow_closed(self, flow: Flow, now: Moment) -> None:
        """A connection was lost; when it is ours the registrar cannot reach us any more (RFC 5626 4.2)."""
        if self.flow is not None and flow.reliable and flow.key == self.flow.key:
            self.machine.fire(RegistrationEvent.FLOW_LOST, None, now)

    def moved(self, hosts: frozenset[str], now: Moment) -> None:
        """The machine's addresses have changed to these: where we are bound to another one we register anew.

        So we do when nobody could be reached before; what a registrar has refused is not asked for any sooner.
        """
        if self.flow is not None and self.flow.local[0] in hosts:
            return
        if self._failure is None or self._failure.response is None:
            self.machine.fire(RegistrationEvent.MOVED, None, now)

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        state = self.machine.state
        return state in (RegistrationState.IDLE, RegistrationState.REJECTED, RegistrationState.REMOVED)

    def on_timer(self, event: str, now: Moment) -> None:
        self._timer = None
        self.machine.fire(event, None, now)

    # The request

    def complete(self, draft: Draft, uri: Uri, target: Target) -> Draft:
        context = self.context
        contact = context.contact(target, context.settings.aor.secure)
        if self._contact and contact != self._contact and self._asked:
            # We are reached by another address now: the old binding goes with the same request (10.2.2).
            draft.add("Contact", f"{self._contact};expires=0")
        if self._asked or not self._contact:
            self._contact = contact
        draft.add("Contact", f"{self._contact};expires={self._asked}").add("Allow", context.allow)
        return draft.add("Supported", context.supported)

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        self.flow = transaction.flow
        self.machine.fire(RegistrationEvent.ACCEPTED, response, now)

    def on_failure(self, failure: Failure, now: Moment) -> None:
        self._failure = failure
        brief = failure.status == 423 and self._brief < MAX_BRIEF and self._take_longer(failure.response)
        # A password that was right before may be so again, when the registrar has found its accounts.
        may_be_right = self._accepted_once and isinstance(failure.error, AuthenticationFailed)
        final = _is_final(failure) and not may_be_right
        event = RegistrationEvent.FORBIDDEN if final else RegistrationEvent.REFUSED
        self.machine.fire(RegistrationEvent.TOO_BRIEF if brief else event, None, now)

    # Within

    def _take_longer(self, response: Response | None) -> bool:
        """Ask for what Min-Expires wants from now on (10.2.8)."""
        try:
            least = None if response is None else response.number("Min-Expires")
        except ParseError:
            return False
        if least is None or least <= self._asked:
            return False
        self._brief += 1
        self._asked = self._expires = least
        return True

    def _ask(self, asked: int, now: Moment) -> None:
        self._stop_timer()
        self._asked = asked
        self.send(now)

    def _granted(self, response: Message) -> int:
        """The seconds that our binding has: its expires, else the header's, else what we asked for (10.2.4, 10.3).

        A registrar may shorten these and never lengthen them (10.3 step 7): one that tells more has had its clock set.
        """
        try:
            mine = parse_contact(self._contact)
            contacts = [value for value in response.headers("Contact") if isinstance(value, Contact)]
            header = response.number("Expires")
        except ParseError:
            return self._asked
        for contact in contacts:
            if isinstance(mine, Contact) and contact.uri == mine.uri and contact.expires is not None:
                return min(contact.expires, self._asked)
        return self._asked if header is None else min(header, self._asked)

    def _start_timer(self, delay: float, now: Moment) -> None:
        self._stop_timer()
        self._timer = self.context.stack.start_timer(delay, self, RegistrationEvent.TIMER, now)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self.context.stack.cancel_timer(self._timer)
            self._timer = None

    def _retry_after(self) -> float:
        response = None if self._failure is None else self._failure.response
        try:
            after = None if response is None else response.header("Retry-After")
        except ParseError:
            after = None
        return float(min(after.seconds, LONGEST_RETRY)) if isinstance(after, RetryAfter) else 0.0

    def _lose(self, now: Moment) -> None:
        self.registered = False
        self.granted = 0
        self.flow = None


def _register(self: Registration, _message: Message | None, now: Moment) -> None:
    self._ask(self._expires, now)


def _accepted(self: Registration, message: Message | None, now: Moment) -> None:
    self._failures = self._brief = 0
    self._failure = None
    self.registered = self._accepted_once = True
    if isinstance(message, Response):
        self.granted = self._granted(message)
        self.context.service_route = _service_route(message)
        self.flow_timer = _flow_timer(message)
    # Before it runs out, by the time that a failed attempt takes; never faster than every second.
    self._start_timer(max(1.0, self.granted - min(LEAD, self.granted / 2)), now)
    self.on_change(None, now)


def _refused(self: Registration, _message: Message | None, now: Moment) -> None:
    failure = self._failure
    # A password that was refused is not soon tried again (RFC 3261 22.1): who tries often may be locked out.
    rejected = failure is not None and isinstance(failure.error, AuthenticationFailed) and _is_final(failure)
    self._failures = MOST_FAILURES if rejected else self._failures + 1
    self._lose(now)
    self._start_timer(max(self._retry_after(), retry_delay(self._failures, self.context.stack.ids.fraction())), now)
    self.on_change(failure, now)


def _forbidden(self: Registration, _message: Message | None, now: Moment) -> None:
    self._failures = self._brief = 0
    self._lose(now)
    self.on_change(self._failure, now)


def _is_final(failure: Failure) -> bool:
    """Whether the registrar will refuse the same request again: 403 and its like, or wrong credentials (21.4, 21.4.4).

    With Retry-After it says itself that it may come to another decision, and with a stale nonce that the password is
    not what it refuses.
    """
    response = failure.response
    if response is None or not 400 <= response.status < 500 or response.status in PASSING:
        return False
    return not response.has("Retry-After") and not is_stale(response)


def _service_route(response: Response) -> list[NameAddr]:
    """The routes of our later requests (RFC 3608 6.1); one that cannot be read is as good as none."""
    try:
        return [value for value in response.headers("Service-Route") if isinstance(value, NameAddr)]
    except ParseError:
        return []


def _flow_timer(response: Response) -> int | None:
    try:
        return response.number("Flow-Timer")
    except ParseError:
        return None


def _flow_lost(self: Registration, _message: Message | None, now: Moment) -> None:
    # At once, but not all phones of a proxy that restarts in the same instant (RFC 5626 4.5).
    self._lose(now)
    self._start_timer(FLOW_RETRY * self.context.stack.ids.fraction(), now)


def _move(self: Registration, _message: Message | None, now: Moment) -> None:
    self._lose(now)
    self._ask(self._expires, now)


def _remove(self: Registration, _message: Message | None, now: Moment) -> None:
    self._ask(0, now)


def _removed(self: Registration, _message: Message | None, now: Moment) -> None:
    self._lose(now)
    self._stop_timer()
    self.context.service_route = []
    if self.on_removed is not None:
        self.on_removed(now)


TRANSITIONS: Table = {
    RegistrationState.IDLE: {
        RegistrationEvent.START: (_register, RegistrationState.REGISTERING),
        RegistrationEvent.STOP: (_removed, RegistrationState.REMOVED),
    },
    RegistrationState.REGISTERING: {
        RegistrationEvent.ACCEPTED: (_accepted, RegistrationState.REGISTERED),
        RegistrationEvent.TOO_BRIEF: (_register, RegistrationState.REGISTERING),
        RegistrationEvent.REFUSED: (_refused, RegistrationState.WAITING),
        RegistrationEvent.FORBIDDEN: (_forbidden, RegistrationState.REJECTED),
        # Only one REGISTER at a time (10.2): the answer comes first.
        RegistrationEvent.STOP: (None, RegistrationState.LEAVING),
        # The request that is under way over it fails by itself.
        RegistrationEvent.FLOW_LOST: (None, RegistrationState.REGISTERING),
    },
    RegistrationState.REGISTERED: {
        RegistrationEvent.TIMER: (_register, RegistrationState.REGISTERING),
        RegistrationEvent.FLOW_LOST: (_flow_lost, RegistrationState.WAITING),
        RegistrationEvent.MOVED: (_move, RegistrationState.REGISTERING),
        RegistrationEvent.STOP: (_remove, RegistrationState.REMOVING),
    },
    RegistrationState.WAITING: {
        RegistrationEvent.TIMER: (_register, RegistrationState.REGISTERING),
        RegistrationEvent.MOVED: (_move, RegistrationState.REGISTERING),
        RegistrationEvent.STOP: (_removed, RegistrationState.REMOVED),
    },
    RegistrationState.REJECTED: {
        RegistrationEvent.START: (_register, RegistrationState.REGISTERING),
        RegistrationEvent.STOP: (_removed, RegistrationState.REMOVED),
    },
    RegistrationState.LEAVING: {
        RegistrationEvent.ACCEPTED: (_remove, RegistrationState.REMOVING),
        RegistrationEvent.TOO_BRIEF: (_removed, RegistrationState.REMOVED),
        RegistrationEvent.REFUSED: (_removed, RegistrationState.REMOVED),
        RegistrationEvent.FORBIDDEN: (_removed, RegistrationState.REMOVED),
        RegistrationEvent.FLOW_LOST: (None, RegistrationState.LEAVING),
    },
    RegistrationState.REMOVING: {
        RegistrationEvent.ACCEPTED: (_removed, RegistrationState.REMOVED),
        RegistrationEvent.TOO_BRIEF: (_removed, RegistrationState.REMOVED),
        RegistrationEvent.REFUSED: (_removed, RegistrationState.REMOVED),
        RegistrationEvent.FORBIDDEN: (_removed, RegistrationState.REMOVED),
        RegistrationEvent.FLOW_LOST: (None, RegistrationState.REMOVING),
    },
    RegistrationState.REMOVED: {
        RegistrationEvent.START: (_register, RegistrationState.REGISTERING),
    },
}
"""RFC 3261 10.2, RFC 5626 4.5."""
