"""Make the accounts of a measurement in a server's data folder.

usage: accounts.py FOLDER COUNT

The users are u0, u1 and so on of example.com; the password of each is "secret".
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from offhook.accounts.base import Account
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.location.sqlite import LOCATION_SCHEMA
from offhook.server.config import DATABASE
from offhook.storage.sqlite import Database


async def main(folder: Path, count: int) -> None:
    database = await Database.open(folder / DATABASE, [ACCOUNTS_SCHEMA, LOCATION_SCHEMA])
    accounts = SqliteAccounts(database)
    await asyncio.gather(
        *(accounts.add(Account.create(f"u{number}", "example.com", "secret")) for number in range(count))
    )
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
