"""BIND's name server, authoritative for one zone."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.interop.process import Process

__all__ = ["ZONE", "NameServer", "free_port"]

ZONE: Final = "example.org"

_CONFIGURATION: Final = """\
options {{
    directory "{folder}";
    pid-file none;
    session-keyfile none;
    listen-on port {port} {{ {ipv4} }};
    listen-on-v6 port {port} {{ {ipv6} }};
    recursion no;
    dnssec-validation no;
    querylog yes;
}};
controls {{ }};
zone "{zone}" {{ type primary; file "zone"; }};
"""

_HEAD: Final = f"""\
$ORIGIN {ZONE}.
$TTL 60
@ SOA ns admin 1 3600 600 86400 7
@ NS ns
ns A 127.0.0.1
"""


class NameServer:
    """named in the foreground, at IPv4 and IPv6 `addresses`; `within` stands before its command."""

    def __init__(
        self, folder: Path, addresses: Sequence[str], port: int, records: str, within: Sequence[str] = ()
    ) -> None:
        home = folder / "named"
        home.mkdir()
        (home / "zone").write_text(_HEAD + records, "ascii")
        ipv4, ipv6 = ["".join(f"{one}; " for one in addresses if (":" in one) is wanted) for wanted in (False, True)]
        configuration = home / "named.conf"
        configuration.write_text(
            _CONFIGURATION.format(folder=home, port=port, ipv4=ipv4 or "none;", ipv6=ipv6 or "none;", zone=ZONE),
            "ascii",
        )
        self.port = port
        self.process = Process(folder, "named", [*within, "named", "-g", "-n", "1", "-c", str(configuration)])
        try:
            self.process.wait_for(" running$")
        except BaseException:
            self.process.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stop()

    def asked(self, name: str, kind: str) -> list[str]:
        """The flags of each question for a name and type, "T" among them for one over TCP."""
        found = []
        for line in self.process.output.splitlines():
            _, query, rest = line.partition(f" query: {name} IN {kind} ")
            if query:
                found.append(rest.split(" ", 1)[0])
        return found


def free_port(*hosts: str) -> int:
    """A port that is free over UDP and TCP on all hosts."""
    while True:
        with socket.create_server((hosts[0], 0)) as first:
            port: int = first.getsockname()[1]
        try:
            for host in hosts:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(family, kind) as probe:
                        probe.bind((host, port))
        except OSError:
            continue
        return port
