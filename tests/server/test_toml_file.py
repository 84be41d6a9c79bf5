from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from offhook.errors import ConfigError
from offhook.server import toml_file
from offhook.server.toml_file import Section, TomlText, listed


class Inner(Section):
    name: str
    port: int | None = None
    colour: Literal["red", "blue"] = "red"
    hosts: list[str] = msgspec.field(default_factory=list)
    ratio: float = 1.0
    loud: bool = False


class Outer(Section):
    title: str = ""
    inner: list[Inner] = msgspec.field(default_factory=list)
    one: Inner | None = None


SEE = "see toml.io for how TOML is written"


def said(text: str) -> str:
    with pytest.raises(ConfigError) as failure:
        TomlText(text, "f.toml").convert(Outer)
    return str(failure.value)


def test_all_names_exist() -> None:
    assert all(hasattr(toml_file, name) for name in toml_file.__all__)


def test_a_document_becomes_typed_values() -> None:
    outer = TomlText('title = "x"\n[[inner]]\nname = "a"\nport = 1\nratio = 2\n', "f.toml").convert(Outer)
    assert (outer.title, outer.inner[0].port, outer.inner[0].ratio) == ("x", 1, 2.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title = 1", "f.toml line 1: title must be text in quotes, not 1"),
        ("title = 2020-01-01", "f.toml line 1: title must be text in quotes, not 2020-01-01"),
        ("\ntitel = 1", "f.toml line 2: there is no setting titel; did you mean title?"),
        ("zzz = 1", "f.toml line 1: there is no setting zzz; known here: title, inner, one"),
        ("[[inner]]\nport = 1", "f.toml line 1: [[inner]] lacks name; add name = ..."),
        ("[one]", "f.toml line 1: [one] lacks name; add name = ..."),
        ('[one]\nname="a"\nho=1', "f.toml line 3: there is no setting ho in [one]; did you mean hosts?"),
        ('[[inner]]\nname="a"\nport="b"', 'f.toml line 3: port must be a whole number, not "b"'),
        ('[[inner]]\nname="a"\nport=1.5', "f.toml line 3: port must be a whole number, not 1.5"),
        ('[[inner]]\nname="a"\ncolour="pink"', 'f.toml line 3: colour must be "blue" or "red", not "pink"'),
        ('[[inner]]\nname="a"\nratio=true', "f.toml line 3: ratio must be a number, not true"),
        ('[[inner]]\nname="a"\nloud=0', "f.toml line 3: loud must be true or false, not 0"),
        (
            '[[inner]]\nname="a"\nhosts="b"',
            'f.toml line 3: hosts must be a list of text in quotes, in square brackets, not "b"',
        ),
        ('[[inner]]\nname="a"\nhosts=["b", 1]', "f.toml line 3: hosts has 1, but must hold text in quotes"),
        (
            '[inner]\nname="a"',
            "f.toml line 1: inner must be tables, each under a header in double brackets, not a table",
        ),
        ("inner = [1]", "f.toml line 1: inner has 1, but must hold a table"),
        ("one = [1]", "f.toml line 1: one must be a table, not a list"),
        (f'[one]\nname="a"\nport="{"b" * 99}"', f'f.toml line 3: port must be a whole number, not "{"b" * 40}..."'),
        ("title = ", "f.toml line 1, at its end: invalid value; " + SEE),
        (
            'title = "a" port = 1',
            f"f.toml line 1, column 13: expected newline or end of document after a statement; {SEE}",
        ),
        ("x = " + "[" * 100_000, "f.toml: lists and tables stand too deep in one another"),
    ],
)
def test_a_mistake_is_told_in_plain_words(text: str, expected: str) -> None:
    assert said(text) == expected


def test_a_mistake_that_types_do_not_show_has_its_line_too() -> None:
    toml = TomlText("[one]\nname = 'a'\n", "f.toml")
    assert str(toml.mistake("$.one.name", "no")) == "f.toml line 2: no"
    assert str(toml.mistake("$.two", "no")) == "f.toml: no"


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('title = "ü"\n', "utf-8")
    assert TomlText.read(path).convert(Outer).title == "ü"


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.toml: cannot be read: no such file or directory"):
        TomlText.read(tmp_path / "no.toml")
    with pytest.raises(ConfigError, match="cannot be read: is a directory"):
        TomlText.read(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'title = "\xfc"')
    with pytest.raises(ConfigError, match=r"latin.toml: is not UTF-8 text"):
        TomlText.read(tmp_path / "latin.toml")


@pytest.mark.parametrize(("words", "text"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_alternatives_are_listed(words: list[str], text: str) -> None:
    assert listed(words) == text
