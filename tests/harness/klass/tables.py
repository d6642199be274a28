# SPDX-License-Identifier: GPL-2.0
"""grades.csv: one row a student, for spreadsheets and for the import of learning platforms."""

from __future__ import annotations

import csv
import io

from harness.klass.collect import Row, Table

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula: a student chooses names and file names."""
    text = " ".join(text.splitlines()) if "\n" in text or "\r" in text else text
    return f"'{text}" if text.startswith(_FORMULA) else text


def number(value: float | None) -> str:
    """Points without trailing zeros; undecided is empty, and never 0."""
    return "" if value is None else f"{round(value, 2):g}"


def header(table: Table) -> list[str]:
    """The first line."""
    return ["name", "final", "raw", *table.exercises, "status", "submitted at", "time from",
            "attempts", "late by", "submission", "note"]


def cells(table: Table, row: Row) -> list[str]:
    """One student."""
    exercises = [number(row.marks.points.get(n)) for n in table.exercises]
    return [plain(row.name), number(row.marks.final), number(row.marks.raw), *exercises,
            row.status, row.submitted, row.clock, str(row.attempts), row.late_by,
            plain(row.attempt.entry.encode("utf-8", "replace").decode()), plain(row.note)]


def text(table: Table) -> str:
    """The file."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header(table))
    writer.writerows(cells(table, row) for row in table.rows)
    return out.getvalue()
