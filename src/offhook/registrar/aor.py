"""The address-of-record in To and From (RFC 3261 10.3 step 5)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from offhook.location.base import address_of_record
from offhook.sip.headers.address import parse_name_addr
from offhook.sip.headers.grammar import unfold
from offhook.sip.host import bare_host
from offhook.sip.scan import PLAIN_HOST, PLAIN_USER, consists_of
from offhook.sip.uri import SipUri

__all__ = ["aor_of", "host_of"]

_DISPLAY: Final = re.compile(rb'(?:"[^"\\\x00-\x1f\x7f]*"|[A-Za-z0-9]*)[ ]?')
_TAG: Final = b";tag="
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
    value = value or b""
    plain = _plain(value)
    if plain:
        return plain
    uri = parse_name_addr(unfold(value.decode("utf-8", "surrogateescape"))).uri
    return address_of_record(uri) if isinstance(uri, SipUri) else ""


def _plain(value: bytes) -> str:
    """The address-of-record in a value of the usual form, which is canonical but for the case of the host; else "".

    [name] <sip[s]:user@host>[;tag=...]
    """
    name, opening, address = value.rpartition(b"<")
    scheme, _, rest = address.partition(b":")
    if not opening or (scheme != b"sip" and scheme != b"sips"):
        return ""
    user, _, rest = rest.partition(b"@")
    host, closing, behind = rest.partition(b">")
    if not closing or not consists_of(user, PLAIN_USER) or not consists_of(host, PLAIN_HOST) or b"" in host.split(b"."):
        return ""
    if name and _DISPLAY.fullmatch(name) is None:
        return ""
    if behind and not (behind.startswith(_TAG) and consists_of(behind[len(_TAG) :], PLAIN_USER)):
        return ""
    return f"sip:{user.decode('ascii')}@{host.decode('ascii').lower()}"


def host_of(aor: str) -> str:
    """The host of a canonical address-of-record, without brackets."""
    return bare_host(aor[aor.rfind("@") + 1 :] if "@" in aor else aor[4:])
