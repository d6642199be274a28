# SPDX-License-Identifier: GPL-2.0
"""From the records of a class to a row for each student."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.klass.attempts import CLOCKS, Attempt, slug
from harness.klass.marks import Graded, Marks, out_of, span_text, student_marks, worth
from harness.klass.plan import Plan
from harness.klass.policy import Policy
from harness.klass.record import UNREADABLE, Record

NOT_YET = "not graded yet"


@dataclass
class Row:
    """One student."""

    name: str
    marks: Marks
    attempt: Attempt
    attempts: int
    record: Record | None
    folder: str  # of the submission that counts, below OUT

    @property
    def status(self) -> str:
        """One word or three."""
        if not self.marks.accepted:
            return "too late"
        if not self.marks.decided:
            return "undecided"
        return "unreadable" if self.record.status == UNREADABLE else "graded"

    @property
    def notes(self) -> list[str]:
        """Every reason and everything odd about it."""
        record = self.record
        return [*self.marks.reasons, *(record.problems + record.notes if record else [])]

    @property
    def note(self) -> str:
        """All of them in a line, and what went wrong."""
        record = self.record
        wrong = record.headlines if record and not record.problems else []
        return "; ".join([*self.notes, *wrong])

    @property
    def home(self) -> str:
        """The student's own folder, below OUT."""
        return f"students/{slug(self.name)}"

    @property
    def submitted(self) -> str:
        """When, with the zone."""
        return self.attempt.submitted.isoformat(sep=" ", timespec="seconds")

    @property
    def minute(self) -> str:
        """When, short."""
        return self.submitted[:16]

    @property
    def clock(self) -> str:
        """Where the time is from."""
        return CLOCKS[self.attempt.clock]

    @property
    def late_by(self) -> str:
        """"" when in time."""
        return span_text(self.marks.late_by) if self.marks.late_by else ""


@dataclass
class Table:
    """The whole class."""

    stage: str
    title: str
    exercises: dict[str, tuple[float, str]]  # number: what it is worth, title
    full: dict[str, int]  # the exercises' own points
    out_of: float
    rows: list[Row] = field(default_factory=list)

    @property
    def undecided(self) -> list[Row]:
        """Those without a number."""
        return [row for row in self.rows if not row.marks.decided]

    @property
    def finals(self) -> list[float]:
        """The points of all others."""
        return [row.marks.final for row in self.rows if row.marks.decided]

    def success(self) -> dict[str, float | None]:
        """Percent of the graded students that have all points of an exercise."""
        known = [row.record.points for row in self.rows
                 if row.marks.decided and row.marks.accepted]
        return {number: 100 * sum(points.get(number) == full for points in known) / len(known)
                if known else None for number, full in self.full.items()}


def _graded(out: Path, attempt: Attempt) -> tuple[Record | None, Graded]:
    record = Record.load(out / attempt.folder)
    if record:
        return record, record.graded(attempt)
    return None, Graded(attempt.entry, attempt.submitted, {}, why=NOT_YET)


def _row(out: Path, student: str, mine: list[Attempt], full: dict[str, int],
         policy: Policy) -> Row:
    records, gradeds = zip(*(_graded(out, attempt) for attempt in mine), strict=True)
    marks = student_marks(student, list(gradeds), full, policy)
    chosen = next(i for i, attempt in enumerate(mine) if attempt.entry == marks.entry)
    return Row(student, marks, mine[chosen], len(mine), records[chosen], mine[chosen].folder)


def table(plan: Plan, policy: Policy, title: str = "") -> Table:
    """A row for each student of the plan, by name."""
    exercises = plan.exercises()
    full = {number: points for number, (points, _) in exercises.items()}
    weights = worth(full, policy)
    result = Table(plan.stage, title, {n: (weights[n], exercises[n][1]) for n in full},
                   full, out_of(full, policy))
    by_student: dict[str, list[Attempt]] = {}
    for attempt in plan.attempts:
        by_student.setdefault(attempt.student, []).append(attempt)
    result.rows = [_row(plan.out, name, mine, full, policy)
                   for name, mine in by_student.items()]
    return result
