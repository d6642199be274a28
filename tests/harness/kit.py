# SPDX-License-Identifier: GPL-2.0
"""Build what goes into the lab machine beside the stage: the agent, the probe, the initramfs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from harness import cache, initramfs
from harness.errors import LabError
from harness.spec import Kernel

HERE = Path(__file__).resolve().parent
AGENT = HERE / "agent"
# The grader's own programs.
MEMTOOL = HERE / "memtool"
MEMORY_LOGIC = ("npt_logic", "vmx_ept_logic", "slot_logic")
# Programs that drive a stage's pure C: the stage that it is of, and its objects.
TOOLS = {"memtool": (5, MEMORY_LOGIC), "svmtool": (7, ("svm_insn_logic", "svm_asid_logic"))}
CLIENTS = tuple(HERE / name for name in ("kvmclient", "abitool", "vmtool", "entrytool"))
PROBE = HERE / "probe"
ABI = sorted((HERE.parents[1] / "common/include").glob("vtxdrv*.h"))
LAB_MODULES = ("kvm_intel", "kvm_amd")  # with kvm and what that needs
KEPT = 12


class BuildFailed(LabError):
    """A part of the harness does not compile: nobody's submission is to blame."""


def make(what: str, argv: list[str]) -> None:
    """Run one build; its output is shown only if it fails."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise BuildFailed(f"{what}: {argv[0]} is not installed; `make doctor` tells") from error
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()[-20:]
        raise BuildFailed(f"{what} did not build:\n" + "\n".join(lines))


def source_digest(folder: Path, *more: str) -> str:
    files = sorted(p for p in folder.iterdir() if p.suffix in (".c", ".h") or p.stem in BUILD_FILES)
    return cache.digest(*more, *(part for p in files for part in (p.name, p.read_bytes())))


BUILD_FILES = ("Makefile", "Kbuild")


def program(folder: Path) -> Path:
    """Return the static program of a folder, named like it; built once for its sources."""
    name = folder.name
    digest = source_digest(folder, *(path.read_text(encoding="utf-8") for path in ABI))
    path = cache.entry(f"{name}/{name}-{digest}", lambda final: build_program(folder, final))
    cache.prune(name, KEPT)
    return path


def build_program(folder: Path, path: Path) -> None:
    binary = path.parent / folder.name
    make(folder.name, ["make", "-s", "-C", str(folder), f"OUT={path.parent}", str(binary)])
    binary.rename(path)


def agent() -> Path:
    """Return the lab machine's /init."""
    return program(AGENT)


def probe(kernel: Kernel) -> Path:
    """Return vtxprobe.ko for this kernel; built once for a state of sources and headers."""
    stamp = str((kernel.headers_dir / "Module.symvers").stat().st_mtime_ns)
    name = f"vtxprobe-{kernel.release}-{source_digest(PROBE, stamp, kernel.kcc or '')}.ko"
    path = cache.entry(f"probe/{name}", lambda final: build_probe(kernel, final))
    cache.prune("probe", KEPT)
    return path


def build_probe(kernel: Kernel, path: Path) -> None:
    work = path.parent / "build"  # kbuild writes next to the sources, so they are copied
    shutil.copytree(PROBE, work, ignore=shutil.ignore_patterns("*.o", "*.ko", ".*"))
    argv = ["make", "-s", "-C", str(kernel.headers_dir), f"M={work}", "W=1"]
    # Headers of another Debian release name a compiler that need not exist here, such as gcc-12.
    argv.append(f"CC={kernel.kcc or 'gcc'}")
    make("vtxprobe.ko", [*argv, "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"])  # BTF needs pahole
    make("vtxprobe.ko", ["strip", "--strip-debug", str(work / "vtxprobe.ko")])
    os.rename(work / "vtxprobe.ko", path)


def stage_files(stage_dir: Path | None) -> list[tuple[str, Path]]:
    """Return what a stage's build folder adds: module and guests in /lab, the tool in /bin."""
    if stage_dir is None:
        return []
    stage_dir = Path(stage_dir)
    files = [("lab/vtxdrv.ko", stage_dir / "vtxdrv.ko"), ("bin/vtxctl", stage_dir / "vtxctl")]
    missing = [str(source) for _, source in files if not source.exists()]
    if missing:
        raise LabError(f"{' and '.join(missing)} not there; build the stage first: make projectNN")
    guests = sorted((stage_dir / "guest").glob("*.bin"))  # flat images, from project04 on
    return [*((name, slim(source)) for name, source in files),
            *((f"lab/guest/{image.name}", image) for image in guests),
            *((f"bin/{name}", tool) for name in TOOLS if (tool := logic_tool(stage_dir, name)))]


def logic_tool(stage_dir: Path, name: str) -> Path | None:
    """Return what drives a stage's pure C: our own sources, linked to the stage's objects."""
    stage, logic = TOOLS[name]
    objects = [stage_dir / "user" / f"{unit}.o" for unit in logic]
    if not all(path.exists() for path in objects):
        return None
    folder = HERE / name
    sources = sorted(folder.glob("*.c"))
    include = [f"-I{stage_dir}", f"-I{folder}", f"-DVTX_STAGE={stage}"]

    def build(path: Path) -> None:
        make(name, ["gcc", "-std=gnu11", "-O1", "-w", "-static", "-s", *include, "-o",
                    str(path), *map(str, [*sources, *objects])])

    stamp = cache.digest(*(path.read_bytes() for path in [*sources, *objects]))
    path = cache.entry(f"{name}/{stamp}", build)
    cache.prune(name, 4 * KEPT)
    return path


def slim(binary: Path) -> Path:
    """Return it without debug information: a megabyte less to load for an emulated disk."""

    def build(path: Path) -> None:
        try:
            make(binary.name, ["strip", "--strip-debug", "-o", str(path), str(binary)])
        except BuildFailed:  # whoever made a file that strip cannot read gains nothing by it
            shutil.copy(binary, path)

    path = cache.entry(f"slim/{cache.digest(binary.read_bytes())}-{binary.name}", build)
    cache.prune("slim", 4 * KEPT)
    return path


def prepare_initrd(kernel: Kernel) -> Path:
    """Return an initramfs with the agent, the probe and KVM's modules, the grader's own parts."""
    files: list[tuple[str, Path | bytes | str]] = [
        ("lab/vtxprobe.ko", probe(kernel)),
        *((f"bin/{folder.name}", program(folder)) for folder in CLIENTS),
    ]
    return initramfs.build(agent(), files, kernel=kernel, with_modules=LAB_MODULES)


def prepare_parcel(
    stage_build_dir: Path | None,
    extra_files: Iterable[tuple[str, Path | bytes | str]] = (),
) -> Path | None:
    """Return an archive with what comes on top: a stage's module and tool, and other files.

    `extra_files`: (path in the machine, host file or content).
    """
    files = [*stage_files(stage_build_dir), *extra_files]
    return initramfs.parcel(files) if files else None
