"""All phones of a test: one place starts them and has them ended."""

from __future__ import annotations

from contextlib import ExitStack

from tests.interop.agent import Agent
from tests.interop.baresip import Baresip
from tests.interop.command import OffhookPhone, environment
from tests.interop.linphone import Linphone
from tests.interop.namespaces import DOMAIN, SERVER, Network
from tests.interop.process import Process
from tests.interop.server import OFFHOOK, HubServer

__all__ = ["Phones"]


class Phones:
    """Starts phones of the server's users and ends them with the test. A phone lives in its user's namespace, or at
    another `place`.
    """

    def __init__(self, network: Network, server: HubServer, running: ExitStack) -> None:
        self._network = network
        self._authorities = server.authorities
        self._running = running

    def baresip(
        self, user: str, transport: str = "udp", *, place: str = "", server: str = SERVER, password: str = ""
    ) -> Baresip:
        """A baresip. With a `password` it is not registered yet, else it is."""
        home = self._network.phone(place or user)
        phone = Baresip(home, user, transport, authorities=self._authorities, server=server, password=password)
        self._running.enter_context(phone)
        if not password:
            phone.process.wait_for("registered successfully")
        return phone

    def linphone(self, user: str, transport: str = "udp") -> Linphone:
        """A registered linphonec."""
        phone = Linphone(self._network.phone(user), user, transport, authorities=self._authorities)
        self._running.enter_context(phone)
        phone.wait_for("LinphoneRegistrationOk")
        return phone

    def agent(self, user: str, transport: str = "udp") -> Agent:
        """Our user agent, registered, steered by the test."""
        phone = self._running.enter_context(
            Agent(self._network.phone(user), user, transport, authorities=self._authorities)
        )
        phone.says("registered")
        return phone

    def command(self, user: str, place: str, *command: str) -> Process:
        """Another of our commands, as a user that may have a phone elsewhere."""
        home = self._network.phone(place)
        arguments = [OFFHOOK, *command, "--as", f"sip:{user}@{DOMAIN}", "--trace"]
        variables = environment(home.folder, user, self._authorities)
        return self._running.enter_context(home.start(f"offhook-{command[0]}", *arguments, environment=variables))

    def answer(self, user: str, transport: str = "udp") -> OffhookPhone:
        """`offhook answer`, registered."""
        phone = OffhookPhone(
            self._network.phone(user), user, "answer", transport=transport, authorities=self._authorities
        )
        self._running.enter_context(phone)
        phone.process.wait_for("^waiting for calls")
        return phone

    def call(self, user: str, uri: str, *options: str, transport: str = "udp") -> OffhookPhone:
        """`offhook call`, calling."""
        home = self._network.phone(user)
        phone = OffhookPhone(home, user, "call", uri, *options, transport=transport, authorities=self._authorities)
        return self._running.enter_context(phone)
