"""`Draft`: the making of a message, from nothing or as edits over one that was received.

A draft copies the lists of lines, never the lines: what is not edited leaves as it came, in its place and order.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from offhook.errors import InvalidState, ParseError
from offhook.sip.headers.grammar import is_token, unfold
from offhook.sip.headers.registry import key_named
from offhook.sip.message import Message, Request, Response, size_of
from offhook.sip.method import intern_method
from offhook.sip.scan import WHITE, decoded, field_value, has_bare_nul, is_irregular, is_request_uri, separators
from offhook.sip.status import phrase

__all__ = ["Draft", "field", "new_request", "new_response", "reply", "tagged", "without_top_via"]

_FOLD: Final = re.compile(rb"\r?\n[ \t]+")


def _octets(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InvalidState(f"{text!r} cannot be written as UTF-8") from None


def _key(name: str) -> str:
    try:
        return key_named(name)
    except ParseError as error:
        raise InvalidState(error.reason) from None


def field(name: str, value: str | bytes) -> tuple[str, bytes]:
    """The key of a header field and the field on one line, a folded value unfolded.

    Raises InvalidState for a name that is no token, and for a value that would inject another field.
    """
    key = _key(name)
    octets = _octets(value)
    if 0x0A in octets:
        octets = _FOLD.sub(b" ", octets)
    if is_irregular(octets) and (0x0A in octets or 0x0D in octets or has_bare_nul(octets)):
        raise InvalidState(f"a line end or NUL in the value of {name}")
    return key, b"%b: %b" % (name.encode("ascii"), octets)


class Draft:
    """A message in the making.

    Names are given as they are to be written, values as text or octets; a folded value is written on one line. Every
    act raises InvalidState for a name that is no token and a value with line ends or NUL.
    """

    __slots__ = ("_body", "_body_kept", "_keys", "_lines", "_method", "_places", "_raw_uri", "_reason", "_status")

    def __init__(self, lines: list[bytes], keys: list[str], body: bytes, body_kept: bool) -> None:
        self._lines = lines
        self._keys = keys
        self._body = body
        self._body_kept = body_kept
        # Where the fields of each header stand, as long as none has been moved.
        self._places: dict[str, tuple[int, ...]] | None = None
        self._method = ""
        self._raw_uri = b""
        self._status = 0
        self._reason = ""

    @classmethod
    def of(cls, message: Message) -> Draft:
        """Edits over a message, which stays as it is."""
        body = message.body
        draft = Draft(message.lines.copy(), message.keys.copy(), body, message.content_length == len(body))
        draft._places = message.known_places
        if isinstance(message, Request):
            draft._method = message.method
            draft._raw_uri = message.raw_uri
        elif isinstance(message, Response):
            draft._status = message.status
            draft._reason = message.reason
        return draft

    @property
    def size(self) -> int:
        """How many octets the message has as it stands."""
        return size_of(self._lines, self._body)

    def start(self, method: str, request_uri: str | bytes) -> Draft:
        """Replace the request line. Raises InvalidState for a method that is no token or white space in the URI."""
        octets = _octets(request_uri)
        same = method == self._method != ""
        if self._status or not (same or is_token(method)) or not is_request_uri(octets):
            raise InvalidState(f"{method!r} and {request_uri!r} make no request line")
        self._method = intern_method(method)
        self._raw_uri = octets
        self._lines[0] = b"%b %b SIP/2.0" % (method.encode("ascii"), octets)
        return self

    def add(self, name: str, value: str | bytes) -> Draft:
        """Add a field below all others."""
        key, line = field(name, value)
        return self._append(key, line)

    def _append(self, key: str, line: bytes) -> Draft:
        self._places = None
        self._lines.append(line)
        self._keys.append(key)
        return self

    def prepend(self, name: str, value: str | bytes) -> Draft:
        """Add a field above all others, so that its value is the topmost of its header."""
        key, line = field(name, value)
        return self.push_line(key, line)

    def push_line(self, key: str, line: bytes) -> Draft:
        """`prepend` of a whole field with a known key and the program's own octets, which nothing checks."""
        self._places = None
        self._lines.insert(1, line)
        self._keys.insert(1, key)
        return self

    def set(self, name: str, value: str | bytes) -> Draft:
        """Give a header one field: the first keeps its place, further ones go; added below when there is none."""
        key, line = field(name, value)
        return self.put_line(key, line)

    def put_line(self, key: str, line: bytes) -> Draft:
        """`set` of a whole field with a known key and the program's own octets, which nothing checks."""
        places = self._found(key)
        if not places:
            return self._append(key, line)
        self._lines[places[0]] = line
        if len(places) > 1:
            self._delete(places[1:])
        return self

    def _found(self, key: str) -> tuple[int, ...]:
        """Where the fields of a header stand."""
        if self._places is not None:
            return self._places.get(key, ())
        if key not in self._keys:
            return ()
        return tuple([place for place, have in enumerate(self._keys) if have == key])

    def _delete(self, places: tuple[int, ...]) -> None:
        self._places = None
        for place in reversed(places):
            del self._keys[place]
            del self._lines[place]

    def remove(self, name: str) -> Draft:
        """Take all fields of a header out."""
        places = self._found(_key(name))
        if places:
            self._delete(places)
        return self

    def remove_where(self, name: str, goes: Callable[[str], bool]) -> Draft:
        """Take those fields of a header out whose undecoded value goes. Others keep their places."""
        places = self._found(_key(name))
        going = [place for place in places if goes(unfold(decoded(field_value(self._lines[place]))))]
        self._delete(tuple(going))
        return self

    def remove_first(self, name: str) -> Draft:
        """Take the topmost value of a list header out, such as the own Via of a response. Others stay as they are."""
        places = self._found(_key(name))
        if not places:
            return self
        position = places[0]
        line = self._lines[position]
        start = line.find(b":") + 1
        commas = separators(line[start:], 1)
        if commas:
            self._lines[position] = b"%b %b" % (line[:start], line[start + commas[0] + 1 :].lstrip(WHITE))
        else:
            self._delete(places[:1])
        return self

    def remove_last(self, name: str) -> Draft:
        """Take the last value of a list header out (RFC 3261 16.4: a strict router's Route). Others stay."""
        places = self._found(_key(name))
        if not places:
            return self
        position = places[-1]
        line = self._lines[position]
        start = line.find(b":") + 1
        commas = separators(line[start:])
        if commas:
            self._lines[position] = line[: start + commas[-1]].rstrip(WHITE)
        else:
            self._delete(places[-1:])
        return self

    def copy(self, name: str, source: Message) -> Draft:
        """Add every field of a header of another message, as it stands there."""
        return self._copy(_key(name), source)

    def _copy(self, key: str, source: Message) -> Draft:
        self._places = None
        for place in source.places(key):
            self._lines.append(source.lines[place])
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
        return self.response() if self._status else self.request()

    def _finish_body(self) -> int:
        length = len(self._body)
        if not self._body_kept:
            self.put_line("content-length", b"Content-Length: %d" % length)
        return length

    def request(self) -> Request:
        """`finish` for a draft of a request. Raises InvalidState for that of a response."""
        if self._status:
            raise InvalidState("the draft is of a response")
        length = self._finish_body()
        return Request(self._method, self._raw_uri, self._lines, self._keys, self._body, length)

    def response(self) -> Response:
        """`finish` for a draft of a response. Raises InvalidState for that of a request."""
        if not self._status:
            raise InvalidState("the draft is of a request")
        length = self._finish_body()
        return Response(self._status, self._reason, self._lines, self._keys, self._body, length)


def new_request(method: str, request_uri: str | bytes) -> Draft:
    """A draft of a request without any header. Raises InvalidState."""
    return Draft([b""], [""], b"", False).start(method, request_uri)


def new_response(status: int, reason: str | None = None) -> Draft:
    """A draft of a response without any header; the reason phrase is the registered one when None.

    Raises InvalidState for a status that is not from 100 to 699, and for a line end in the phrase.
    """
    text = phrase(status) if reason is None else reason
    octets = _octets(text)
    if not 100 <= status <= 699 or is_irregular(octets):
        raise InvalidState(f"{status} {text!r} make no status line")
    draft = Draft([b"SIP/2.0 %d %b" % (status, octets)], [""], b"", False)
    draft._status = status
    draft._reason = text
    return draft


def tagged(address: bytes, tag: str) -> bytes:
    """The value of a To that has no tag with one (RFC 3261 8.2.6.2).

    The ";" or the tag without a value that some leave at its end makes way: the tag would not be read behind it.
    """
    if address[-1:] != b">":
        address = address.rstrip(b" \t")
        if address.endswith(b";"):
            address = address[:-1].rstrip(b" \t")
        name = address.rstrip(b"= \t")
        if name[-3:].lower() == b"tag" and name[:-3].rstrip(b" \t").endswith(b";"):
            address = name[:-3].rstrip(b" \t")[:-1].rstrip(b" \t")
    return b"%b;tag=%b" % (address, tag.encode("ascii"))


def reply(request: Request, status: int, reason: str | None = None, to_tag: str | None = None) -> Draft:
    """A draft of the response to a request (RFC 3261 8.2.6): Via, From, To, Call-ID and CSeq are the request's.

    `to_tag` is added to To when the request has none and the status is not 100 (8.2.6.2). A 100 copies Timestamp.
    """
    draft = new_response(status, reason)._copy("via", request)._copy("from", request)
    if to_tag and status != 100 and request.to_tag is None:
        draft._append("to", b"To: %b" % tagged(request.octets("to") or b"", to_tag))
    else:
        draft._copy("to", request)
    draft._copy("call-id", request)._copy("cseq", request)
    return draft._copy("timestamp", request) if status == 100 else draft


def without_top_via(response: Response) -> Response | None:
    """The response as the next hop upstream gets it (RFC 3261 16.7 step 3, 16.11): the topmost Via is gone.

    None when no other is left, so that it was meant for nobody else. Raises ParseError.
    """
    lines, keys = response.lines.copy(), response.keys
    places = response.places("via")
    place = places[0]
    via = response.top_via
    # Vias on one line: the octets behind the comma are those of others.
    rest = field_value(lines[place])[via.length + 1 :].strip(WHITE) if via.more else b""
    if rest:
        lines[place] = b"Via: " + rest
    elif len(places) == 1:
        return None
    else:
        keys = keys.copy()
        del lines[place], keys[place]
    upstream = Response(response.status, response.reason, lines, keys, response.body, response.content_length)
    if response.content_length != len(response.body):
        upstream = Draft.of(upstream).response()
    upstream.know_as(response)
    return upstream
