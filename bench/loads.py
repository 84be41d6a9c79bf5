"""What the servers are measured with: kinds of work, the rate offered, and which of a server's configurations."""

from __future__ import annotations

from collections.abc import Callable

from bench import phones

__all__ = ["LOADS", "Load"]


class Load:
    """One kind of work: `rate` operations a second of SIPp's `scenario`.

    `kind` names the servers' configuration: proxy, stateless or digest. `callee` tells whether somebody has to answer.
    """

    def __init__(self, name: str, kind: str, scenario: Callable[[bool], str], rate: int, callee: bool) -> None:
        self.name = name
        self.kind = kind
        self.scenario = scenario
        self.rate = rate
        self.callee = callee

    @property
    def answers(self) -> bool:
        """Whether the phones are challenged."""
        return self.kind == "digest"

    def slower(self, times: int) -> Load:
        """The same work at a part of the rate."""
        return Load(self.name, self.kind, self.scenario, self.rate // times, self.callee)


LOADS = (
    Load("call", "proxy", phones.caller, 2000, callee=True),
    Load("stateless call", "stateless", phones.caller, 2000, callee=True),
    Load("REGISTER", "proxy", phones.registering, 4000, callee=False),
    Load("REGISTER with digest", "digest", phones.registering, 4000, callee=False),
    Load("call with digest", "digest", phones.caller, 1000, callee=True),
)
