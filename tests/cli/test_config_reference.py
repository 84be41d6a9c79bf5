"""docs/reference/config.md has every key of the two files, with its default, and its examples are without mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from offhook.cli.user_file import AccountEntry, UserFile
from offhook.server import config
from offhook.server.config import ServerConfig
from offhook.server.toml_file import TomlText

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "config.md"
SERVER = "The file itself"
USER = "Your own file"
PORT = "5060, 5061 for TLS"
"""What stands for a default that depends on another key."""


def sections() -> dict[str, str]:
    """What stands under each header of the page."""
    parts = re.split(r"^#+ (.*)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def tables() -> dict[str, type[msgspec.Struct]]:
    """The tables of the two files by the headers under which the page describes them."""
    found: dict[str, type[msgspec.Struct]] = {SERVER: ServerConfig, USER: UserFile, "[[account]]": AccountEntry}
    return found | _tables_of(ServerConfig, "")


def _tables_of(table: type[msgspec.Struct], within: str) -> dict[str, type[msgspec.Struct]]:
    found: dict[str, type[msgspec.Struct]] = {}
    for field in inspect.type_info(table).fields:  # type: ignore[attr-defined]
        kind = field.type
        name = f"{within}{field.encode_name}"
        if isinstance(kind, inspect.ListType) and isinstance(kind.item_type, inspect.StructType):
            found[f"[[{name}]]"] = kind.item_type.cls
        elif isinstance(kind, inspect.StructType):
            found[f"[{name}]"] = kind.cls
            found |= _tables_of(kind.cls, f"{name}.")
    return found


def documented(text: str) -> dict[str, str]:
    """The keys of a section with their defaults as they are written."""
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) ?\| .+ \|$", text, re.MULTILINE))


def is_table(kind: Any) -> bool:
    return isinstance(kind, inspect.StructType) or (
        isinstance(kind, inspect.ListType) and isinstance(kind.item_type, inspect.StructType)
    )


def default_of(field: msgspec.inspect.Field) -> str:
    """A key's default as TOML has it; empty for one that has to be given."""
    if field.required:
        return ""
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return PORT if value is None else f"`{json.dumps(value)}`"


@pytest.mark.parametrize("header", tables())
def test_keys_and_defaults_are_those_of_the_code(header: str) -> None:
    fields = inspect.type_info(tables()[header]).fields  # type: ignore[attr-defined]
    expected = {field.encode_name: default_of(field) for field in fields if not is_table(field.type)}
    assert documented(sections()[header]) == expected


def test_nothing_else_is_described() -> None:
    described = {header for header, text in sections().items() if documented(text)}
    assert described == set(tables())


def test_values_that_can_be_chosen_are_all_named() -> None:
    for header, table in tables().items():
        for field in inspect.type_info(table).fields:  # type: ignore[attr-defined]
            if isinstance(field.type, inspect.LiteralType):
                (row,) = re.findall(rf"^\| `{field.encode_name}` .*", sections()[header], re.MULTILINE)
                assert all(f'`"{value}"`' in row for value in field.type.values if value)


def test_the_examples_are_without_mistakes() -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    server, user = blocks
    assert config.parse(server).domain[0].name == "example.com"
    assert len(TomlText(user, "config.toml").convert(UserFile).account) == 2


def test_the_tutorials_example_is_without_mistakes() -> None:
    tutorial = (PAGE.parents[1] / "tutorial.md").read_text("utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```$", tutorial, re.DOTALL | re.MULTILINE)
    assert config.parse(block).domain[0].name == "example.com"
