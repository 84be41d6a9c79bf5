"""A TOML file read into typed values, and what is wrong with it in words that say where and what to write instead."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import msgspec
from msgspec import inspect

from offhook.errors import ConfigError
from offhook.server.reasons import reason_of
from offhook.server.toml_lines import line_of, parts_of

__all__ = ["Section", "TomlText", "listed"]

Value = TypeVar("Value", bound="Section")

_SYNTAX: Final = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_SHOWN: Final = 40


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; a key that it does not know is a mistake."""

    FILES: ClassVar[tuple[str, ...]] = ()
    """The keys that name files; they are found from the folder of the configuration."""


class TomlText:
    """A TOML document; `name` stands in the messages."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name

    @classmethod
    def read(cls, path: Path) -> TomlText:
        """The document in a file. Raises ConfigError."""
        try:
            return cls(path.read_text("utf-8"), str(path))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {reason_of(error)}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: is not UTF-8 text") from error

    def convert(self, kind: type[Value]) -> Value:
        """The document as a value of this type. Raises ConfigError for the first mistake."""
        try:
            values = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(self._syntax(str(error))) from error
        except RecursionError as error:
            raise ConfigError(f"{self.name}: lists and tables stand too deep in one another") from error
        try:
            return msgspec.convert(values, kind)
        except msgspec.ValidationError as error:
            raise ConfigError(self._explained(str(error), values, kind)) from error

    def mistake(self, path: str, what: str) -> ConfigError:
        """What is wrong with the value at `path`, such as ``$.listen[1].port``, after the line where it stands."""
        return ConfigError(f"{self._place(path)}: {what}")

    def check(self, path: str, value: str, known: Sequence[str]) -> None:
        """Raises ConfigError when the value at `path` is not among those that are known."""
        if value not in known:
            raise self.mistake(path, f"{parts_of(path)[-1]} must be {_quoted(known)}, not {_shown(value)}")

    def _place(self, path: str) -> str:
        line = line_of(self.text, path)
        return self.name if line is None else f"{self.name} line {line}"

    def _syntax(self, message: str) -> str:
        what, line, column = message, None, None
        found = _SYNTAX.fullmatch(message)
        if found is not None:
            what, line, column = found.groups()
        place = f"line {line}, column {column}" if line else f"line {len(self.text.splitlines()) or 1}, at its end"
        return f"{self.name} {place}: {what[:1].lower()}{what[1:]}; see toml.io for how TOML is written"

    def _explained(self, message: str, values: dict[str, Any], kind: type[Section]) -> str:
        """msgspec's message in plain words."""
        what, _, path = message.partition(" - at `")
        path = path.rstrip("`") or "$"
        wanted, given = _at(path, values, kind)
        unknown = _UNKNOWN.fullmatch(what)
        if unknown is not None:
            return f"{self._place(f'{path}.{unknown[1]}')}: {_unknown(unknown[1], path, wanted)}"
        missing = _MISSING.fullmatch(what)
        if missing is not None:
            return f"{self._place(path)}: {_table(path)} lacks {missing[1]}; add {missing[1]} = ..."
        name = parts_of(path)[-1] if path != "$" else "the file"
        if isinstance(name, int):
            return f"{self._place(path)}: {parts_of(path)[-2]} has {_shown(given)}, but must hold {_in_words(wanted)}"
        return f"{self._place(path)}: {name} must be {_in_words(wanted)}, not {_shown(given)}"


def listed(words: Sequence[str]) -> str:
    """Alternatives as people write them: "a, b or c"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _quoted(values: Sequence[object]) -> str:
    return listed([f'"{value}"' for value in values])


def _at(path: str, values: Any, kind: type[Section]) -> tuple[inspect.Type, Any]:
    """The type that is wanted at a path, and the value that stands there."""
    wanted: inspect.Type = inspect.type_info(kind)
    for part in parts_of(path):
        if isinstance(part, int) and isinstance(wanted, inspect.ListType):
            wanted, values = wanted.item_type, values[part]
        elif isinstance(wanted, inspect.StructType):
            field = next(field for field in wanted.fields if field.encode_name == part)
            wanted, values = _without_none(field.type), values[part]
    return wanted, values


def _without_none(wanted: inspect.Type) -> inspect.Type:
    """TOML cannot say None: of an optional value only the other type matters."""
    if isinstance(wanted, inspect.UnionType):
        return next(kind for kind in wanted.types if not isinstance(kind, inspect.NoneType))
    return wanted


def _unknown(key: str, path: str, wanted: inspect.Type) -> str:
    known = [field.encode_name for field in wanted.fields] if isinstance(wanted, inspect.StructType) else []
    near = get_close_matches(key, known, 1) or [name for name in known if name.startswith(key)]
    mend = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    where = "" if path == "$" else f" in {_table(path)}"
    return f"there is no setting {key}{where}; {mend}"


def _table(path: str) -> str:
    """How the header of a table is written."""
    parts = parts_of(path)
    if not parts:
        return "the file"
    name = ".".join([part for part in parts if isinstance(part, str)])
    return f"[[{name}]]" if isinstance(parts[-1], int) else f"[{name}]"


def _in_words(wanted: inspect.Type) -> str:
    if isinstance(wanted, inspect.LiteralType):
        return _quoted(wanted.values)
    if isinstance(wanted, inspect.ListType):
        if isinstance(wanted.item_type, inspect.StructType):
            return "tables, each under a header in double brackets"
        return f"a list of {_in_words(wanted.item_type)}, in square brackets"
    for kind, words in _WORDS:
        if isinstance(wanted, kind):
            return words
    return "something else"


_WORDS: Final[tuple[tuple[type[inspect.Type], str], ...]] = (
    (inspect.BoolType, "true or false"),
    (inspect.IntType, "a whole number"),
    (inspect.FloatType, "a number"),
    (inspect.StrType, "text in quotes"),
    (inspect.StructType, "a table"),
)


def _shown(value: object) -> str:
    """A value as the file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= _SHOWN else f'"{value[:_SHOWN]}..."'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)
