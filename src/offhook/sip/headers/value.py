"""What the decoded header values have in common."""

from __future__ import annotations

from offhook.sip.headers.grammar import unquote

__all__ = ["HeaderValue", "Parameterized"]


class HeaderValue:
    """One decoded value of a header field: immutable by convention, equal by content.

    A kind of value gives `serialize`, the strict form of RFC 3261 25.1, and `_key`, what it is compared by.
    """

    __slots__ = ()

    def serialize(self) -> str:
        """The value as it is written on the wire, without the name of the field."""
        raise NotImplementedError

    def _key(self) -> object:
        return self.serialize()

    def __str__(self) -> str:
        return self.serialize()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.serialize()!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeaderValue) and type(self) is type(other) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


class Parameterized(HeaderValue):
    """A value with ";" parameters: `params` from lower-case name to the value as written, None for a flag."""

    __slots__ = ("params",)

    def __init__(self, params: dict[str, str | None]) -> None:
        self.params = params

    def param(self, name: str) -> str | None:
        """A parameter's value without its quotes; None when it is absent or has no value."""
        value = self.params.get(name)
        return None if value is None else unquote(value)

    def _params_key(self) -> object:
        # Quotes are a way to write a value, and no part of it.
        return frozenset([(name, value and unquote(value)) for name, value in self.params.items()])
