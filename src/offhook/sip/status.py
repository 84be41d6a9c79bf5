"""The registered response codes with their phrases (the IANA registry of SIP response codes)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError, ProtocolError

__all__ = [
    "NOT_REGISTERED",
    "PHRASES",
    "SIPS_NOT_ALLOWED",
    "equivalent_status",
    "phrase",
    "phrase_for",
    "telling_phrase",
]

PHRASES: Final[dict[int, str]] = {
    # RFC 3261 21.1 and its extensions
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",  # RFC 6228
    200: "OK",
    202: "Accepted",  # RFC 6665, deprecated
    204: "No Notification",  # RFC 5839
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",  # RFC 3903
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",  # RFC 4412
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",  # RFC 4028
    423: "Interval Too Brief",
    424: "Bad Location Information",  # RFC 6442
    425: "Bad Alert Message",  # RFC 8876
    428: "Use Identity Header",  # RFC 8224
    429: "Provide Referrer Identity",  # RFC 3892
    430: "Flow Failed",  # RFC 5626
    433: "Anonymity Disallowed",  # RFC 5079
    436: "Bad Identity Info",  # RFC 8224
    437: "Unsupported Credential",  # RFC 8224
    438: "Invalid Identity Header",  # RFC 8224
    439: "First Hop Lacks Outbound Support",  # RFC 5626
    440: "Max-Breadth Exceeded",  # RFC 5393
    469: "Bad Info Package",  # RFC 6086
    470: "Consent Needed",  # RFC 5360
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",  # RFC 6665
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",  # RFC 3329
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",  # RFC 8599
    580: "Precondition Failure",  # RFC 3312
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",  # RFC 8197
    608: "Rejected",  # RFC 8688
}
"""From code to phrase. A phrase is for people only: nothing may depend on it (RFC 3261 7.2)."""

_CLASSES: Final[dict[int, str]] = {
    1: "Provisional",
    2: "Success",
    3: "Redirection",
    4: "Request Failure",
    5: "Server Failure",
    6: "Global Failure",
}


def equivalent_status(status: int) -> int:
    """The code that an unknown one is treated as (RFC 3261 8.1.3.2): 183 for a provisional one, else x00 of its class.

    A known code is its own.
    """
    if status in PHRASES:
        return status
    return 183 if 100 <= status < 200 else status // 100 * 100


def phrase(status: int) -> str:
    """The phrase of a code, the name of its class (RFC 3261 7.2) for one that nobody registered."""
    known = PHRASES.get(status)
    return _CLASSES.get(status // 100, "") if known is None else known


NOT_REGISTERED: Final = "Not Registered"
SIPS_NOT_ALLOWED: Final = "SIPS Not Allowed"
"""Why a callee is unavailable, as the phrase of a 480 is to tell (RFC 3261 21.4.18; the second is of RFC 5630 5.4)."""

# ABNF Reason-Phrase = *(reserved / unreserved / escaped / UTF8-NONASCII / UTF8-CONT / SP / HTAB)
_UNFIT: Final = re.compile(r"[^A-Za-z0-9;/?:@&=+$,\-_.!~*'() ]")
_LONGEST_PHRASE: Final = 120


def telling_phrase(status: int, problem: str) -> str | None:
    """The phrase of a 400, which says what is wrong with the request (RFC 3261 21.4.1); None for any other code.

    What a stranger wrote may stand in `problem`: it is cut, and what is no part of a phrase goes.
    """
    if status != 400 or not problem:
        return None
    plain = _UNFIT.sub("?", problem.replace('"', "'"))[:_LONGEST_PHRASE]
    return plain[0].upper() + plain[1:]


def phrase_for(error: ParseError | ProtocolError) -> str | None:
    """The phrase for what an error is answered with, which for a 400 names the header too (21.4.1)."""
    header = error.header if isinstance(error, ParseError) else None
    if header is None or header.lower() in error.reason.lower():
        return telling_phrase(error.status, error.reason)
    return telling_phrase(error.status, f"{header}: {error.reason}")
