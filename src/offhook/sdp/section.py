"""What the session level and a media description share: lines, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Self

from offhook.sdp.attributes import Attribute, Direction
from offhook.sdp.fields import Bandwidth, Connection
from offhook.sdp.grammar import malformed
from offhook.sdp.line import CRLF, Line, serialize

__all__ = ["Section"]

_DIRECTIONS: Final = frozenset(Direction)


class Section:
    """The lines of the session level, or of one media description.

    They may stand in any order behind the first one: RFC 8866 section 5 fixes it, but RFC 3264 itself prints c=
    behind t=, and no phone's call is worth losing over it. Raises ParseError for a letter that does not belong here
    and for a second line where one is allowed.
    """

    __slots__ = ("_attributes", "attributes", "bandwidths", "connections", "information", "lines")

    ORDER = ""
    SINGLE = ""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = tuple(lines)
        self._check_lines()
        information = self._of("i")
        self.information: str | None = information[0].value if information else None
        self.connections = tuple(Connection.parse(line.value, line.offset) for line in self._of("c"))
        self.bandwidths = tuple(Bandwidth.parse(line.value, line.offset) for line in self._of("b"))
        self.attributes = tuple(Attribute.parse(line.value, line.offset) for line in self._of("a"))
        self._attributes: dict[str, list[Attribute]] = {}
        for attribute in self.attributes:
            self._attributes.setdefault(attribute.name, []).append(attribute)

    def _check_lines(self) -> None:
        first = self.ORDER[0]
        if not self.lines or self.lines[0].type != first:
            raise malformed(f"no {first}= line", "RFC 8866 5", self.lines[0].offset if self.lines else None)
        seen: set[str] = set()
        for line in self.lines:
            if line.type not in self.ORDER or len(line.type) != 1:
                raise malformed(f"{line.type!r} is no type of a line here", "RFC 8866 5", line.offset)
            if line.type in seen and line.type in self.SINGLE:
                raise malformed(f"a second {line.type}= line", "RFC 8866 9", line.offset)
            seen.add(line.type)

    def _of(self, line_type: str) -> list[Line]:
        return [line for line in self.lines if line.type == line_type]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.lines == other.lines

    def __hash__(self) -> int:
        return hash(self.lines)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({serialize(self.lines)!r})"

    # Reading

    @property
    def connection(self) -> Connection | None:
        """The first c= line of this section; see `SessionDescription.connection_of` for what holds for a stream."""
        return self.connections[0] if self.connections else None

    @property
    def direction(self) -> Direction | None:
        """The direction written in this section, None when there is none. Of several the first counts."""
        for attribute in self.attributes:
            if attribute.value is None and attribute.name in _DIRECTIONS:
                return Direction(attribute.name)
        return None

    def attribute(self, name: str) -> Attribute | None:
        """The first attribute of this name."""
        found = self._attributes.get(name)
        return found[0] if found else None

    def attribute_values(self, name: str) -> tuple[str, ...]:
        """The values of all attributes of this name, in order; one without a value is left out."""
        return tuple(found.value for found in self._attributes.get(name, ()) if found.value is not None)

    def bandwidth(self, bwtype: str) -> int | None:
        """The bandwidth of this type, in its own unit, or None."""
        return next((found.bandwidth for found in self.bandwidths if found.bwtype == bwtype), None)

    # Changing

    def with_attribute(self, attribute: Attribute) -> Self:
        """With this attribute in the place of those of its name, or behind all others."""
        return self._with_attributes([attribute], lambda name: name == attribute.name)

    def with_added_attributes(self, attributes: Iterable[Attribute]) -> Self:
        """With these attributes behind all others."""
        lines = list(self.lines)
        for attribute in attributes:
            _insert(lines, self._line("a", attribute.serialize()), self.ORDER)
        return self._with_lines(lines)

    def without_attribute(self, name: str) -> Self:
        """Without any attribute of this name."""
        return self._with_attributes([], lambda other: other == name)

    def with_direction(self, direction: Direction) -> Self:
        """With this direction and no other."""
        return self._with_attributes([Attribute(direction.value)], _DIRECTIONS.__contains__)

    def with_information(self, information: str | None) -> Self:
        """With this i= line, or without one."""
        return self._with_values("i", [] if information is None else [information])

    def with_connections(self, connections: Iterable[Connection]) -> Self:
        """With these c= lines and no others."""
        return self._with_values("c", [connection.serialize() for connection in connections])

    def with_bandwidths(self, bandwidths: Iterable[Bandwidth]) -> Self:
        """With these b= lines and no others."""
        return self._with_values("b", [bandwidth.serialize() for bandwidth in bandwidths])

    def _line(self, line_type: str, value: str) -> Line:
        return Line(line_type, value, self.lines[0].end or CRLF)

    def _with_lines(self, lines: list[Line]) -> Self:
        return type(self)(lines)

    def _with_values(self, line_type: str, values: list[str]) -> Self:
        """With these values in the place of the first line of the type, and without its other lines."""
        new = [self._line(line_type, value) for value in values]
        return self._with_replaced([line.type == line_type for line in self.lines], new)

    def _with_attributes(self, attributes: list[Attribute], replaces: Callable[[str], bool]) -> Self:
        new = [self._line("a", attribute.serialize()) for attribute in attributes]
        old = [line.type == "a" and replaces(Attribute.parse(line.value).name) for line in self.lines]
        return self._with_replaced(old, new)

    def _with_replaced(self, old: list[bool], new: list[Line]) -> Self:
        lines: list[Line] = []
        for line, goes in zip(self.lines, old, strict=True):
            if not goes:
                lines.append(line)
            elif new:
                lines.extend(new)
                new = []
        for line in new:
            _insert(lines, line, self.ORDER)
        return self._with_lines(lines)


def _insert(lines: list[Line], line: Line, order: str) -> None:
    """Put a line behind the last one that RFC 8866 section 5 has before it."""
    rank = order.index(line.type)
    place = next((i for i in range(len(lines), 0, -1) if order.index(lines[i - 1].type) <= rank), 0)
    lines.insert(place, line)
