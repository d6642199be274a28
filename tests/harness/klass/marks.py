# SPDX-License-Identifier: GPL-2.0
"""From the exercises that a submission has passed to a student's points: pure arithmetic.

raw is what was earned, final is what counts; each difference has its reason. None is undecided: the
grader or the machine was at fault, and nobody may read a zero into it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from harness.klass.policy import Policy

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Graded:
    """What the grader found out about one submission."""

    entry: str
    submitted: datetime
    points: dict[str, int | None]  # of each exercise; None is undecided
    complete: bool = True  # all files were there
    why: str = ""  # of an undecided one, or of one that could not be read


@dataclass
class Marks:
    """The points of one submission, or of one student."""

    entry: str
    raw: float | None = None
    final: float | None = None
    points: dict[str, float | None] = field(default_factory=dict)
    late_by: timedelta = timedelta()
    accepted: bool = True
    reasons: list[str] = field(default_factory=list)

    @property
    def decided(self) -> bool:
        """Whether there is a number to enter."""
        return self.final is not None


def span_text(span: timedelta) -> str:
    """"2 d 3 h" for people: the two largest units."""
    seconds = int(span.total_seconds())
    rows = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"),
            (seconds % 60, "s")]
    found = [f"{value} {unit}" for value, unit in rows if value]
    return " ".join(found[:2]) or "0 s"


def worth(full: dict[str, int], policy: Policy) -> dict[str, float]:
    """What each exercise is worth under the policy."""
    return {number: policy.points.get(number, points) for number, points in full.items()}


def out_of(full: dict[str, int], policy: Policy) -> float:
    """What the stage is worth without extra credit."""
    return sum(p for number, p in worth(full, policy).items() if number not in policy.extra)


def _weighed(graded: Graded, full: dict[str, int], policy: Policy) -> dict[str, float | None]:
    """Points under the policy: an exercise is earned as a whole or not at all."""
    weights = worth(full, policy)
    return {number: None if graded.points.get(number) is None
            else weights[number] * graded.points[number] / full[number] for number in full}


def _earned(points: dict[str, float], policy: Policy, reasons: list[str]) -> float:
    """All points, those of extra credit up to their cap."""
    extra = sum(p for number, p in points.items() if number in policy.extra)
    if extra > policy.cap:
        reasons.append(f"extra credit counts up to {policy.cap:g}: {policy.cap - extra:+g}")
    return sum(p for n, p in points.items() if n not in policy.extra) + min(extra, policy.cap)


def _late(raw: float, late_by: timedelta, policy: Policy, reasons: list[str]) -> float:
    """What lateness costs."""
    if late_by <= policy.grace:
        return 0
    days = math.ceil(late_by / DAY)
    cost = min(days * policy.per_day.of(raw), policy.most.of(raw), raw)
    if cost:
        reasons.append(f"late by {span_text(late_by)}: -{round(cost, 2):g}"
                       f" ({policy.per_day} a day)")
    return cost


def lateness(student: str, submitted: datetime, policy: Policy) -> timedelta:
    """How long after the student's deadline it came; 0 when in time."""
    deadline = policy.deadline_of(student)
    return max(submitted - deadline, timedelta()) if deadline else timedelta()


def mark(student: str, graded: Graded, full: dict[str, int], policy: Policy) -> Marks:
    """The marks of one submission."""
    marks = Marks(graded.entry, late_by=lateness(student, graded.submitted, policy))
    if policy.too_late(student, graded.submitted):
        marks.final, marks.accepted = 0.0, False
        marks.reasons.append(f"not accepted: late by {span_text(marks.late_by)}, the cut-off is"
                             f" {span_text(policy.cut_off)} after the deadline")
        return marks
    marks.points = _weighed(graded, full, policy)
    if graded.why:
        marks.reasons.append(graded.why)
    if None in marks.points.values():
        return marks
    raw = _earned(marks.points, policy, marks.reasons)
    final = raw - _late(raw, marks.late_by, policy, marks.reasons)
    if graded.complete and final < policy.minimum:
        marks.reasons.append(f"least points for complete files: {policy.minimum - final:+g}")
        final = policy.minimum
    marks.raw, marks.final = round(raw, 2), round(final, 2)
    return marks


def _could_reach(student: str, graded: Graded, full: dict[str, int], policy: Policy) -> float:
    """The most that an undecided submission can come to."""
    known = graded.points
    certain = {n: full[n] if known.get(n) is None else known[n] for n in full}
    best = Graded(graded.entry, graded.submitted, certain)
    return mark(student, best, full, policy).final


def _best(student: str, each: list[tuple[Graded, Marks]], full: dict[str, int],
          policy: Policy) -> Marks:
    """The submission with the most points, the earliest of equal ones."""
    decided = [marks for _, marks in each if marks.decided]
    top = max(decided, key=lambda marks: marks.final, default=None)
    for graded, marks in each:
        if not marks.decided and (
                not top or _could_reach(student, graded, full, policy) > top.final):
            return marks
    return top


def student_marks(student: str, gradeds: list[Graded], full: dict[str, int],
                  policy: Policy) -> Marks:
    """What counts of all that a student has handed in."""
    each = [(g, mark(student, g, full, policy))
            for g in sorted(gradeds, key=lambda g: g.submitted)]
    accepted = [(g, marks) for g, marks in each if marks.accepted]
    if not accepted:
        return each[-1][1]
    if policy.resubmissions == "last":
        return accepted[-1][1]
    return _best(student, accepted, full, policy)
