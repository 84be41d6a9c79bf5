"""The basic rules of header fields (RFC 3261 25.1): tokens, quoted strings, comments, lists, parameters.

Every scanner takes text that is already unfolded, needs time linear in its length, and raises ParseError alone. White
space means SP and HTAB: other characters that Unicode calls space are ordinary octets here.
"""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError

__all__ = [
    "TOKEN",
    "WSP",
    "comma_offsets",
    "comment_end",
    "is_token",
    "parse_params",
    "quote",
    "quoted_end",
    "resolve_quoted_pairs",
    "serialize_params",
    "split_list",
    "strip_comment",
    "unfold",
    "unquote",
]

WSP: Final = " \t"

# ABNF token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~" )
TOKEN: Final = r"[A-Za-z0-9\-.!%*_+`'~]+"
"""The pattern of a token."""

# ABNF quoted-string = SWS DQUOTE *(qdtext / quoted-pair ) DQUOTE
# Octets that qdtext leaves out (controls, broken UTF-8) are understood: phones put Latin-1 names between the quotes.
_QUOTED: Final = r'"[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*"'

# ABNF gen-value = token / host / quoted-string
# Read wider, as any visible character that cannot be mistaken for a separator: tags of base64 ("=", "/"), received=
# with a bare IPv6 address, URLs and UTF-8 without quotes are all sent by deployed phones and proxies.
_VALUE: Final = r'[^\x00-\x20\x7f",;<>]*'

_TOKEN: Final = re.compile(TOKEN)
_QUOTED_STRING: Final = re.compile(_QUOTED)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_BEFORE_QUOTED_PAIR: Final = re.compile(r'(?=["\\\x00-\x08\x0b\x0c\x0e-\x1f\x7f])')
_FOLD: Final = re.compile(r"\r?\n[ \t]+")
# A "(" within a word belongs to a URI and opens no comment.
_LIST_MARK: Final = re.compile(r'[",<]|(?<![^ \t,])\(')
_COMMENT_MARK: Final = re.compile(r"[()\\]")
# ABNF generic-param = token [ EQUAL gen-value ], behind SEMI = SWS ";" SWS
_PARAM: Final = re.compile(rf";[ \t]*({TOKEN})[ \t]*(?:=[ \t]*({_QUOTED}|{_VALUE})[ \t]*)?")
_GEN_VALUE: Final = re.compile(rf"{_QUOTED}|{TOKEN}|\[[0-9A-Fa-f:.]+\]")
_WRITTEN_VALUE: Final = re.compile(rf"{_QUOTED}|{_VALUE}")
# Parameters that have no quoted-string in their grammar. A tag with a "/" is given back as its peer made it.
_NEVER_QUOTED: Final = frozenset(("branch", "from-tag", "maddr", "received", "tag", "to-tag"))


def is_token(text: str) -> bool:
    """Whether `text` is a token (RFC 3261 25.1); the empty text is none."""
    return _TOKEN.fullmatch(text) is not None


def unfold(text: str) -> str:
    """Replace each folding of lines by one SP (RFC 3261 7.3.1). A bare LF folds like CRLF."""
    return _FOLD.sub(" ", text) if "\n" in text else text


def quoted_end(text: str, start: int) -> int:
    """The offset behind the quoted-string that starts at `start`, or -1 when it is never closed."""
    found = _QUOTED_STRING.match(text, start)
    return -1 if found is None else found.end()


def quote(text: str) -> str:
    """`text` as a quoted-string. Raises ValueError for CR and LF, which cannot be quoted (RFC 3261 25.1)."""
    if "\r" in text or "\n" in text:
        raise ValueError("CR and LF cannot stand in a quoted string")
    # Split and join: before Python 3.12, a template of `sub` costs a microsecond for each match.
    return '"' + "\\".join(_BEFORE_QUOTED_PAIR.split(text)) + '"'


def unquote(text: str) -> str:
    """The content of a quoted-string with its quoted-pairs resolved; any other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return resolve_quoted_pairs(text[1:-1])


def resolve_quoted_pairs(text: str) -> str:
    """The inside of a quoted-string or comment with each quoted-pair replaced by its second character."""
    # Split and join: before Python 3.12, a template of `sub` costs a microsecond for each match.
    return "".join(_QUOTED_PAIR.split(text)) if "\\" in text else text


def comment_end(text: str, start: int) -> int:
    """The offset behind the comment whose "(" stands at `start`, or -1 when it is never closed.

    comment = LPAREN *(ctext / quoted-pair / comment) RPAREN
    """
    depth = 0
    position = start
    while True:
        found = _COMMENT_MARK.search(text, position)
        if found is None:
            return -1
        position = found.end()
        mark = found.group()
        if mark == "\\":
            position += 1
        elif mark == "(":
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return position


def strip_comment(text: str) -> str:
    """The content of a comment without its outer parentheses and without quoted-pairs."""
    return resolve_quoted_pairs(text[1:-1]).strip(WSP)


def split_list(text: str) -> list[str]:
    """The values of a comma-separated list, stripped (RFC 3261 7.3.1).

    Commas in quoted strings, in <...> and in comments do not separate. An empty text has no values. An empty element
    (",,") stays in the list, for its grammar to refuse: RFC 3261 knows none, and RFC 4475 3.1.2.1 wants it refused.
    What is opened and never closed reaches to the end of the text.
    """
    text = text.strip(WSP)
    if "," not in text:
        return [text] if text else []
    if '"' not in text and "<" not in text and "(" not in text:
        return [part.strip(WSP) for part in text.split(",")]
    return _split_marked(text)


def _split_marked(text: str) -> list[str]:
    parts: list[str] = []
    start = 0
    for comma in comma_offsets(text):
        parts.append(text[start:comma].strip(WSP))
        start = comma + 1
    parts.append(text[start:].strip(WSP))
    return parts


def comma_offsets(text: str, most: int = -1) -> list[int]:
    """The offsets of the commas at which `split_list` splits, the first `most` of them unless that is negative."""
    offsets: list[int] = []
    position = 0
    comments = True
    last = max(text.rfind('"'), text.rfind("<"), text.rfind("("))
    while len(offsets) != most:
        if position > last:
            # Nothing but commas is left to look for.
            at = text.find(",", position)
            if at < 0:
                break
            offsets.append(at)
            position = at + 1
            continue
        found = _LIST_MARK.search(text, position)
        if found is None:
            break
        at = found.start()
        position = at + 1
        mark = found.group()
        if mark == ",":
            offsets.append(at)
        elif mark == '"':
            position = quoted_end(text, at)
        elif mark == "<":
            position = text.find(">", at) + 1 or -1
        elif comments:
            # One that is never closed opens no comment, nor does any later one.
            end = comment_end(text, at)
            comments = end >= 0
            position = end if comments else position
        if position < 0:
            break
    return offsets


def parse_params(text: str) -> dict[str, str | None]:
    """The parameters that `text`, empty or starting with ";", consists of (RFC 3261 25.1 generic-param).

    Names become lower case (7.3.1: case-insensitive). Values stay as written, a quoted-string with its quotes: see
    `unquote`. A parameter without a value has None, and so has one with an empty value (";rport="), which some phones
    write. One ";" with nothing behind it at the end is passed over, as others write it ("1800;"). Raises ParseError,
    also for a name that comes twice (7.3.1: MUST NOT), as two readers would differ about it.
    """
    params: dict[str, str | None] = {}
    position = 0
    end = len(text)
    while position < end:
        found = _PARAM.match(text, position)
        if found is None:
            if text[position:].rstrip(WSP) == ";":
                break
            raise ParseError("malformed parameter", clause="RFC 3261 25.1")
        name = found.group(1).lower()
        if name in params:
            raise ParseError(f"parameter {name} comes twice", clause="RFC 3261 7.3.1")
        params[name] = found.group(2) or None
        position = found.end()
    return params


def serialize_params(params: dict[str, str | None]) -> str:
    """Parameters as text, each behind its ";". A value that needs quotes and has none gets them (RFC 3261 25.1).

    Raises ValueError for a name that is no token, and for CR or LF in a value.
    """
    if not params:
        return ""
    parts: list[str] = []
    for name, value in params.items():
        if not is_token(name):
            raise ValueError(f"parameter name {name!r} is not a token")
        if value is None:
            parts.append(f";{name}")
        elif value and (_WRITTEN_VALUE if name in _NEVER_QUOTED else _GEN_VALUE).fullmatch(value) is not None:
            parts.append(f";{name}={value}")
        else:
            parts.append(f";{name}={quote(value)}")
    return "".join(parts)
