"""What a message says in confidence is blacked out before anybody else sees it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MASK", "masked"]

MASK: Final = "***"

# Digest responses (an attacker tries passwords against them), and whatever calls itself a password or an HA1, in the
# parameters of any header: name = "value", folded lines included, with its closing quotation mark or without.
_PARAMETER: Final = re.compile(
    r"\b(response|rspauth|password|passwd|pwd|secret|ha1|auth-?key|api-?key)(\s*=\s*)"
    r'("(?:[^"\\]|\\.)*"?|[^\s,;&"<>]+)',
    re.IGNORECASE | re.DOTALL,
)
# Credentials in one piece, as Basic and Bearer have them (RFC 7617, RFC 8898). A CR may end a line by itself.
_CREDENTIALS: Final = re.compile(
    r"(?:^|(?<=\r))((?:Proxy-)?Authorization[ \t]*:\s*(?!Digest\b)[!-~]+)\s+\S[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*",
    re.IGNORECASE | re.MULTILINE,
)
# sip:user:password@host (RFC 3261 19.1.1), without its "@". What follows "@" or a delimiter is looked at by itself,
# so that no text takes longer than its length.
_DELIMITER: Final = re.compile(r'([\s<>"@])')
_USERINFO: Final = re.compile(r"(.*?\bsips?:[^:]*:).+", re.IGNORECASE)
# Keys of media in SDP: a=crypto (RFC 4568) and k= (RFC 8866 5.12).
_INLINE_KEY: Final = re.compile(r"(\binline:)[A-Za-z0-9+/=]+")
_KEY_LINE: Final = re.compile(r"^(k=[a-z0-9]+:)[^\r\n]+", re.MULTILINE | re.IGNORECASE)


def masked(text: str) -> str:
    """The text of a message, or a piece of one, without its secrets."""
    text = _PARAMETER.sub(rf"\1\2{MASK}", text)
    text = _CREDENTIALS.sub(rf"\1 {MASK}", text)
    text = _INLINE_KEY.sub(rf"\1{MASK}", text)
    text = _KEY_LINE.sub(rf"\1{MASK}", text)
    return _without_passwords(text) if "@" in text else text


def _without_passwords(text: str) -> str:
    pieces = _DELIMITER.split(text)
    for position in range(1, len(pieces), 2):
        if pieces[position] == "@":
            pieces[position - 1] = _USERINFO.sub(rf"\1{MASK}", pieces[position - 1])
    return "".join(pieces)
