"""What the servers are measured with: kinds of work, the rate offered, and which of a server's configurations."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from bench import phones

__all__ = ["LOADS", "MORE", "Load"]


class Load:
    """One kind of work: `rate` operations a second of SIPp's `scenario`.

    `kind` names the servers' configuration: proxy, stateless, digest, durable or streams. `callee` tells whether
    somebody has to answer, `ringing` how many phones of his ring beside the one that does. `transport` is what callers
    come by. `goals` are the most that it may cost beside Kamailio, by interpreter.
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
        goals: tuple[float, float] | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.scenario = scenario
        self.rate = rate
        self.callee = callee
        self.transport = transport
        self.ringing = ringing
        self.goals = {} if goals is None else dict(zip(("interpreted", "compiled"), goals, strict=True))

    @property
    def answers(self) -> bool:
        """Whether the phones are challenged."""
        return self.kind == "digest"

    def slower(self, times: int) -> Load:
        """The same work at a part of the rate."""
        slow = copy(self)
        slow.rate = self.rate // times
        return slow


LOADS = (
    Load("call", "proxy", phones.caller, 2000, callee=True, goals=(1.3, 1.0)),
    Load("stateless call", "stateless", phones.caller, 2000, callee=True, goals=(1.3, 1.0)),
    Load("REGISTER", "proxy", phones.registering, 4000, callee=False, goals=(1.4, 1.0)),
    Load("REGISTER with digest", "digest", phones.registering, 4000, callee=False, goals=(1.6, 1.1)),
    Load("call with digest", "digest", phones.caller, 1000, callee=True, goals=(1.5, 1.1)),
)

MORE = (
    Load("REGISTER durable", "durable", phones.registering, 2000, callee=False),
    Load("call over TCP", "streams", phones.caller, 1000, callee=True, transport="tcp"),
    Load("call over TLS", "streams", phones.caller, 1000, callee=True, transport="tls"),
    Load("call to three", "proxy", phones.caller, 500, callee=True, ringing=2),
)
"""What is measured besides, in `make bench-all`."""
