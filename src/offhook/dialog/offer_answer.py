"""Offer and answer in one dialog: one exchange at a time (RFC 3264 4 and 8, RFC 3261 13.2.1, RFC 6337).

::

                  send offer                       receive offer
     +----------------------- Stable ----------------------------+
     |                        ^ ^  ^ ^                           |
     v      receive answer    | |  | |   send answer             v
    Offer sent ---------------+ |  | +---------------- Offer received
     | receive preview          |  |                     send preview |
     v      receive answer      |  |     send answer                  v
    Answer previewed -----------+  +----------------- Preview sent

A rejection goes back to Stable from every state. A preview is an answer in a provisional response that is not
reliable: both sides go by it (13.2.1), but the exchange is not over (RFC 6337 3.1.1).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from offhook.clock import Moment
from offhook.errors import InvalidState, ProtocolError
from offhook.sdp.negotiate import Capabilities, NegotiatedSession, Side, apply_answer, make_answer, make_offer
from offhook.sdp.session import SessionDescription
from offhook.transaction.machine import Machine, Table

__all__ = ["Exchange", "ExchangeEvent", "OfferAnswer"]


_UNTIMED: Final = Moment(0.0, 0.0)
"""Nothing here depends on time."""


class Exchange(StrEnum):
    """Where an exchange stands."""

    STABLE = "Stable"
    OFFER_SENT = "Offer sent"
    ANSWER_PREVIEWED = "Answer previewed"
    OFFER_RECEIVED = "Offer received"
    PREVIEW_SENT = "Preview sent"


class ExchangeEvent(StrEnum):
    """What moves an exchange on."""

    SEND_OFFER = "send offer"
    RECEIVE_PREVIEW = "receive preview"
    RECEIVE_ANSWER = "receive answer"
    RECEIVE_OFFER = "receive offer"
    SEND_PREVIEW = "send preview"
    SEND_ANSWER = "send answer"
    REJECT = "reject"


class OfferAnswer(Machine):
    """The exchanges of one dialog.

    `session` is what the last one agreed on, None before the first. An exchange that fails leaves it as it was
    (RFC 3264 4, RFC 3261 14.1).
    """

    __slots__ = ("_answer", "_before", "_offer", "_version", "session")

    def __init__(self) -> None:
        super().__init__(TRANSITIONS, Exchange.STABLE)
        self.session: NegotiatedSession | None = None
        self._before: NegotiatedSession | None = None
        self._offer: SessionDescription | None = None
        self._answer: SessionDescription | None = None
        self._version: int | None = None

    @property
    def stable(self) -> bool:
        """Whether no offer is open."""
        return self.state is Exchange.STABLE

    @property
    def offering(self) -> bool:
        """Whether an offer of ours is open."""
        return self.state is Exchange.OFFER_SENT or self.state is Exchange.ANSWER_PREVIEWED

    @property
    def answering(self) -> bool:
        """Whether an offer of the peer's is open."""
        return self.state is Exchange.OFFER_RECEIVED or self.state is Exchange.PREVIEW_SENT

    # Our offer

    def offer(self, capabilities: Capabilities) -> SessionDescription:
        """Make an offer, which is to be sent. Raises InvalidState while one is open (RFC 3264 8)."""
        if not self.stable:
            raise InvalidState(f"no offer can be made: {self.state}")
        description = make_offer(capabilities, self.session, version=self._version)
        self.offered(description)
        return description

    def offered(self, description: SessionDescription) -> None:
        """An offer was sent that stands in this dialog too: that of an INVITE that has forked (13.1)."""
        if not self.fire(ExchangeEvent.SEND_OFFER, None, _UNTIMED):
            raise InvalidState(f"no offer can be made: {self.state}")
        self._offer = description
        self._before = self.session
        self._version = description.origin.session_version

    def take_answer(self, answer: SessionDescription, reliable: bool) -> bool:
        """Take an answer of the peer's; True when `session` has changed by it.

        The first one counts, a preview too; what follows in the same exchange is ignored (13.2.1). Raises
        ProtocolError for one that does not fit the offer, and without an offer.
        """
        offer = self._offer
        if offer is None or not self.offering:
            raise ProtocolError("an answer without an offer", clause="RFC 3264 4")
        first = self.state is Exchange.OFFER_SENT
        if first:
            self.session = apply_answer(offer, answer, self._before)
        self._move(ExchangeEvent.RECEIVE_ANSWER if reliable else ExchangeEvent.RECEIVE_PREVIEW)
        return first

    def settle(self) -> bool:
        """The exchange is over, and only a preview was received: it is the answer. False when there was none."""
        if self.state is Exchange.OFFER_SENT:
            self.reject()
            return False
        self._move(ExchangeEvent.RECEIVE_ANSWER)
        return True

    # The peer's offer

    def take_offer(self, offer: SessionDescription) -> None:
        """Take an offer of the peer's, which waits for `answer` or `reject`.

        Raises ProtocolError: 491 while an offer of ours is open, 500 while one of the peer's is (RFC 3311 5.2).
        """
        if self.offering:
            raise ProtocolError("our own offer is not answered yet", status=491, clause="RFC 3261 14.2")
        if not self.fire(ExchangeEvent.RECEIVE_OFFER, None, _UNTIMED):
            raise ProtocolError("the last offer is not answered yet", status=500, clause="RFC 3311 5.2")
        self._offer = offer
        self._answer = None
        self._before = self.session

    def answer(self, capabilities: Capabilities, reliable: bool, may_refuse: bool = True) -> SessionDescription:
        """Make the answer to the open offer; after a preview it is that preview (13.2.1).

        Raises ProtocolError (488) when nothing of it can be taken, unless `may_refuse` is false, and InvalidState
        without an offer.
        """
        offer = self._offer
        if offer is None or not self.answering:
            raise InvalidState("there is no offer to answer")
        answer = self._answer
        if answer is None:
            answer = make_answer(offer, capabilities, self._before, version=self._version, may_refuse=may_refuse)
            self.session = apply_answer(offer, answer, self._before, side=Side.ANSWERER)
            self._answer = answer
            self._version = answer.origin.session_version
        self._move(ExchangeEvent.SEND_ANSWER if reliable else ExchangeEvent.SEND_PREVIEW)
        return answer

    def reject(self) -> None:
        """The open offer was refused, by us or by the peer; all is as before it. Without one nothing happens."""
        if not self.stable:
            self.session = self._before
            self._move(ExchangeEvent.REJECT)

    def _move(self, event: ExchangeEvent) -> None:
        self.fire(event, None, _UNTIMED)
        if self.stable:
            self._offer = None
            self._answer = None


TRANSITIONS: Table = {
    Exchange.STABLE: {
        ExchangeEvent.SEND_OFFER: (None, Exchange.OFFER_SENT),
        ExchangeEvent.RECEIVE_OFFER: (None, Exchange.OFFER_RECEIVED),
    },
    Exchange.OFFER_SENT: {
        ExchangeEvent.RECEIVE_PREVIEW: (None, Exchange.ANSWER_PREVIEWED),
        ExchangeEvent.RECEIVE_ANSWER: (None, Exchange.STABLE),
        ExchangeEvent.REJECT: (None, Exchange.STABLE),
    },
    Exchange.ANSWER_PREVIEWED: {
        ExchangeEvent.RECEIVE_PREVIEW: (None, Exchange.ANSWER_PREVIEWED),
        ExchangeEvent.RECEIVE_ANSWER: (None, Exchange.STABLE),
        ExchangeEvent.REJECT: (None, Exchange.STABLE),
    },
    Exchange.OFFER_RECEIVED: {
        ExchangeEvent.SEND_PREVIEW: (None, Exchange.PREVIEW_SENT),
        ExchangeEvent.SEND_ANSWER: (None, Exchange.STABLE),
        ExchangeEvent.REJECT: (None, Exchange.STABLE),
    },
    Exchange.PREVIEW_SENT: {
        ExchangeEvent.SEND_PREVIEW: (None, Exchange.PREVIEW_SENT),
        ExchangeEvent.SEND_ANSWER: (None, Exchange.STABLE),
        ExchangeEvent.REJECT: (None, Exchange.STABLE),
    },
}
