"""The tel URI: a telephone number (RFC 3966)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.uri_parameters import URI_PARAMETERS, compared_params, decode_params, encode_param, remove_param

__all__ = ["TelUri", "parse_tel"]

# ABNF telephone-uri        = "tel:" telephone-subscriber
# ABNF telephone-subscriber = global-number / local-number
# ABNF global-number        = global-number-digits *par
# ABNF global-number-digits = "+" *phonedigit DIGIT *phonedigit
# ABNF local-number         = local-number-digits *par context *par
# ABNF local-number-digits  = *phonedigit-hex (HEXDIG / "*" / "#") *phonedigit-hex
# ABNF phonedigit-hex       = HEXDIG / "*" / "#" / [ visual-separator ]
# ABNF visual-separator     = "-" / "." / "(" / ")"
# "*" and "#" may follow a "+": short codes behind a country code are dialled so.
_SUBSCRIBER: Final = re.compile(rf"(\+?[0-9A-Fa-f*#.()\-]+)({URI_PARAMETERS})")
_GLOBAL_DIGITS: Final = re.compile(r"\+[*#.()\-]*[0-9][0-9*#.()\-]*")
_SEPARATORS: Final = str.maketrans("", "", "-.()")


class TelUri:
    """A tel URI. `number` stands as written, with its visual separators; `params_text` is what follows it, as written.

    Two are equal by RFC 3966 section 4: visual separators, letter case and the order of parameters do not matter, and
    every parameter must stand in both.
    """

    __slots__ = ("number", "params_text")

    def __init__(self, number: str, params_text: str = "") -> None:
        self.number = number
        self.params_text = params_text

    @property
    def scheme(self) -> str:
        return "tel"

    @property
    def is_global(self) -> bool:
        """Whether the number is unique world-wide, starting with "+" and its country code."""
        return self.number.startswith("+")

    @property
    def digits(self) -> str:
        """The number without visual separators, in lower case, its "+" kept."""
        return self.number.translate(_SEPARATORS).lower()

    @property
    def params(self) -> dict[str, str | None]:
        """From lower-case name to unescaped value, None for a parameter without one."""
        return decode_params(self.params_text)

    @property
    def phone_context(self) -> str | None:
        """The domain or global number prefix within which a local number is valid (RFC 3966 5.1.5)."""
        return self.params.get("phone-context")

    @property
    def ext(self) -> str | None:
        """The extension behind a private exchange."""
        return self.params.get("ext")

    @property
    def isub(self) -> str | None:
        """The ISDN subaddress."""
        return self.params.get("isub")

    def with_param(self, name: str, value: str | None = None) -> TelUri:
        """A copy with one parameter set."""
        rest = remove_param(self.params_text, name.lower())
        return TelUri(self.number, rest + encode_param(name, value))

    def without_param(self, name: str) -> TelUri:
        """A copy without one parameter."""
        return TelUri(self.number, remove_param(self.params_text, name.lower()))

    def aor(self) -> str:
        """The canonical form, a URI again and a key for look-ups: digits, with the phone-context of a local number."""
        context = None if self.is_global else self.phone_context
        return f"tel:{self.digits}{'' if context is None else encode_param('phone-context', _comparable(context))}"

    def serialize(self) -> str:
        return f"tel:{self.number}{self.params_text}"

    def __str__(self) -> str:
        return self.serialize()

    def __repr__(self) -> str:
        return f"TelUri({self.serialize()!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TelUri) or self.digits != other.digits:
            return False
        return self.params_text == other.params_text or _numbers_compared(self) == _numbers_compared(other)

    def __hash__(self) -> int:
        return hash(self.digits)


def _comparable(number_or_domain: str) -> str:
    if number_or_domain.startswith("+"):
        return number_or_domain.translate(_SEPARATORS)
    return number_or_domain.lower()


def _numbers_compared(uri: TelUri) -> dict[str, str]:
    """The parameters, with those that hold numbers free of separators (RFC 3966 section 4)."""
    params = compared_params(uri.params_text)
    if "ext" in params:
        params["ext"] = params["ext"].translate(_SEPARATORS)
    if "phone-context" in params:
        params["phone-context"] = _comparable(params["phone-context"])
    return params


def parse_tel(subscriber: str) -> TelUri:
    """The telephone-subscriber `subscriber`, which is what follows "tel:". Raises ParseError.

    A local number without phone-context is taken, though RFC 3966 5.1.5 demands one: telephones write "tel:911".
    """
    found = _SUBSCRIBER.fullmatch(subscriber)
    if found is None:
        raise ParseError("malformed tel URI", clause="RFC 3966 3")
    number = found.group(1)
    params_text = found.group(2)
    if number.startswith("+"):
        if _GLOBAL_DIGITS.fullmatch(number) is None:
            raise ParseError("malformed global number", clause="RFC 3966 3")
    elif not number.translate(_SEPARATORS):
        raise ParseError("a telephone number without digits", clause="RFC 3966 3")
    decode_params(params_text)
    return TelUri(number, params_text)
