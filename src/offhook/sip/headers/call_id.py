"""Call-ID and the headers that point at a dialog by it: Replaces, Join, Target-Dialog, In-Reply-To."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import parse_params, serialize_params
from offhook.sip.headers.value import Parameterized

__all__ = [
    "Join",
    "Replaces",
    "TargetDialog",
    "parse_call_id",
    "parse_join",
    "parse_replaces",
    "parse_target_dialog",
]

# ABNF callid = word [ "@" word ]
# Read as any visible characters: a Call-ID is compared octet by octet and never looked into (RFC 3261 20.8), and some
# phones write "=", "," or a second "@".
_CALL_ID: Final = re.compile(r"[^\x00-\x20\x7f]+")


class _DialogReference(Parameterized):
    """A Call-ID with parameters that name the tags of a dialog."""

    __slots__ = ("call_id",)

    def __init__(self, call_id: str, params: dict[str, str | None] | None = None) -> None:
        super().__init__({} if params is None else params)
        self.call_id = call_id

    def serialize(self) -> str:
        if _CALL_ID.fullmatch(self.call_id) is None:
            raise ValueError(f"{self.call_id!r} is not a Call-ID")
        return f"{self.call_id}{serialize_params(self.params)}"

    def _key(self) -> object:
        return (self.call_id, self._params_key())


class Replaces(_DialogReference):
    """The dialog that a new INVITE shall replace, tags as its receiver sees them (RFC 3891 3)."""

    __slots__ = ()

    @property
    def to_tag(self) -> str:
        return self.param("to-tag") or ""

    @property
    def from_tag(self) -> str:
        return self.param("from-tag") or ""

    @property
    def early_only(self) -> bool:
        """Whether an answered dialog must not be replaced."""
        return "early-only" in self.params


class Join(_DialogReference):
    """The dialog that a new INVITE shall join, tags as its receiver sees them (RFC 3911 4)."""

    __slots__ = ()

    @property
    def to_tag(self) -> str:
        return self.param("to-tag") or ""

    @property
    def from_tag(self) -> str:
        return self.param("from-tag") or ""


class TargetDialog(_DialogReference):
    """A dialog that the sender knows, as a proof of acquaintance (RFC 4538 6)."""

    __slots__ = ()

    @property
    def local_tag(self) -> str:
        return self.param("local-tag") or ""

    @property
    def remote_tag(self) -> str:
        return self.param("remote-tag") or ""


def parse_call_id(text: str) -> str:
    """The value of Call-ID, or one of In-Reply-To. Raises ParseError."""
    if _CALL_ID.fullmatch(text) is None:
        raise ParseError("malformed Call-ID", clause="RFC 3261 20.8")
    return text


def _parts(text: str, one: str, other: str, clause: str) -> tuple[str, dict[str, str | None]]:
    end = text.find(";")
    params: dict[str, str | None] = parse_params(text[end:]) if end >= 0 else {}
    if params.get(one) is None or params.get(other) is None:
        raise ParseError(f"{one} and {other} must stand once each", clause=clause)
    return parse_call_id(text[:end].rstrip(" \t")), params


def parse_replaces(text: str) -> Replaces:
    """The value of Replaces. Raises ParseError, also without its two tags (RFC 3891 6.1)."""
    call_id, params = _parts(text, "to-tag", "from-tag", "RFC 3891 6.1")
    return Replaces(call_id, params)


def parse_join(text: str) -> Join:
    """The value of Join. Raises ParseError, also without its two tags (RFC 3911 7.1)."""
    call_id, params = _parts(text, "to-tag", "from-tag", "RFC 3911 7.1")
    return Join(call_id, params)


def parse_target_dialog(text: str) -> TargetDialog:
    """The value of Target-Dialog. Raises ParseError, also without its two tags (RFC 4538 7)."""
    call_id, params = _parts(text, "local-tag", "remote-tag", "RFC 4538 7")
    return TargetDialog(call_id, params)
