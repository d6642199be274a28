# SPDX-License-Identifier: GPL-2.0
"""The parity table: which cell says what, on cells that are made up."""
from types import SimpleNamespace

import pytest

from harness import parity, parity_table
from harness.grade_key import LabKey

LACKS = "SVM has nothing of the kind"
PLAN = {
    "test_project01.py::test_both": {"title": "Both | of them", "lacks": {}, "replaced": []},
    "test_project01.py::test_one": {"title": "One", "lacks": {"svm-tcg": LACKS}, "replaced": []},
    "test_project02.py::test_part": {"title": "Part", "lacks": {}, "replaced": []},
    "test_project02.py::test_gone": {"title": "Gone", "lacks": {},
                                     "replaced": ["project05", "it is lazy"]},
}
PASSED, FAILED, SKIPPED = ["passed", ""], ["failed", ""], ["skipped", "tcg: it is not so"]


def cells(both=(PASSED,), part=(PASSED, SKIPPED)):
    """What two columns have found."""
    mine = {"test_project01.py::test_both": list(both), "test_project02.py::test_part": list(part)}
    vmx = {row: [PASSED] for row in PLAN if row != "test_project02.py::test_gone"}
    return {"vmx-bochs": {"about": {"kernel": "6.1"}, "cells": vmx},
            "svm-tcg": {"about": {"kernel": "6.1"}, "cells": mine}}


def test_good_table():
    """Passed, not applicable with its reason, and passed but for a part."""
    text = parity_table.render(PLAN, cells())
    assert "| `test_both`: Both \\| of them | pass | pass |" in text
    assert "| `test_one`: One | pass | n/a (1) |" in text
    assert "| `test_part`: Part | pass | pass, but (2) |" in text
    assert f"1. {LACKS}.\n2. TCG: it is not so.\n" in text
    assert "| `project02.py::test_gone` | project05 | it is lazy |" in text
    assert "| project01 | 2, 0, 0 | 1, 1, 0 |" in text
    assert not parity_table.Table(PLAN, cells()).failed()


@pytest.mark.parametrize(("both", "state"), [
    ((FAILED,), "fail"), ((PASSED, FAILED), "fail"), ((["could not run", ""],), "fail"),
    ((), "not run"),
])
def test_bad_cells(both, state):
    """One variant that has not passed is enough, and nothing is not a pass."""
    table = parity_table.Table(PLAN, cells(both=both))
    assert table.failed() == [f"test_project01.py::test_both on svm-tcg: {state}"]
    assert f"**{state}**" in parity_table.render(PLAN, cells(both=both))


def test_cell_that_was_left_out_whole():
    """Where every variant was left out the cell is not a pass."""
    table = parity_table.Table(PLAN, cells(part=(SKIPPED, SKIPPED)))
    assert table.state("test_project02.py::test_part", "svm-tcg") == ("n/a", [SKIPPED[1]])


def test_stale_rows():
    """A cell of a test that is gone is named."""
    made = cells()
    made["svm-tcg"]["cells"]["test_project01.py::test_old"] = [PASSED]
    assert parity_table.Table(PLAN, made).stale == ["test_project01.py::test_old"]


def test_summary_between_its_marks():
    """The write-up keeps what is around the summary, and has to have the marks."""
    page = f"before\n{parity_table.MARKS[0]}\nold\n{parity_table.MARKS[1]}\nafter\n"
    text = parity_table.with_summary(page, PLAN, cells())
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    with pytest.raises(SystemExit):
        parity_table.with_summary("no marks", PLAN, cells())


def test_machines_of_a_column(tmp_path):
    """The newest stage on the column's vendor and emulator; a model of VMX's only there."""
    settings = SimpleNamespace(parity=["vmx-bochs", "svm-tcg"], kvers=["6.1", "6.12"])
    wishes = {"vendor": "vmx", "cpus": 2, "cpu_model": "any", "instance": "events", "kernels": 1}
    vmx, svm = parity.keys(settings, wishes, tmp_path / "test_project02_events.py")
    assert (vmx.stage, vmx.vendor, vmx.accel, vmx.cpu_model) == ("project07", "vmx", "bochs", "any")
    assert svm == LabKey("project07", "svm", "6.1", 2, instance="project02-events", accel="tcg",
                         column="svm-tcg")
    for name in ("test_project02_writeup.py", "test_project07_entry.py", "test_lab_linux.py"):
        assert not parity.keys(settings, wishes, tmp_path / name)


def test_column_of_a_label():
    """A name that begins like another one's is not that one."""
    key = LabKey("project07", "svm", accel="bochs", column="svm-bochs", instance="project01")
    assert parity.column_of(key.label) == "svm-bochs"
    assert parity.row_of("stage/test_project01.py::test_x[svm-bochs-1]") == \
        "test_project01.py::test_x"
