"""The wire: messages, their header fields and URIs (RFC 3261 7, 19, 20, 25)."""

from __future__ import annotations

from offhook.sip.message import Message, Request, Response
from offhook.sip.parser import Limits, parse
from offhook.sip.serializer import Draft

__all__ = ["Draft", "Limits", "Message", "Request", "Response", "parse"]
