# SPDX-License-Identifier: GPL-2.0
"""Measure vtxdrv and KVM in one lab machine: make bench [SAVE=1]; see docs/bench.md.

    python3 -m bench --stage-dir build/project06 --out build/bench [--save [--accept 'ROW=WHY']]
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path

from bench import history, report, rows
from harness import bochs, kit, lab, modules
from harness import kernel as kernels
from harness.errors import LabError
from harness.exercises import REPOSITORY
from harness.machine import Machine
from harness.progress import Progress
from harness.spec import Kernel

CLIENT = Path(__file__).with_name("client")
FIRST_STAGE = 6
TIMEOUT = 120  # guest seconds for one hypervisor; it takes less than ten
HUGE = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
MEASURED = ("common", "project0*", "tests/bench/client")  # what the figures depend on


def client(stage_dir: Path, out: Path) -> Path:
    """Build the client, with the stage's own instruction emulator."""
    kit.make("bench's client", ["make", "-s", "-B", "-C", str(CLIENT), f"OUT={out}",
                                f"STAGE={stage_dir}", f"{out}/bench"])
    return out / "bench"


def kvm_files(kernel: Kernel) -> list[tuple[str, bytes]]:
    """KVM's modules as Debian's users have them: with the list of calls that ftrace takes out."""
    return [(f"lab/kvm/{name}.ko", modules.traceable(kernel.modules_dir, name))
            for name in modules.load_order(kernel.modules_dir, ["kvm_intel"])]


def sh(machine: Machine, script: str) -> str:
    """Run a line of shell that has to succeed."""
    result = machine.sh(script, timeout=TIMEOUT)
    if result.status:
        raise LabError(f"{result}\nexpected status 0, saw {result.status}")
    return result.out


def measure(machine: Machine, files: list[str]) -> dict[str, rows.Figures]:
    """Load one hypervisor, measure it, and then the other in its place."""
    figures = {}
    sh(machine, HUGE)
    with Progress("loading Debian's KVM, and measuring it"):
        sh(machine, " && ".join(f"insmod /{path}" for path in files))
        figures["kvm"] = rows.parse(sh(machine, "/lab/bench kvm --instructions"))
        sh(machine, "rmmod kvm_intel kvm")
    with Progress("loading vtxdrv, and measuring it"):
        sh(machine, "insmod /lab/vtxdrv.ko")
        figures["vtxdrv"] = rows.parse(sh(machine, "/lab/bench vtxdrv --instructions"))
        sh(machine, "rmmod vtxdrv")
    return figures


def emulator() -> str:
    """The emulator and its version, as it says itself."""
    done = subprocess.run([bochs.PROGRAM, "--help"], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    found = re.search(r"Bochs x86 Emulator (\S+)", done.stdout + done.stderr)
    if not found:
        raise LabError(f"{bochs.PROGRAM} --help: expected Bochs's version, saw none")
    return f"Bochs {found[1]}"


def git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise LabError(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def check_committed() -> str:
    """The commit that is measured; a line of history has to be about one."""
    if changed := git("status", "--porcelain", "--", *MEASURED):
        raise LabError("SAVE=1: expected sources that are committed, for the line names a commit;"
                       f" saw changes:\n{changed}")
    return git("rev-parse", "HEAD")


def reasons(words: list[str]) -> dict[str, str]:
    """ROW=WHY of each row that may be worse."""
    pairs = [word.partition("=") for word in words]
    for name, equals, why in pairs:
        if name not in rows.NAMES or not equals or not why.strip():
            raise LabError(f"ACCEPT: expected ROW=WHY with one of {', '.join(rows.NAMES)};"
                           f" saw {name}{equals}{why}")
    return {name: why.strip() for name, _, why in pairs}


def save(figures: dict[str, rows.Figures], commit: str, release: str, accept: dict) -> None:
    """Append the line, and say what the rule of tests/repo will say."""
    now = datetime.datetime.now(datetime.UTC)
    history.append({"date": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": commit,
                    "kernel": release, "emulator": emulator(),
                    "cpu": bochs.MODELS["vmx"], **{side: figures[side] for side in rows.SIDES},
                    **({history.ACCEPTED: accept} if accept else {})})
    print(f"saved in {history.PATH.relative_to(REPOSITORY)}; commit it")
    for problem in history.check(history.PATH.read_text(encoding="utf-8")):
        print(f"tests/repo will fail: {problem}")


def show(figures: dict[str, rows.Figures], out: Path) -> None:
    """Print table and bars, and leave them in the folder."""
    both = figures["vtxdrv"], figures["kvm"]
    text = f"\n{report.table(*both)}\n\n{report.bars(*both)}\n"
    if names := report.missed(*both):
        text += f"\ngoal missed: {', '.join(names)}\n"
    text += "".join(f"\n{words}\n" for words in history.accepted(history.read()))
    (out / "bench.txt").write_text(text, encoding="utf-8")
    drawn = report.svg(*both, out / "bench.svg")
    print(f"{text}\n{out}/bench.txt" + (f", {out}/bench.svg" if drawn else ""))


def run(options: argparse.Namespace) -> int:
    """Build, boot, measure, show."""
    stage_dir, out = options.stage_dir.resolve(), options.out.resolve()
    if lab.stage_number(stage_dir) < FIRST_STAGE:
        raise LabError(f"{stage_dir.name}: expected project{FIRST_STAGE:02d} or later, which"
                       " answers exits and injects interrupts")
    commit, accept = check_committed() if options.save else "", reasons(options.accept)
    if accept and not options.save:
        raise LabError("ACCEPT: expected SAVE=1, for it is a line of history that accepts")
    out.mkdir(parents=True, exist_ok=True)
    kernel = kernels.resolve(options.kver or lab.module_release(stage_dir))
    with Progress("preparing the lab machine"):
        files = kvm_files(kernel)
        extra = [*files, ("lab/bench", client(stage_dir, out))]
        spec = lab.stage_spec(stage_dir, "vmx", "bochs", kernel, cpus=1, extra_files=extra)
    with Progress(f"booting Linux {kernel.release} under Bochs, one CPU"):
        machine = Machine.boot(spec, out / "machine")
    with machine:
        figures = measure(machine, [path for path, _ in files])
    show(figures, out)
    if options.save:
        save(figures, commit, kernel.release, accept)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--stage-dir", type=Path, required=True, help="such as build/project06")
    parser.add_argument("--out", type=Path, required=True, help="for table, plot, logs")
    parser.add_argument("--kver", help="kernel; default: the one the module was built for")
    parser.add_argument("--save", action="store_true", help="add a line to history.jsonl")
    parser.add_argument("--accept", action="append", default=[], metavar="ROW=WHY",
                        help="with --save: this row is worse on purpose")
    try:
        return run(parser.parse_args())
    except KeyboardInterrupt:
        print("\ninterrupted; the lab machine is switched off", file=sys.stderr)
        return 130
    except lab.REPORTED as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
