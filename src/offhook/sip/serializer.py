"""`Draft`: the making of a message, from nothing or as edits over one that was received.

A draft copies the lists of lines, never the lines: what is not edited leaves as it came, in its place and order.
"""

from __future__ import annotations

from offhook.errors import InvalidState
from offhook.sip.headers.grammar import split_list, unfold
from offhook.sip.headers.registry import key_named, spelled
from offhook.sip.message import WHITE, Message, Request, Response
from offhook.sip.method import METHODS
from offhook.sip.status import phrase

__all__ = ["Draft", "new_request", "new_response", "reply"]


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _line(name: str, value: str | bytes) -> bytes:
    octets = b"%b: %b" % (name.encode("ascii"), _octets(value))
    if b"\n" in octets or b"\r" in octets or b"\0" in octets:
        raise InvalidState(f"a line end or NUL in the value of {name}")
    return octets


class Draft:
    """A message in the making. Names are given as they are to be written; values without line ends."""

    __slots__ = ("_body", "_body_kept", "_keys", "_lines", "_request")

    def __init__(
        self,
        start_line: bytes,
        lines: list[bytes],
        keys: list[str],
        body: bytes,
        request: bool,
        body_kept: bool = False,
    ) -> None:
        lines[0] = start_line
        self._body_kept = body_kept
        self._lines = lines
        self._keys = keys
        self._body = body
        self._request = request

    @classmethod
    def of(cls, message: Message) -> Draft:
        """Edits over a message, which stays as it is."""
        return cls(
            message.lines[0],
            message.lines.copy(),
            message.keys.copy(),
            message.body,
            isinstance(message, Request),
            message.content_length == len(message.body),
        )

    def start(self, method: str, request_uri: str | bytes) -> Draft:
        """Replace the request line."""
        octets = _octets(request_uri)
        if b" " in octets or b"\n" in octets or b"\r" in octets:
            raise InvalidState("white space in a Request-URI")
        self._lines[0] = b"%b %b SIP/2.0" % (method.encode("ascii"), octets)
        return self

    def add(self, name: str, value: str | bytes) -> Draft:
        """Add a field below all others."""
        self._lines.append(_line(name, value))
        self._keys.append(key_named(name))
        return self

    def prepend(self, name: str, value: str | bytes) -> Draft:
        """Add a field above all others, so that its value is the topmost of its header."""
        self._lines.insert(1, _line(name, value))
        self._keys.insert(1, key_named(name))
        return self

    def set(self, name: str, value: str | bytes) -> Draft:
        """Give a header one field: the first keeps its place, further ones go; added below when there is none."""
        key = key_named(name)
        if key not in self._keys:
            return self.add(name, value)
        first = self._keys.index(key)
        self._lines[first] = _line(name, value)
        if self._keys.count(key) > 1:
            self._remove(key, first + 1)
        return self

    def remove(self, name: str) -> Draft:
        """Take all fields of a header out."""
        self._remove(key_named(name), 1)
        return self

    def _remove(self, key: str, start: int) -> None:
        keys = self._keys
        for position in range(len(keys) - 1, start - 1, -1):
            if keys[position] == key:
                del keys[position]
                del self._lines[position]

    def remove_first(self, name: str) -> Draft:
        """Take the topmost value of a list header out, such as the own Via of a response."""
        key = key_named(name)
        if key not in self._keys:
            return self
        position = self._keys.index(key)
        line = self._lines[position]
        value = line[line.find(b":") + 1 :]
        if b"," in value:
            parts = split_list(unfold(value.strip(WHITE).decode("utf-8", "surrogateescape")))
            if len(parts) > 1:
                self._lines[position] = _line(spelled(key), ", ".join(parts[1:]))
                return self
        del self._keys[position]
        del self._lines[position]
        return self

    def remove_last(self, name: str) -> Draft:
        """Take the last value of a list header out (a strict router's Route, RFC 3261 16.4)."""
        key = key_named(name)
        positions = [position for position, have in enumerate(self._keys) if have == key]
        if not positions:
            return self
        line = self._lines[positions[-1]]
        value = line[line.find(b":") + 1 :]
        parts = split_list(unfold(value.strip(WHITE).decode("utf-8", "surrogateescape")))
        if len(parts) > 1:
            self._lines[positions[-1]] = _line(spelled(key), ", ".join(parts[:-1]))
        else:
            del self._keys[positions[-1]]
            del self._lines[positions[-1]]
        return self

    def copy(self, name: str, source: Message) -> Draft:
        """Add every field of a header of another message, as it stands there."""
        key = key_named(name)
        position = -1
        for _ in range(source.keys.count(key)):
            position = source.keys.index(key, position + 1)
            self._lines.append(source.lines[position])
            self._keys.append(key)
        return self

    def body(self, octets: bytes, content_type: str | None = None) -> Draft:
        """Give the message a body; with an empty one and no type, Content-Type goes."""
        self._body = octets
        self._body_kept = False
        if content_type is not None:
            self.set("Content-Type", content_type)
        elif not octets:
            self.remove("Content-Type")
        return self

    def finish(self) -> Message:
        """The message. The draft is not to be used any more. Content-Length is made true (RFC 3261 18.3)."""
        if not self._body_kept:
            self.set("Content-Length", b"%d" % len(self._body))
        if self._request:
            method, _, rest = self._lines[0].partition(b" ")
            known = METHODS.get(method) or method.decode("ascii")
            return Request(known, rest[:-8], self._lines, self._keys, self._body, len(self._body))
        first = self._lines[0]
        reason = first[12:].decode("utf-8", "surrogateescape")
        return Response(int(first[8:11]), reason, self._lines, self._keys, self._body, len(self._body))

    def request(self) -> Request:
        """`finish` for a draft of a request."""
        message = self.finish()
        if not isinstance(message, Request):
            raise InvalidState("the draft is of a response")
        return message

    def response(self) -> Response:
        """`finish` for a draft of a response."""
        message = self.finish()
        if not isinstance(message, Response):
            raise InvalidState("the draft is of a request")
        return message


def new_request(method: str, request_uri: str | bytes) -> Draft:
    """A draft of a request without any header."""
    return Draft(b"", [b""], [""], b"", True).start(method, request_uri)


def new_response(status: int, reason: str | None = None) -> Draft:
    """A draft of a response without any header; the reason phrase is the registered one when None."""
    text = phrase(status) if reason is None else reason
    start = b"SIP/2.0 %d %b" % (status, _octets(text))
    if b"\n" in start or b"\r" in start:
        raise InvalidState("a line end in a reason phrase")
    return Draft(start, [b""], [""], b"", False)


def reply(request: Message, status: int, reason: str | None = None, to_tag: str | None = None) -> Draft:
    """A draft of the response to a request (RFC 3261 8.2.6): Via, From, To, Call-ID and CSeq are the request's.

    `to_tag` is added to To when the request has none and the status is not 100 (8.2.6.2). A 100 copies Timestamp.
    """
    draft = new_response(status, reason).copy("Via", request).copy("From", request)
    to = request.octets("to")
    if to is not None:
        if to_tag and status != 100 and request.to_tag is None:
            to = b"%b;tag=%b" % (to, to_tag.encode("ascii"))
        draft._lines.append(b"To: %b" % to)
        draft._keys.append("to")
    draft.copy("Call-ID", request).copy("CSeq", request)
    if status == 100:
        draft.copy("Timestamp", request)
    return draft
