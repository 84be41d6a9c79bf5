"""A server on a file system of its own, which is so small that it can be filled."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.peer import Peer
from tests.cli.terminal import Terminal, free_port

pytestmark = pytest.mark.interop("unshare", "mount", root=True)

MOUNT = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"'
MOST = 1000


def fill(file: Path) -> None:
    """Write into a file until the disk is full."""
    with file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


def test_what_does_not_fit_is_refused_until_there_is_room(tmp_path: Path, namespaces_allowed: None) -> None:
    port, data, config = free_port(), tmp_path / "data", tmp_path / "offhook.toml"
    data.mkdir()
    listen = f'[[listen]]\ntransport = "udp"\naddress = "127.0.0.1"\nport = {port}\n'
    domain = '[[domain]]\nname = "example.test"\ntrusted = ["127.0.0.0/8"]\n'
    config.write_text(f'data = "{data}"\n{listen}{domain}')
    within = ("unshare", "--mount", "sh", "-c", MOUNT, str(data))
    terminal = Terminal(tmp_path)
    with closing(terminal), Peer(port) as phone:
        server = terminal.start("serve", "-c", str(config), until="ready", within=within)
        assert phone.register("first", "sip:first@192.0.2.1") == 200
        filler = Path(f"/proc/{server.pid}/root{data}/filler")
        with pytest.raises(OSError, match="No space left"):
            fill(filler)
        # Some registrations may still fit into what SQLite has of the disk already.
        contact = "sip:somebody@192.0.2.2"
        kept = next(number for number in range(MOST) if phone.register(f"user{number}", contact) == 500)
        assert phone.ask(phone.request("OPTIONS", f"sip:127.0.0.1:{port}", "first")).startswith("SIP/2.0 200 ")
        filler.unlink()
        assert phone.register(f"user{kept}", contact) == 200
        for number in range(kept + 1):
            assert contact in phone.ask(phone.request("REGISTER", "sip:example.test", f"user{number}"))
        status, printed = terminal.end(server)
    assert status == 0
    assert printed.count(f"{data}/offhook.db cannot grow: the disk is full") == 1
    assert "Traceback" not in printed
