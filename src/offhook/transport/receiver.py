"""What the sockets hand their input to."""

from __future__ import annotations

from typing import Protocol

from offhook.clock import Moment
from offhook.flow import Flow

__all__ = ["Receiver"]


class Receiver(Protocol):
    """The driver, as sockets see it. `now` is taken once for what one event of the loop brings."""

    def receive(self, data: bytes, flow: Flow, now: Moment) -> None:
        """Take a datagram or a whole message of a stream."""

    def sent(self, data: bytes, flow: Flow, now: Moment) -> None:
        """Take note that a message that had to wait for its connection has been written."""

    def flow_changed(self, flow: Flow, state: str, reason: str, now: Moment) -> None:
        """Take note that a stream stands or ended, or that an address cannot be reached."""

    def not_sent(self, data: bytes, flow: Flow, reason: str, now: Moment) -> None:
        """Take note that a datagram cannot be sent, though its address may well be reached."""

    def prefers(self, remote: tuple[str, int]) -> bool:
        """Whether requests from a remote side are taken when not all can be."""

    def settle(self, now: Moment) -> None:
        """Do what waits for the end of a batch."""
