# SPDX-License-Identifier: GPL-2.0
"""What a submission has already cost, known to all workers of one run.

The points of an exercise are given for all its tests or not at all. So once a test of it has hung
or ended a machine anywhere, running the others can only cost time. And a module whose loading
ended machines of two kinds will not load on a third kind.
"""

from __future__ import annotations

import json
from pathlib import Path

MAX_SLOW = 3  # exercises lost to hangs and endless commands, each of which costs a minute
MAX_LOAD_GROUPS = 2  # kinds of machines that loading vtxdrv.ko ended


class Fate:
    """A list of deaths: in a file that the workers share, or in memory without one."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._own: list[dict[str, str]] = []

    def note(self, kind: str, who: str, why: str) -> None:
        """Remember what ended a machine: kind "exercise" or "load", and its number or machine."""
        entry = {"kind": kind, "who": who, "why": why}
        self._own.append(entry)
        if self._file:
            with self._file.open("a", encoding="utf-8") as file:  # one write: lines stay whole
                file.write(json.dumps(entry) + "\n")

    def _entries(self, kind: str) -> dict[str, str]:
        entries = self._own
        if self._file and self._file.is_file():
            text = self._file.read_text(encoding="utf-8")
            entries = [json.loads(row) for row in text.splitlines()]
        return {entry["who"]: entry["why"] for entry in entries if entry["kind"] == kind}

    def of_exercise(self, number: str) -> str:
        """What a test of this exercise did to a machine; "" if nothing."""
        return self._entries("exercise").get(number, "") if number else ""

    def of_patience(self) -> str:
        """Why nothing more is run: too many exercises have used up their time; "" before."""
        slow = self._entries("slow")
        return list(slow.values())[-1] if len(slow) >= MAX_SLOW else ""

    def of_loading(self) -> str:
        """Why vtxdrv.ko is not loaded any more on any machine; "" as long as it is."""
        ended = self._entries("load")
        return list(ended.values())[-1] if len(ended) >= MAX_LOAD_GROUPS else ""
