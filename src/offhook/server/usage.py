"""What a running server holds at the moment, and what it has seen since its start."""

from __future__ import annotations

import resource
from pathlib import Path

from offhook.server.role import ServerRole
from offhook.transport.driver import Driver

__all__ = ["usage"]


async def usage(driver: Driver[ServerRole]) -> dict[str, int]:
    """The figures by their names, what is held first.

    A server at rest holds no transaction, and one timer: that by which it forgets expired bindings. It has no dialogs:
    those of its users pass through it.
    """
    stack = driver.stack
    table = stack.transactions
    counters = stack.counters
    return {
        "server_transactions": len(table.servers),
        "client_transactions": len(table.clients),
        "unanswered": table.unanswered,
        "timers": len(table.timers),
        "connections": driver.connections,
        "lookups": driver.lookups,
        "bindings": await driver.role.location.count(),
        "resident_kib": _resident(),
        "requests": counters.requests,
        "responses": counters.responses,
        "refused": counters.refused,
        "turned_away": counters.turned_away,
        "broken": counters.broken,
        "stray_responses": counters.stray_responses,
    }


def _resident() -> int:
    """KiB of resident memory; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize() // 1024
