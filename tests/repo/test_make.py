# SPDX-License-Identifier: GPL-2.0
"""Rules for the Makefiles: what `make help` promises exists, and each stage builds cleanly."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import scan
from harness import build, build_seed, exercises
from harness.cache import digest
from harness.errors import LabError
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


def warnings_of(log):
    """Warnings and errors about our own files."""
    rows = [row for row in log.splitlines() if re.search(r"\b(warning|error):", row)]
    return [row for row in rows if "/usr/src/" not in row.split(":")[0]]


def reference(root, stage, kver):
    """The objects of a stage, built once for these sources, with what the compiler said."""
    return build_seed.reference(root, stage, resolve(kver or None), variables(kver))


def variables(kver):
    return {"KVER": kver, "TODO": ""}


@pytest.mark.slow
@pytest.mark.parametrize("stage", stage_names())
def test_builds_without_warnings(repository, grading, stage):
    """Each stage compiles without a warning (W=1), for each kernel."""
    defaults = scan.text_of(repository / "common/mk/stage-build.mk")
    assert re.search(r"^W \?= 1$", defaults, re.M), "the compiler's warnings are not on"
    problems = []
    for kver in grading.kvers:
        try:
            log = scan.text_of(reference(repository, stage, kver) / build_seed.LOG)
        except LabError as error:
            problems.append(f"{kver or 'default'}: {error}")
            continue
        assert "  CC [M]  " in log and "  LD      vtxctl" in log, f"not a whole build:\n{log}"
        problems += warnings_of(log)
    scan.report(problems, f"{stage} does not build cleanly")


@pytest.mark.slow
@pytest.mark.parametrize("stage", stage_names())
def test_sparse_finds_nothing(repository, grading, tmp_path, stage):
    """Each stage is clean under the kernel's static checker, for each kernel."""
    problems = []
    for kver in grading.kvers:
        note = reference(repository, stage, kver) / f"clean-under-{state_of('sparse')}"
        if note.is_file():
            continue  # the same files were clean before
        found = under_sparse(repository, stage, kver, tmp_path / (kver or "default"))
        problems += found
        if not found:
            note.touch()
    scan.report(problems, f"{stage} is not clean under sparse")


def state_of(program):
    """A name for a program as it is now."""
    found = Path(shutil.which(program)).resolve().stat()
    return digest(str(found.st_mtime_ns), str(found.st_size))


def under_sparse(root, stage, kver, out):
    """Run sparse over all files of a stage; what it said."""
    kernel = resolve(kver or None)
    build_seed.seed_new(root, stage, out / stage, kernel, variables(kver))
    command = ["make", f"-j{min(4, len(os.sched_getaffinity(0)))}", "-C", out / stage, "sparse",
               f"KDIR={kernel.headers_dir}", *([f"KCC={kernel.kcc}"] if kernel.kcc else [])]
    status, log = build.run_limited(command, root)
    unread = module_files(out / stage) - set(re.findall(r"  CHECK +\S+/([\w-]+\.c)$", log, re.M))
    shutil.rmtree(out, ignore_errors=True)
    if status or unread:
        return [f"make sparse of {stage}: status {status}, not read: {unread}: {log[-2000:]}"]
    return warnings_of(log)


def module_files(folder):
    """The C files of a stage's module, by the rule of common/mk/Kbuild."""
    names = {path.name for path in folder.glob("*.c")} - {"vtxdrv.mod.c"}
    return {name for name in names if not re.match(r"(cmd|ctl)_|.*_offsets\.c", name)}
