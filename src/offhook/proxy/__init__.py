"""The proxy (RFC 3261 16): one module for each of its steps."""

from __future__ import annotations

from offhook.proxy.own import OwnNames
from offhook.proxy.proxy import Proxy
from offhook.proxy.settings import ProxyDomain, ProxySettings

__all__ = ["OwnNames", "Proxy", "ProxyDomain", "ProxySettings"]
