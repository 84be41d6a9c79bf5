from __future__ import annotations

import pytest

from offhook.server import toml_lines
from offhook.server.toml_lines import line_of, parts_of

TEXT = """\
data = "here"           # 1
tls.key = "k"
tls . "certificate" = "c"

[[listen]]              # 5
transport = "udp"
[[ listen ]]
  transport = "tcp"
  port = 1

['log']                 # 11
level = "info"
[a.b]
x = [
  1,                    # 15
  2,
]
[[a.b.c]]
y = 1
"""


def test_all_names_exist() -> None:
    assert all(hasattr(toml_lines, name) for name in toml_lines.__all__)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("$.data", 1),
        ("$.tls.key", 2),
        ("$.tls.certificate", 3),
        ("$.listen[0]", 5),
        ("$.listen[0].transport", 6),
        ("$.listen[0].port", 5),
        ("$.listen[1]", 7),
        ("$.listen[1].transport", 8),
        ("$.listen[1].port", 9),
        ("$.log.level", 12),
        ("$.log.format", 11),
        ("$.a.b.x[1]", 14),
        ("$.a.b.c[0].y", 19),
        ("$.listen[2]", None),
        ("$.nothing", None),
        ("$", None),
    ],
)
def test_a_value_is_found_by_its_path(path: str, line: int | None) -> None:
    assert line_of(TEXT, path) == line


def test_the_steps_of_a_path() -> None:
    assert parts_of("$") == []
    assert parts_of("$.listen[1].port") == ["listen", 1, "port"]
