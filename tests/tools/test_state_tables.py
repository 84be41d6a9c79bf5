"""The reference page says what the tables say."""

from __future__ import annotations

from pathlib import Path

from offhook.transaction import client_invite, client_non_invite, server_invite, server_non_invite
from tools.state_tables import Table, drawn, main, page, tables, write


def act(_machine: object) -> None:
    """An action."""


def test_a_table_is_drawn_row_by_row() -> None:
    table: Table = {
        "Trying": {"go": (act, "Done"), "wait": (None, "Trying")},
        "a|b": {"64*T1": (act, "Done")},
        "Done": {},
    }
    assert drawn(table) == (
        "| State | Event | Action | Next state |\n"
        "|---|---|---|---|\n"
        "| Trying | go | act | Done |\n"
        "|  | wait |  | Trying |\n"
        "| a\\|b | 64\\*T1 | act | Done |\n"
        "| Done | | | |\n"
    )


def test_no_machine_is_missing() -> None:
    found = [table for _, _, _, table in tables()]
    for module in (client_invite, client_non_invite, server_invite, server_non_invite):
        assert any(table is module.TRANSITIONS for table in found)


def test_every_transition_stands_on_the_page() -> None:
    text = page()
    for _, _, _, table in tables():
        assert drawn(table) in text
    assert "## transaction.client_invite\n\nThe INVITE client transaction (RFC 3261 17.1.1" in text
    assert "| Calling | Timer A | retransmit | Calling |" in text


def test_the_page_is_written_once(tmp_path: Path) -> None:
    file = tmp_path / "reference" / "machines.md"
    assert main([str(file)]) == 0
    assert file.read_text("utf-8") == page()
    before = file.stat().st_mtime_ns
    write(file)
    assert file.stat().st_mtime_ns == before
