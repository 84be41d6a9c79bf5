"""What is seen of every engine: the events that its role gets, and what is logged."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from structlog.testing import capture_logs

from offhook.clock import Moment
from offhook.transaction.effects import Effect, Ended

__all__ = ["Watch", "Watched", "logs_watched"]

FAILED = ("timeout", "transport")
UNREACHABLE = "a next hop cannot be reached"


class Role(Protocol):
    def receive(self, event: Effect, now: Moment) -> None: ...


class Watched:
    """A role under watch; it stands in the role's place."""

    def __init__(self, watch: Watch, host: str, role: Role) -> None:
        self.role = role
        self._watch = watch
        self._host = host

    def receive(self, event: Effect, now: Moment) -> None:
        if isinstance(event, Ended):
            self._watch.ended(self._host, event)
        self.role.receive(event, now)


class Watch:
    """How the transactions of all hosts ended: `ends` counts (method, cause), `failed` has what failed by Call-ID."""

    def __init__(self) -> None:
        self.ends: Counter[tuple[str, str]] = Counter()
        self.failed: dict[str, list[str]] = {}
        self.warnings: list[str] = []
        self.errors: list[str] = []

    def over(self, host: str, role: Role) -> Watched:
        """Stand between an engine and its role."""
        return Watched(self, host, role)

    def logged(self, is_error: bool, line: str) -> None:
        """Something was logged."""
        (self.errors if is_error else self.warnings).append(line)

    def ended(self, host: str, event: Ended) -> None:
        """A transaction has ended."""
        request = event.transaction.request
        self.ends[(request.method, event.cause)] += 1
        if event.cause in FAILED:
            self.failed.setdefault(request.call_id, []).append(f"{request.method} at {host}: {event.cause}")


class _Listener(logging.Handler):
    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.WARNING)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.levelname} {record.name}: {record.getMessage()}"
        self._watch.logged(record.levelno >= logging.ERROR, line)


@contextmanager
def logs_watched(watch: Watch) -> Iterator[None]:
    """While this lasts, warnings and errors that are logged are noted."""
    listener = _Listener(watch)
    logging.getLogger().addHandler(listener)
    try:
        with capture_logs() as entries:
            yield
        for entry in entries:
            # Hops that cannot be reached are what the world is full of.
            if entry["log_level"] not in ("debug", "info") and entry["event"] != UNREACHABLE:
                watch.logged(entry["log_level"] != "warning", str(entry))
    finally:
        logging.getLogger().removeHandler(listener)
