"""The hosts file (hosts(5)) and localhost (RFC 6761 6.3): names that no name server is asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from offhook.transport.interfaces import canonical_address

__all__ = ["HostsFile"]

_LOOPBACK: Final = ("127.0.0.1", "::1")
_LARGEST: Final = 16 << 20


class HostsFile:
    """The names in one hosts file; it is read again when it has changed. A file that is missing names nothing."""

    __slots__ = ("_names", "_path", "_stamp")

    def __init__(self, path: str | os.PathLike[str] = "/etc/hosts") -> None:
        self._path = Path(path)
        self._stamp: tuple[int, int] | None = None
        self._names: dict[str, list[str]] = {}

    def addresses(self, name: str) -> list[str]:
        """The addresses of a name in the order of the file, canonical; empty when it is not there."""
        self._refresh()
        key = name.lower().removesuffix(".")
        found = self._names.get(key, [])
        if key == "localhost" or key.endswith(".localhost"):
            found = [*found, *(address for address in _LOOPBACK if address not in found)]
        return found

    def _refresh(self) -> None:
        try:
            state = self._path.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            if stamp == self._stamp:
                return
            text = self._path.read_text(encoding="utf-8", errors="replace") if state.st_size <= _LARGEST else ""
        except OSError:
            stamp, text = (0, 0), ""
        self._stamp = stamp
        self._names = _read(text)


def _read(text: str) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for line in text.splitlines():
        fields = line.partition("#")[0].split()
        if len(fields) < 2:
            continue
        try:
            address = canonical_address(fields[0])
        except ValueError:
            continue  # an address with a zone, or none at all
        for name in fields[1:]:
            known = names.setdefault(name.lower().removesuffix("."), [])
            if address not in known:
                known.append(address)
    return names
