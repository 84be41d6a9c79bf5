"""What the logs say. Configuring them is for a whole process, so each test has one of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from offhook.server import logs

SCRIPT = """
import logging
import sys

import structlog

from offhook.server.logs import AT_WORK, configure
from offhook.sip.parser import parse

log = structlog.get_logger("offhook.test")
configure(*sys.argv[1:3])
"""

MESSAGE = (
    "message = parse(b'OPTIONS sip:a SIP/2.0\\r\\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\\r\\nFrom: <sip:a>;tag=1\\r\\n'"
    "b'To: <sip:a>\\r\\nCall-ID: caf\\xc3\\xa9@\\xff\\r\\nCSeq: 1 OPTIONS\\r\\n\\r\\n')\n"
)


def logged(script: str, level: str = "info", form: str = "json", stderr: int = subprocess.PIPE) -> str:
    command = [sys.executable, "-c", f"{SCRIPT}{script}", level, form]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, check=True, timeout=60)
    return done.stderr or done.stdout


def lines(script: str, level: str = "info") -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged(script, level).splitlines()]


def test_all_names_exist() -> None:
    assert all(hasattr(logs, name) for name in logs.__all__)


def test_a_line_of_json() -> None:
    [line] = lines("log.info('refused', status=403, ok=True, nothing=None)")
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "refused", "level": "info", "status": 403, "ok": True, "nothing": None}


def test_the_level_is_kept_to_by_both_kinds_of_loggers() -> None:
    script = "for it in (log, logging.getLogger('offhook.x')):\n  it.info('no')\n  it.warning('yes')"
    assert [line["event"] for line in lines(script, "warning")] == ["yes", "yes"]


def test_standard_loggers_are_routed_in() -> None:
    [line] = lines("logging.getLogger('offhook.transport').warning('to %s', 'b')")
    assert (line["event"], line["level"], line["logger"]) == ("to b", "warning", "offhook.transport")


def test_the_call_id_of_the_message_at_work_is_on_every_line() -> None:
    script = (
        f"{MESSAGE}AT_WORK.message = message\nlog.info('a')\nlogging.getLogger('x').warning('b')\n"
        "log.info('c', call_id='own')\nAT_WORK.message = None\nlog.info('d')"
    )
    assert [line.get("call_id") for line in lines(script)] == ["café@\\xff", "café@\\xff", "own", None]


def test_secrets_and_controls_are_kept_out() -> None:
    script = "log.info('bad', value='response=\"6629\" \\x1b[0m\\n', other=b'\\xff', error=ValueError('password=x'))"
    [line] = lines(script)
    assert line["value"] == "response=*** \\x1b[0m\\x0a"
    assert line["other"] == "b'\\xff'"
    assert line["error"] == "password=***"


def test_a_traceback_keeps_its_lines_and_no_secret() -> None:
    script = (
        "try:\n  raise ValueError('password=hunter2')\nexcept ValueError:\n"
        "  log.exception('one')\n  logging.getLogger('x').exception('two')"
    )
    for line in lines(script):
        assert "Traceback" in line["exception"]
        assert "ValueError: password=***" in line["exception"].splitlines()


def test_the_console_has_one_line_for_each_thing() -> None:
    text = logged(
        "log.info('refused', status=403, reason='a b')\nlogging.getLogger('x').error('e\\x1b')", form="console"
    )
    first, second = text.splitlines()
    assert "[info     ] refused" in first
    assert first.endswith("status=403 reason='a b'")
    assert "[error    ] e\\x1b" in second


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_the_library_tells_of_strangers_is_in_the_format_of_security_events(form: str) -> None:
    extra = "extra={'security': {'source': '192.0.2.1', 'port': 5060, 'transport': 'TLS', 'reason': 'too many'}}"
    text = logged(f"logging.getLogger('offhook.transport.streams').warning('a sentence', {extra})", form=form)
    if form == "json":
        assert text.startswith('{"source": "192.0.2.1", "port": 5060, "transport": "TLS", "reason": "too many", ')
        assert json.loads(text)["event"] == "security: refused"
    else:
        assert re.search(r"\[warning  \] security: refused +source=192.0.2.1 port=5060 transport=TLS reason=", text)


def test_a_full_disk_under_the_log_stops_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        done = logged("log.error('x')\nlogging.getLogger('x').error('y')\nprint('alive')", stderr=full.fileno())
    assert done == "alive\n"
