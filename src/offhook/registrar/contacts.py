"""What the Contact fields of a REGISTER ask for (RFC 3261 10.3 steps 6 and 7)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.registrar.refused import Refused
from offhook.registrar.settings import RegistrarSettings
from offhook.sip.headers.address import Contact
from offhook.sip.headers.grammar import serialize_params
from offhook.sip.message import Request
from offhook.sip.scan import PLAIN_HOST, PLAIN_USER, consists_of
from offhook.sip.uri import SipUri

__all__ = ["WantedContact", "wanted_contacts"]

_HOUR: Final = 3600
_MAX_DIGITS: Final = 10

_URI_PARAMS: Final = re.compile(rb"transport=[A-Za-z]+(?:;ob)?|ob")
_EXPIRES: Final = b";expires="
_REG_ID: Final = re.compile(r"[0-9]{1,10}")


class WantedContact:
    """One contact address: its URI, whether that is sips, its host without brackets and its port.

    The host is "" for other schemes, the port 0 where none is written.

    `expires` is the interval in seconds, 0 for a removal. `params` are the other header parameters, as text.
    """

    __slots__ = ("expires", "host", "instance", "params", "port", "q", "reg_id", "secure", "uri")

    def __init__(self, uri: str, host: str, port: int, secure: bool, expires: int) -> None:
        self.uri = uri
        self.host = host
        self.port = port
        self.secure = secure
        self.expires = expires
        self.params = ""
        self.q: float | None = None
        self.instance = ""
        self.reg_id = 0


def wanted_contacts(request: Request, settings: RegistrarSettings) -> list[WantedContact] | None:
    """The contact addresses of a REGISTER that has a Contact, or None for "*".

    Raises Refused for an interval that is too brief, and ParseError.
    """
    if len(request.places("contact")) == 1:
        value = request.octets("contact") or b""
        if value == b"*":
            _check_star(request)
            return None
        plain = _plain(value, request, settings)
        if plain is not None:
            return [plain]
    values = request.headers("Contact")
    contacts: list[WantedContact] = []
    for contact in values:
        if not isinstance(contact, Contact):
            # Step 6: "*" stands alone.
            raise ParseError('"*" beside other contacts', header="Contact", clause="RFC 3261 10.3 step 6")
        contacts.append(_wanted(contact, request, settings))
    return contacts


def _plain(value: bytes, request: Request, settings: RegistrarSettings) -> WantedContact | None:
    """The usual form, in which the URI stands as it is kept; None for any other, which the grammars read.

    <sip[s]:[user@]host[:port][;transport=...][;ob]>[;expires=seconds]
    """
    opening, _, behind = value.partition(b">")
    uri = opening[1:]
    scheme, _, address = uri.partition(b":")
    if opening[:1] != b"<" or (scheme != b"sip" and scheme != b"sips"):
        return None
    address, semicolon, params = address.partition(b";")
    if semicolon and _URI_PARAMS.fullmatch(params) is None:
        return None
    user, at, rest = address.partition(b"@")
    host, colon, digits = (rest if at else user).partition(b":")
    if (at and not consists_of(user, PLAIN_USER)) or not consists_of(host, PLAIN_HOST) or b"" in host.split(b"."):
        return None
    if colon and not _is_port(digits):
        return None
    seconds = behind[len(_EXPIRES) :]
    if behind and not (behind.startswith(_EXPIRES) and seconds.isdigit() and len(seconds) < _MAX_DIGITS):
        return None
    expires = _interval(int(seconds) if behind else _requested(request, settings), settings)
    port = int(digits) if colon else 0
    return WantedContact(uri.decode("ascii"), host.decode("ascii"), port, scheme == b"sips", expires)


def _is_port(digits: bytes) -> bool:
    """Whether this is surely a port as it is kept; those from 65000 on, and leading zeros, are left to the grammar."""
    return digits.isdigit() and digits >= b"1" and (len(digits) < 5 or (len(digits) == 5 and digits < b"65000"))


def _check_star(request: Request) -> None:
    """Step 6: "*" needs an Expires of 0."""
    expires = request.octets("expires")
    if expires is None or not expires.isdigit() or expires.strip(b"0"):
        raise ParseError('"*" without an Expires of 0', header="Expires", clause="RFC 3261 10.3 step 6")


def _wanted(contact: Contact, request: Request, settings: RegistrarSettings) -> WantedContact:
    uri = contact.uri
    requested = contact.expires
    host, port = (uri.bare_host, uri.port or 0) if isinstance(uri, SipUri) else ("", 0)
    wanted = WantedContact(
        uri.serialize(),
        host,
        port,
        uri.scheme == "sips",
        _interval(_requested(request, settings) if requested is None else requested, settings),
    )
    params = dict(contact.params)
    params.pop("expires", None)
    if params.pop("q", None) is not None:
        wanted.q = contact.q
    wanted.params = serialize_params(params)
    instance = contact.param("+sip.instance")
    if instance:
        wanted.instance = _urn(instance)
    reg_id = contact.param("reg-id")
    # RFC 5626 6: a reg-id without an instance is ignored.
    if reg_id is not None and wanted.instance:
        if _REG_ID.fullmatch(reg_id) is None or not 1 <= int(reg_id) < 1 << 31:
            raise ParseError("reg-id is not a number above 0", header="Contact", clause="RFC 5626 11.1")
        wanted.reg_id = int(reg_id)
    return wanted


def _requested(request: Request, settings: RegistrarSettings) -> int:
    """Step 7: the interval that the Expires field asks for, or the default. A malformed one counts as an hour (20.19
    with 10.2.1.1)."""
    value = request.octets("expires")
    if value is None:
        return settings.default_expires
    if not value.isdigit():
        return _HOUR
    digits = value.lstrip(b"0") or b"0"
    return settings.max_expires if len(digits) > _MAX_DIGITS else int(digits)


def _interval(requested: int, settings: RegistrarSettings) -> int:
    """Step 7: the interval that is granted; 423 for one that is too brief."""
    if 0 < requested < settings.min_expires and requested < _HOUR:
        raise Refused(423, ("Min-Expires", str(settings.min_expires)))
    return min(requested, settings.max_expires)


def _urn(text: str) -> str:
    """The instance-id in the form by which it is compared (RFC 5626 4.1).

    A UUID is compared without case (RFC 4122 3), of any other URN "urn" and the name of its namespace (RFC 2141 5).
    """
    urn = text[1:-1] if text.startswith("<") and text.endswith(">") else text
    if urn[:9].lower() == "urn:uuid:":
        return urn.lower()
    parts = urn.split(":", 2)
    if len(parts) == 3 and parts[0].lower() == "urn":
        return f"urn:{parts[1].lower()}:{parts[2]}"
    return urn
