# SPDX-License-Identifier: GPL-2.0
"""What is to be graded: OUT/class.json, which every job of the class reads."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from harness.exercises import load_stage, stage_directories, stage_directory, student_files
from harness.klass import attempts
from harness.klass.attempts import Attempt
from harness.klass.errors import BadClass
from harness.klass.policy import Policy
from harness.regrade import REPOSITORY

NAME = "class.json"


@dataclass
class Plan:
    """One class, one stage."""

    stage: str  # "project01"
    submissions: Path
    out: Path
    build: Path
    kver: str = ""
    root: Path = REPOSITORY
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """What is taken from a submission."""
        return student_files(stage_directory(self.root, self.stage))

    def exercises(self) -> dict[str, tuple[int, str]]:
        """Points and title of each exercise, in order."""
        marks = load_stage(stage_directory(self.root, self.stage))
        return {e.number: (e.points, e.title) for e in marks.exercises}

    def save(self) -> None:
        """Write OUT/class.json."""
        write_whole(self.out / NAME, json.dumps(asdict(self), default=str, indent=1) + "\n")

    @classmethod
    def load(cls, out: Path) -> Plan:
        """The inverse of save()."""
        try:
            data = json.loads((out / NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadClass(f"OUT={out}: {NAME} cannot be read ({error}); grade the class first:"
                           " make grade-class SUBMISSIONS=…") from error
        for key in ("submissions", "out", "build", "root"):
            data[key] = Path(data[key])
        data["out"] = out
        data["attempts"] = [Attempt(**a | {"submitted": datetime.fromisoformat(a["submitted"])})
                            for a in data["attempts"]]
        return cls(**data)


def write_whole(path: Path, text: str) -> None:
    """Write a file that is either there as a whole or not at all, also after a power cut."""
    part = path.with_name(f".{path.name}-{os.getpid()}")
    with part.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def known_stage(root: Path, stage: str) -> str:
    """The full name of a stage that exists and has files for students."""
    directory = stage_directory(root, stage)
    if not student_files(directory):
        names = ", ".join(d.name for d in stage_directories(root) if student_files(d))
        raise BadClass(f"STAGE={stage}: there is nothing to hand in for it; there are: {names}")
    return directory.name


def wanted(found: list[Attempt], policy: Policy) -> list[Attempt]:
    """The submissions that can count: what is too late, or not the last, need not be graded."""
    accepted = [a for a in found if not policy.too_late(a.student, a.submitted)]
    if policy.resubmissions == "best":
        return accepted
    return list({a.student: a for a in accepted}.values())  # they are in order of their time


def default_out(submissions: Path, stage: str) -> Path:
    """Beside the submissions, not below build/: `make clean` must not remove anybody's grades."""
    return submissions.with_name(f"{submissions.name}-graded") / stage


def make(submissions: Path, stage: str, out: Path | None, build: Path, kver: str,
         policy: Policy, root: Path = REPOSITORY) -> Plan:
    """Look at the submissions and say what is to be done."""
    stage = known_stage(root, stage)
    submissions = submissions.resolve()
    out = (out or default_out(submissions, stage)).resolve()
    if out == submissions or submissions in out.parents:
        raise BadClass(f"OUT={out} is inside of SUBMISSIONS: the results would be graded as well")
    plan = Plan(stage, submissions, out, build.resolve(), kver, root)
    plan.attempts = attempts.find(submissions, policy.zone)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadClass(f"OUT={out}: {error.strerror}") from error
    return plan
