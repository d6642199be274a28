# SPDX-License-Identifier: GPL-2.0
"""Rules for the Makefiles: what `make help` promises exists, and each stage builds cleanly."""

import os
import re
import shutil
import subprocess

import pytest
import scan
from harness import build, exercises
from harness.cache import digest
from harness.kernel import resolve

WORDS = re.compile(r"^  ([a-z][\w-]*N?)\s{2,}\S", re.M)


def run_make(root, *words):
    return subprocess.run(["make", "--no-print-directory", *words], cwd=root, text=True,
                          capture_output=True, env=build.clean_environment(), check=False)


def promised(root):
    """The targets in the output of `make help`, a stage's number filled in."""
    newest = exercises.stage_directories(root)[-1].name[-2:]
    return [name[:-1] + newest if name.endswith("N") else name
            for name in WORDS.findall(run_make(root, "help").stdout)]


def test_help_is_there(repository):
    """`make help` names the commands that people start with."""
    assert {"demo", "check", "lab", "debug", "docs", "doctor", "clean", "help"} <= set(
        promised(repository))


def test_promised_targets_exist(repository):
    """Every target of `make help` is known to make."""
    known = run_make(repository, "-pRrq", ":").stdout
    problems = [name for name in promised(repository)
                if not re.search(rf"^{re.escape(name)}:", known, re.M)
                and not _by_pattern(known, name)]
    scan.report(problems, "make help promises a target that does not exist")


def _by_pattern(known, name):
    patterns = re.findall(r"^([\w-]*%[\w-]*):", known, re.M)
    return any(re.fullmatch(re.escape(p).replace("%", ".+"), name) for p in patterns)


def stage_names():
    from harness.grade_settings import REPOSITORY
    return [d.name for d in exercises.stage_directories(REPOSITORY)]


def state_of(root, *more):
    """A digest of everything that a stage is built from."""
    parts = list(more)
    for path in scan.files(root):
        name = str(path.relative_to(root))
        if re.match(r"common/|project\d\d/|labs/|Makefile", name):
            parts += [name, path.read_bytes()]
    return digest(*parts)


@pytest.fixture(params=["module", "sparse"])
def how(request):
    """The compiler with W=1, and the kernel's static checker."""
    if request.param == "sparse" and not shutil.which("sparse"):
        pytest.skip("sparse is not installed")
    return request.param


def warnings_of(log):
    """Warnings and errors about our own files."""
    rows = [row for row in log.splitlines() if re.search(r"\b(warning|error):", row)]
    return [row for row in rows if "/usr/src/" not in row.split(":")[0]]


@pytest.mark.slow
@pytest.mark.parametrize("stage", stage_names())
def test_builds_without_warnings(repository, grading, stage, how):
    """Each stage compiles without a warning (W=1) and is clean under sparse, for each kernel."""
    problems = []
    for kver in grading.kvers:
        release = resolve(kver or None).release
        note = grading.build / "clean-builds" / f"{stage}-{how}-{release}"
        state = state_of(repository, release)
        if note.is_file() and note.read_text() == state:
            continue  # the same files were clean before
        problems += build_cleanly(repository, grading.build, stage, how, kver)
        if not problems:
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(state)
    scan.report(problems, f"{stage} does not build cleanly")


def build_cleanly(root, base, stage, how, kver):
    """Build from nothing in a folder of our own; return what the compiler said."""
    out = base / "clean-builds" / f"{how}-{kver or 'default'}-{stage}"
    shutil.rmtree(out, ignore_errors=True)
    goal = ["sparse", f"STAGE={stage[-2:]}"] if how == "sparse" else [stage, "W=1"]
    command = ["make", f"-j{min(4, len(os.sched_getaffinity(0)))}", *goal, f"O={out}",
               *([f"KVER={kver}"] if kver else [])]
    status, log = build.run_limited(command, root)
    shutil.rmtree(out, ignore_errors=True)
    return warnings_of(log) or ([] if status == 0 else [f"{' '.join(command)}: {log[-2000:]}"])
