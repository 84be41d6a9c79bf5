"""The Python of the pages does what they say.

docs/library.md is run as one program, in a process of its own since it registers a header. The programs of README.md
and docs/tutorial.md are run as they are printed, but for three things: a server on loopback is their domain's, which
every `UserAgent` has as its outbound proxy; the files that they play are tones; the ten seconds of the README's call
are one. docs/testing.md is run by tests/testing/test_guide.py.

Of every page it is checked that its blocks can be compiled, that the names which they import from offhook exist, and
that `UserAgent`, `invite` and `answer` have the parameters which are given to them by name.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import soundfile

import offhook
from offhook.accounts.base import Account
from offhook.media.audio.tone import sine, tone_above_rest
from offhook.media.audio.wav import read_all
from offhook.server.app import Server
from offhook.server.config import parse
from offhook.ua.agent import UserAgent
from offhook.ua.call import IncomingCall
from tests.pages import DOCS, README, program, run

TUTORIAL = DOCS / "tutorial.md"
HELLO, GREETING = 440.0, 1000.0
PATIENCE = 30.0

TAKING: dict[str, Callable[..., object]] = {
    "UserAgent": UserAgent,
    "invite": UserAgent.invite,
    "answer": IncomingCall.answer,
}


def test_the_library_does_what_its_page_says(tmp_path: Path) -> None:
    written = tmp_path / "library.py"
    written.write_text(program(DOCS / "library.md"), "utf-8")
    ended = subprocess.run([sys.executable, written], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


# The calls of the README and of the tutorial


@pytest.fixture
async def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[UserAgent]]:
    """The agents that the pages' programs make; a folder with their files; their domain's server."""
    monkeypatch.chdir(tmp_path)
    for name, frequency in (("hello.wav", HELLO), ("greeting.wav", GREETING)):
        soundfile.write(name, sine(frequency, 1.0), 8000)
    listen = '[[listen]]\ntransport = "udp"\naddress = "127.0.0.1"\nport = 0\n'
    made: list[UserAgent] = []
    async with Server(parse(f'data = "{tmp_path}"\n{listen}[[domain]]\nname = "example.com"\n')) as server:
        for user in ("alice", "bob"):
            await server.accounts.add(Account.create(user, "example.com", "..."))
        proxy = f"sip:127.0.0.1:{server.addresses[0].port};lr"

        def agent(aor: str, password: str, **more: Any) -> UserAgent:
            made.append(UserAgent(aor, password, outbound_proxy=proxy, local="127.0.0.1", **more))
            return made[-1]

        monkeypatch.setattr(offhook, "UserAgent", agent)
        yield made


async def answering(agents: list[UserAgent]) -> asyncio.Task[None]:
    """Bob of the tutorial, once he is registered."""
    task = asyncio.create_task(run(TUTORIAL)["answer_all"]())
    while not (agents and agents[-1].registered):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return task


async def test_the_call_of_the_readme_is_answered_by_the_tutorial(agents: list[UserAgent]) -> None:
    text = program(README)
    shorter = text.replace("asyncio.sleep(10)", "asyncio.sleep(1)")
    assert shorter != text
    async with asyncio.timeout(PATIENCE):
        bob = await answering(agents)
        await asyncio.to_thread(exec, compile(shorter, str(README), "exec"), {})
        bob.cancel()
        await asyncio.wait([bob])
    assert tone_above_rest(read_all("message.wav"), HELLO) > 20
    assert tone_above_rest(read_all("heard.wav"), GREETING) > 20


async def test_the_call_of_the_tutorial(agents: list[UserAgent], capsys: pytest.CaptureFixture[str]) -> None:
    call_bob = run(TUTORIAL)["call_bob"]
    async with asyncio.timeout(PATIENCE):
        await call_bob()
        assert capsys.readouterr().out == "no answer: 480 Not Registered\n"
        bob = await answering(agents)
        call = asyncio.create_task(call_bob())
        while not Path("heard.wav").exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        bob.cancel()
        await call
        await asyncio.wait([bob])
    assert capsys.readouterr().out == "the peer hung up\n"
    assert tone_above_rest(read_all("heard.wav"), GREETING) > 20


# All pages


def complaints(text: str) -> Iterator[str]:
    """What is wrong with a program, without running it."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield f"line {error.lineno}: {error.msg}"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "offhook":
            module = import_module(node.module or "")
            for alias in node.names:
                if not hasattr(module, alias.name):
                    yield f"line {node.lineno}: {node.module} has no {alias.name}"
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in TAKING:
                known = inspect.signature(TAKING[name]).parameters
                for keyword in node.keywords:
                    if keyword.arg is not None and keyword.arg not in known:
                        yield f"line {node.lineno}: {name} takes no {keyword.arg}"


@pytest.mark.parametrize("page", [README, *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.stem)
def test_pages_name_only_what_there_is(page: Path) -> None:
    assert list(complaints(program(page))) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("from offhook import UserAgent, Telephone", "line 1: offhook has no Telephone"),
        ("from offhook.sip import serialize", "line 1: offhook.sip has no serialize"),
        ('\nUserAgent("sip:alice@example.com", pasword="x")', "line 2: UserAgent takes no pasword"),
        ("offhook.UserAgent(aor=a, port=5060)", "line 1: UserAgent takes no port"),
        ('async def call():\n    await ua.invite(bob, plays="a.wav")', "line 2: invite takes no plays"),
        ('async def call():\n    await call.answer("a.wav", to="b.wav")', "line 2: answer takes no to"),
        ("await =", "line 1: invalid syntax"),
    ],
)
def test_what_there_is_not_is_found(text: str, complaint: str) -> None:
    assert list(complaints(text)) == [complaint]


def test_pages_have_programs(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n```python\nx = 1\n```\n\ny = 2\n\n```toml\nz = 3\n```\n\n```python\n\nw = x + 1\n```\n")
    assert program(page).split("\n") == ["", "", "", "x = 1", *[""] * 10, "w = x + 1", ""]
    assert run(page)["w"] == 2
    for name in (README, TUTORIAL, DOCS / "library.md", DOCS / "testing.md"):
        assert "import" in program(name)
