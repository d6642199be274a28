# SPDX-License-Identifier: GPL-2.0
"""Grade one submission of a class: the job that GNU parallel or Slurm runs.

It works in OUT/.work/…, and the finished folder gets its place by one rename(2): whatever ends the
job before that leaves nothing that looks like a result.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import re
import shutil
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness import grade_boot, orderly, regrade
from harness.klass import intake, record
from harness.klass.attempts import Attempt
from harness.klass.errors import Unreadable
from harness.klass.plan import Plan
from harness.klass.record import GRADED, UNDECIDED, UNREADABLE, Record
from harness.plain import plain

TEXTS = (".txt", ".md", ".json", ".xml", ".log")
HEADLINES, HEADLINE_LENGTH = 3, 140
AFTERMATH = "not run"  # what a test says when an earlier one took its machine
KEPT = "kept"  # the status of a job that had nothing to do
_LOGS = re.compile(r"^logs of the machines: (.+)$", re.M)
_WAIT = 90  # seconds for a job that an interrupt has left behind

Grade = Callable[..., regrade.Grading]


def _stop(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the grader is being ended: once is enough
    raise KeyboardInterrupt


def end_in_order() -> None:
    """SIGTERM, and the end of the runner, end the grader and its machines."""
    orderly.end_in_order(with_parent=True)
    signal.signal(signal.SIGTERM, _stop)


@contextlib.contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Nobody else grades this submission into this OUT meanwhile."""
    locks = work.parent / ".locks"  # no submission's folder begins with a dot
    locks.mkdir(parents=True, exist_ok=True)
    with open(locks / work.name, "w", encoding="ascii") as lock:
        for _ in range(_WAIT):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(1)
        else:
            raise TimeoutError("another process is grading it")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _unreadable(plan: Plan, attempt: Attempt, reason: str) -> Record:
    """A result: nothing could be taken, so no exercise has points."""
    stat = (plan.submissions / attempt.entry).lstat()
    content = hashlib.sha256(f"{reason}\0{stat.st_size}\0{stat.st_mtime_ns}".encode()).hexdigest()
    return Record(record.key_of(plan, content), attempt.entry, UNREADABLE, reason,
                  dict.fromkeys(plan.exercises(), 0))


def _take(plan: Plan, attempt: Attempt, folder: Path) -> Record:
    """Take the files; the record has no points yet."""
    try:
        found = intake.take(plan.submissions / attempt.entry, plan.stage, plan.files, folder)
    except Unreadable as error:
        return _unreadable(plan, attempt, str(error))
    return Record(record.key_of(plan, found.digest), attempt.entry, UNDECIDED,
                  taken=sorted(found.taken), problems=found.problems(), notes=found.notes)


def _why_undecided(graded: regrade.Grading) -> str:
    if graded.status is None:
        return f"the grader did not end within {graded.seconds:.0f} s"
    if not graded.data:
        last = graded.output.strip().splitlines()[-1:]
        return f"the grader broke (status {graded.status}): {''.join(last)}"
    words = {test["extra_data"]["outcome"] for test in graded.data.get("tests", [])
             if test["extra_data"]["score"] is None}
    return "could not be decided: " + (", ".join(sorted(words)) or f"status {graded.status}")


def _failures(folder: Path) -> list[tuple[str, str]]:
    """(exercise, what went wrong in a line) of each failed test, from the grader's run.json."""
    try:
        tests = json.loads((folder / "run.json").read_text(encoding="utf-8"))["tests"]
        bad = [(t["exercise"], t["problem"]) for t in tests
               if t["exercise"] and t["outcome"] == "failed" and t["problem"]]
        return [(number, f"{p['what']}: {p['seen'].strip().splitlines()[0]}" if p["seen"].strip()
                 else p["what"]) for number, p in bad if p["what"] != AFTERMATH]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # the rubric has it, too


def headlines(folder: Path, numbers: list[str]) -> list[str]:
    """What went wrong, a line for several exercises: "1.1, 1.2: the code does not link: …"."""
    rows: dict[str, list[str]] = {}
    for exercise, text in _failures(folder):
        if exercise not in rows.setdefault(text, []):
            rows[text].append(exercise)
    most = sorted(rows.items(), key=lambda row: -len(row[1]))[:HEADLINES]
    return [("all" if len(own) == len(numbers) else ", ".join(sorted(own)))
            + f": {textwrap.shorten(plain(text, 9999), HEADLINE_LENGTH, placeholder=' …')}"
            for text, own in most]


def _apply(result: Record, graded: regrade.Grading) -> None:
    """Take over what the grader found out."""
    result.points = graded.points
    result.headlines = headlines(graded.results, list(graded.points))
    if graded.score is not None:
        result.status = GRADED
    else:
        result.why = _why_undecided(graded)


def _keep_logs(plan: Plan, graded: regrade.Grading, folder: Path) -> None:
    """Pack the machines' logs: a tenth of a megabyte instead of several in the build folder.

    What a student wrote is in the output, too: no other folder is packed, and none removed.
    """
    found = _LOGS.findall(graded.output)
    logs = (plan.root / found[-1]).resolve() if found else None
    if logs and logs.is_dir() and logs.parent == plan.build / "artefacts":
        shutil.make_archive(str(folder / "logs"), "xztar", logs)
        shutil.rmtree(logs, ignore_errors=True)


def _forget_build(plan: Plan, submitted: Path) -> None:
    """Remove this submission's build: hundreds of them would fill the disk."""
    name = grade_boot.submission_name(submitted.resolve())
    for folder in (plan.build / "variants").glob(f"*submit-{name}-*"):
        shutil.rmtree(folder, ignore_errors=True)
    for left in (plan.build / "submissions").glob(f"{name}*"):
        shutil.rmtree(left, ignore_errors=True)


def _without_paths(folder: Path, work: Path) -> None:
    """Students need not read where on our disk they were graded."""
    for path in folder.iterdir():
        if path.suffix in TEXTS:
            text = path.read_text(encoding="utf-8", errors="replace")
            path.write_text(text.replace(f"{work}/", ""), encoding="utf-8")


def _grade(plan: Plan, result: Record, work: Path, grade: Grade) -> None:
    folder = work / "result"
    files = work / "files"
    try:
        graded = grade(plan.stage, files, build=plan.build, results=folder, kver=plan.kver,
                       root=plan.root)
        _apply(result, graded)
        _keep_logs(plan, graded, folder)
    finally:
        _forget_build(plan, files)
    _without_paths(folder, work)
    files.rename(folder / "files")  # what was graded, for whoever reads what he awards


def _publish(plan: Plan, attempt: Attempt, result: Record, work: Path) -> None:
    """Give the finished folder its place."""
    folder = work / "result"
    folder.mkdir(exist_ok=True)
    result.finished = time.time()
    result.commit = record.commit(plan.root)
    result.save(folder)
    final = plan.out / attempt.folder
    final.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(final)


def known_result(plan: Plan, attempt: Attempt, key: str) -> Record | None:
    """The result that an earlier run has left, if it is of the same thing and decided."""
    old = Record.load(plan.out / attempt.folder)
    return old if old and old.decided and old.key == key else None


def grade_one(plan: Plan, attempt: Attempt, grade: Grade = regrade.grade) -> tuple[str, Record]:
    """Grade a submission unless that was done: the status for the progress line, and the record."""
    started = time.monotonic()
    work = plan.out / ".work" / Path(attempt.folder).name
    with _alone(work):
        result = _take(plan, attempt, work / "files")
        if known := known_result(plan, attempt, result.key):
            return KEPT, known
        shutil.rmtree(plan.out / attempt.folder, ignore_errors=True)  # of something else
        if result.status is not UNREADABLE:
            _grade(plan, result, work, grade)
        result.seconds = round(time.monotonic() - started, 1)
        _publish(plan, attempt, result, work)
    return result.status, result


def line(attempt: Attempt, status: str, result: Record) -> str:
    """What the job prints: status, seconds, student, score; with tabs, for the runner."""
    score = result.score if result.decided else None
    text = f"{score} points" if score is not None else "undecided"
    reason = f" ({result.why})" if result.why else ""
    return f"{status}\t{result.seconds:.0f}\t{attempt.student}\t{text}{reason}"


def main(out: Path, index: int, build: Path | None = None) -> int:
    """The job: status 0 when there is a result, 3 when the submission is undecided."""
    end_in_order()
    plan = Plan.load(out)
    plan.build = build.resolve() if build else plan.build
    attempt = plan.attempts[index]
    try:
        status, result = grade_one(plan, attempt)
    except TimeoutError as error:
        print(f"{UNDECIDED}\t{_WAIT}\t{attempt.student}\t{error}", flush=True)
        return 3
    print(line(attempt, status, result), flush=True)
    return 0 if result.decided else 3
