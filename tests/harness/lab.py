# SPDX-License-Identifier: GPL-2.0
"""A lab machine with a stage inside: for pytest's fixtures, and for people on the command line.

    python3 -m harness.lab shell --stage-dir build/project02      (make lab)
    python3 -m harness.lab run   --stage-dir build/project02 -- vtxctl detect
    python3 -m harness.lab demo  --stage-dir build/project02      (make demo)
    python3 -m harness.lab debug --stage-dir build/project02      (make debug)
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from harness import accel as accelerators
from harness import demo
from harness import kernel as kernels
from harness.bochs_image import ImageError
from harness.errors import LabError
from harness.exercises import REPOSITORY
from harness.initramfs import InitramfsError
from harness.kit import prepare_initrd, prepare_parcel
from harness.machine import Machine
from harness.modules import ModuleError
from harness.next_step import where_it_stops
from harness.progress import Progress
from harness.spec import VENDORS, Kernel, MachineSpec
from harness.terminal import interact
from harness.vmlinux import BadKernelImage

# Each says by itself what was expected, what was seen and what to do: no traceback needed.
REPORTED = (LabError, kernels.KernelError, InitramfsError, ModuleError, ImageError, BadKernelImage)

__all__ = ["boot_stage", "prepare_initrd", "stage_spec"]


def stage_spec(
    stage_dir: Path | None,
    vendor: str = "vmx",
    accel: str | None = None,
    kernel: Kernel | None = None,
    extra_files=(),
    **spec,
) -> MachineSpec:
    """Return the description of a machine that has this stage's module and tool inside."""
    kernel = kernel or kernels.resolve()
    return MachineSpec(vendor=vendor, accel=accel, kernel=kernel, initrd=prepare_initrd(kernel),
                       parcel=prepare_parcel(stage_dir, extra_files), **spec)


def boot_stage(
    stage_dir: Path | None,
    vendor: str = "vmx",
    accel: str | None = None,
    kernel: Kernel | None = None,
    artefacts: Path = Path("build/lab"),
    **spec,
) -> Machine:
    """Boot a machine with this stage inside: /lab/vtxdrv.ko (not loaded) and vtxctl.

    `spec`: extra_files and any field of MachineSpec (cpus, mem_mib, cpu_model, …).
    """
    return Machine.boot(stage_spec(stage_dir, vendor, accel, kernel, **spec), artefacts)


# ---- the command line -----------------------------------------------------------------------


def module_release(stage_dir: Path) -> str | None:
    """Return the kernel release that a stage's module was built for: it boots with no other."""
    found = re.search(rb"vermagic=([^ \0]+)", (stage_dir / "vtxdrv.ko").read_bytes())
    return found[1].decode() if found else None


def stage_number(stage_dir: Path) -> int:
    found = re.search(r"(\d+)$", stage_dir.name)
    if not found:
        raise LabError(f"{stage_dir}: expected a stage's build folder such as build/project02")
    return int(found[1])


def booted(options: argparse.Namespace, **spec) -> Machine:
    """Boot with progress for the person who waits."""
    stage_dir = options.stage_dir
    stage_number(stage_dir)
    if not (stage_dir / "vtxdrv.ko").exists():
        raise LabError(f"{stage_dir}/vtxdrv.ko is not there: make {stage_dir.name}")
    with Progress("preparing the lab machine"):
        kernel = kernels.resolve(options.kver or module_release(stage_dir))
        described = stage_spec(stage_dir, options.vendor, None, kernel, **spec)
        accel = accelerators.choose(options.vendor)
    words = f"booting Linux {kernel.release} under {EMULATORS[accel]}"
    with Progress(words):
        return Machine.boot(described, options.artefacts)


def shell(options: argparse.Namespace) -> int:
    """An interactive shell, the module not yet loaded: that is the first thing to try."""
    with booted(options) as machine:
        print("Try: insmod /lab/vtxdrv.ko; vtxctl detect; dmesg | tail")
        return interact(machine)


def run(options: argparse.Namespace) -> int:
    """One command, with its output and exit status."""
    if not options.command:
        raise LabError("run: which command? For example: run --stage-dir … -- vtxctl detect")
    with booted(options) as machine:
        if options.load:
            loaded = machine.run(["insmod", "/lab/vtxdrv.ko"])
            if loaded.status:
                raise LabError(str(loaded))
        result = machine.run(options.command, timeout=options.timeout)
    sys.stdout.buffer.write(result.stdout)
    sys.stderr.buffer.write(result.stderr)
    for record in result.kmsg:
        print(f"kernel: {record}", file=sys.stderr)
    if result.timed_out:
        print(f"timed out after {options.timeout} s of guest time", file=sys.stderr)
    return result.status if result.status >= 0 else 128 - result.status


def show_demo(options: argparse.Namespace) -> int:
    stage = options.stage or stage_number(options.stage_dir)
    options.vendor = options.vendor or demo.vendor(stage)
    with booted(options) as machine:
        try:
            passed = demo.show(machine, stage)
        except demo.DemoFailed as failed:
            # In a student's repository that is expected until the last exercise is done.
            if missing := where_it_stops(REPOSITORY, stage):
                print(f"\n{str(failed).splitlines()[-1]}\n{missing}")
                return 1
            raise
        off = machine.power_off()
    if not off:
        raise demo.DemoFailed("the machine did not switch itself off")
    print(f"\nStage {stage}: all {passed} checks passed, and the kernel had nothing to complain.")
    return 0


def show_debug(options: argparse.Namespace) -> int:
    from harness import debug

    return debug.run(options, booted)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="harness.lab", description=__doc__.splitlines()[0])
    commands = top.add_subparsers(dest="command_name", required=True)
    for name, (function, words) in COMMANDS.items():
        one = commands.add_parser(name, help=words)
        one.set_defaults(function=function)
        one.add_argument("--stage-dir", type=Path, required=True, help="such as build/project02")
        default = {"debug": DEBUG_VENDOR, "demo": None}.get(name, "vmx")
        one.add_argument("--vendor", choices=VENDORS, default=default,
                         help=f"default: {default or 'what the demo is about'}")
        one.add_argument("--kver", help="kernel; default: the one that the module was built for")
        one.add_argument("--artefacts", type=Path, help="folder for the logs")
        one.add_argument("--stage", type=int, help="number; default: from --stage-dir")
        if name == "run":
            one.add_argument("--load", action="store_true", help="insmod vtxdrv.ko first")
            one.add_argument("--timeout", type=float, default=120, help="guest seconds")
        if name in ("run", "debug"):
            one.add_argument("command", nargs="*", help="after --: what to run, or gdb's arguments")
    return top


DEBUG_VENDOR = os.environ.get("VTX_DEBUG_VENDOR", "svm")  # QEMU: the one with a gdb stub
EMULATORS = {"kvm": "QEMU with KVM", "tcg": "QEMU", "bochs": "Bochs"}
COMMANDS = {
    "shell": (shell, "an interactive shell in the machine"),
    "run": (run, "one command in the machine"),
    "demo": (show_demo, "the stage's main job, step by step, verified"),
    "debug": (show_debug, "the machine under a debugger, with the module's symbols"),
}


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    options.stage_dir = options.stage_dir.resolve()
    if options.artefacts is None:
        options.artefacts = options.stage_dir.parent / "artefacts" / f"lab-{os.getpid()}"
    try:
        return options.function(options)
    except KeyboardInterrupt:
        print("\ninterrupted; the lab machine is switched off", file=sys.stderr)
        return 130
    except REPORTED as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
