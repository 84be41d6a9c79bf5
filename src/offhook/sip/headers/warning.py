"""Warning: more about the status of a response (RFC 3261 20.43)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import quote, quoted_end, unquote
from offhook.sip.headers.value import HeaderValue

__all__ = ["SipWarning", "parse_warning"]

# ABNF warning-value = warn-code SP warn-agent SP warn-text
# ABNF warn-agent    = hostport / pseudonym
_AGENT: Final = r'[^\x00-\x20\x7f",]+'
_HEAD: Final = re.compile(rf"([0-9]{{3}})[ \t]+({_AGENT})[ \t]*")
_WRITTEN_AGENT: Final = re.compile(_AGENT)


class SipWarning(HeaderValue):
    """A warning: its three-digit `code`, the `agent` (host or pseudonym) that adds it, and `text` for people."""

    __slots__ = ("agent", "code", "text")

    def __init__(self, code: int, agent: str, text: str) -> None:
        self.code = code
        self.agent = agent
        self.text = text

    def serialize(self) -> str:
        if not 0 <= self.code <= 999 or _WRITTEN_AGENT.fullmatch(self.agent) is None:
            raise ValueError(f"{self.code} {self.agent!r} is not a warning's code and agent")
        return f"{self.code:03} {self.agent} {quote(self.text)}"


def parse_warning(text: str) -> SipWarning:
    """One value of Warning. Raises ParseError."""
    found = _HEAD.match(text)
    if found is None or quoted_end(text, found.end()) != len(text):
        raise ParseError("malformed Warning", clause="RFC 3261 20.43")
    return SipWarning(int(found.group(1)), found.group(2), unquote(text[found.end() :]))
