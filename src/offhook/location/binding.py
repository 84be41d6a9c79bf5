"""The binding: one contact address of an address-of-record, and the way to it (RFC 3261 10, RFC 3327, RFC 5626)."""

from __future__ import annotations

from collections.abc import Callable

from offhook.errors import ParseError
from offhook.flow import Flow
from offhook.sip.headers.address import parse_route
from offhook.sip.uri import Uri, parse_uri

__all__ = ["Binding", "BindingRow"]

BindingRow = tuple[str, str, float | None, float, str, int, str, tuple[str, ...], str, bool, str, int, str]
"""A binding as plain values, in the order of its slots."""


class Binding:
    """One way to reach a user.

    `contact` is the URI as it was registered, `params` the header parameters that came with it, as text, without q
    and expires. `q`: 0.0 to 1.0, None when nothing was said. `expires`: wall seconds at which it ends.

    `call_id`, `cseq` and `branch` (of the top Via) are those of the REGISTER that wrote it. `path`: the Path values,
    each as a Route is to bear it. `instance` (a URN, "" for none) and `reg_id` (0 for none) name the flow of a phone
    that registers by RFC 5626. `user_agent`: what the phone calls itself.

    `flow_text` is the flow that the REGISTER came over, serialized; `over_flow` tells that requests go back the same
    way, rather than to the address that the contact names.
    """

    __slots__ = (
        "branch",
        "call_id",
        "contact",
        "cseq",
        "expires",
        "flow_text",
        "instance",
        "over_flow",
        "params",
        "path",
        "q",
        "reg_id",
        "user_agent",
    )

    def __init__(
        self,
        contact: str,
        params: str,
        q: float | None,
        expires: float,
        call_id: str,
        cseq: int,
        branch: str,
        path: tuple[str, ...],
        flow_text: str,
        over_flow: bool,
        instance: str = "",
        reg_id: int = 0,
        user_agent: str = "",
    ) -> None:
        self.contact = contact
        self.params = params
        self.q = q
        self.expires = expires
        self.call_id = call_id
        self.cseq = cseq
        self.branch = branch
        self.path = path
        self.flow_text = flow_text
        self.over_flow = over_flow
        self.instance = instance
        self.reg_id = reg_id
        self.user_agent = user_agent

    def row(self) -> BindingRow:
        """The binding as plain values; ``Binding(*row)`` makes it again."""
        return (
            self.contact,
            self.params,
            self.q,
            self.expires,
            self.call_id,
            self.cseq,
            self.branch,
            self.path,
            self.flow_text,
            self.over_flow,
            self.instance,
            self.reg_id,
            self.user_agent,
        )

    def __repr__(self) -> str:
        return f"<Binding {self.contact} until {self.expires:.0f}>"

    @property
    def uri(self) -> Uri:
        """The contact decoded. Raises ParseError when it is none, which no registrar of ours lets in."""
        return parse_uri(self.contact)

    @property
    def flow(self) -> Flow:
        """The flow that the REGISTER came over. Raises ValueError when none was kept."""
        return Flow.parse(self.flow_text)

    @property
    def preference(self) -> float:
        """q, with the highest preference where nothing was said."""
        return 1.0 if self.q is None else self.q

    def contact_value(self, wall: float, params: str = "") -> str:
        """The binding as a Contact value with what is left of it at `wall` (RFC 3261 10.3 step 8).

        That is at least 1 second: an expires of 0 would tell that it was removed. `params`: further parameters.
        """
        q = "" if self.q is None else f";q={self.q:g}"
        return f"<{self.contact}>{params}{q};expires={max(1, int(self.expires - wall + 0.5))}"

    def size(self) -> int:
        """How many characters it keeps of what a stranger sent."""
        texts = (self.contact, self.params, self.call_id, self.branch, self.user_agent, *self.path)
        return sum([len(text) for text in texts])

    def key(self) -> tuple[str, str, int]:
        """What tells the bindings of one address-of-record apart in storage."""
        return (self.contact, self.instance, self.reg_id)

    def matches(self, other: Binding) -> bool:
        """Whether both are one binding: the same flow of a phone (RFC 5626 6), or equal contacts (RFC 3261 19.1.4)."""
        if self.reg_id or other.reg_id:
            return self.reg_id == other.reg_id and self.instance == other.instance
        return self.contact == other.contact or bool(self.uri == other.uri)

    def way(self, is_open: Callable[[Flow], bool]) -> Flow | str | None:
        """How requests get there: over a flow, to the next hop of a URI (RFC 3263), or, None, not at all.

        `is_open` tells whether a flow can carry something: `Stack.is_open`. With a Path it is the first URI of the
        path, and the path goes into Route (RFC 3327 5.4). A connection that is gone leaves the contact to be tried,
        but not where the phone bound itself to its flow: such a binding ends with it (RFC 5626 7).
        """
        if self.path:
            try:
                return parse_route(self.path[0]).uri.serialize()
            except ParseError:
                return None
        if self.over_flow:
            flow = self.flow
            if is_open(flow):
                return flow
            if self.reg_id:
                return None
        return self.contact
