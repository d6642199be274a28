# SPDX-License-Identifier: GPL-2.0
"""Parity: the tests of the earlier stages, run with the newest stage's module on both vendors.

A column of the table is a kind of machine, a row is a test. A test of something that only one
vendor has says so with `@only_on("vmx", "what the other one lacks")`; one of something that a later
stage does otherwise, on both vendors, with `@replaced("project05", "what it is now")`, and it has
no row. Every other test runs in every column. `make parity` runs them and writes docs/parity.md;
see harness/parity_table.py.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.exercises import stage_directories
from harness.grade_key import LabKey

if TYPE_CHECKING:
    from harness.grade_settings import Settings

PART = "parity"


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


def newest(root: Path) -> str:
    """The stage whose module has both vendors' code."""
    return [d.name for d in stage_directories(root) if d.name.startswith("project")][-1]


def in_table(root: Path, path: Path) -> bool:
    """Is a test file one of an earlier stage's? A write-up's transcripts show what one machine
    printed, and are no tests of the driver."""
    return path.name.startswith("test_project") and not path.stem.endswith("_writeup") \
        and not path.name.startswith(f"test_{newest(root)}")


def keys(settings: Settings, wishes: dict[str, Any], path: Path) -> list[LabKey]:
    """The machines of a test in the columns that were asked for: one for each.

    Tests of one stage share a machine, as they do where they are graded.
    """
    if not in_table(settings.root, path):
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
            "stage": newest(settings.root), "vendor": column.vendor, "accel": column.accel,
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
    if settings.stage not in ("", newest(settings.root)):
        return False
    return not (item.get_closest_marker("replaced") or not_applicable(item, key.column))
