from __future__ import annotations

import copy
import pickle

import pytest

from offhook import errors
from offhook.errors import (
    AuthenticationFailed,
    CallFailed,
    ParseError,
    ProtocolError,
    ResolveFailed,
    Salvage,
    SipError,
    TransactionTimeout,
    TransportFailed,
)


def test_every_error_is_a_sip_error() -> None:
    raised = [getattr(errors, name) for name in errors.__all__ if name != "Salvage"]
    assert all(issubclass(error, SipError) for error in raised)


def test_a_parse_error_carries_what_an_answer_needs() -> None:
    salvage = Salvage("INVITE", (b"SIP/2.0/UDP a", b"SIP/2.0/UDP b"), b"f", b"t", b"id", b"1 INVITE")
    error = ParseError("no version", status=505, header="Via", offset=12, clause="RFC 3261 7.1", salvage=salvage)
    assert isinstance(error, ValueError)
    assert str(error) == error.reason == "no version"
    assert (error.status, error.header, error.offset, error.clause) == (505, "Via", 12, "RFC 3261 7.1")
    assert error.salvage is salvage
    assert (salvage.method, salvage.via) == ("INVITE", (b"SIP/2.0/UDP a", b"SIP/2.0/UDP b"))
    assert (salvage.from_, salvage.to, salvage.call_id, salvage.cseq) == (b"f", b"t", b"id", b"1 INVITE")


def test_a_parse_error_knows_nothing_but_400_by_itself() -> None:
    error = ParseError("bad")
    assert (error.status, error.header, error.offset, error.clause, error.salvage) == (400, None, None, None, None)
    salvage = Salvage()
    assert (salvage.method, salvage.via, salvage.from_, salvage.cseq) == (None, (), None, None)


@pytest.mark.rfc("3261 8.1.3.1 #1", "3261 8.1.3.1 #2")
def test_a_timeout_is_a_408_and_a_transport_error_a_503() -> None:
    assert TransactionTimeout("Timer B").status == 408
    assert TransportFailed("refused").status == 503
    assert issubclass(ResolveFailed, TransportFailed)


def test_the_others_carry_their_status() -> None:
    assert (ProtocolError("x").status, ProtocolError("x", status=481, clause="RFC 3261 12.2.2").status) == (400, 481)
    failed = AuthenticationFailed("wrong password", status=407, realm="example.com")
    assert (str(failed), failed.reason, failed.status, failed.realm) == (
        "wrong password",
        "wrong password",
        407,
        "example.com",
    )


def test_a_failed_call_reads_as_its_final_response() -> None:
    error = CallFailed(486, "Busy Here")
    assert (str(error), error.status, error.reason) == ("486 Busy Here", 486, "Busy Here")


@pytest.mark.parametrize(
    "error",
    [
        ParseError("bad", status=505, header="Via", offset=1, clause="RFC 3261 7.1"),
        ProtocolError("bad", status=481, clause="RFC 3261 12.2.2"),
        AuthenticationFailed("no", status=407, realm="r"),
        CallFailed(486, "Busy Here"),
        TransactionTimeout("late"),
    ],
)
def test_an_error_survives_copying_and_pickling(error: SipError) -> None:
    """Process pools and task groups carry exceptions about."""
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
