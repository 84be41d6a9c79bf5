"""Run a server from a configuration file until it is terminated."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from offhook.server.app import Server
from offhook.server.config import load


async def main() -> None:
    server = Server(load(Path(sys.argv[1])))
    await server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await server.close()


asyncio.run(main())
