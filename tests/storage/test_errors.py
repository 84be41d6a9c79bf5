from __future__ import annotations

from offhook.errors import SipError
from offhook.storage import errors
from offhook.storage.errors import StorageError, StorageFault


def test_all_names_exist() -> None:
    assert all(hasattr(errors, name) for name in errors.__all__)


def test_an_error_says_where_and_what() -> None:
    error = StorageError("/x cannot grow", fault=StorageFault.FULL, path="/x")
    assert isinstance(error, SipError)
    assert (str(error), error.reason, error.fault, error.path) == ("/x cannot grow", "/x cannot grow", "full", "/x")
