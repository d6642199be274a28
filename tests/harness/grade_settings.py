# SPDX-License-Identifier: GPL-2.0
"""The options of a grading run, and what the parts of the plugin keep for each other."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.exercises import stage_name
from harness.grade_lab import Lab
from harness.grade_pool import LabPool

REPOSITORY = Path(__file__).resolve().parents[2]

SETTINGS = pytest.StashKey["Settings"]()
POOL = pytest.StashKey[LabPool]()
USED_LAB = pytest.StashKey[Lab]()
NONCE = pytest.StashKey[int]()
PLAN = pytest.StashKey[list[dict]]()  # of a worker, until it has told the controller


@dataclass
class Settings:
    """The command line, as every process of the run has it."""

    root: Path
    build: Path
    run_id: str
    started: float
    stage: str = ""
    exercise: str = ""
    kvers: list[str] = field(default_factory=lambda: [""])
    todo: str = ""
    submit: Path | None = None
    results: Path | None = None  # None: nobody asked for files
    seed: str = ""
    parallel: bool = False
    grader_sample: bool = False
    write_part: bool = False  # a part of a suite has no score; its results are written all the same
    parity: list[str] = field(default_factory=list)  # columns; see harness/parity.py
    parity_only: bool = False
    parity_out: Path | None = None  # where the cells go
    parity_plan: Path | None = None  # where the rows go, and what has no meaning on a vendor
    budget: float = 0.0  # seconds for what tests/grader begins; 0: all of it

    @property
    def time_is_over(self) -> bool:
        """True when no further grading may begin."""
        return bool(self.budget) and time.time() > self.started + self.budget

    def check(self) -> None:
        """Say what is wrong with the command line."""
        if self.submit and not self.submit.is_dir():
            what = "this is a file; name its" if self.submit.exists() else "there is no such"
            raise pytest.UsageError(f"SUBMIT={self.submit}: {what} directory")


def add_options(group: pytest.OptionGroup) -> None:
    """The course's own options."""
    group.addoption("--stage", default="", help="only this stage: 1, 01, project01, lab-NAME")
    group.addoption("--exercise", default="", help="only this exercise: 1.3")
    group.addoption("--submit", default="", metavar="DIR", help="grade the files in DIR")
    group.addoption("--kver", action="append", default=[], help="kernel release or series;"
                    " repeat it to run every lab test with each")
    group.addoption("--todo", default="", metavar="LIST", help="leave these exercises unsolved")
    group.addoption("--results", default="", metavar="DIR", help="where results.json and the"
                    " others go (with --stage: directly; else a folder for each stage)")
    group.addoption("--build-root", default="build", metavar="DIR", help="the O= of make")
    group.addoption("--seed", default="", help="draw the nonces of an earlier run again")
    group.addoption("--grader-sample", action="store_true", help="of tests/grader only what is"
                    " marked `sample`")
    group.addoption("--write-part", action="store_true", help="write the results of a part of the"
                    " suite as well, which has no score (for our own tests)")
    group.addoption("--budget", type=float, default=0, metavar="MINUTES", help="of tests/grader"
                    " begin nothing after so long: the sample, then others in an order that --seed"
                    " draws")
    group.addoption("--parity", action="append", default=[], metavar="COLUMN", help="run the lab"
                    " tests of earlier stages also with the newest one, on this kind of machine")
    group.addoption("--parity-only", action="store_true", help="and nothing else")
    group.addoption("--parity-out", default="", metavar="FILE", help="write the cells there")
    group.addoption("--parity-plan", default="", metavar="FILE", help="write there what the table"
                    " consists of; with --collect-only")
    group.addoption("--root", default=str(REPOSITORY), help="the repository (for our own tests)")


def _path(text: str) -> Path | None:
    return Path(text).resolve() if text else None


def make_settings(config: pytest.Config) -> Settings:
    """Read the options; the worker processes get the run's identity from the controller."""
    option = config.getoption
    shared = getattr(config, "workerinput", {}).get("vtx", {})
    root = Path(option("--root")).resolve()
    submit = Path(option("--submit")).resolve() if option("--submit") else None
    stage = stage_name(option("--stage")) if option("--stage") else ""
    build = (root / option("--build-root")).resolve()
    wanted = Path(option("--results")).resolve() if option("--results") else None
    results = wanted or (build / "results" / stage if stage else None)
    return Settings(
        root=root, build=build, stage=stage, exercise=option("--exercise"),
        run_id=shared.get("run_id") or time.strftime("%m%d-%H%M%S-") + uuid.uuid4().hex[:4],
        started=shared.get("started") or time.time(),
        kvers=option("--kver") or [""], todo=option("--todo"), submit=submit, results=results,
        seed=option("--seed") or shared.get("seed") or uuid.uuid4().hex[:8],
        parallel=bool(shared) or bool(getattr(config.option, "numprocesses", None)),
        grader_sample=option("--grader-sample"), write_part=option("--write-part"),
        budget=option("--budget") * 60, parity=option("--parity"),
        parity_only=option("--parity-only"), parity_out=_path(option("--parity-out")),
        parity_plan=_path(option("--parity-plan")),
    )


def clock(seconds: float) -> str:
    """Time since the start as m:ss."""
    return f"{int(seconds) // 60:3d}:{int(seconds) % 60:02d}"


def announce(config: pytest.Config, text: str) -> None:
    """One line of progress from any process, past pytest's capturing, to standard error."""
    settings = config.stash[SETTINGS]
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        now = clock(time.time() - settings.started)
        os.write(sys.__stderr__.fileno(), f"{now}  {text}\n".encode())
