# SPDX-License-Identifier: GPL-2.0
"""The lines of a rubric for a terminal or a text file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from harness.plain import no_commands
from harness.results import Outcome

MIN_WIDTH, MAX_WIDTH = 80, 110


class Row(NamedTuple):
    """A line, and the outcome that its colour shows."""

    text: str
    outcome: Outcome | None = None


def labelled(label: str, text: str, width: int) -> Iterator[Row]:
    """`label  text`, wrapped; a text of several lines (a log) keeps its lines."""
    head = f"       {label:<9} "
    rows: list[str] = []
    for line in text.splitlines():
        rows += textwrap.wrap(line, max(30, width - len(head)), break_on_hyphens=False,
                              subsequent_indent="  " if label == "log" else "") or [""]
    for i, row in enumerate(map(no_commands, rows)):  # a word may have been parted
        yield Row((head if i == 0 else " " * len(head)) + row.rstrip())
