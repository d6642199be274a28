# SPDX-License-Identifier: GPL-2.0
"""From a LabKey to a booted machine: submission, build, boot image, emulator."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import kernel as kernels
from harness import build_seed, lab, submit
from harness.bochs import OTHER_VMX_MODELS
from harness.build import Build, build_root, build_stage
from harness.exercises import stage_directories, stage_directory
from harness.grade import CouldNotRun, Unmet
from harness.grade_key import ANY_MODEL, LabKey, describe_spec
from harness.machine import Machine
from harness.results import Outcome, Problem

if TYPE_CHECKING:
    from harness.grade_settings import Settings

Say = Callable[[str], None]
KEPT_RUNS = 8
KEPT_BUILDS = 20  # of submissions: a class of hundreds must not fill the disk
STILL_RUNNING = 3600  # seconds; a younger folder may belong to a run beside this one


def submission_name(directory: Path) -> str:
    """A short name for a submitted directory: its own, and a digest of where it lies."""
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:8]
    plain = "".join(c if c.isalnum() or c in "-_" else "_" for c in directory.name)
    return f"{plain[:24]}-{digest}"


def own_name(settings: Settings) -> str:
    """The submission's name in this run: another run may be grading it as well, or a later form."""
    return f"{submission_name(settings.submit)}-{settings.run_id}"


def submission_root(settings: Settings) -> Path:
    """Where the private copies of a submission's files are."""
    return settings.build / "submissions" / own_name(settings)


def take_submission(settings: Settings) -> list[str]:
    """Copy the student's files; returns what the reader of the result should know."""
    if not settings.submit:
        return []
    home = submission_root(settings)
    directories = [stage_directory(settings.root, settings.stage)] if settings.stage else \
        stage_directories(settings.root)
    notes = []
    for directory in directories:
        taken = submit.take(settings.submit, settings.root, directory.name, home / directory.name)
        data = asdict(taken)
        (home / f"{directory.name}.json").write_text(json.dumps(data, default=str), "utf-8")
        notes.append(f"{directory.name}: taken from {taken.source}: "
                     + (", ".join(taken.taken) or "nothing"))
    return notes


def submitted(settings: Settings, stage: str) -> submit.Submission | None:
    """What take_submission() has found for one stage."""
    if not settings.submit:
        return None
    note = submission_root(settings) / f"{stage}.json"
    data = json.loads(note.read_text(encoding="utf-8"))
    paths = {"source": Path(data["source"]), "folder": Path(data["folder"])}
    return submit.Submission(**data | paths)


def build_or_fail(build: Any) -> Any:
    """The build, or the reason why there is nothing to boot as the test's own result."""
    problem = build.problem()
    if problem is None:
        return build
    if problem.outcome is Outcome.FAILED:
        raise Unmet(problem)
    raise CouldNotRun(f"{problem.seen}\n{problem.log}")


def stage_build(settings: Settings, key: LabKey, say: Say) -> Build:
    """Build the stage of a key, with the submission if there is one; bad code is Unmet."""
    taken = submitted(settings, key.stage)
    if taken and not taken.complete:
        raise Unmet(Problem(Outcome.FAILED, "the submission is not complete",
                            f"every file of {key.stage}/student.files as plain text",
                            taken.explain(), read="docs/grading.md#what-is-taken"))
    name = own_name(settings) if taken else ""
    out = build_root(settings.build, key.kver, settings.todo, name)
    variables = {"KVER": key.kver, "TODO": settings.todo}
    # Downloads are not for the build, whose files are limited.
    kernel = kernels.resolve(key.kver or None)
    more = {"SUBMIT": str(taken.folder), "CONFINED": "1"} if taken else {}

    def prepare(folder: Path) -> None:
        if taken:
            build_seed.seed(settings.root, key.stage, folder, kernel, taken.folder, variables)
        else:
            build_seed.seed_new(settings.root, key.stage, folder, kernel, variables)

    build = build_stage(settings.root, key.stage, out, variables | more, settings.run_id,
                        prepare=prepare)
    if not build.reused:
        say(f"built {key.stage} for kernel {key.kver or 'default'}: "
            f"{'ok' if build.ok else 'failed'} after {build.seconds:.1f} s")
    if taken and build.doubtful:
        build.blamed = builds_without(settings, key.stage, variables)
    return build_or_fail(build)


def builds_without(settings: Settings, stage: str, variables: dict[str, str]) -> bool:
    """Does the tree's own stage build here and now? Then the submission is why its own did not."""
    out = settings.build / "variants" / f"submit-none-{settings.run_id}"
    build = build_stage(settings.root, stage, out, variables, settings.run_id)
    return build.ok


def artefacts_folder(settings: Settings, key: LabKey) -> Path:
    """Where the logs of one machine go: nobody else's, also when two runs share the build root."""
    home = settings.build / "artefacts" / settings.run_id / key.group
    number = len(list(home.glob("boot*"))) + 1
    folder = home / f"boot{number}"
    folder.mkdir(parents=True)
    return folder


def _prune(folders: list[Path], keep: int) -> None:
    """Remove all but the newest, and none that may be in use."""
    ages = {}
    for folder in folders:
        with contextlib.suppress(OSError):  # another run prunes as well
            if folder.is_dir() and not folder.is_symlink():
                ages[folder] = folder.stat().st_mtime
    for old in sorted(ages, key=ages.__getitem__)[:-keep]:
        if time.time() - ages[old] > STILL_RUNNING:
            shutil.rmtree(old, ignore_errors=True)


def prepare_artefacts(settings: Settings) -> None:
    """Make room: the logs of the last runs and the builds of the last submissions are kept."""
    home = settings.build / "artefacts"
    (home / settings.run_id).mkdir(parents=True)
    _prune(list(home.iterdir()), KEPT_RUNS)
    _prune(list((settings.build / "variants").glob("*submit-*")), KEPT_BUILDS)
    _prune(list((settings.build / "submissions").glob("*")), KEPT_BUILDS)


def link_artefacts(settings: Settings) -> Path | None:
    """Let `artefacts/latest` be this run, if it has booted anything; return its folder then."""
    home = settings.build / "artefacts"
    with contextlib.suppress(OSError):
        (home / settings.run_id).rmdir()
        return None
    newest = home / f".latest-{settings.run_id}"
    newest.symlink_to(settings.run_id)
    newest.rename(home / "latest")
    return home / settings.run_id


def drawn_model(settings: Settings, key: LabKey) -> str | None:
    """The processor of a machine; for ANY_MODEL one that nobody knows before the run."""
    if key.cpu_model != ANY_MODEL:
        return key.cpu_model or None
    return random.Random(f"{settings.seed}/{key.group}").choice(OTHER_VMX_MODELS)


def boot(settings: Settings, key: LabKey, say: Say) -> Any:
    """Build and boot; raises Unmet, CouldNotRun, or what the harness raises."""
    build = stage_build(settings, key, say)
    kernel = kernels.resolve(key.kver or None)
    spec = lab.stage_spec(build.directory, key.vendor, key.accel or None, kernel, cpus=key.cpus,
                          mem_mib=key.mem_mib, cpu_model=drawn_model(settings, key),
                          cmdline_extra=key.cmdline, firmware=key.firmware)
    say(f"booting {key.group}: {key.cpus} CPUs, kernel {kernel.release}")
    machine = Machine.boot(spec, artefacts_folder(settings, key))
    say(f"ready   {describe_spec(machine.spec, key)}: after {machine.ready_seconds:.1f} s")
    return machine
