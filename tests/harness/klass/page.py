# SPDX-License-Identifier: GPL-2.0
"""index.html and each student's feedback. Whatever a student wrote is escaped by the templates."""

from __future__ import annotations

import statistics
from pathlib import Path

import jinja2
from markupsafe import Markup

from harness.klass import plot, tables
from harness.klass.collect import Row, Table
from harness.klass.plan import write_whole
from harness.klass.policy import Policy
from harness.writers.markdown import fenced, inline


def _environment() -> jinja2.Environment:
    folder = Path(__file__).with_name("templates")
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.globals["number"] = tables.number
    return environment


def index(table: Table, policy: Policy, footer: str) -> str:
    """The class on one page that needs nothing else: pictures, script and style are in it."""
    finals = table.finals
    return _environment().get_template("page.html.j2").render(
        table=table, policy=policy, footer=footer,
        distribution=Markup(plot.distribution(table)), success=Markup(plot.success(table)),
        median=statistics.median(finals) if finals else None,
        mean=statistics.fmean(finals) if finals else None,
    )


def _rubric(out: Path, row: Row, name: str) -> str:
    path = out / row.folder / name
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def feedback_html(table: Table, row: Row, rubric: str) -> str:
    """What a student gets: points, reasons, rubric."""
    return _environment().get_template("feedback.html.j2").render(
        table=table, row=row, rubric=rubric)


def feedback_markdown(table: Table, row: Row, rubric: str) -> str:
    """The same for a repository or an issue; `rubric` is Markdown."""
    points = f"{tables.number(row.marks.final)} of {tables.number(table.out_of)} points" \
        if row.marks.decided else "not decided yet"
    notes = [f"- {inline(note)}" for note in row.notes]
    rows = [f"# {table.stage}: {points}", "", *notes, "", rubric]
    return "\n".join(rows).rstrip() + "\n"


def write_feedback(out: Path, table: Table, row: Row) -> None:
    """OUT/students/NAME/feedback.html and .md."""
    home = out / row.home
    home.mkdir(parents=True, exist_ok=True)
    rubric = _rubric(out, row, "rubric.txt")
    markdown = _rubric(out, row, "rubric.md") or "\n".join(fenced(rubric))
    write_whole(home / "feedback.html", feedback_html(table, row, rubric))
    write_whole(home / "feedback.md", feedback_markdown(table, row, markdown))


def write(out: Path, table: Table, policy: Policy, footer: str) -> None:
    """Everything that is made of the records."""
    for row in table.rows:
        write_feedback(out, table, row)
    write_whole(out / "grades.csv", tables.text(table))
    write_whole(out / "index.html", index(table, policy, footer))
