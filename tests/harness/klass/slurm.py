# SPDX-License-Identifier: GPL-2.0
"""A class as a Slurm job array: the commands that submit it. The jobs' script is slurm.sh."""

from __future__ import annotations

import argparse
import shlex
from itertools import groupby
from pathlib import Path

from harness.klass.plan import Plan, write_whole

SCRIPT = Path(__file__).with_name("slurm.sh")


def ranges(indexes: list[int]) -> str:
    """[0, 1, 2, 5] as sbatch wants it: "0-2,5"."""
    parts = []
    for _, group in groupby(enumerate(sorted(indexes)), key=lambda pair: pair[1] - pair[0]):
        members = [index for _, index in group]
        parts.append(f"{members[0]}-{members[-1]}" if len(members) > 1 else str(members[0]))
    return ",".join(parts)


def _command(*words: object) -> str:
    return " ".join(shlex.quote(str(word)) for word in words)


def submit_script(plan: Plan, todo: list[int], options: argparse.Namespace) -> Path:
    """Write the commands that grade a planned class: an array, and a job after it that collects."""
    logs = plan.out / "slurm"
    logs.mkdir(exist_ok=True)
    rules = []
    if options.policy:
        rules += ["--policy", options.policy.resolve()]
    if options.deadline:
        rules += ["--deadline", options.deadline]
    array = _command("sbatch", "--parsable", f"--array={ranges(todo)}%{options.jobs}",
                     f"--chdir={plan.root}", f"--output={logs}/%a.log", SCRIPT, plan.out)
    after = _command(f"--chdir={plan.root}", f"--output={logs}/collect.log", SCRIPT, plan.out,
                     "collect", *rules)
    path = logs / "submit.sh"
    write_whole(path, f"#!/bin/sh\nset -e\narray=$({array})\n"
                      f'sbatch --dependency="afterany:$array" {after}\n')
    return path
