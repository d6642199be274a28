# SPDX-License-Identifier: GPL-2.0
"""The published parity table is the one of these tests, and of a run of them; nothing is run."""
import json

import pytest

from harness import parity_table
from harness.parity import COLUMNS


@pytest.fixture(name="plan", scope="module")
def fixture_plan(repository):
    """The rows that the tests of this tree make."""
    return parity_table.plan_of(repository)


@pytest.fixture(name="cells", scope="module")
def fixture_cells(repository):
    """What the last run of each column has found."""
    return parity_table.read_cells(repository)


def test_table_is_of_these_tests(repository, plan, cells):
    """docs/parity.md has a row for each test, and says what docs/parity.json has."""
    made = parity_table.render(plan, cells)
    assert (repository / parity_table.TABLE).read_text(encoding="utf-8") == made, \
        "docs/parity.md is not what the tests and docs/parity.json make: make parity"


def test_summary_in_the_write_up(repository, plan, cells):
    """project07/README.md counts the same."""
    page = (repository / parity_table.WRITE_UP).read_text(encoding="utf-8")
    assert page == parity_table.with_summary(page, plan, cells), "another summary: make parity"


def test_every_cell_is_decided(plan, cells):
    """No cell fails, none was not run, and none is of a test that is gone."""
    table = parity_table.Table(plan, cells)
    assert set(table.columns) >= {name for name in COLUMNS if not name.endswith("kvm")}
    assert not table.stale, "rows of tests that are gone: make parity"
    assert not table.failed(), "\n".join(table.failed())


def test_reasons_are_sentences(plan):
    """What has no meaning on a vendor says what the other one has not."""
    reasons = {why for told in plan.values() for why in told["lacks"].values() if why}
    assert reasons, "no test is marked only_on"
    assert all(len(why.split()) >= 5 for why in reasons), json.dumps(sorted(reasons), indent=1)
