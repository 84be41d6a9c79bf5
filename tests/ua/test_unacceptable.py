"""Refusing an offer, and saying why."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.errors import ProtocolError
from offhook.ids import IdSource
from offhook.sip.headers.warning import SipWarning
from offhook.sip.message import Response
from offhook.sip.parser import parse
from offhook.stack import Stack
from offhook.transaction.effects import Transmit
from offhook.ua.context import Context
from offhook.ua.methods import SERVED
from offhook.ua.settings import Settings
from offhook.ua.unacceptable import refuse_offer
from tests.dialog.messages import UDP, request
from tests.ua.household import aor


def test_the_refusal_has_its_status_and_a_warning_that_can_be_read() -> None:
    stack = Stack(IdSource.seeded(1), b"", lambda query: None)
    context = Context(stack, Settings(aor("bob")), SERVED)
    now = Moment(0.0, 0.0)
    transaction = stack.accept(request(), UDP, now)
    refuse_offer(context, transaction, ProtocolError('no "codec" here', status=488), now)
    response = parse(next(effect.data for effect in stack.drain() if isinstance(effect, Transmit)))
    assert isinstance(response, Response)
    assert response.status == 488
    warning = response.header("Warning")
    assert isinstance(warning, SipWarning)
    assert (warning.code, warning.agent, warning.text) == (305, "example.com", 'no "codec" here')
