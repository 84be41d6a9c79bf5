"""What a user agent tells its user, in words and in statuses."""

from __future__ import annotations

import pytest

from offhook.errors import RequestFailed, TransactionTimeout, TransportFailed
from offhook.sip.serializer import new_response
from offhook.ua.events import CallEnd, EndCause, Failure, Progress


def test_an_end_reads_as_a_sentence() -> None:
    assert str(CallEnd(EndCause.PEER_HUNG_UP)) == "the peer hung up"
    assert str(CallEnd(EndCause.FAILED, 486, "Busy Here")) == "it could not be set up (486 Busy Here)"
    assert str(CallEnd(EndCause.PEER_HUNG_UP, None, "lunch")) == "the peer hung up (lunch)"


def test_progress_reads_as_its_response() -> None:
    assert str(Progress(180, "Ringing")) == "180 Ringing"


def test_a_refusal_is_raised_with_its_status_and_an_error_as_itself() -> None:
    refused = Failure(486, "Busy Here", new_response(486).response())
    assert isinstance(refused.exception, RequestFailed)
    assert (refused.exception.status, refused.exception.reason) == (486, "Busy Here")
    error = TransactionTimeout("late")
    assert Failure(408, "late", None, error).exception is error
    assert repr(refused) == "Failure(486 Busy Here)"


@pytest.mark.rfc("3261 12.2.1.2 #2", "3261 12.2.1.2 #3")
def test_what_loses_a_dialog() -> None:
    lost = {status: Failure(status, "", new_response(status).response()).ends_dialog for status in (408, 481, 486, 500)}
    assert lost == {408: True, 481: True, 486: False, 500: False}
    assert Failure(408, "", None, TransactionTimeout("late")).ends_dialog
    assert not Failure(503, "", None, TransportFailed("unreachable")).ends_dialog
