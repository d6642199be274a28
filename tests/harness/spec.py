# SPDX-License-Identifier: GPL-2.0
"""What describes a lab machine and a kernel to boot in it: plain data, shared by every emulator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

VENDORS = ("vmx", "svm", "none")
ACCELS = ("kvm", "tcg", "bochs")


@dataclass(frozen=True)
class Kernel:
    """A kernel image with the headers that modules for it are built with."""

    release: str  # as in uname -r: "6.1.0-56-amd64"
    series: str  # "6.1"
    vmlinuz: Path  # the packaged, compressed image
    modules_dir: Path  # the lib/modules/RELEASE directory that has the .ko files
    headers_dir: Path  # for `make -C`
    system_map: Path | None = None  # None where the package has no symbols in it
    kcc: str | None = None  # the compiler to build modules with, when it is not gcc

    def vmlinux(self) -> Path:
        """Return the decompressed ELF image; it is made at the first call and kept in the cache."""
        from harness import vmlinux

        return vmlinux.decompressed(self.vmlinuz)


@dataclass
class MachineSpec:
    """One lab machine as its user wants it; a None means: the harness chooses."""

    vendor: str = "vmx"  # "vmx", "svm", or "none" for a processor without either
    accel: str | None = None  # "kvm", "tcg", "bochs"
    cpus: int = 2
    mem_mib: int = 256
    kernel: Kernel | None = None
    initrd: Path | None = None
    parcel: Path | None = None  # a second archive, unpacked over it: what the stage adds
    cpu_model: str | None = None  # in the emulator's own words
    cmdline_extra: str = ""
    debug: bool = False  # leave the door open for a debugger
    firmware: str = ""  # a name of bochs_bios.FIRMWARE; "" is the emulator's own

    def __post_init__(self) -> None:
        if self.vendor not in VENDORS:
            raise ValueError(f"vendor {self.vendor!r}: expected one of {', '.join(VENDORS)}")
        if self.accel is not None and self.accel not in ACCELS:
            raise ValueError(f"accel {self.accel!r}: expected one of {', '.join(ACCELS)}")
        if self.firmware:
            self.accel = "bochs"  # the one whose BIOS we can change
        if self.cpus < 1:
            raise ValueError(f"cpus={self.cpus}: a machine has at least one")
