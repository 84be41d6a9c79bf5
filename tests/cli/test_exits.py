from __future__ import annotations

import pytest

from offhook.accounts.base import AccountExists
from offhook.cli import exits
from offhook.cli.exits import STATUSES, status_of
from offhook.cli.say import complain
from offhook.errors import (
    AuthenticationFailed,
    CallFailed,
    ConfigError,
    ParseError,
    RequestFailed,
    ResolveFailed,
    SipError,
    TransactionTimeout,
    TransportFailed,
)
from offhook.storage.errors import StorageError, StorageFault


def caused(error: SipError, cause: SipError) -> SipError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StorageError("full", fault=StorageFault.FULL, path="x"), 1),
        (AccountExists("there"), 1),
        (ConfigError("x"), 2),
        (ParseError("x"), 2),
        (CallFailed(486, "Busy Here"), 3),
        (RequestFailed(404, "Not Found"), 3),
        (AuthenticationFailed("x"), 4),
        (TransactionTimeout("x"), 5),
        (CallFailed(408, "Request Timeout"), 5),
        (caused(CallFailed(408, "x"), TransactionTimeout("x")), 5),
        (TransportFailed("x"), 6),
        (ResolveFailed("x"), 6),
        (caused(CallFailed(503, "x"), ResolveFailed("x")), 6),
    ],
)
def test_failures_are_told_apart(error: SipError, status: int) -> None:
    assert status_of(error) == status
    assert status in STATUSES


def test_all_statuses_have_a_meaning() -> None:
    named = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert named | {0} == set(STATUSES)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CallFailed(486, "Busy\x1b[31m"), "offhook: 486 Busy\\x1b[31m\n"),
        (
            caused(CallFailed(503, "made up"), ResolveFailed("x.invalid does not exist")),
            "offhook: x.invalid does not exist\n",
        ),
        (ConfigError("line 1: no"), "offhook: line 1: no\n"),
    ],
)
def test_a_complaint_is_one_harmless_line(error: SipError, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    complain(error)
    assert capsys.readouterr().err == said
