"""The registrar (RFC 3261 10.3): takes REGISTER requests and changes the bindings of its domains."""

from __future__ import annotations

from offhook.registrar.registrar import Registrar
from offhook.registrar.settings import RegistrarSettings

__all__ = ["Registrar", "RegistrarSettings"]
