"""The ";" parameters inside sip, sips and tel URIs (RFC 3261 19.1.1, RFC 3966 3)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.escapes import escape, normalize_escapes, unescape

__all__ = ["URI_PARAMETERS", "compared_params", "decode_params", "encode_param", "remove_param"]

# ABNF uri-parameters = *( ";" uri-parameter)
# ABNF other-param    = pname [ "=" pvalue ]
# ABNF paramchar      = param-unreserved / unreserved / escaped
# Read wider, as any visible character that cannot be taken for a delimiter: Record-Route parameters carry dialog tags
# unescaped, and the owner of a URI wants it back as it wrote it. "@" is refused, for some would read a host behind it.
URI_PARAMETERS: Final = r'(?:;[^\x00-\x20\x7f"<>@;?=]+(?:=[^\x00-\x20\x7f"<>@;?]*)?)*'
"""The pattern of a sequence of parameters, possibly empty."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9\-_.!~*'()\[\]/:&+$]+")


def decode_params(text: str) -> dict[str, str | None]:
    """From lower-case name to value, both unescaped; None where there is no value or an empty one.

    `text` matches URI_PARAMETERS. Raises ParseError for a name that comes twice (RFC 3261 19.1.1: MUST NOT).
    """
    params: dict[str, str | None] = {}
    for part in text.split(";")[1:]:
        name, _, value = part.partition("=")
        key = unescape(name).lower()
        if key in params:
            raise ParseError(f"URI parameter {key!r} comes twice", clause="RFC 3261 19.1.1")
        params[key] = unescape(value) or None
    return params


def compared_params(text: str) -> dict[str, str]:
    """From name to value in the form by which parameters are compared: case-insensitive, escapes normalized."""
    compared: dict[str, str] = {}
    for part in text.split(";")[1:]:
        name, _, value = part.partition("=")
        compared[unescape(name).lower()] = normalize_escapes(value).lower()
    return compared


def encode_param(name: str, value: str | None) -> str:
    """One parameter with its ";", escaped where it must be. Raises ValueError for an empty name."""
    if not name:
        raise ValueError("a URI parameter needs a name")
    encoded = escape(name, _UNSAFE)
    return f";{encoded}" if value is None else f";{encoded}={escape(value, _UNSAFE)}"


def remove_param(text: str, name: str) -> str:
    """`text` without the parameter `name`; the others stay as written."""
    kept = [part for part in text.split(";")[1:] if unescape(part.partition("=")[0]).lower() != name]
    return "".join([f";{part}" for part in kept])
