"""A small internet of a test's own: a server and phones, each in a network namespace, with a router between them.

    alice 198.51.100.2 --- hub 192.0.2.1 --- bob 203.0.113.2
                               |
                         carol 192.0.2.130

The hub holds the server's address and routes between the phones, so that what phones send to each other without the
server (their audio) passes its forward hook. All addresses are those for documentation (RFC 5737, RFC 3849); the names
that a namespace resolves stand in its own hosts file. A namespace lives as long as the process that holds it;
links and rules go with it.
"""

from __future__ import annotations

import ctypes
import socket
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.interop.process import Process, surroundings, until

__all__ = ["DOMAIN", "SERVER", "SERVER6", "Namespace", "Network"]

DOMAIN: Final = "example.com"
SERVER: Final = "192.0.2.1"
SERVER6: Final = "2001:db8::1"
PLACES: Final = {
    "alice": ("198.51.100.1", "198.51.100.2", "2001:db8:a::1", "2001:db8:a::2"),
    "bob": ("203.0.113.1", "203.0.113.2", "2001:db8:b::1", "2001:db8:b::2"),
    "carol": ("192.0.2.129", "192.0.2.130", "2001:db8:c::1", "2001:db8:c::2"),
}
"""Of each phone: the hub's address towards it and its own, for both families."""

_CLONE_NEWNET: Final = 0x40000000


class Namespace:
    """A network namespace, with its own hosts file and no name server."""

    def __init__(self, folder: Path, name: str, address: str, address6: str) -> None:
        self.name = name
        self.folder = folder
        self.address = address
        self.address6 = address6
        self._holder = Process(folder, f"{name}-namespace", ["unshare", "--net", "--mount", "sleep", "infinity"])
        try:
            own = Path("/proc/self/ns/mnt").readlink()
            until("namespace", lambda: Path(f"/proc/{self.pid}/ns/mnt").readlink() != own)
            self._name_hosts()
            self.run("ip", "link", "set", "lo", "up")
            # An address that is being looked for elsewhere cannot be used for the first second or two (RFC 4862 5.4).
            self.configure("ipv6/conf/all/accept_dad=0", "ipv6/conf/default/accept_dad=0")
        except BaseException:
            self.close()
            raise

    def _name_hosts(self) -> None:
        hosts = self.folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{self.address} {socket.gethostname()}\n{SERVER} {DOMAIN}\n", "ascii")
        resolv = self.folder / "resolv.conf"
        # Nothing listens there: every question is refused at once.
        resolv.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", "ascii")
        for file in (hosts, resolv):
            self.run("mount", "--bind", str(file), str(Path("/etc", file.name).resolve()))

    @property
    def pid(self) -> int:
        return self._holder.pid

    def command(self, *command: str) -> list[str]:
        """The command that runs `command` within."""
        # With the root of the holder: a mount namespace by itself leads to that of the machine, out of a chroot.
        return ["nsenter", "--target", str(self.pid), "--net", "--mount", "--root", f"--wdns={self.folder}", *command]

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command within and return its output. Raises AssertionError when it fails."""
        done = subprocess.run(
            self.command(*command),
            cwd=self.folder,
            env=surroundings(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def configure(self, *settings: str) -> None:
        """Set the kernel's parameters of networking within, each given as "name=value"."""
        for setting in settings:
            name, _, value = setting.partition("=")
            self.run("tee", f"/proc/sys/net/{name}", stdin=value)

    def start(self, name: str, *command: str, environment: dict[str, str] | None = None) -> Process:
        """Start a program within; `environment` goes on top of the tests' own."""
        return Process(self.folder, name, self.command(*command), environment=environment)

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket within: it belongs to the namespace of the thread that makes it."""
        made: list[socket.socket] = []

        def make() -> None:
            with Path(f"/proc/{self.pid}/ns/net").open("rb") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET) == 0:
                    made.append(socket.socket(family, kind))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        assert made, f"cannot enter the namespace of {self.name}"
        return made[0]

    def close(self) -> None:
        self._holder.stop()


class Network:
    """The hub and its phones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()
        self.phones: dict[str, Namespace] = {}
        self.hub = self._add("hub", SERVER, SERVER6)
        hub = self.hub
        hub.run("ip", "address", "add", f"{SERVER}/32", "dev", "lo")
        hub.run("ip", "address", "add", f"{SERVER6}/128", "dev", "lo", "nodad")
        hub.configure("ipv4/ip_forward=1", "ipv6/conf/all/forwarding=1")
        chain = "{ type filter hook forward priority 0; }"
        hub.run("nft", f"add table inet phones; add chain inet phones forward {chain}")

    def _add(self, name: str, address: str, address6: str) -> Namespace:
        folder = self._folder / name
        folder.mkdir()
        namespace = Namespace(folder, name, address, address6)
        self._open.callback(namespace.close)
        return namespace

    def phone(self, name: str) -> Namespace:
        """The namespace of a phone, made at first use."""
        known = self.phones.get(name)
        if known is not None:
            return known
        router, address, router6, address6 = PLACES[name]
        phone = self.phones[name] = self._add(name, address, address6)
        hub = self.hub
        hub.run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(phone.pid))
        _attach(hub, name, router, router6)
        _attach(phone, "eth0", address, address6)
        phone.run("ip", "route", "add", "default", "via", router)
        phone.run("ip", "-6", "route", "add", "default", "via", router6)
        rule = f"inet phones forward iifname {name} meta l4proto udp th dport & 1 == 0 counter name {name}"
        hub.run("nft", f"add counter inet phones {name}; add rule {rule}")
        return phone

    def block_audio(self) -> None:
        """Drop what the phones send to each other; the server stays within their reach."""
        self.hub.run("nft", "add", "rule", "inet", "phones", "forward", "meta", "l4proto", "udp", "drop")

    def audio_packets(self, phone: str) -> int:
        """How many RTP packets a phone has sent to another one so far, blocked or not: those to even ports."""
        words = self.hub.run("nft", "list", "counter", "inet", "phones", phone).split()
        return int(words[words.index("packets") + 1])

    def close(self) -> None:
        self._open.close()


def _attach(namespace: Namespace, link: str, address: str, address6: str) -> None:
    namespace.run("ip", "address", "add", f"{address}/30", "dev", link)
    namespace.run("ip", "address", "add", f"{address6}/64", "dev", link, "nodad")
    namespace.run("ip", "link", "set", link, "up")
