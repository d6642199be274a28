# SPDX-License-Identifier: GPL-2.0
"""Booted machines as files: the next Bochs machine of a kind begins where the boot ended.

A state is saved once the agent waits for its first work, by a boot without any stage inside, so no
submission has had a chance to leave something in it. It is an entry of the cache, read-only and
named by everything that went into it. Each machine restores it in a process of its own with private
memory and a private disk, and only then gets the files of its stage (the parcel), the time, and
random numbers of its own.

VTX_SNAPSHOT=off boots every machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from harness import bochs, bochs_bios, bochs_image, cache, kit
from harness.bochs import BochsEmulator
from harness.errors import LabError
from harness.spec import MachineSpec

HERE = Path(__file__).resolve().parent
SAVER = HERE / "saver/saver.c"
FOLDER = "machines"
KEPT = 16  # a state takes 100 MB; `make check` uses up to 14, whichever models are drawn
MOST_FAILURES = 3  # of one kind of machine; then it is booted for good
DISK = "hard_drive.0.drive0.image"  # Bochs's own name of the disk's copy in a saved state
NOTE = "machine.json"
RESTORE_SECONDS = 30.0
SAVE_SECONDS = 30.0


# ---- which state ------------------------------------------------------------------------------


def wanted(spec: MachineSpec) -> bool:
    """Only machines whose initramfs is the grader's own: the stage's files come as a parcel."""
    on = os.environ.get("VTX_SNAPSHOT", "on") != "off"
    return on and spec.accel == "bochs" and spec.parcel is not None and not spec.debug


@lru_cache(maxsize=64)
def _digest(path: Path, _size: int, _changed: int) -> str:
    return cache.digest(path.read_bytes())


def digest(path: Path) -> str:
    """A digest of a file; it is read again only when it has changed."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


def name(spec: MachineSpec) -> str:
    """The entry's name in the cache: everything that the state depends on."""
    program = Path(shutil.which(bochs.PROGRAM) or bochs.PROGRAM)
    files = [program, bochs.BIOS, bochs.VGA_BIOS, spec.kernel.vmlinuz, spec.initrd, SAVER,
             *(Path(module.__file__) for module in (bochs, bochs_bios, bochs_image))]
    words = (spec.vendor, str(spec.cpus), str(spec.mem_mib), spec.cpu_model or "",
             spec.cmdline_extra, spec.firmware)
    return f"{FOLDER}/{cache.digest(*words, *map(digest, files))}"


def state(spec: MachineSpec, start: Callable) -> Path | None:
    """Return the saved state for a machine, saved now if need be; None: boot it.

    `start` is Machine.start().
    """
    if not wanted(spec):
        return None
    bochs.require_packages()
    entry = name(spec)
    if failures(entry) >= MOST_FAILURES:
        return None
    try:
        found = cache.entry(entry, lambda path: make(spec, path, start))
    except (LabError, OSError):  # the boot that follows says what is wrong
        note_failure(entry)
        return None
    cache.prune(FOLDER, KEPT)
    return found


def forget(found: Path) -> None:
    """A state that could not be restored: the next machine of its kind saves another."""
    note_failure(f"{FOLDER}/{found.name}")
    shutil.rmtree(found, ignore_errors=True)


def _failures_file(entry: str) -> Path:
    return cache.root() / "failures" / Path(entry).name


def failures(entry: str) -> int:
    """How often saving or restoring has failed for this kind of machine."""
    with contextlib.suppress(FileNotFoundError):
        return _failures_file(entry).stat().st_size
    return 0


def note_failure(entry: str) -> None:
    """One byte each."""
    path = _failures_file(entry)
    with contextlib.suppress(OSError):  # no room even for that: the machine boots all the same
        path.parent.mkdir(exist_ok=True)
        with open(path, "ab") as file:
            file.write(b".")


# ---- saving -----------------------------------------------------------------------------------


def saver() -> Path:
    """Return the library that teaches Bochs's debugger to save; built once."""

    def build(path: Path) -> None:
        kit.make("saver", ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                           "-o", str(path), str(SAVER), "-ldl"])

    return cache.entry(f"saver/{digest(SAVER)}.so", build)


class SavingBochs(BochsEmulator):
    """A machine that is booted to be saved."""

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {"LD_PRELOAD": str(saver())}

    def save(self, folder: Path) -> None:
        """Write the machine's state; it stands still from then on."""
        folder.mkdir()
        self._debugger.tell(f"save-state {os.path.relpath(folder, self.workdir)}")
        self.ask("? 1")
        self.pause()


def make(spec: MachineSpec, path: Path, start: Callable) -> None:
    """Boot a machine with nothing of anybody's in it, and save it as the folder `path`."""
    workdir = path.parent / "boot"
    emulator = SavingBochs(replace(spec, parcel=None), workdir)
    machine = start(emulator.spec, emulator, workdir)
    try:
        emulator.save(path)
    finally:
        machine.kill()
    note = {"agent": machine.agent, "disk": (path / DISK).stat().st_size}
    (path / NOTE).write_text(json.dumps(note), encoding="utf-8")
    for useless in (DISK, "config"):
        (path / useless).unlink()
    for file in path.iterdir():
        file.chmod(0o444)


# ---- restoring --------------------------------------------------------------------------------


class RestoredBochs(BochsEmulator):
    """A machine that begins with a saved state. Its disk holds the parcel, for the agent."""

    def __init__(self, spec: MachineSpec, workdir: Path, saved: Path) -> None:
        super().__init__(spec, workdir)
        self._saved = saved
        self._folder = self.workdir / "state"
        self._about = json.loads((saved / NOTE).read_text(encoding="utf-8"))
        self.agent: dict[str, str] = self._about["agent"]
        self.parcel_size = spec.parcel.stat().st_size

    def start(self) -> None:
        super().start()
        self._debugger.await_stop(RESTORE_SECONDS, self.runs)

    def _write_disk(self) -> None:
        """Lay the state out: Bochs copies the disk from there, and only reads the other files."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for file in self._saved.iterdir():
            (self._folder / file.name).symlink_to(file)
        shutil.copyfile(self.spec.parcel, self._folder / DISK)
        for disk in (self._folder / DISK, self._image):
            with open(disk, "ab") as image:
                image.truncate(self._about["disk"])
        if self.parcel_size > self._about["disk"]:
            raise LabError(f"the stage's files have {self.parcel_size} bytes, too much for a disk")

    def _configuration(self) -> Path:
        return self._folder / "config"

    def _start_options(self) -> list[str]:
        return ["-r", self._folder.name]

    def _clean(self) -> None:
        super()._clean()
        shutil.rmtree(self._folder, ignore_errors=True)
