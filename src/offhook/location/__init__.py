"""The location service (RFC 3261 10, 16.5): where the users of a domain can be reached."""

from __future__ import annotations

from offhook.location.base import Later, LocationService, Outcome, address_of_record
from offhook.location.binding import Binding
from offhook.location.memory import MemoryLocation
from offhook.location.update import Update

__all__ = ["Binding", "Later", "LocationService", "MemoryLocation", "Outcome", "Update", "address_of_record"]
