"""What the interop tests stand on: addresses, namespaces and a server of their own. A failed test shows every log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from tests.interop.namespaces import Network
from tests.interop.phones import Phones
from tests.interop.server import HubServer, OffhookServer, add_accounts, listening
from tests.transport.certificates import Authority

_numbers: Final = count(1)
LOG_TAIL: Final = 6000


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the ends of all log files beside a failure."""
    report = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and isinstance(folder, Path):
        for log in sorted(folder.rglob("*.log")):
            text = log.read_text("utf-8", "replace")
            if text:
                report.sections.append((str(log), text[-LOG_TAIL:]))
    return report


@pytest.fixture
def phones(network: Network, server: HubServer, running: ExitStack) -> Phones:
    return Phones(network, server, running)


@pytest.fixture
def loopback() -> str:
    """An IPv4 loopback address that no other test uses, so that well-known ports are free on it."""
    pid = os.getpid()
    return f"127.{1 + (pid >> 8) % 250}.{pid & 255}.{next(_numbers) % 250 + 2}"


@pytest.fixture(scope="session")
def namespaces_allowed() -> None:
    """In a container even root may not be allowed to make namespaces."""
    tried = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"needs the right to make namespaces: {tried.stderr.strip()}")


@pytest.fixture
def network(tmp_path: Path, namespaces_allowed: None) -> Iterator[Network]:
    """A server's namespace and phones' namespaces around it."""
    network = Network(tmp_path)
    yield network
    network.close()


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """Enter a process into it, and the process is ended with the test."""
    with ExitStack() as running:
        yield running


@pytest.fixture
def algorithms() -> tuple[str, ...]:
    """The digest algorithms that a server offers; parametrize a test with others."""
    return ("MD5",)


@pytest.fixture
def local_server(tmp_path: Path, loopback: str, algorithms: tuple[str, ...], running: ExitStack) -> str:
    """A server at UDP and TCP ports 5060 of a loopback address, which is its domain too."""
    names = ", ".join(f'"{name}"' for name in algorithms)
    configuration = f"""
        {listening("udp", loopback)}
        {listening("tcp", loopback)}
        [[domain]]
        name = "{loopback}"
        algorithms = [{names}]
    """
    add_accounts(tmp_path, loopback)
    running.enter_context(OffhookServer(tmp_path, configuration))
    return loopback


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Who the phones trust when it has signed a certificate."""
    return Authority("interop")


@pytest.fixture
def server(
    tmp_path: Path, network: Network, authority: Authority, algorithms: tuple[str, ...], running: ExitStack
) -> HubServer:
    """A server in the hub, for example.com."""
    return running.enter_context(HubServer(tmp_path, network, authority, algorithms))
