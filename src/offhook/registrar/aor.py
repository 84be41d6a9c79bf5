"""The address-of-record in To and From (RFC 3261 10.3 step 5)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from offhook.location.base import address_of_record
from offhook.sip.headers.address import parse_name_addr
from offhook.sip.headers.grammar import unfold
from offhook.sip.host import bare_host
from offhook.sip.uri import SipUri

__all__ = ["aor_of", "host_of"]

# The usual form: an optional plain display name, a user without escapes, a host name or IPv4 address, no parameters
# but a tag. What it matches is canonical but for the case of the host.
_PLAIN: Final = re.compile(
    rb'(?:"[^"\\\x00-\x1f\x7f]*"|[A-Za-z0-9]*)[ ]?'
    rb"<sips?:([A-Za-z0-9_.!~*\-+]+)@([A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*)>"
    rb"(?:;tag=[A-Za-z0-9_.!~*\-+]+)?"
)
_LONGEST_REMEMBERED: Final = 128


def aor_of(value: bytes | None) -> str:
    """The canonical address-of-record in the value of a To or From, "" for a URI that is neither sip nor sips.

    Raises ParseError.
    """
    return _remembered(value) if value is not None and len(value) <= _LONGEST_REMEMBERED else _aor_of(value)


# A REGISTER is looked at twice, and comes again and again.
@lru_cache(maxsize=4096)
def _remembered(value: bytes) -> str:
    return _aor_of(value)


def _aor_of(value: bytes | None) -> str:
    found = _PLAIN.fullmatch(value or b"")
    if found is not None:
        return f"sip:{found.group(1).decode('ascii')}@{found.group(2).decode('ascii').lower()}"
    uri = parse_name_addr(unfold((value or b"").decode("utf-8", "surrogateescape"))).uri
    return address_of_record(uri) if isinstance(uri, SipUri) else ""


def host_of(aor: str) -> str:
    """The host of a canonical address-of-record, without brackets."""
    return bare_host(aor[aor.rfind("@") + 1 :] if "@" in aor else aor[4:])
