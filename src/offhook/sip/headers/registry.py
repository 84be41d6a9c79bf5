"""The registry of header fields: one row per header.

A row names the header, its compact form, the grammar that decodes one value, how often it may stand in a message, and
where it is defined. Everything that knows header names asks here: the parser (`KEYS`), `Message.headers` (`row`), the
serializer (`spelled`). A program adds its own header with `register`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.errors import InvalidState, ParseError
from offhook.sip.headers.address import parse_contact, parse_name_addr, parse_route
from offhook.sip.headers.auth import parse_authentication_info, parse_challenge, parse_credentials, parse_encryption
from offhook.sip.headers.call_id import parse_call_id, parse_join, parse_replaces, parse_target_dialog
from offhook.sip.headers.content import parse_content_disposition, parse_media_range, parse_media_type
from offhook.sip.headers.cseq import parse_cseq, parse_rack, parse_rseq
from offhook.sip.headers.date import parse_date
from offhook.sip.headers.durations import parse_expires, parse_min_se, parse_retry_after, parse_session_expires
from offhook.sip.headers.event import parse_event, parse_subscription_state
from offhook.sip.headers.grammar import is_token, split_list
from offhook.sip.headers.info import parse_info
from offhook.sip.headers.numbers import (
    parse_content_length,
    parse_delta_seconds,
    parse_max_breadth,
    parse_max_forwards,
)
from offhook.sip.headers.privacy import parse_privacy
from offhook.sip.headers.reason import parse_reason
from offhook.sip.headers.text import parse_products, parse_text
from offhook.sip.headers.timestamp import parse_timestamp
from offhook.sip.headers.tokens import parse_mime_version, parse_param_token, parse_token, parse_weighted_token
from offhook.sip.headers.via import parse_via
from offhook.sip.headers.warning import parse_warning
from offhook.sip.method import parse_method

__all__ = [
    "KEYS",
    "LIST",
    "MULTIPLE",
    "SINGLE",
    "HeaderRow",
    "key_named",
    "key_of",
    "register",
    "row",
    "rows",
    "spelled",
]

SINGLE: Final = "single"
"""At most one field with one value."""
LIST: Final = "list"
"""Values separated by commas, in one field or in several (RFC 3261 7.3.1)."""
MULTIPLE: Final = "multiple"
"""Several fields with one value each: commas belong to the value (the exceptions of RFC 3261 7.3.1)."""

MAX_SPELLINGS: Final = 2048
MAX_VALUES: Final = 4096
"""The most values that are read in one field: 32,000, which fit into 64 KiB, take longer than a message may."""

KEYS: Final[dict[bytes, str]] = {}
"""From a field name as spelled on the wire to its key, the full name in lower case. Grows by spellings seen."""

_ROWS: Final[dict[str, HeaderRow]] = {}
_NAMED: Final[dict[str, str]] = {}
_COMPACT: Final[dict[str, str]] = {}


class HeaderRow:
    """One header: `name` as it is written, `compact` form or None, `parse` for one value, `kind`, and `source`.

    `parse` takes the text of one value, unfolded and stripped, and returns the decoded value or raises ParseError.
    `optional` says that a field of kind LIST may stand without any value, as "Supported:" does. Empty elements of lists
    are passed over, for RFC 2543 C allowed them; not so in those that are `exact`, whose values a proxy takes out one
    by one, and which everybody on the way has to count alike.
    """

    __slots__ = ("compact", "exact", "key", "kind", "name", "optional", "parse", "source")

    def __init__(
        self,
        name: str,
        compact: str | None,
        parse: Callable[[str], object],
        kind: str,
        source: str,
        optional: bool = False,
        exact: bool = False,
    ) -> None:
        self.name = name
        self.key = name.lower()
        self.compact = compact
        self.parse = parse
        self.kind = kind
        self.source = source
        self.optional = optional
        self.exact = exact

    def decode(self, text: str) -> list[object]:
        """The values of one field, whose text is unfolded and stripped. Raises ParseError."""
        if self.kind != LIST:
            return [self._value(text)]
        parts = split_list(text)
        if len(parts) > MAX_VALUES:
            raise ParseError(f"more than {MAX_VALUES} values", header=self.name, clause=self.source)
        if not self.exact:
            parts = [part for part in parts if part]
        if not parts and not self.optional:
            raise ParseError(f"{self.name} is empty", header=self.name, clause=self.source)
        return [self._value(part) for part in parts]

    def _value(self, text: str) -> object:
        try:
            return self.parse(text)
        except ParseError:
            raise
        except ValueError as error:
            # What a program's own parser raises for what it cannot read.
            raise ParseError(str(error) or "cannot be read", header=self.name, clause=self.source) from error


def register(new: HeaderRow) -> None:
    """Add a header, or replace the row of the same name; to be called before messages are read.

    Raises InvalidState for a name that is no token, a kind that is none, and a name or a compact form that means
    another header.
    """
    if not all(name.isascii() and is_token(name) for name in (new.name, new.compact or "x")):
        raise InvalidState(f"{new.name!r} is no name of a header")
    if new.kind not in (SINGLE, LIST, MULTIPLE):
        raise InvalidState(f"{new.kind!r} is no kind of header; there are {SINGLE}, {LIST} and {MULTIPLE}")
    spellings = [new.name, new.key, new.name.upper()]
    if new.compact is not None:
        spellings += [new.compact.lower(), new.compact.upper()]
    for spelling in spellings:
        known = KEYS.get(spelling.encode("ascii"), new.key)
        if known != new.key:
            raise InvalidState(f"{spelling} means {spelled(known)} already")
    _ROWS[new.key] = new
    if new.compact is not None:
        _COMPACT[new.compact.lower()] = new.key
    for spelling in spellings:
        KEYS[spelling.encode("ascii")] = _NAMED[spelling] = new.key


def row(key: str) -> HeaderRow | None:
    """The row of a key, or None for a header that nobody registered."""
    return _ROWS.get(key)


def rows() -> list[HeaderRow]:
    """All rows, in the order of their names."""
    return [_ROWS[key] for key in sorted(_ROWS)]


def spelled(key: str) -> str:
    """How a header's name is written on the wire."""
    known = _ROWS.get(key)
    return key if known is None else known.name


def key_named(name: str) -> str:
    """The key of a name that a program says. Raises ParseError when it is not a token."""
    key = _NAMED.get(name)
    return key_of(name.encode("utf-8", "surrogateescape")) if key is None else key


def key_of(name: bytes) -> str:
    """The key of a field name as found on the wire, white space before the colon allowed (RFC 3261 7.3.1 HCOLON).

    Raises ParseError when it is not a token.
    """
    text = name.decode("utf-8", "surrogateescape").rstrip(" \t")
    if not is_token(text):
        raise ParseError(f"header field name {text!r} is not a token", clause="RFC 3261 7.3.1")
    key = text.lower()
    key = _COMPACT.get(key, key)
    if key in _ROWS and len(KEYS) < MAX_SPELLINGS:
        KEYS[name] = key
    return key


for _row in (
    HeaderRow("Accept", None, parse_media_range, LIST, "RFC 3261 20.1", optional=True),
    HeaderRow("Accept-Contact", "a", parse_param_token, LIST, "RFC 3841 9.2"),
    HeaderRow("Accept-Encoding", None, parse_weighted_token, LIST, "RFC 3261 20.2", optional=True),
    HeaderRow("Accept-Language", None, parse_weighted_token, LIST, "RFC 3261 20.3", optional=True),
    HeaderRow("Alert-Info", None, parse_info, LIST, "RFC 3261 20.4"),
    HeaderRow("Allow", None, parse_method, LIST, "RFC 3261 20.5", optional=True),
    HeaderRow("Allow-Events", "u", parse_token, LIST, "RFC 6665 8.2.2"),
    HeaderRow("Authentication-Info", None, parse_authentication_info, SINGLE, "RFC 3261 20.6"),
    HeaderRow("Authorization", None, parse_credentials, MULTIPLE, "RFC 3261 20.7"),
    HeaderRow("CSeq", None, parse_cseq, SINGLE, "RFC 3261 20.16"),
    HeaderRow("Call-ID", "i", parse_call_id, SINGLE, "RFC 3261 20.8"),
    HeaderRow("Call-Info", None, parse_info, LIST, "RFC 3261 20.9"),
    HeaderRow("Contact", "m", parse_contact, LIST, "RFC 3261 20.10"),
    HeaderRow("Content-Disposition", None, parse_content_disposition, SINGLE, "RFC 3261 20.11"),
    HeaderRow("Content-Encoding", "e", parse_token, LIST, "RFC 3261 20.12"),
    HeaderRow("Content-Language", None, parse_token, LIST, "RFC 3261 20.13"),
    HeaderRow("Content-Length", "l", parse_content_length, SINGLE, "RFC 3261 20.14"),
    HeaderRow("Content-Type", "c", parse_media_type, SINGLE, "RFC 3261 20.15"),
    HeaderRow("Date", None, parse_date, SINGLE, "RFC 3261 20.17"),
    HeaderRow("Diversion", None, parse_name_addr, LIST, "RFC 5806 4"),
    HeaderRow("Encryption", None, parse_encryption, SINGLE, "RFC 2543 6.19"),
    HeaderRow("Error-Info", None, parse_info, LIST, "RFC 3261 20.18"),
    HeaderRow("Event", "o", parse_event, SINGLE, "RFC 6665 8.2.1"),
    HeaderRow("Expires", None, parse_expires, SINGLE, "RFC 3261 20.19"),
    HeaderRow("Flow-Timer", None, parse_delta_seconds, SINGLE, "RFC 5626 10"),
    HeaderRow("From", "f", parse_name_addr, SINGLE, "RFC 3261 20.20"),
    HeaderRow("History-Info", None, parse_name_addr, LIST, "RFC 7044 5"),
    HeaderRow("In-Reply-To", None, parse_call_id, LIST, "RFC 3261 20.21"),
    HeaderRow("Join", None, parse_join, SINGLE, "RFC 3911 7.1"),
    HeaderRow("MIME-Version", None, parse_mime_version, SINGLE, "RFC 3261 20.24"),
    HeaderRow("Max-Breadth", None, parse_max_breadth, SINGLE, "RFC 5393 5.3.1"),
    HeaderRow("Max-Forwards", None, parse_max_forwards, SINGLE, "RFC 3261 20.22"),
    HeaderRow("Min-Expires", None, parse_delta_seconds, SINGLE, "RFC 3261 20.23"),
    HeaderRow("Min-SE", None, parse_min_se, SINGLE, "RFC 4028 5"),
    HeaderRow("Organization", None, parse_text, SINGLE, "RFC 3261 20.25"),
    HeaderRow("P-Asserted-Identity", None, parse_name_addr, LIST, "RFC 3325 9.1"),
    HeaderRow("P-Associated-URI", None, parse_name_addr, LIST, "RFC 7315 4.1", optional=True),
    HeaderRow("P-Called-Party-ID", None, parse_name_addr, SINGLE, "RFC 7315 4.2"),
    HeaderRow("P-Preferred-Identity", None, parse_name_addr, LIST, "RFC 3325 9.2"),
    HeaderRow("Path", None, parse_route, LIST, "RFC 3327 4"),
    HeaderRow("Priority", None, parse_token, SINGLE, "RFC 3261 20.26"),
    HeaderRow("Privacy", None, parse_privacy, SINGLE, "RFC 3323 4.2"),
    HeaderRow("Proxy-Authenticate", None, parse_challenge, MULTIPLE, "RFC 3261 20.27"),
    HeaderRow("Proxy-Authorization", None, parse_credentials, MULTIPLE, "RFC 3261 20.28"),
    HeaderRow("Proxy-Require", None, parse_token, LIST, "RFC 3261 20.29"),
    HeaderRow("RAck", None, parse_rack, SINGLE, "RFC 3262 7.2"),
    HeaderRow("RSeq", None, parse_rseq, SINGLE, "RFC 3262 7.1"),
    HeaderRow("Reason", None, parse_reason, LIST, "RFC 3326 2"),
    HeaderRow("Record-Route", None, parse_route, LIST, "RFC 3261 20.30"),
    HeaderRow("Refer-Sub", None, parse_param_token, SINGLE, "RFC 4488 4"),
    HeaderRow("Refer-To", "r", parse_name_addr, SINGLE, "RFC 3515 2.1"),
    HeaderRow("Referred-By", "b", parse_name_addr, SINGLE, "RFC 3892 3"),
    HeaderRow("Reject-Contact", "j", parse_param_token, LIST, "RFC 3841 9.2"),
    HeaderRow("Replaces", None, parse_replaces, SINGLE, "RFC 3891 6.1"),
    HeaderRow("Reply-To", None, parse_name_addr, SINGLE, "RFC 3261 20.31"),
    HeaderRow("Request-Disposition", "d", parse_token, LIST, "RFC 3841 9.1"),
    HeaderRow("Require", None, parse_token, LIST, "RFC 3261 20.32"),
    HeaderRow("Retry-After", None, parse_retry_after, SINGLE, "RFC 3261 20.33"),
    HeaderRow("Route", None, parse_route, LIST, "RFC 3261 20.34", exact=True),
    HeaderRow("SIP-ETag", None, parse_token, SINGLE, "RFC 3903 11.3.1"),
    HeaderRow("SIP-If-Match", None, parse_token, SINGLE, "RFC 3903 11.3.2"),
    HeaderRow("Server", None, parse_products, SINGLE, "RFC 3261 20.35"),
    HeaderRow("Service-Route", None, parse_route, LIST, "RFC 3608 5"),
    HeaderRow("Session-Expires", "x", parse_session_expires, SINGLE, "RFC 4028 4"),
    HeaderRow("Subject", "s", parse_text, SINGLE, "RFC 3261 20.36"),
    HeaderRow("Subscription-State", None, parse_subscription_state, SINGLE, "RFC 6665 8.2.3"),
    HeaderRow("Supported", "k", parse_token, LIST, "RFC 3261 20.37", optional=True),
    HeaderRow("Target-Dialog", None, parse_target_dialog, SINGLE, "RFC 4538 7"),
    HeaderRow("Timestamp", None, parse_timestamp, SINGLE, "RFC 3261 20.38"),
    HeaderRow("To", "t", parse_name_addr, SINGLE, "RFC 3261 20.39"),
    HeaderRow("Unsupported", None, parse_token, LIST, "RFC 3261 20.40"),
    HeaderRow("User-Agent", None, parse_products, SINGLE, "RFC 3261 20.41"),
    HeaderRow("Via", "v", parse_via, LIST, "RFC 3261 20.42", exact=True),
    HeaderRow("WWW-Authenticate", None, parse_challenge, MULTIPLE, "RFC 3261 20.44"),
    HeaderRow("Warning", None, parse_warning, LIST, "RFC 3261 20.43"),
):
    register(_row)
