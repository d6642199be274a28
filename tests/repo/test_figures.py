# SPDX-License-Identifier: GPL-2.0
"""A rule for the figures of `make bench`: what is committed last is not much worse than before."""

import scan
from bench import history


def test_figures_have_not_become_worse(repository):
    """The newest line of history: no row of vtxdrv is more than 10 % worse than it has been."""
    path = repository / "tests/bench/history.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    scan.report(history.check(text), f"{path.relative_to(repository)}, see docs/bench.md")
