# SPDX-License-Identifier: GPL-2.0
"""Build a stage by the repository's own Makefiles, within limits, and say what came of it.

Several pytest workers need the same stage: a lock for each build root lets one of them build, and
the others take over its result, a failure as well as a success.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.grade import excerpt
from harness.results import Outcome, Problem

TIMEOUT = 150  # seconds of wall clock; a stage takes about ten, on a busy machine thirty
MIB = 1024 * 1024
LIMITS = {
    resource.RLIMIT_AS: 4096 * MIB,  # of each process: a macro bomb must not take the host down
    resource.RLIMIT_FSIZE: 16 * MIB,  # the largest file of a stage has two
    resource.RLIMIT_CPU: 100,
    resource.RLIMIT_CORE: 0,
}
LIMITS_TEXT = "100 s of CPU time, 4 GiB of memory, 16 MiB a file"
ERROR_LINES = 14
READ = "docs/grading.md#the-build"
# make's own variables of an outer `make check` would reach the build and change it.
_OUTER_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "GNUMAKEFLAGS", "MAKEFILES",
               "TODO", "SUBMIT", "STAGE", "KVER", "O", "OUT", "V", "W", "CFLAGS")
_WARNING = re.compile(r"\bwarning:")
_MAKES_OWN = re.compile(r"make\[?\d*\]?:|\s+(?:CC|LD|AS|AR|MODPOST)\b")
_LINK_ERROR = re.compile(r"undefined reference|multiple definition|modpost|relocation truncated")
_LIMIT = re.compile(r"terminated program|out of memory|[Ff]ile (?:too |size limit)")
_FULL = "No space left on device"
# The code's fault, as opposed to that of the machine that builds it.
_CODE_ERROR = re.compile(
    r"^\S+:\d+(?::\d+)?: (?:fatal )?error:|^(?:\S+|\{standard input\}):\d+: Error:"
    r"|\bundefined reference to\b|\bmultiple definition of\b"
    r"|^ERROR: modpost:|: error: |^cc1: .*out of memory|\bobjtool: .*error"
    r"|\brelocation truncated to fit\b|\bterminated program \w+|\bterminated with signal \d+"
    r"|\bfinal link failed\b|\bFatal error: |\b[Ff]ile (?:too (?:big|large)|size limit exceeded)",
    re.M,
)


@dataclass
class Build:
    """One run of `make projectNN`."""

    stage: str
    directory: Path
    ok: bool = False
    timed_out: bool = False
    seconds: float = 0.0
    log: str = ""
    reused: bool = False  # another worker of this run has built it
    blamed: bool | None = None  # of a doubtful build: does the same work without the submission?
    command: list[str] = field(default_factory=list)

    @property
    def module(self) -> Path:
        """The kernel module."""
        return self.directory / "vtxdrv.ko"

    @property
    def tool(self) -> Path:
        """The user tool. A submission's must never run on the host."""
        return self.directory / "vtxctl"

    @property
    def warnings(self) -> list[str]:
        """Every line of the log with a warning in it, once."""
        return list(dict.fromkeys(row for row in self.log.splitlines() if _WARNING.search(row)))

    @property
    def errors(self) -> str:
        """The first errors with the lines that explain them."""
        found = _CODE_ERROR.search(self.log)
        if not found:
            return ""
        start = self.log.rfind("\n", 0, found.start()) + 1
        rows = [row for row in self.log[start:].splitlines() if not _MAKES_OWN.match(row)]
        return "\n".join(rows[:ERROR_LINES])

    @property
    def doubtful(self) -> bool:
        """True for a failure that may be the machine's: a full disk, no time, an unknown error."""
        return not self.ok and bool(self.timed_out or not self.errors or _FULL in self.log)

    def problem(self) -> Problem | None:
        """Why there is nothing to test; None after a good build."""
        if self.ok:
            return None
        expected = f"`make {self.stage}` ends without an error"
        if self.blamed is False:
            return Problem(Outcome.COULD_NOT_RUN, "the build", expected,
                           "it fails without the submission as well", log=excerpt(self.log))
        if self.timed_out:
            seen = f"it did not end within {TIMEOUT} s and was killed"
            return Problem(Outcome.FAILED, "the code does not build", expected, seen, READ,
                           log=excerpt(self.log))
        if self.errors:
            verb, tool = ("link", "linker") if _LINK_ERROR.search(self.errors.partition("\n")[0]) \
                else ("compile", "compiler")
            seen = f"the {tool}'s first errors"
            if _LIMIT.search(self.errors):
                seen = f"the compiler met the grader's limits: {LIMITS_TEXT}"
            return Problem(Outcome.FAILED, f"the code does not {verb}", expected, seen, READ,
                           log=excerpt(self.errors, ERROR_LINES))
        if self.blamed:
            return Problem(Outcome.FAILED, "the code does not build", expected, "an error that is"
                           " not there without the submission", READ, log=excerpt(self.log))
        return Problem(Outcome.COULD_NOT_RUN, "the build stopped before or after compiling",
                       expected, f"`{' '.join(self.command)}` failed without a compiler's error",
                       log=excerpt(self.log))


def _set_limits() -> None:
    """Runs in the child between fork and exec."""
    for what, wanted in LIMITS.items():
        hard = resource.getrlimit(what)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(what, (limit, limit))


def _kill_group(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def clean_environment() -> dict[str, str]:
    """The environment for a build: none of an outer make's variables, messages in English."""
    kept = {key: value for key, value in os.environ.items() if key not in _OUTER_MAKE}
    return kept | {"LC_ALL": "C"}


def run_limited(command: list[str], cwd: Path, timeout: float = TIMEOUT) -> tuple[int | None, str]:
    """Run a command in its own process group; return its status (None = killed late) and output."""
    # The output goes to a file: a flood of messages then meets the limit on a file's size.
    # A compiler that is killed leaves its temporary files: they go with their folder.
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryDirectory(prefix="vtx-", ignore_cleanup_errors=True) as scratch,
        subprocess.Popen(
            command, cwd=cwd, env=clean_environment() | {"TMPDIR": scratch},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=_set_limits,
        ) as process,
    ):
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _kill_group(process)  # also what the build left running in the background
        process.wait()
        output.seek(0)
        return status, output.read(MIB).decode("utf-8", "replace")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the build root: a second worker waits until the first has built."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".grader.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_root(base: Path, kver: str = "", todo: str = "", submission: str = "") -> Path:
    """Where a variant is built: the default in `base` itself, so that a warm tree stays warm."""
    parts = [f"kernel-{kver}" if kver else "", f"todo-{todo.replace(' ', '-')}" if todo else "",
             f"submit-{submission}" if submission else ""]
    name = "_".join(part for part in parts if part)
    return base / "variants" / name if name else base


def make_command(stage: str, out: Path, variables: dict[str, str]) -> list[str]:
    """The command line; at most four jobs, the machines run beside it.

    -o deps: what is missing on this computer is not installed within a submission's limits.
    """
    jobs = min(4, len(os.sched_getaffinity(0)))
    given = [f"{key}={value}" for key, value in variables.items() if value]
    return ["make", f"-j{jobs}", "--no-print-directory", "-o", "deps", stage, f"O={out}", *given]


def _recall(note: Path) -> Build | None:
    """The result that another worker of this run has left."""
    if not note.is_file():
        return None
    data = json.loads(note.read_text(encoding="utf-8"))
    return Build(**data | {"directory": Path(data["directory"]), "reused": True})


def build_stage(
    root: Path, stage: str, out: Path, variables: dict[str, str] | None = None, run_id: str = "",
    timeout: float = TIMEOUT, prepare: Callable[[Path], None] = lambda folder: None,
) -> Build:
    """Build one stage of the repository at `root` into out/stage.

    `run_id` names the pytest run: within one run, a stage is built once for each build root.
    `prepare` may lay objects out in the stage's folder beforehand.
    """
    note = out / f".built-{run_id}-{stage}.json"
    with locked(out):
        if run_id and (known := _recall(note)):
            return known
        for old in out.glob(f".built-*-{stage}.json"):
            old.unlink()
        started = time.monotonic()
        prepare(out / stage)
        command = make_command(stage, out, variables or {})
        status, log = run_limited(command, root, timeout)
        build = Build(stage, out / stage, ok=status == 0, timed_out=status is None,
                      seconds=time.monotonic() - started, log=log.replace(f"{out}/", ""),
                      command=command)
        if build.ok and not (build.module.is_file() and build.tool.is_file()):
            build.ok = False
            build.log += f"make succeeded without making {build.module} and {build.tool}\n"
        if run_id:
            note.write_text(json.dumps(asdict(build), default=str), encoding="utf-8")
    return build
