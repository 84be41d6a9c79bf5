"""SIPp: scenarios run to their end, and what it counted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from tests.interop.process import Process

__all__ = ["Sipp"]

SCENARIOS: Final = Path(__file__).parent.parent / "data" / "sipp"


class Sipp(Process):
    """A running SIPp. `scenario` is one of tests/data/sipp, or the name of a built-in one ("uac", "uas")."""

    def __init__(
        self,
        folder: Path,
        scenario: str,
        *arguments: str,
        local: str,
        port: int,
        keys: dict[str, str] | None = None,
        name: str = "",
    ) -> None:
        """It sends from `local`:`port`; `arguments` are its own, the server's address among them."""
        self._statistics = folder / f"sipp-{port}.csv"
        file = SCENARIOS / f"{scenario}.xml"
        chosen = ["-sf", str(file)] if file.exists() else ["-sn", scenario]
        given = [word for key, value in (keys or {}).items() for word in ("-key", key, value)]
        # While a busy machine does not run it, INVITEs are sent again. It takes some of them for new ones, and would
        # abort their calls.
        patience = ["-default_behaviors", "all,-abortunexp"] if scenario == "answer" else []
        command = [
            *("sipp", *chosen, *arguments, *given, *patience, "-i", local, "-p", str(port), "-nostdin"),
            *("-trace_stat", "-stf", str(self._statistics), "-fd", "1"),
            *("-trace_err", "-error_file", str(folder / f"sipp-{port}-errors.log")),
        ]
        super().__init__(folder, name or f"sipp-{port}", command)

    def finish(self, seconds: float) -> dict[str, int]:
        """Wait until it ends, and return the totals: `SuccessfulCall(C)`, `FailedCall(C)`, `Retransmissions(C)` ..."""
        self.wait(seconds)
        with self._statistics.open(encoding="ascii", newline="") as file:
            *_, last = csv.DictReader(file, delimiter=";")
        return {name: int(value) for name, value in last.items() if name.endswith("(C)") and (value or "").isdigit()}
