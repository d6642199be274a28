# SPDX-License-Identifier: GPL-2.0
"""Measure vtxdrv and KVM in one lab machine: make bench [SAVE=1]; see docs/bench.md.

    python3 -m bench --stage-dir build/project07 --out build/bench [--vendor svm]
                     [--save [--accept 'ROW=WHY']]
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
from harness.accel import EXTENSIONS
from harness.errors import LabError
from harness.exercises import REPOSITORY
from harness.machine import Machine
from harness.progress import Progress
from harness.spec import Kernel

CLIENT = Path(__file__).with_name("client")
FIRST_STAGE = {"vmx": 6, "svm": 7}
TIMEOUT = 120  # guest seconds for one hypervisor; it takes less than ten
HUGE = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
MEASURED = ("common", "project0*", "tests/bench/client")  # what the figures depend on


def client(stage_dir: Path, out: Path) -> Path:
    """Build the client, with the stage's own instruction emulator."""
    kit.make("bench's client", ["make", "-s", "-B", "-C", str(CLIENT), f"OUT={out}",
                                f"STAGE={stage_dir}", f"{out}/bench"])
    return out / "bench"


def kvm_files(kernel: Kernel, vendor: str) -> list[tuple[str, bytes]]:
    """KVM's modules as Debian's users have them: with the list of calls that ftrace takes out."""
    return [(f"lab/kvm/{name}.ko", modules.traceable(kernel.modules_dir, name))
            for name in modules.load_order(kernel.modules_dir, [EXTENSIONS[vendor]])]


def sh(machine: Machine, script: str) -> str:
    """Run a line of shell that has to succeed."""
    result = machine.sh(script, timeout=TIMEOUT)
    if result.status:
        raise LabError(f"{result}\nexpected status 0, saw {result.status}")
    return result.out


def measure(machine: Machine, files: list[str], vendor: str) -> dict[str, rows.Figures]:
    """Load one hypervisor, measure it, and then the other in its place."""
    figures = {}
    sh(machine, HUGE)
    with Progress("loading Debian's KVM, and measuring it"):
        sh(machine, " && ".join(f"insmod /{path}" for path in files))
        figures["kvm"] = rows.parse(sh(machine, "/lab/bench kvm --instructions"))
        sh(machine, f"rmmod {EXTENSIONS[vendor]} kvm")
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


def save(vendor: str, figures: dict[str, rows.Figures], commit: str, release: str,
         accept: dict) -> None:
    """Append the line, and say what the rule of tests/repo will say."""
    now = datetime.datetime.now(datetime.UTC)
    history.append({"date": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": commit,
                    "kernel": release, "emulator": emulator(),
                    "cpu": bochs.MODELS[vendor], **{side: figures[side] for side in rows.SIDES},
                    **({history.ACCEPTED: accept} if accept else {})})
    print(f"saved in {history.PATH.relative_to(REPOSITORY)}; commit it")
    for problem in history.check(history.PATH.read_text(encoding="utf-8")):
        print(f"tests/repo will fail: {problem}")


def show(vendor: str, figures: dict[str, rows.Figures], out: Path) -> None:
    """Print table and bars, and leave them in the folder."""
    both = figures["vtxdrv"], figures["kvm"]
    text = f"\n{vendor.upper()}: vtxdrv beside {EXTENSIONS[vendor]}\n\n{report.table(*both)}\n\n"
    text += f"{report.bars(*both)}\n"
    if names := report.missed(*both):
        text += f"\ngoal missed: {', '.join(names)}\n"
    text += "".join(f"\n{words}\n" for words in history.accepted(history.read()))
    name = out / ("bench" if vendor == "vmx" else f"bench-{vendor}")
    name.with_suffix(".txt").write_text(text, encoding="utf-8")
    drawn = report.svg(*both, name.with_suffix(".svg"))
    print(f"{text}\n{name}.txt" + (f", {name}.svg" if drawn else ""))


def boot_and_measure(vendor: str, stage_dir: Path, kernel: Kernel, out: Path) -> dict:
    """Both hypervisors in one machine of a vendor."""
    with Progress("preparing the lab machine"):
        files = kvm_files(kernel, vendor)
        extra = [*files, ("lab/bench", client(stage_dir, out))]
        spec = lab.stage_spec(stage_dir, vendor, "bochs", kernel, cpus=1, extra_files=extra)
    with Progress(f"booting Linux {kernel.release} under Bochs, one CPU with {vendor.upper()}"):
        machine = Machine.boot(spec, out / f"machine-{vendor}")
    with machine:
        return measure(machine, [path for path, _ in files], vendor)


def vendors_of(options: argparse.Namespace) -> list[str]:
    """Those asked for, or all that the stage's module serves."""
    stage = lab.stage_number(options.stage_dir.resolve())
    served = [vendor for vendor, first in FIRST_STAGE.items() if stage >= first]
    wanted = [options.vendor] if options.vendor else served
    if not wanted or wanted[0] not in served:
        first = FIRST_STAGE[options.vendor or "vmx"]
        raise LabError(f"{options.stage_dir.name}: expected project{first:02d} or later, which"
                       " answers exits and injects interrupts")
    return wanted


def run(options: argparse.Namespace) -> int:
    """Build, boot, measure, show."""
    stage_dir, out = options.stage_dir.resolve(), options.out.resolve()
    vendors = vendors_of(options)
    commit, accept = check_committed() if options.save else "", reasons(options.accept)
    if accept and not options.save:
        raise LabError("ACCEPT: expected SAVE=1, for it is a line of history that accepts")
    if accept and len(vendors) > 1:
        raise LabError("ACCEPT: expected VENDOR=vmx or svm, for each has a line of its own")
    out.mkdir(parents=True, exist_ok=True)
    kernel = kernels.resolve(options.kver or lab.module_release(stage_dir))
    for vendor in vendors:
        figures = boot_and_measure(vendor, stage_dir, kernel, out)
        show(vendor, figures, out)
        if options.save:
            save(vendor, figures, commit, kernel.release, accept)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--stage-dir", type=Path, required=True, help="such as build/project06")
    parser.add_argument("--out", type=Path, required=True, help="for table, plot, logs")
    parser.add_argument("--vendor", choices=FIRST_STAGE, help="default: all that the stage serves")
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
