"""Offhook: the SIP platform for Python.

    async with UserAgent("sip:alice@example.com", password="...") as ua:
        call = await ua.invite("sip:bob@example.com", play="hello.wav", record="heard.wav")
        await call.hang_up()

The names here are all that most programs need; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook.clock import Moment
    from offhook.errors import (
        AuthenticationFailed,
        CallFailed,
        ConfigError,
        InvalidState,
        LimitExceeded,
        ParseError,
        ProtocolError,
        RequestFailed,
        ResolveFailed,
        SipError,
        TransactionTimeout,
        TransportFailed,
    )
    from offhook.flow import Flow, Target
    from offhook.ids import IdSource
    from offhook.sdp.session import SessionDescription
    from offhook.server.app import Server
    from offhook.server.config import ServerConfig
    from offhook.sip.headers.address import Contact, NameAddr
    from offhook.sip.message import Message, Request, Response
    from offhook.sip.parser import Limits, parse
    from offhook.sip.serializer import Draft
    from offhook.sip.uri import SipUri, parse_uri
    from offhook.stack import Stack
    from offhook.trace.printable import printable
    from offhook.transport.driver import Driver
    from offhook.transport.listener import Listener
    from offhook.transport.tls import TlsSettings
    from offhook.ua.agent import UserAgent
    from offhook.ua.call import Call, IncomingCall
    from offhook.ua.message import ReceivedMessage

__all__ = [
    "AuthenticationFailed",
    "Call",
    "CallFailed",
    "ConfigError",
    "Contact",
    "Draft",
    "Driver",
    "Flow",
    "IdSource",
    "IncomingCall",
    "InvalidState",
    "LimitExceeded",
    "Limits",
    "Listener",
    "Message",
    "Moment",
    "NameAddr",
    "ParseError",
    "ProtocolError",
    "ReceivedMessage",
    "Request",
    "RequestFailed",
    "ResolveFailed",
    "Response",
    "Server",
    "ServerConfig",
    "SessionDescription",
    "SipError",
    "SipUri",
    "Stack",
    "Target",
    "TlsSettings",
    "TransactionTimeout",
    "TransportFailed",
    "UserAgent",
    "parse",
    "parse_uri",
    "printable",
]

_HOMES = {
    "offhook.clock": ("Moment",),
    "offhook.errors": (
        "AuthenticationFailed",
        "CallFailed",
        "ConfigError",
        "InvalidState",
        "LimitExceeded",
        "ParseError",
        "ProtocolError",
        "RequestFailed",
        "ResolveFailed",
        "SipError",
        "TransactionTimeout",
        "TransportFailed",
    ),
    "offhook.flow": ("Flow", "Target"),
    "offhook.ids": ("IdSource",),
    "offhook.sdp.session": ("SessionDescription",),
    "offhook.server.app": ("Server",),
    "offhook.server.config": ("ServerConfig",),
    "offhook.sip.headers.address": ("Contact", "NameAddr"),
    "offhook.sip.message": ("Message", "Request", "Response"),
    "offhook.sip.parser": ("Limits", "parse"),
    "offhook.sip.serializer": ("Draft",),
    "offhook.sip.uri": ("SipUri", "parse_uri"),
    "offhook.stack": ("Stack",),
    "offhook.trace.printable": ("printable",),
    "offhook.transport.driver": ("Driver",),
    "offhook.transport.listener": ("Listener",),
    "offhook.transport.tls": ("TlsSettings",),
    "offhook.ua.agent": ("UserAgent",),
    "offhook.ua.call": ("Call", "IncomingCall"),
    "offhook.ua.message": ("ReceivedMessage",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
