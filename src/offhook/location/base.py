"""The protocol of location services: what the registrar, the proxy and the redirect server ask of them.

Any class with these methods can take the place of ours: a database, a directory, another server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from offhook.clock import Moment
from offhook.location.binding import Binding
from offhook.location.update import Update
from offhook.sip.uri import SipUri

__all__ = ["Later", "LocationService", "Outcome", "address_of_record"]

Outcome = list[Binding] | Exception
"""What becomes of something that was awaited."""

Later = Callable[[Awaitable[list[Binding]], Callable[[Outcome, Moment], None]], None]
"""How a role, which awaits nothing itself, has something awaited: the second is called with what came of the first."""


def address_of_record(uri: SipUri) -> str:
    """The key under which the bindings of a URI are kept: "sip:", the user and the host in canonical form.

    RFC 3261 10.3 step 5, with two additions: sip and sips name the same resource (RFC 5630 5.2), and a port, which
    does not belong into a To (RFC 3261 19.1.1 table 1) but is written there by some phones, tells no users apart.
    """
    text = uri.aor()
    if uri.port is not None:
        text = text[: text.rindex(":")]
    return f"sip{text[4:]}" if uri.secure else text


class LocationService(Protocol):
    """Keeps the bindings of addresses-of-record.

    An `aor` is what `address_of_record` gives. Bindings that have expired by `now.wall` are never given out. A list
    that was given out belongs to the caller. When the storage fails, what was awaited raises; the request that asked
    for it is then answered with 500, and nothing of its change may have been kept.
    """

    def lookup_now(self, aor: str, now: Moment) -> list[Binding] | None:
        """The bindings of an address-of-record, none being an empty list; None when `lookup` has to be awaited."""

    async def lookup(self, aor: str, now: Moment) -> list[Binding]:
        """The bindings of an address-of-record, when asking takes time."""

    def save(self, update: Update, now: Moment) -> list[Binding] | Awaitable[list[Binding]]:
        """Change the bindings of `update.aor` and give all that it then has: at once, or awaited.

        ``async def save`` is of this form. The change is ``update.apply(current bindings)``, within one transaction:
        changes of one address-of-record happen one after the other, in the order of the calls, and whole or not at
        all. What is given has been kept for good. Passes on the ProtocolError of `Update.apply`.
        """

    def sweep(self, now: Moment) -> float:
        """Forget some of what has expired, without delay; the seconds after which to call again."""

    async def count(self) -> int:
        """How many bindings there are; some of them may have expired."""

    def all(self, now: Moment) -> AsyncIterator[tuple[str, list[Binding]]]:
        """Every address-of-record with its bindings, in no order, for an administrator."""
