# SPDX-License-Identifier: GPL-2.0
"""What a run has cost: machines, parts of the suite, time."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from harness.plain import no_commands
from harness.results import Boot, Outcome, Part, Run
from harness.writers.rows import MAX_WIDTH, Row
from harness.writers.words import how_many


def _boot_text(boot: Boot) -> str:
    if boot.seconds is None:
        return f"boot   {boot.machine}: never ready: {boot.why}"
    again = "" if boot.why == "first use" else f" (again: {boot.why})"
    return f"boot   {boot.stage}, {boot.machine}: ready after {boot.seconds:.1f} s{again}"


def _boot_rows(boot: Boot) -> Iterator[Row]:
    for text in textwrap.wrap(_boot_text(boot), MAX_WIDTH, initial_indent=" " * 2,
                              subsequent_indent=" " * 9):
        yield Row(no_commands(text), Outcome.COULD_NOT_RUN if boot.seconds is None else None)


def _lost(part: Part) -> str:
    """How many tests of a part did not pass: for a part without exercises this is the summary."""
    counts = [f"{n} {outcome.value}" for outcome, n in part.outcomes.items()
              if outcome is not Outcome.PASSED]
    return f" ({', '.join(counts)})" if counts else ""


def figure_rows(run: Run) -> Iterator[Row]:
    """How long everything took."""
    yield Row("")
    yield Row("figures")
    for boot in run.boots:
        yield from _boot_rows(boot)
    for part in run.parts():
        yield Row(f"  part   {part.name}: {how_many(part.tests, 'test')}{_lost(part)},"
                  f" {part.wall:.1f} s from first to last, {part.busy:.1f} s of work")
    yield Row(f"  total  {run.seconds:.1f} s")
