"""`offhook lint`: what it prints, for people and for programs, and how it exits."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from offhook.cli.lint import lint
from tests.sip.messages import INVITE, OPTIONS, RINGING, with_line, with_more

OFFHOOK = [sys.executable, "-c", "from offhook.cli import main; main()", "lint"]
ALONE = typer.Typer(pretty_exceptions_enable=False)
ALONE.command()(lint)
FIELDS = ["file", "verdict", "status", "clause", "reason"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with a message for each verdict."""
    (tmp_path / "good.sip").write_bytes(INVITE)
    (tmp_path / "old.sip").write_bytes(with_line(OPTIONS, b"Max-Forwards"))
    (tmp_path / "ringing.sip").write_bytes(RINGING)
    (tmp_path / "method.sip").write_bytes(OPTIONS.replace(b"OPTIONS", b"NEWMETHOD"))
    (tmp_path / "cut.sip").write_bytes(INVITE[:-5])
    (tmp_path / "broadcast.sip").write_bytes(with_more(RINGING, b"Via: SIP/2.0/UDP 255.255.255.255"))
    (tmp_path / "rubbish.sip").write_bytes(b"hello")
    (tmp_path / "octets.sip").write_bytes(
        OPTIONS.replace(b"OPTIONS", b"OPT").replace(b"sip:carol", b"\xff\x1b[1m:carol")
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str, given: bytes = b"") -> tuple[int, str, str]:
    result = CliRunner().invoke(ALONE, list(words), input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def objects(printed: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [json.loads(line) for line in printed.splitlines()]
    for one in found:
        assert list(one) == FIELDS
    return found


def test_one_object_a_line(folder: Path) -> None:
    status, printed, complaints = run("--json", "good.sip", "method.sip", "ringing.sip", "old.sip")
    assert (status, complaints) == (0, "")
    good, method, ringing, old = objects(printed)
    assert good == {"file": "good.sip", "verdict": "ok", "status": None, "clause": None, "reason": None}
    assert (method["verdict"], method["status"], method["clause"]) == ("ok", 501, "RFC 3261 21.5.2")
    assert (ringing["verdict"], ringing["status"]) == ("ok", None)
    assert (old["verdict"], old["status"]) == ("ok", None)


@pytest.mark.parametrize(
    ("file", "verdict", "earned", "clause"),
    [
        ("cut.sip", "invalid", 400, "RFC 3261 18.3"),
        ("rubbish.sip", "malformed", 400, "RFC 3261 7"),
    ],
)
def test_what_is_not_ok_exits_with_1(folder: Path, file: str, verdict: str, earned: int | None, clause: str) -> None:
    status, printed, _ = run("--json", "good.sip", file)
    assert status == 1
    _, bad = objects(printed)
    assert (bad["file"], bad["verdict"], bad["status"], bad["clause"]) == (file, verdict, earned, clause)
    assert bad["reason"]


def test_the_standard_input(folder: Path) -> None:
    status, printed, _ = run("--json", "-", given=OPTIONS)
    assert status == 0
    assert objects(printed)[0]["file"] == "-"
    assert run("-", given=b"")[:2] == (1, "-: malformed: 400, no empty line ends the head [RFC 3261 7]\n")


def test_for_people(folder: Path) -> None:
    status, printed, _ = run("good.sip", "method.sip", "cut.sip", "broadcast.sip", "rubbish.sip")
    assert status == 1
    assert printed.splitlines() == [
        "good.sip: ok",
        "method.sip: ok: 501, no element knows the method NEWMETHOD [RFC 3261 21.5.2]",
        "cut.sip: invalid: 400, Content-Length is larger than the body [RFC 3261 18.3]",
        "broadcast.sip: ok: a response that would go to a broadcast address [RFC 3261 18.2.2]",
        "rubbish.sip: malformed: 400, no empty line ends the head [RFC 3261 7]",
        "3 ok, 1 invalid, 1 malformed",
    ]


def test_files_that_cannot_be_read_exit_with_2(folder: Path) -> None:
    (folder / "folder").mkdir()
    status, printed, complaints = run("--json", "good.sip", "missing.sip", "folder", "cut.sip")
    assert status == 2
    assert [one["file"] for one in objects(printed)] == ["good.sip", "cut.sip"]
    assert complaints.splitlines() == [
        "offhook: missing.sip cannot be read: No such file or directory",
        "offhook: folder cannot be read: Is a directory",
    ]


def test_no_file_is_a_mistake() -> None:
    status, _, complaints = run()
    assert status == 2
    assert "FILE" in complaints


def test_octets_of_strangers_stay_harmless(folder: Path) -> None:
    _, printed, _ = run("--json", "octets.sip")
    (one,) = objects(printed)
    assert one["verdict"] == "malformed"
    assert printed.isascii()
    (folder / "caf\udce9\x1b[1m").write_bytes(OPTIONS)
    _, printed, _ = run("caf\udce9\x1b[1m", "octets.sip")
    assert printed.startswith("caf\\xe9\\x1b[1m: ok\n")
    assert "\x1b" not in printed


def test_as_a_process_with_a_narrow_encoding(folder: Path) -> None:
    (folder / "naïve.sip").write_bytes(OPTIONS)
    result = subprocess.run(
        [*OFFHOOK, "naïve.sip", "-"],
        input=RINGING,
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == b"na\\xefve.sip: ok\n-: ok\n2 ok, 0 invalid, 0 malformed\n"


def test_a_terminal_gets_colours(folder: Path) -> None:
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "30"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen([*OFFHOOK, "good.sip", "cut.sip"], stdin=slave, stdout=slave, env=environment) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
    os.close(master)
    assert process.returncode == 1
    assert b"\x1b[" in shown
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", shown).replace(b"\r", b"")
    assert plain.startswith(
        b"good.sip: ok\ncut.sip: invalid: 400, Content-Length is larger than the body [RFC 3261 18.3]\n"
    )


def test_a_message_may_be_larger_than_a_server_takes(folder: Path) -> None:
    (folder / "large.sip").write_bytes(with_more(OPTIONS, *[b"X-More: %d" % number for number in range(3000)] * 3))
    assert run("--json", "large.sip")[0] == 0
