"""Whether the credentials that ours send are right: reckoned anew, and counted (RFC 3261 22.4, RFC 2617 3.2.2)."""

from __future__ import annotations

from hashlib import md5

from offhook.sip.headers.auth import Challenge, Credentials
from offhook.sip.message import Request
from tests.rfc.flow_site import Sent

__all__ = ["wrong_credentials"]


def wrong_credentials(sent: list[Sent], passwords: dict[str, str]) -> list[str]:
    """What is wrong, in the order of sending; `passwords` by user. An ACK has those of its INVITE (22.1)."""
    asked: set[tuple[str | None, str | None]] = set()
    made: dict[str | None, list[str | None]] = {}
    wrong: list[str] = []
    for one in sent:
        message = one.message
        for name in ("WWW-Authenticate", "Proxy-Authenticate"):
            asked |= {(value.realm, value.nonce) for value in message.headers(name) if isinstance(value, Challenge)}
        if not isinstance(message, Request):
            continue
        for name in ("Authorization", "Proxy-Authorization"):
            for value in message.headers(name):
                assert isinstance(value, Credentials)
                before = made.setdefault(value.nonce, [])
                begins = len(message.vias) == 1 and message.method != "ACK"
                if (value.realm, value.nonce) not in asked:
                    wrong.append(f"{one}: nobody asked for {value}")
                if value.response != _response(value, message.method, passwords):
                    wrong.append(f"{one}: {value} is not right")
                if begins and value.uri != message.request_uri:
                    wrong.append(f"{one}: {value} is for another URI")
                if begins and value.response not in before:
                    before.append(value.response)
                if value.response not in before or value.nc != f"{before.index(value.response) + 1:08x}":
                    wrong.append(f"{one}: {value} is not number {len(before)} for its nonce")
    return wrong


def _response(value: Credentials, method: str, passwords: dict[str, str]) -> str:
    password = passwords.get(value.username or "", "")
    first = _hash(f"{value.username}:{value.realm}:{password}")
    second = _hash(f"{'INVITE' if method == 'ACK' else method}:{value.uri}")
    return _hash(f"{first}:{value.nonce}:{value.nc}:{value.cnonce}:{value.qop}:{second}")


def _hash(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
