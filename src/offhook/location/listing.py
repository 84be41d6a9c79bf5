"""The listing of a location service that has everything at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from offhook.location.binding import Binding

__all__ = ["listed"]


async def listed(pairs: Iterable[tuple[str, list[Binding]]]) -> AsyncIterator[tuple[str, list[Binding]]]:
    """What `LocationService.all` gives, from what can be had without waiting. mypyc compiles no such generators."""
    for pair in pairs:
        yield pair
