"""The Debian packages that Offhook's targets need, and how they are installed without starting a service."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["PEERS", "install", "missing_peers", "package_of", "program"]

PEERS = {
    "baresip": "baresip",
    "fail2ban-regex": "fail2ban",
    "git": "git",
    "ip": "iproute2",
    "kamailio": "kamailio",
    "linphonec": "linphone-cli",
    "named": "bind9",
    "nft": "nftables",
    "openssl": "openssl",
    "ps": "procps",
    "sip-options": "sofia-sip-bin",
    "sipp": "sip-tester",
    "sipsak": "sipsak",
    "svmap": "sipvicious",
    "stunnel4": "stunnel4",
    "tshark": "tshark",
}
"""The programs that the interop tests talk to or measure with, and the package that each comes from."""

MODULES = {"kamailio/modules/tls.so": "kamailio-tls-modules"}
"""Their modules that have a package of their own, by where they are in a folder of /usr/lib."""

LIBRARIES = Path("/usr/lib")
SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
POLICY = Path("/usr/sbin/policy-rc.d")


def program(name: str) -> str | None:
    """The full path of a program, looked for in the system folders too, or None."""
    return shutil.which(name, path=SEARCH_PATH)


def package_of(name: str) -> str:
    """The Debian package that brings the program."""
    return PEERS.get(name, name)


def missing_peers() -> list[str]:
    """The packages of the interop tests that are not installed."""
    missing = {package for name, package in PEERS.items() if program(name) is None}
    missing |= {package for file, package in MODULES.items() if not any(LIBRARIES.glob(f"*/{file}"))}
    return sorted(missing)


@contextmanager
def services_stopped() -> Iterator[None]:
    """Keep packages from starting their services while they are installed (Debian policy 9.3.3.1: exit 101)."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def install(packages: list[str]) -> bool:
    """Install packages with apt-get. False when this user cannot, or apt-get could not."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    print(f"offhook: installing {' '.join(packages)}", file=sys.stderr, flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    commands = (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages])
    with services_stopped():
        for arguments in commands:
            done = subprocess.run(
                ["apt-get", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                print(done.stdout + done.stderr, file=sys.stderr)
                return False
    return True
