"""One side of connections on loopback: the streams of a driver, without it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from offhook import clock
from offhook.flow import Flow, Target
from offhook.sip.parser import Limits
from offhook.transport.connection import StreamLimits
from offhook.transport.listener import Listener, bind_all
from offhook.transport.streams import Streams
from offhook.transport.tcp import StreamListener
from offhook.transport.tls import TlsSettings, server_context
from tests.transport.support import Events, octets, soon, until

MESSAGE = octets(via="SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1", body=b"hello")


class Side:
    """Streams with the receiver that listens to them."""

    def __init__(self, limits: StreamLimits | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.events = Events()
        self.serials = itertools.count(1)
        self.streams = Streams(
            self.events, self.loop, limits or StreamLimits(), Limits(), lambda: next(self.serials), "0"
        )
        self.listening: list[StreamListener] = []
        self.address = ("", 0)

    def listen(self, host: str = "127.0.0.1", tls: TlsSettings | None = None) -> tuple[str, int]:
        listener = Listener("TCP" if tls is None else "TLS", host, 0, tls=tls)
        bound = bind_all([listener])[0]
        context = None if tls is None else server_context(tls)
        self.listening.append(StreamListener(bound, self.streams, self.loop, context))
        self.address = bound.local
        return bound.local

    def connect(self, to: tuple[str, int], domain: str = "", tls: TlsSettings | None = None) -> Flow:
        host = "::1" if ":" in to[0] else "127.0.0.1"
        listener = Listener("TCP" if tls is None else "TLS", host, tls=tls)
        if tls is not None:
            self.streams.add_listener(listener)
        local = (host, listener.port)
        target = Target(listener.transport, *to, listener.name, local, "127.0.0.1:5060", domain)
        flow = Flow(listener.transport, listener.name, local, to, "0", next(self.serials))
        self.streams.connect(flow, target)
        return flow

    def send(self, flow: Flow, data: bytes = MESSAGE) -> bool:
        return self.streams.transmit(flow, data, clock.now())

    async def change(self, count: int = 1) -> tuple[Flow, str, str]:
        """The change of a flow with the number `count`."""
        await until(lambda: len(self.events.changes) >= count)
        return self.events.changes[count - 1]

    async def stop(self) -> None:
        for listener in self.listening:
            listener.close()
        await soon(self.streams.stop())


Sides = Callable[..., Side]
