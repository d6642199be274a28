# SPDX-License-Identifier: GPL-2.0
"""Rules for mutants: enough of them, for every exercise, and each is an edit that can be made."""
import pytest

import scan
from harness import mutants
from harness.exercises import load_stage, stage_directories

AT_LEAST = 8  # a stage


@pytest.fixture
def stages(repository):
    """(exercises, mutants) of each stage; a mistake in a file is told with its name and place."""
    return {directory.name: ([e.number for e in load_stage(directory).exercises],
                             mutants.load(repository, directory.name))
            for directory in stage_directories(repository)}


def test_enough_mutants(stages):
    """At least eight mutants a stage; every `old` occurs once, every exercise exists."""
    scan.report([f"{stage}: {len(made)}" for stage, (_, made) in stages.items()
                 if len(made) < AT_LEAST], f"at least {AT_LEAST} mutants a stage")


def test_every_exercise_has_mutants(stages):
    """Every exercise is broken by a mutant."""
    problems = []
    for exercises, made in stages.values():
        broken = {number for mutant in made for number in mutant.breaks}
        problems += [f"exercise {number}" for number in exercises if number not in broken]
    scan.report(problems, "exercises without a mutant")


def test_samples_are_few(stages):
    """`make check` grades two to four mutants of a stage, none that the host can try."""
    problems = []
    for stage, (_, made) in stages.items():
        samples = [m.name for m in made if m.sample]
        if not 2 <= len(samples) <= 4:
            problems.append(f"{stage}: {len(samples)} samples")
        problems += [f"{stage}: {m.name} is tried on the host already" for m in made
                     if m.sample and m.pure_logic]
    scan.report(problems, "samples")


def test_mutants_are_different(stages):
    """No mistake is there twice under two names."""
    seen, problems = {}, []
    for stage, (_, made) in stages.items():
        for mutant in made:
            other = seen.setdefault((stage, mutant.edits), mutant.name)
            if other != mutant.name:
                problems.append(f"{stage}: {mutant.name} is the same as {other}")
    scan.report(problems, "mutants")
