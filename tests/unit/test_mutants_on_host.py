# SPDX-License-Identifier: GPL-2.0
"""Mutants of pure C, held against the stage's own tests on the host, without a machine.

Those tests give facts to vtxctl and look at its answer, which works here as well: all of these
mutants take seconds. Each of them is also graded as a whole, by tests/grader.
"""
import inspect
import json
import random
import re
import subprocess
from pathlib import Path

import pytest

from harness import mutants
from harness.grade import Unmet, problem_text
from harness.grade_key import LabKey
from stage import test_project01, test_project02, test_project03
from unit import host_build

REPOSITORY = Path(__file__).resolve().parents[2]
STAGES = {1: test_project01, 2: test_project02, 3: test_project03}
SEEDS = range(3)


class HostLab:
    """The part of a lab machine that needs no machine: files, and vtxctl."""

    key = LabKey(stage="")  # of no column of the parity table

    def __init__(self, tool, folder):
        self.tool, self.folder = tool, folder

    def _here(self, path):
        return str(self.folder / Path(path).name)

    def put(self, path, data):
        Path(self._here(path)).write_bytes(data)

    def vtxctl_json(self, *words, status=None):
        argv = [self._here(word) if word.startswith("/tmp/") else word for word in words]
        done = subprocess.run([self.tool, *argv], capture_output=True, check=False)
        return json.loads(done.stdout)


def logic_tests(module):
    """(exercise, function) of every test that needs facts and nothing else."""
    for function in vars(module).values():
        marks = {mark.name: mark for mark in getattr(function, "pytestmark", [])}
        if "exercise" in marks and list(inspect.signature(function).parameters) == ["lab", "rng"]:
            yield marks["exercise"].args[0], function


def complaints(lab, module):
    """What the tests say of a vtxctl: exercise -> one text for each seed, None where it passed."""
    said = {}
    for number, function in logic_tests(module):
        for seed in SEEDS:
            try:
                function(lab, random.Random(seed))
                text = None
            except Unmet as error:
                text = problem_text(error.problem)
            said.setdefault(number, []).append(text)
    return said


def not_caught(mutant, said):
    """What is wrong with how the tests took a mutant."""
    for number, texts in said.items():
        if number in mutant.breaks:
            unclear = [text for text in texts if text and not re.search(mutant.says, text)]
            if None in texts:
                yield f"{mutant.name}: {number} passes with {texts.count(None)} of the seeds"
            if unclear:
                yield f"{mutant.name}: {number} says nothing of /{mutant.says}/: {unclear[0]}"
        elif number not in mutant.also and any(texts):
            yield f"{mutant.name}: {number} fails: {next(filter(None, texts))}"


@pytest.mark.parametrize("stage", STAGES)
def test_logic_mutants(stage, tmp_path):
    """Mutants in *_logic.c are caught by their exercises, whatever the nonce, and by no others."""
    solved = host_build.build(tmp_path, stage=stage).parent
    reference = complaints(HostLab(solved / "vtxctl", tmp_path), STAGES[stage])
    assert reference and not any(filter(None, sum(reference.values(), []))), reference
    problems = []
    for mutant in mutants.load(REPOSITORY, f"project{stage:02d}"):
        if not mutant.pure_logic:
            continue
        folder = mutants.write(mutant, REPOSITORY, tmp_path / mutant.name)
        changed = [folder / name for name in sorted({edit.file for edit in mutant.edits})]
        tool = host_build.rebuild(solved, changed, folder, stage)
        problems += not_caught(mutant, complaints(HostLab(tool, folder), STAGES[stage]))
    assert not problems, "\n".join(problems)
