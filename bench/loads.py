"""What the servers are measured with: kinds of work, the rate offered, and which of a server's configurations."""

from __future__ import annotations

from collections.abc import Callable

from bench import phones

__all__ = ["LOADS", "MORE", "Load"]


class Load:
    """One kind of work: `rate` operations a second of SIPp's `scenario`.

    `kind` names the servers' configuration: proxy, stateless, digest, durable or streams. `callee` tells whether
    somebody has to answer, `ringing` how many phones of his ring beside the one that does. `transport` is what callers
    come by.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        scenario: Callable[[bool], str],
        rate: int,
        callee: bool,
        transport: str = "udp",
        ringing: int = 0,
    ) -> None:
        self.name = name
        self.kind = kind
        self.scenario = scenario
        self.rate = rate
        self.callee = callee
        self.transport = transport
        self.ringing = ringing

    @property
    def answers(self) -> bool:
        """Whether the phones are challenged."""
        return self.kind == "digest"

    def slower(self, times: int) -> Load:
        """The same work at a part of the rate."""
        rate = self.rate // times
        return Load(self.name, self.kind, self.scenario, rate, self.callee, self.transport, self.ringing)


LOADS = (
    Load("call", "proxy", phones.caller, 2000, callee=True),
    Load("stateless call", "stateless", phones.caller, 2000, callee=True),
    Load("REGISTER", "proxy", phones.registering, 4000, callee=False),
    Load("REGISTER with digest", "digest", phones.registering, 4000, callee=False),
    Load("call with digest", "digest", phones.caller, 1000, callee=True),
)

MORE = (
    Load("REGISTER durable", "durable", phones.registering, 2000, callee=False),
    Load("call over TCP", "streams", phones.caller, 1000, callee=True, transport="tcp"),
    Load("call over TLS", "streams", phones.caller, 1000, callee=True, transport="tls"),
    Load("call to three", "proxy", phones.caller, 500, callee=True, ringing=2),
)
"""What is measured besides, in `make bench-all`."""
