# SPDX-License-Identifier: GPL-2.0
"""Parity: the tests of the earlier stages, run with the newest stage's module on both vendors.

A column of the table is a kind of machine, a row is a test. A test of something that only one
vendor has says so with `@only_on("vmx", "what the other one lacks")`; one of something that a later
stage does otherwise, on both vendors, with `@replaced("project05", "what it is now")`, and it has
no row. Every other test runs in every column. `make parity` runs them and writes docs/parity.md;
see harness/parity_table.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.grade_key import LabKey
from harness.results import TestResult

if TYPE_CHECKING:
    from harness.grade_settings import Settings

PART = "parity"
STAGE = "project07"  # whose module has both vendors' code


@dataclass(frozen=True)
class Column:
    """A kind of machine."""

    vendor: str
    accel: str
    title: str


COLUMNS = {
    "vmx-bochs": Column("vmx", "bochs", "VMX (Bochs)"),
    "svm-tcg": Column("svm", "tcg", "SVM (QEMU TCG)"),
    "svm-bochs": Column("svm", "bochs", "SVM (Bochs)"),
    "vmx-kvm": Column("vmx", "kvm", "VMX (KVM)"),
    "svm-kvm": Column("svm", "kvm", "SVM (KVM)"),
}
# What a test may wish for of one vendor's machine, and no other has: models of processors, a BIOS.
_VENDORS_OWN = ("cpu_model", "firmware")


def in_table(path: Path) -> bool:
    """Is a test file one of an earlier stage's? A write-up's transcripts show what one machine
    printed, and are no tests of the driver."""
    return path.name.startswith("test_project") and not path.stem.endswith("_writeup") \
        and not path.name.startswith(f"test_{STAGE}")


def keys(settings: Settings, wishes: dict[str, Any], path: Path) -> list[LabKey]:
    """The machines of a test in the columns that were asked for: one for each.

    Tests of one stage share a machine, as they do where they are graded.
    """
    if not in_table(path):
        return []
    stage = path.stem.removeprefix("test_").partition("_")[0]
    found = []
    for name in settings.parity:
        column = COLUMNS[name]
        native = column.vendor in _as_list(wishes.get("vendor", "vmx")) and column.accel == "bochs"
        own = {key: value for key, value in wishes.items()
               if key in (field.name for field in fields(LabKey))
               and (native or key not in _VENDORS_OWN)}
        instance = "-".join(filter(None, (stage, wishes.get("instance", ""))))
        found.append(LabKey(**own | {
            "stage": STAGE, "vendor": column.vendor, "accel": column.accel,
            "kver": settings.kvers[0], "column": name, "instance": instance}))
    return found


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def not_applicable(item: pytest.Item, column: str) -> str:
    """Why a test has no meaning on a column's machines; "" if it has one."""
    vendor = COLUMNS[column].vendor
    for mark in item.iter_markers("only_on"):
        wanted, reason = mark.args
        if vendor != wanted:
            return reason
    return ""


def selected(settings: Settings, key: LabKey, item: pytest.Item) -> bool:
    """Does this cell of the table run? Not where it has no meaning, nor when a submission or one
    of the earlier stages is graded."""
    if settings.submit or settings.todo or settings.exercise:
        return False
    if settings.stage not in ("", STAGE):
        return False
    return not (item.get_closest_marker("replaced") or not_applicable(item, key.column))


# ---- what the table is made of ----------------------------------------------------------------


def row_of(name: str) -> str:
    """The row of a test: its variants share one."""
    return name.partition("[")[0].rpartition("stage/")[2]


def column_of(machine: str) -> str:
    """The column that a LabKey's label belongs to."""
    return next((name for name in COLUMNS if f"{machine}-".startswith(f"{name}-")), "")


def write_plan(path: Path, items: Iterable[tuple[pytest.Item, LabKey | None, TestResult]]) -> None:
    """Every row, in order: its title, per column why it has no meaning there, and what replaces
    the test in a later stage."""
    plan: dict[str, dict[str, Any]] = {}
    for item, key, told in items:
        if key is None or not key.column:
            continue
        title = (item.function.__doc__ or told.title).strip().splitlines()[0].rstrip(".")
        row = plan.setdefault(row_of(told.name), {"title": title, "lacks": {}, "replaced": []})
        row["lacks"][key.column] = not_applicable(item, key.column)
        if mark := item.get_closest_marker("replaced"):
            row["replaced"] = list(mark.args)
    path.write_text(json.dumps(plan, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_cells(path: Path, tests: Iterable[TestResult]) -> None:
    """column -> row -> how each of its variants has ended, and why where it was left out."""
    found: dict[str, dict[str, list[list[str]]]] = {}
    for test in sorted(tests, key=lambda test: test.name):
        column = column_of(test.machine) if test.part == PART else ""
        if not column:
            continue
        cell = [test.outcome.value, test.left_out]
        found.setdefault(column, {}).setdefault(row_of(test.name), []).append(cell)
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
