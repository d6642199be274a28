# SPDX-License-Identifier: GPL-2.0
"""run.json: the model itself, from which the other files can be written without grading again."""

from __future__ import annotations

import json

from harness.results import Run, StageResult


def text(run: Run, stage: StageResult) -> str:
    """The file's content."""
    data = run.of_stage(stage).to_dict()
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
