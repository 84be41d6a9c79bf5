"""Our messages beside those of an RFC: what differs in each header field, and whether the steps come in its order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from offhook.sip.headers.address import Contact, NameAddr
from offhook.sip.headers.auth import Challenge, Credentials
from offhook.sip.headers.registry import row
from offhook.sip.headers.via import Via
from offhook.sip.message import Message, Request, Response
from offhook.sip.uri import SipUri, parse_uri
from tests.rfc.flow_site import Sent
from tests.rfc.flow_steps import ADDRESSES, Step

__all__ = ["Comparison", "Finding", "align", "disorder"]


class Finding(NamedTuple):
    """One difference: `code` says in which respect, `detail` what each side has."""

    code: str
    detail: str = ""


def align(
    steps: list[Step], sent: list[Sent], instead: dict[str, str]
) -> tuple[list[tuple[Step, Sent]], list[Step], list[Sent]]:
    """Each step with the message of ours that takes it, the steps that nobody took, and what ours sent besides.

    `instead` has the kinds of message that ours send at some steps instead of the RFC's.
    """
    left = list(sent)
    pairs: list[tuple[Step, Sent]] = []
    missing: list[Step] = []
    for step in steps:
        wanted = (step.sender, step.receiver, instead.get(step.name, step.kind))
        found = next((one for one in left if (one.sender, one.receiver, one.kind) == wanted), None)
        if found is None:
            missing.append(step)
        else:
            left.remove(found)
            pairs.append((step, found))
    return pairs, missing, left


def disorder(pairs: list[tuple[Step, Sent]]) -> list[str]:
    """The steps of ours that come before one that the RFC has before them.

    What one host sends at one instant has no order. A 100 waits for 200 ms (17.2.1): it only has to come between its
    INVITE and what else is sent there. The RFCs themselves have it now before and now after the INVITE that goes on.
    """
    return [
        f"{late[0].name} before {early[0].name}"
        for position, early in enumerate(pairs)
        for late in pairs[position + 1 :]
        if late[1].time < early[1].time + (late[1].sender != early[1].sender) * 1e-9
        and (not _is_trying(early, late) or _ends(early) == _ends(late))
    ]


def _is_trying(*pairs: tuple[Step, Sent]) -> bool:
    return any(sent.kind == "100 INVITE" for _, sent in pairs)


def _ends(pair: tuple[Step, Sent]) -> set[str]:
    return {pair[1].sender, pair[1].receiver}


class Comparison:
    """Compares the steps of one flow in turn, and remembers what stands for what: tags, Call-IDs, branches, numbers."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._branches: dict[tuple[object, ...], str] = {}
        self._numbers: dict[str, int] = {}
        self._final: dict[int, int] = {}
        self._versions: dict[tuple[str, str], tuple[int, list[str]]] = {}

    def findings(self, step: Step, sent: Sent) -> list[Finding]:
        """How a message of ours differs from the RFC's of the same step."""
        theirs, ours = step.message, sent.message
        if isinstance(theirs, Response) and theirs.status >= 200:
            self._final[theirs.cseq_number] = theirs.status
        found = [*self._start_line(theirs, ours)]
        for key in dict.fromkeys((*theirs.keys[1:], *ours.keys[1:])):
            name = _name(key)
            if not theirs.has(key):
                value = f"{name} {', '.join(ours.texts(key))}" if key == "route" else name
                found.append(Finding(f"{value} added", str(ours.texts(key))))
            elif not ours.has(key):
                found.append(Finding(f"{name} left out", str(theirs.texts(key))))
            else:
                found += self._field(key, name, theirs, ours)
        return [*found, *self._body(step, ours)]

    # Start line

    def _start_line(self, theirs: Message, ours: Message) -> Iterator[Finding]:
        if isinstance(theirs, Request) and isinstance(ours, Request):
            yield from _uris("Request-URI", theirs.request_uri, ours.request_uri)
        elif isinstance(theirs, Response) and isinstance(ours, Response):
            if theirs.status != ours.status:
                yield Finding(f"status {ours.status}", f"for {theirs.status}")
            elif theirs.reason != ours.reason:
                yield Finding(f"reason phrase {ours.reason}", f"for {theirs.reason}")

    # Header fields

    def _field(self, key: str, name: str, theirs: Message, ours: Message) -> Iterator[Finding]:
        if key == "via":
            yield from self._vias(theirs, ours)
        elif key in ("from", "to"):
            yield from self._party(name, theirs, ours)
        elif key == "call-id":
            yield from self._same("Call-ID", theirs.call_id, ours.call_id)
        elif key == "cseq":
            yield from self._cseq(theirs, ours)
        elif key in ("contact", "route", "record-route"):
            yield from _addresses(name, theirs.headers(name), ours.headers(name))
        elif key in ("authorization", "proxy-authorization"):
            yield from _credentials(name, theirs.headers(name), ours.headers(name), ours)
        elif key in ("www-authenticate", "proxy-authenticate"):
            yield from _challenges(name, theirs.headers(name), ours.headers(name))
        elif key != "content-length" and theirs.texts(key) != ours.texts(key):
            yield Finding(name, f"{theirs.texts(key)} / {ours.texts(key)}")

    def _vias(self, theirs: Message, ours: Message) -> Iterator[Finding]:
        if len(theirs.vias) != len(ours.vias):
            yield Finding("Via count", f"{len(theirs.vias)} / {len(ours.vias)}")
            return
        for their, our in zip(theirs.vias, ours.vias, strict=True):
            if their.transport != our.transport:
                yield Finding(f"Via {our.transport} for {their.transport}")
            if _sent_by(their) != _sent_by(our):
                yield Finding(f"Via sent-by is {our.sent_by}", f"for {their.sent_by}")
            if their.received != our.received:
                code = "left out" if our.received is None else f"is {our.received}"
                yield Finding(f"Via received {code}", f"{their} / {our}")
            for param in our.params.keys() - their.params.keys() - {"received"}:
                yield Finding(f"Via {param} added", str(our))
            yield from self._branch(theirs, our)

    def _branch(self, theirs: Message, our: Via) -> Iterator[Finding]:
        """One branch for each transaction at each host, which CANCEL (9.1) and the ACK to a refusal (17.1.1.3) share.

        The RFCs print some branches wrongly, so that this is held against the rules and not against their text.
        """
        method = theirs.cseq_method
        number = theirs.cseq_number
        shared = method == "CANCEL" or (method == "ACK" and self._final.get(number, 0) >= 300)
        key = (_sent_by(our), theirs.call_id, number, "INVITE" if shared else method)
        branch = our.branch or ""
        known = self._branches.setdefault(key, branch)
        if known != branch or not branch.startswith("z9hG4bK"):
            yield Finding("Via branch", f"{branch}, and {known} before")
        if any(other == branch and of != key for of, other in self._branches.items()):
            yield Finding("Via branch", f"{branch} of another transaction")

    def _party(self, name: str, theirs: Message, ours: Message) -> Iterator[Finding]:
        their, our = (theirs.from_, ours.from_) if name == "From" else (theirs.to, ours.to)
        yield from _uris(name, str(their.uri), str(our.uri))
        if their.display_name != our.display_name:
            yield Finding(f"{name} display name", f"{their.display_name} / {our.display_name}")
        if (their.tag is None) != (our.tag is None):
            yield Finding(f"{name} tag {'added' if their.tag is None else 'left out'}", f"{their} / {our}")
        elif their.tag is not None:
            yield from self._same(f"{name} tag", their.tag, our.tag or "", "tag")

    def _same(self, code: str, theirs: str, ours: str, what: str = "") -> Iterator[Finding]:
        """Whether a word of ours stands for one of theirs, and for no other."""
        what = what or code
        known = self._names.setdefault((what, theirs), ours)
        if known != ours:
            yield Finding(f"{code} changed", f"{theirs} is {ours}, and {known} before")
        elif any(other == ours and of != (what, theirs) for of, other in self._names.items() if of[0] == what):
            yield Finding(f"{code} kept", f"{ours} for {theirs} and for another")

    def _cseq(self, theirs: Message, ours: Message) -> Iterator[Finding]:
        """Each side counts from where it likes (8.1.1.5), and by one."""
        side = f"{theirs.call_id} {theirs.from_uri}"
        ahead = self._numbers.setdefault(side, ours.cseq_number - theirs.cseq_number)
        if ours.cseq_number - theirs.cseq_number != ahead:
            yield Finding("CSeq", f"{theirs.cseq} / {ours.cseq}, {ahead} apart before")

    # Bodies

    def _body(self, step: Step, ours: Message) -> Iterator[Finding]:
        if step.has_body != bool(ours.body):
            yield Finding("body", f"{step.has_body} / {bool(ours.body)}")
        elif ours.body and step.message.body:
            theirs, mine = (_lines(message.body) for message in (step.message, ours))
            for kind in ("c", "m", "a"):
                their, our = (_shown(lines, kind) for lines in (theirs, mine))
                if our == [*their, "sendrecv"]:
                    yield Finding("SDP sendrecv added")
                elif their != our:
                    yield Finding(f"SDP {kind}= is {'; '.join(our)}", f"for {their}")
            yield from self._version(mine)

    def _version(self, lines: list[str]) -> Iterator[Finding]:
        """The version goes up by one with each change, and stays without one (RFC 3264 5, 8)."""
        user, session, version, *_ = _value(lines, "o").split()
        told = [line for line in lines if not line.startswith("o=")]
        number, before = self._versions.get((user, session), (int(version), told))
        if int(version) != number + (told != before):
            yield Finding("SDP version", f"{version} after {number}")
        self._versions[(user, session)] = int(version), told


# Values


def _name(key: str) -> str:
    known = row(key)
    return key if known is None else known.name


def _place(host: str, port: int | None, secure: bool) -> tuple[str, int]:
    return ADDRESSES.get(host, host), port or (5061 if secure else 5060)


def _sent_by(via: Via) -> tuple[str, int]:
    return _place(via.host, via.port, via.transport == "TLS")


def _uris(name: str, theirs: str, ours: str) -> Iterator[Finding]:
    their, our = parse_uri(theirs), parse_uri(ours)
    if not isinstance(their, SipUri) or not isinstance(our, SipUri):
        if their != our:
            yield Finding(f"{name} is {ours}", f"for {theirs}")
        return
    left, right = ((uri.scheme, uri.user, *_place(uri.bare_host, uri.port, uri.secure)) for uri in (their, our))
    if left != right:
        yield Finding(f"{name} is {ours}", f"for {theirs}")
    for param in sorted({*their.params, *our.params}):
        known = param if not param.startswith("oh-") else "proof"
        if param not in their.params:
            yield Finding(f"{name} {known} added", ours)
        elif param not in our.params:
            yield Finding(f"{name} {known} left out", theirs)
        elif their.params[param] != our.params[param]:
            yield Finding(f"{name} {known}", f"{theirs} / {ours}")


def _addresses(name: str, theirs: list[object], ours: list[object]) -> Iterator[Finding]:
    """Contact, Route and Record-Route: as many values, in the same order."""
    if len(theirs) != len(ours):
        yield Finding(f"{name} count", f"{[str(one) for one in theirs]} / {[str(one) for one in ours]}")
        return
    for their, our in zip(theirs, ours, strict=True):
        if not isinstance(their, NameAddr) or not isinstance(our, NameAddr):
            if their != our:
                yield Finding(f"{name} is {our}", f"for {their}")
            continue
        yield from _uris(name, str(their.uri), str(our.uri))
        if isinstance(their, Contact) and isinstance(our, Contact) and their.expires != our.expires:
            yield Finding(f"{name} expires {our.params.get('expires', 'left out')}", f"{their} / {our}")


_CREDENTIALS: Final = ("username", "realm", "nonce", "uri", "response")
_CHALLENGE: Final = ("realm", "qop", "nonce", "algorithm")


def _credentials(name: str, theirs: list[object], ours: list[object], message: Message) -> Iterator[Finding]:
    """The same users in the same realms, each for the URI that the request had; RFC 3261 22.4 has qop, nc, cnonce."""
    yield from _parameters(name, theirs, ours, Credentials)
    for their, our in zip(theirs, ours, strict=False):
        if isinstance(their, Credentials) and isinstance(our, Credentials):
            if (their.username, their.realm) != (our.username, our.realm):
                yield Finding(f"{name} user", f"{their} / {our}")
            yield from _uris(f"{name} uri", their.uri or "", our.uri or "")


def _challenges(name: str, theirs: list[object], ours: list[object]) -> Iterator[Finding]:
    yield from _parameters(name, theirs, ours, Challenge)
    for their, our in zip(theirs, ours, strict=False):
        if isinstance(their, Challenge) and isinstance(our, Challenge):
            for word in ("realm", "qop", "algorithm", "stale"):
                if getattr(their, word) != getattr(our, word):
                    yield Finding(f"{name} {word}", f"{their} / {our}")


def _parameters(
    name: str, theirs: list[object], ours: list[object], kind: type[Credentials] | type[Challenge]
) -> Iterator[Finding]:
    if len(theirs) != len(ours):
        yield Finding(f"{name} count", f"{len(theirs)} / {len(ours)}")
        return
    for their, our in zip(theirs, ours, strict=True):
        assert isinstance(their, kind)
        assert isinstance(our, kind)
        for param in sorted(our.params.keys() - their.params.keys()):
            yield Finding(f"{name} {param} added", str(our))
        for param in sorted(their.params.keys() - our.params.keys()):
            yield Finding(f"{name} {param} left out", str(their))


def _lines(body: bytes) -> list[str]:
    return body.decode().splitlines()


def _value(lines: list[str], kind: str) -> str:
    return next(line[2:] for line in lines if line.startswith(f"{kind}="))


def _shown(lines: list[str], kind: str) -> list[str]:
    """The values of one kind; of m= all but the port, which is any but 0."""
    values = [line[2:] for line in lines if line.startswith(f"{kind}=")]
    if kind != "m":
        return values
    words = [value.split() for value in values]
    return [" ".join((media, "off" if port == "0" else "on", *rest)) for media, port, *rest in words]
