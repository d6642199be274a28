# SPDX-License-Identifier: GPL-2.0
"""The mutants of project07's pure C on the host: against the stage's own tests where these ask the
C files themselves (7.5, 7.7), against the unit tests where it takes a guest to grade them."""
import functools
import itertools
import random
import re
import subprocess
from types import SimpleNamespace

import pytest

from harness import kit, mutants
from harness.grade import Unmet, problem_text
from stage import test_project07 as stage
from stage import test_project07_memory as memory
from unit import host_build, svm_build, test_svm_logic, test_svm_npt_logic

SEEDS = range(3)
MUTANTS = [mutant for mutant in mutants.load(host_build.TOP, "project07") if mutant.pure_logic]
DRIVEN = ("svm_insn_logic.c", "svm_asid_logic.c")  # by svmtool
CHECKS = {
    "7.5": (stage.test_lengths, stage.test_not_that_instruction),
    "7.7": (*(functools.partial(memory.test_asids, count=count, flush=flush)
              for count, flush in itertools.product((2, 16, 64), (0, 1))),
            lambda lab, rng: memory.test_other_cpu(lab)),
}
# What svmtool does not drive: its unit test.
UNIT = {"svm_verdict_logic.c": (test_svm_logic, test_svm_logic.test_every_verdict),
        "svm_npt_logic.c": (test_svm_npt_logic, test_svm_npt_logic.test_every_error_code)}


class HostLab:
    """The part of a lab machine that svmtool needs."""

    def __init__(self, folder, changed=None):
        self.steps, self.tool = b"", folder / "svmtool"
        sources = [file_of(name, changed) for name in DRIVEN]
        host_build.run(["gcc", *svm_build.flags(), *host_build.SANITIZE, "-w", "-o", self.tool,
                        *sorted((kit.HERE / "svmtool").glob("*.c")), *sources])

    def put(self, _path, data):
        """There is one file, standard input."""
        self.steps = data

    def sh(self, _command, cap):
        """What svmtool makes of it."""
        done = subprocess.run([self.tool], input=self.steps, capture_output=True, check=False)
        return SimpleNamespace(status=done.returncode, out=done.stdout.decode()[:cap])


def file_of(name, changed):
    """A file of a mutant's, or of the reference."""
    other = changed / name if changed else None
    return other if other and other.exists() else svm_build.FOLDER / name


def complaints(lab, number):
    """What an exercise's checks say, one text for each seed; None where all of them pass."""
    for seed in SEEDS:
        text = None
        try:
            for check in CHECKS[number]:
                check(lab, rng=random.Random(seed))
        except Unmet as error:
            text = problem_text(error.problem)
        yield text


def test_reference(tmp_path):
    """The reference passes whatever is drawn."""
    lab = HostLab(tmp_path)
    for number, seed in itertools.product(CHECKS, range(30)):
        for check in CHECKS[number]:
            check(lab, rng=random.Random(seed))


@pytest.mark.parametrize("mutant", [mutant for mutant in MUTANTS
                                    if set(mutant.breaks) & set(CHECKS)], ids=lambda m: m.name)
def test_driven(mutant, tmp_path):
    """Caught by every seed, in words that name the mistake, and by no other exercise."""
    lab = HostLab(tmp_path, mutants.write(mutant, host_build.TOP, tmp_path / "submission"))
    for number in CHECKS:
        texts = list(complaints(lab, number))
        if number in mutant.breaks:
            assert all(texts), f"{number} passes with {texts.count(None)} of the seeds"
            assert all(re.search(mutant.says, text) for text in texts), texts[0]
        elif number not in mutant.also:
            assert not any(texts), next(filter(None, texts))


@pytest.mark.parametrize("mutant", [mutant for mutant in MUTANTS
                                    if not set(mutant.breaks) & set(CHECKS)], ids=lambda m: m.name)
def test_by_unit_tests(mutant, tmp_path):
    """What a guest is graded by, the unit tests of the file see as well."""
    name, = {edit.file for edit in mutant.edits}
    module, check = UNIT[name]
    changed = mutants.write(mutant, host_build.TOP, tmp_path / "submission")
    with pytest.raises(AssertionError):
        check(svm_build.library(tmp_path, file_of(name, changed)), module.offsets(tmp_path))
