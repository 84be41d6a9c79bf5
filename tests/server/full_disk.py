"""A server whose disk gets full while phones register, and which dies then: how many were accepted and refused."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

from offhook.accounts.base import Account
from offhook.errors import RequestFailed
from offhook.server.app import Server
from offhook.server.logs import configure
from tests.server.test_app import DOMAIN, PASSWORD, configured, phone

USERS = 100
ROOM = 40_000
"""Octets that the largest of the database's files may still grow by."""


async def main() -> None:
    configure("warning")
    server = Server(configured(Path(sys.argv[1])))
    await server.start()
    users = [Account.create(f"user{number}", DOMAIN, PASSWORD, algorithms=["MD5"]) for number in range(USERS)]
    await asyncio.gather(*[server.accounts.add(user) for user in users])
    largest = max([path.stat().st_size for path in server.data.glob("offhook.db*")])
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + ROOM, resource.RLIM_INFINITY))
    accepted = refused = 0
    for number in range(USERS):
        try:
            await phone(server, f"user{number}").start()
            accepted += 1
        except RequestFailed as error:
            refused += error.status == 500
        if refused == 3:
            break
    sys.stdout.write(f"{accepted} {refused}\n")
    sys.stdout.flush()
    os._exit(9)


if __name__ == "__main__":
    asyncio.run(main())
