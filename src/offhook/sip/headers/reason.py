"""Reason: why a request was sent or a call cleared (RFC 3326)."""

from __future__ import annotations

from offhook.sip.headers.grammar import quote
from offhook.sip.headers.tokens import ParamToken, split_param_token

__all__ = ["Reason", "parse_reason"]


class Reason(ParamToken):
    """One Reason value: `token` is the protocol whose causes are meant, "SIP" or "Q.850"."""

    __slots__ = ()

    @classmethod
    def build(cls, protocol: str, cause: int | None = None, text: str | None = None) -> Reason:
        """A value from plain ones."""
        params: dict[str, str | None] = {}
        if cause is not None:
            params["cause"] = str(cause)
        if text is not None:
            params["text"] = quote(text)
        return Reason(protocol, params)

    @property
    def protocol(self) -> str:
        """The protocol as written."""
        return self.token

    @property
    def cause(self) -> int | None:
        """The cause in the protocol's own numbers; None when absent or no number of up to four digits."""
        value = self.param("cause")
        if value is None or len(value) > 4 or not value.isascii() or not value.isdigit():
            return None
        return int(value)

    @property
    def text(self) -> str | None:
        """The cause in words, for people."""
        return self.param("text")


def parse_reason(text: str) -> Reason:
    """One value of Reason. Raises ParseError."""
    token, params = split_param_token(text)
    return Reason(token, params)
