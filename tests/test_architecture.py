"""The house rules of docs/architecture.md, kept by test. Each rule is also shown a made-up house that breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent

FLOORS: Final = (
    ("errors", "clock", "ids", "flow", "recent"),
    # Every codec of a wire format lives here, whatever package its file is in.
    ("sip", "sdp", "media.rtp.packet", "media.rtcp"),
    ("transaction", "dialog", "events", "security", "media", "pstn", "h323", "rtsp"),
    ("stack",),
    (
        *("registrar", "proxy", "redirect", "b2bua", "presence", "conference", "gateway"),
        *("ua", "location", "accounts", "storage", "transport", "trace"),
    ),
    ("server", "phone", "console", "cli", "scenarios", "testing", "__main__"),
    # The package itself is the roof: its public names come from every floor.
    ("",),
)
FLOOR: Final = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
PURE_FLOORS: Final = 3
TOP_FLOOR: Final = 5

ROLES: Final = ("registrar", "proxy", "redirect", "b2bua", "presence", "conference", "gateway")
SIBLINGS: Final = {
    ("dialog", "transaction"),
    ("events", "dialog"),
    ("ua", "transport"),
    ("location", "transport.dns"),
    ("location", "storage"),
    ("accounts", "storage"),
    *((role, "ua") for role in ("conference", "gateway", "b2bua")),
    *((role, room) for role in ROLES for room in ("location", "accounts")),
}
"""Who may import whom on one floor: (room, room or one module of it)."""

WORLDLY: Final = frozenset(("asyncio", "socket", "ssl", "threading", "time", "random"))
WORLDLY_ALLOWED: Final = {"clock": {"time"}, "ids": {"random"}}
LONGEST_FILE: Final = 600

OWN_FOLDERS: Final = (".ci", "bench", "docs", "examples", "src", "tests", "tools")
MACHINE_FOLDERS: Final = ("home", "root", "Users", "work")
REGISTRY_HOSTS: Final = (
    ("pypi", "org"),
    ("files", "pythonhosted", "org"),
    ("deb", "debian", "org"),
    ("security", "debian", "org"),
    ("snapshot", "debian", "org"),
    ("registry", "npmjs", "org"),
)
MACHINE_PATH: Final = re.compile(rf"(?<![\w.:/-])/(?:{'|'.join(MACHINE_FOLDERS)})/\w")


class Module:
    """One source file: `name` is its place in the package, such as "sip.headers.via" ("" for the package itself)."""

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self.file = file
        self.tree = ast.parse(file.read_text(encoding="utf-8"), str(file))

    @property
    def room(self) -> str:
        return room_of(self.name)

    @property
    def parts(self) -> list[str]:
        return self.name.split(".")

    def imported(self) -> Iterator[tuple[str, str]]:
        """Each (module, name) that is imported anywhere in the file; the name is empty for a plain import."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)


class House:
    """All modules beneath a tree's `src/offhook`, and who imports whom."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: dict[str, Module] = {}
        package = root / "src" / "offhook"
        for file in sorted(package.rglob("*.py")):
            parts = file.relative_to(package).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            self.modules[name] = Module(name, file)

    def edges(self, module: Module) -> set[str]:
        """The modules of the house that a module imports."""
        found: set[str] = set()
        for source, name in module.imported():
            if source != "offhook" and not source.startswith("offhook."):
                continue
            place = source.removeprefix("offhook").removeprefix(".")
            inner = f"{place}.{name}" if place else name
            found.add(inner if inner in self.modules else place)
        return found - {module.name}

    def files(self) -> Iterator[Path]:
        """What the project keeps: its files at the top and those of its own folders."""
        yield from (file for file in self.root.glob("*") if file.is_file())
        for folder in OWN_FOLDERS:
            for file in (self.root / folder).rglob("*"):
                if file.is_file() and "__pycache__" not in file.parts:
                    yield file


def room_of(name: str) -> str:
    """The room that a module belongs to, the innermost one that FLOORS names; else its first part."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        room = ".".join(parts[:length])
        if room in FLOOR:
            return room
    return parts[0]


def is_below(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def is_public(name: str) -> bool:
    return not name.startswith("_")


# The rules. Each yields a sentence for every place that breaks it.


def every_room_is_known(house: House) -> Iterator[str]:
    for module in house.modules.values():
        if module.room not in FLOOR:
            yield f"{module.file}: no floor is named for offhook.{module.room}"


def imports_point_downward(house: House) -> Iterator[str]:
    for module in house.modules.values():
        for source, _ in module.imported():
            if source.startswith("."):
                yield f"{module.file}: imports relatively, from {source}"
        for target in house.edges(module):
            if not may_import(module.name, target):
                yield f"{module.file}: offhook.{module.name} may not import offhook.{target}"


def may_import(importer: str, target: str) -> bool:
    own, other = room_of(importer), room_of(target)
    if own == other:
        return True
    own_floor, other_floor = FLOOR.get(own, -1), FLOOR.get(other, len(FLOORS))
    if other_floor == own_floor:
        return own_floor == TOP_FLOOR or any(own == room and is_below(target, place) for room, place in SIBLINGS)
    return other_floor < own_floor


def nothing_imports_testing(house: House) -> Iterator[str]:
    for module in house.modules.values():
        if module.room != "testing":
            for target in house.edges(module):
                if room_of(target) == "testing":
                    yield f"{module.file}: imports offhook.{target}"


def the_core_is_pure(house: House) -> Iterator[str]:
    for module in house.modules.values():
        if FLOOR.get(module.room, len(FLOORS)) > PURE_FLOORS:
            continue
        imported = {source.split(".")[0] for source, _ in module.imported()}
        for source in sorted(imported & (WORLDLY - WORLDLY_ALLOWED.get(module.name, set()))):
            yield f"{module.file}: a module of floors 0 to {PURE_FLOORS} imports {source}"


def no_imports_go_round(house: House) -> Iterator[str]:
    try:
        TopologicalSorter({name: house.edges(module) for name, module in house.modules.items()}).prepare()
    except CycleError as error:
        yield "imports go round: " + " <- ".join(f"offhook.{name}" for name in error.args[1])


def no_file_is_long(house: House) -> Iterator[str]:
    for folder in ("src", "tests"):
        for file in (house.root / folder).rglob("*.py"):
            lines = len(file.read_text(encoding="utf-8").splitlines())
            if lines > LONGEST_FILE:
                yield f"{file}: {lines} lines, more than {LONGEST_FILE}"


def every_module_is_mirrored(house: House) -> Iterator[str]:
    for module in house.modules.values():
        if module.file.stem in {"__init__", "__main__"} or module.parts[0] == "cli" or is_data(module.tree):
            continue
        *folders, name = module.parts
        test = house.root.joinpath("tests", *folders, f"test_{name}.py")
        if not test.exists() or "def test_" not in test.read_text(encoding="utf-8"):
            yield f"{module.file}: has no tests in {test.relative_to(house.root)}"


def is_data(tree: ast.Module) -> bool:
    """Whether a module holds nothing that acts: no function but constructors that keep what they are given, and the
    methods of protocols, which are their docstrings.
    """
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    ]
    return all(
        is_docstring_alone(node) or (isinstance(node, ast.FunctionDef) and only_keeps(node)) for node in functions
    )


def is_docstring_alone(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    return not isinstance(node, ast.Lambda) and len(node.body) == 1 and ast.get_docstring(node) is not None


def only_keeps(function: ast.FunctionDef) -> bool:
    return function.name == "__init__" and all(
        isinstance(line, ast.Assign | ast.AnnAssign) and isinstance(line.value, ast.Name | ast.Constant)
        for line in function.body
    )


def all_is_true(house: House) -> Iterator[str]:
    for module in house.modules.values():
        if not all(is_public(part) for part in module.parts):
            continue
        exported = exports(module.tree)
        if exported is None:
            if module.file.name != "__init__.py" or len(module.tree.body) > 1:
                yield f"{module.file}: has no __all__"
            continue
        defined = set(bound(module.tree.body))
        if "__getattr__" not in defined:
            yield from (f"{module.file}: __all__ names {name}, which is not there" for name in exported - defined)
        if module.file.name != "__init__.py":
            missing = set(filter(is_public, own_definitions(module.tree))) - exported
            yield from (f"{module.file}: __all__ lacks {name}, which is public by its name" for name in sorted(missing))


def exports(tree: ast.Module) -> set[str] | None:
    for node in tree.body:
        targets = (
            [node.target] if isinstance(node, ast.AnnAssign) else node.targets if isinstance(node, ast.Assign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            assert node.value is not None
            return set(ast.literal_eval(node.value))
    return None


def own_definitions(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def bound(body: list[ast.stmt]) -> Iterator[str]:
    """The names that a module's own statements bind, those inside its `if` and `try` too."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.If):
            yield from bound(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from bound(node.body + node.orelse + [line for handler in node.handlers for line in handler.body])
        else:
            names = (part for part in ast.walk(node) if isinstance(part, ast.Name))
            yield from (part.id for part in names if isinstance(part.ctx, ast.Store))


def nothing_names_a_machine(house: House) -> Iterator[str]:
    hosts = tuple(".".join(host) for host in REGISTRY_HOSTS)
    for file in house.files():
        text = file.read_bytes().decode("utf-8", "replace")
        found = [host for host in hosts if host in text]
        found += [str(house.root)] if str(house.root) in text else []
        found += [match.group() for match in MACHINE_PATH.finditer(text)]
        if found:
            yield f"{file}: names a machine's path or a registry's host: {found[0]}"


def nothing_compiled_lies_about(house: House) -> Iterator[str]:
    for file in (house.root / "src").rglob("*"):
        if file.suffix in {".so", ".pyd", ".c"}:
            yield f"{file}: a compiler's leftover beside the sources"


Rule = Callable[[House], Iterator[str]]

RULES: Final[tuple[Rule, ...]] = (
    every_room_is_known,
    imports_point_downward,
    nothing_imports_testing,
    the_core_is_pure,
    no_imports_go_round,
    no_file_is_long,
    every_module_is_mirrored,
    all_is_true,
    nothing_names_a_machine,
    nothing_compiled_lies_about,
)


@pytest.fixture(scope="module")
def house() -> House:
    return House(ROOT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Rule, house: House) -> None:
    assert len(house.modules) > 1
    broken = sorted(line.replace(f"{ROOT}/", "") for line in rule(house))
    assert not broken, "\n".join(broken)


# A made-up house: each file in one line of Python, by its path.

HEAD: Final = "__all__: list[str] = []\n"
KEEPER: Final = "__all__ = ['Sent']\nclass Sent:\n def __init__(self, data):\n  self.data = data\n"
SOUND: Final = {
    "src/offhook/__init__.py": "from offhook.ua.agent import answer\n__all__ = ['answer']\n",
    "src/offhook/clock.py": "import time\n__all__ = ['now']\ndef now(): return time.time()\n",
    "src/offhook/sip/__init__.py": "",
    "src/offhook/sip/status.py": f"{HEAD}OK = 200\n",
    "src/offhook/transaction/table.py": f"import offhook.sip.status\n{HEAD}",
    "src/offhook/dialog/table.py": f"from offhook.transaction import table\n{HEAD}",
    "src/offhook/stack.py": f"from offhook.dialog.table import __all__ as x\nfrom offhook.clock import now\n{HEAD}",
    "src/offhook/transport/dns.py": f"import socket\nimport asyncio\n{HEAD}",
    "src/offhook/location/enum.py": f"from offhook.transport.dns import __all__ as x\n{HEAD}",
    "src/offhook/registrar/core.py": f"from offhook.location import enum\nfrom offhook import stack\n{HEAD}",
    "src/offhook/ua/agent.py": "from offhook.transport import dns\n__all__ = ['answer']\ndef answer(): return dns\n",
    "src/offhook/testing/network.py": f"from offhook.ua.agent import answer\n{HEAD}",
    "src/offhook/cli/serve.py": "from offhook.registrar import core\n__all__ = ['main']\ndef main(): return core\n",
    "tests/test_clock.py": "def test_now(): pass\n",
    "tests/ua/test_agent.py": "def test_answer(): pass\n",
    "src/offhook/sip/effects.py": KEEPER,
    "README.md": "GET https://example.com/home/alice/ and sip:alice@example.com\n",
}

GOING_ROUND: Final = {
    "src/offhook/sip/status.py": f"from offhook.sip import uri\n{HEAD}",
    "src/offhook/sip/uri.py": f"import offhook.sip.status\n{HEAD}",
}


def src(path: str, text: str) -> dict[str, str]:
    return {f"src/offhook/{path}": text}


BREAKS: Final[list[tuple[Rule, dict[str, str], str]]] = [
    (every_room_is_known, src("attic/box.py", HEAD), "offhook.attic"),
    (imports_point_downward, src("sip/uri.py", "from offhook.stack import Stack"), "may not import offhook.stack"),
    (imports_point_downward, src("sip/uri.py", "def f():\n import offhook.dialog.table"), "offhook.dialog.table"),
    (imports_point_downward, src("sip/uri.py", "from . import status"), "relatively"),
    (imports_point_downward, src("sip/uri.py", "from offhook.sdp.session import x"), "offhook.sdp"),
    (imports_point_downward, src("sip/uri.py", "import offhook"), "may not import offhook."),
    (imports_point_downward, src("media/rtcp/packet.py", "from offhook.media.mixer import x"), "offhook.media"),
    (imports_point_downward, src("transaction/x.py", "from offhook.dialog import table"), "offhook.dialog.table"),
    (imports_point_downward, src("events/x.py", "from offhook.transaction import table"), "transaction.table"),
    (imports_point_downward, src("location/x.py", "from offhook.transport.udp import Udp"), "offhook.transport"),
    (imports_point_downward, src("proxy/x.py", "from offhook.registrar import core"), "offhook.registrar.core"),
    (imports_point_downward, src("proxy/x.py", "from offhook.transport import dns"), "offhook.transport.dns"),
    (imports_point_downward, src("transport/x.py", "import offhook.server.app"), "offhook.server"),
    (nothing_imports_testing, src("cli/x.py", "from offhook.testing import network"), "offhook.testing.network"),
    (the_core_is_pure, src("sip/uri.py", "import time"), "imports time"),
    (the_core_is_pure, src("stack.py", "def f():\n from asyncio.events import x"), "imports asyncio"),
    (the_core_is_pure, src("clock.py", "import random"), "imports random"),
    (the_core_is_pure, src("media/rtp/session.py", "import socket"), "imports socket"),
    (no_imports_go_round, GOING_ROUND, "offhook.sip.uri"),
    (no_file_is_long, {"src/offhook/sip/uri.py": "\n" * 601}, "601 lines"),
    (no_file_is_long, {"tests/sip/test_uri.py": "\n" * 601}, "601 lines"),
    (every_module_is_mirrored, src("sip/uri.py", "def f(): pass"), "tests/sip/test_uri.py"),
    (every_module_is_mirrored, src("sip/effects.py", KEEPER + "  self.n = len(data)\n"), "tests/sip/test_effects.py"),
    (every_module_is_mirrored, {"tests/test_clock.py": "import offhook.clock"}, "tests/test_clock.py"),
    (all_is_true, src("sip/uri.py", "x = 1"), "has no __all__"),
    (all_is_true, src("sip/uri.py", "__all__ = ['x']"), "names x"),
    (all_is_true, src("sip/uri.py", "__all__ = []\ndef parse(): pass"), "lacks parse"),
    (all_is_true, src("sip/__init__.py", "x = 1\ny = 2"), "has no __all__"),
    (nothing_names_a_machine, {"docs/index.md": "see https://" + ".".join(REGISTRY_HOSTS[0])}, "docs/index.md"),
    (nothing_names_a_machine, {"Makefile": "cd /" + MACHINE_FOLDERS[0] + "/alice"}, "Makefile"),
    (nothing_names_a_machine, {"tests/data/trace.txt": "open(/" + MACHINE_FOLDERS[1] + "/x)"}, "trace.txt"),
    (nothing_compiled_lies_about, src("clock.cpython-311-x86_64-linux-gnu.so", ""), "clock.cpython"),
]  # fmt: skip


def build(root: Path, files: dict[str, str]) -> House:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return House(root)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sound_house_passes(rule: Rule, tmp_path: Path) -> None:
    assert list(rule(build(tmp_path, SOUND))) == []


@pytest.mark.parametrize(("rule", "change", "expected"), BREAKS)
def test_a_broken_rule_is_seen(rule: Rule, change: dict[str, str], expected: str, tmp_path: Path) -> None:
    broken = list(rule(build(tmp_path, SOUND | change)))
    assert len(broken) == 1
    assert expected in broken[0]


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, _, _ in BREAKS} == set(RULES)


def test_a_path_of_this_checkout_is_seen(tmp_path: Path) -> None:
    broken = list(nothing_names_a_machine(build(tmp_path, SOUND | {"docs/index.md": f"see {tmp_path}/README.md"})))
    assert len(broken) == 1
