# SPDX-License-Identifier: GPL-2.0
"""The disk image that Bochs boots a Linux kernel from, without GRUB and without decompression.

    sector 0            boot sector, then the rest of the loader (loader/)
    sector LAYOUT_LBA   start record: entry, boot_params, and where each part goes in memory
    after it            the parts: kernel pages, initramfs, boot_params, command line

Parts are whole pages, so that nothing has to be moved after reading.
"""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import cache
from harness.errors import LabError
from harness.vmlinux import SETUP_SECTS

PAGE = 4096
SECTOR = 512
CYLINDER = 16 * 63 * SECTOR  # Bochs wants whole ones, of 16 heads and 63 sectors
MIB = 1 << 20
LOADER = Path(__file__).resolve().parent / "loader"

# Layout of the image and of low memory; the loader is compiled with the same numbers.
LOADER_SECTORS = 8
LAYOUT_LBA = 8
LAYOUT_SECTORS = 8
LAYOUT_MAGIC = 0x56585442
MAX_RANGES = 64
PAGE_TABLES = 0x80000
BOOT_PARAMS = 0x90000
COMMAND_LINE = 0x91000
COMMAND_LINE_LENGTH = 2048  # COMMAND_LINE_SIZE of x86
MAX_PARTS = (LAYOUT_SECTORS * SECTOR - 16) // 12

# The BIOS keeps its ACPI tables at the end of memory; the initramfs stays clear of them.
BIOS_TOP = 2 * MIB
# Addresses above belong to devices or lie beyond what the loader maps.
LOW_MEMORY_END = 3072 * MIB
# A run of zero pages shorter than this is read along: cheaper than one more part.
SHORT_GAP = 16 * PAGE

# Setup header fields that a boot loader writes: Linux, Documentation/arch/x86/boot.rst.
HEADER_START, HEADER_LENGTH = SETUP_SECTS, 0x201
TYPE_OF_LOADER, UNDEFINED_LOADER = 0x210, 0xFF
LOADFLAGS, LOADED_HIGH = 0x211, 0x01
RAMDISK_IMAGE, RAMDISK_SIZE, CMD_LINE_PTR = 0x218, 0x21C, 0x228

PT_LOAD = 1


class ImageError(LabError):
    """The kernel, the initramfs or the memory size do not go together."""


@dataclass
class Part:
    """A piece of memory content; its length is a multiple of a page."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """Return the address behind the part."""
        return self.address + len(self.data)


def loader() -> bytes:
    """Return the loader as the first sectors of a disk; it is compiled once and cached."""
    sources = [LOADER / name for name in ("boot.S", "load.c", "loader.ld")]
    defines = [f"-D{name}={globals()[name]:#x}" for name in (
        "LOADER_SECTORS", "LAYOUT_LBA", "LAYOUT_SECTORS", "LAYOUT_MAGIC", "MAX_RANGES",
        "PAGE_TABLES")]
    key = cache.digest(*defines, *(path.read_bytes() for path in sources))
    return cache.entry(f"loader/{key}.bin", lambda path: compile_loader(path, defines)).read_bytes()


def compile_loader(path: Path, defines: list[str]) -> None:
    """Build the loader with the host's gcc and binutils; 32-bit code needs no 32-bit libraries."""
    elf = path.with_suffix(".elf")
    script = path.with_suffix(".ld")
    run("gcc", "-E", "-P", "-x", "c", *defines, "-o", script, LOADER / "loader.ld")
    run("gcc", "-m32", "-march=i686", "-Os", "-ffreestanding", "-fno-pic", "-no-pie", "-nostdlib",
        "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fcf-protection=none",
        "-mgeneral-regs-only", "-Wall", "-Wextra", "-Wl,--build-id=none", "-Wl,-z,noexecstack",
        "-Wl,--no-warn-rwx-segments", *defines, "-T", script, "-o", elf,
        LOADER / "boot.S", LOADER / "load.c")
    run("objcopy", "-O", "binary", "-j", ".all", elf, path)


def run(*command: str | Path) -> None:
    """Run a build tool; what it said is the error's message."""
    try:
        done = subprocess.run(command, text=True, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ImageError(f"{command[0]} is missing: install gcc and binutils") from error
    if done.returncode:
        raise ImageError(f"the boot loader does not build:\n{done.stderr}")


def kernel_parts(elf: bytes) -> tuple[int, list[Part]]:
    """Return an ELF kernel's entry and the pages of its segments that are not all zero."""
    entry, table = struct.unpack_from("<QQ", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 54)
    parts = []
    for index in range(count):
        at = table + size * index
        kind, _, offset, _, address, length = struct.unpack_from("<IIQQQQ", elf, at)
        if kind == PT_LOAD:
            parts += nonzero_runs(address, elf[offset:offset + length])
    return entry, parts


def nonzero_runs(address: int, data: bytes) -> list[Part]:
    """Cut a memory area into parts, leaving longer runs of zero pages out."""
    if address % PAGE:
        raise ImageError(f"kernel segment at {address:#x}: expected a page boundary")
    zero = bytes(PAGE)
    runs: list[list[int]] = []
    for start in range(0, len(data), PAGE):
        if data[start:start + PAGE] == zero[:len(data) - start]:
            continue
        if runs and start - runs[-1][1] <= SHORT_GAP:
            runs[-1][1] = start + PAGE
        else:
            runs.append([start, start + PAGE])
    return [Part(address + start, padded(data[start:end])) for start, end in runs]


def padded(data: bytes) -> bytes:
    """Fill up to a whole page."""
    return data + bytes(-len(data) % PAGE)


def boot_params(vmlinuz: bytes, initrd: Part, initrd_size: int) -> bytes:
    """Return struct boot_params for the 64-bit boot protocol; the loader adds the memory map."""
    params = bytearray(PAGE)
    end = HEADER_LENGTH + 1 + vmlinuz[HEADER_LENGTH]
    params[HEADER_START:end] = vmlinuz[HEADER_START:end]
    params[TYPE_OF_LOADER] = UNDEFINED_LOADER
    params[LOADFLAGS] |= LOADED_HIGH
    struct.pack_into("<II", params, RAMDISK_IMAGE, initrd.address, initrd_size)
    struct.pack_into("<I", params, CMD_LINE_PTR, COMMAND_LINE)
    return bytes(params)


def place_initrd(data: bytes, kernel: list[Part], mem_mib: int) -> Part:
    """Put the initramfs as high as it goes, where the kernel's own growth does not reach it."""
    top = min(mem_mib * MIB - BIOS_TOP, LOW_MEMORY_END)
    address = (top - len(data)) // PAGE * PAGE
    lowest = max(part.end for part in kernel) + 32 * MIB
    if address < lowest:
        raise ImageError(f"{mem_mib} MiB are too little for this kernel and an initramfs of"
                         f" {len(data) // MIB} MiB: give the machine mem_mib="
                         f"{(lowest + len(data) + BIOS_TOP) // MIB + 1}")
    return Part(address, padded(data))


def start_record(entry: int, parts: list[Part], first_lba: int) -> bytes:
    """Return what tells the loader where everything is."""
    if len(parts) > MAX_PARTS:
        raise ImageError(f"the kernel is in {len(parts)} pieces, the loader takes {MAX_PARTS}")
    out = bytearray(struct.pack("<4I", entry, BOOT_PARAMS, LAYOUT_MAGIC, len(parts)))
    lba = first_lba
    for part in parts:
        sectors = len(part.data) // SECTOR
        out += struct.pack("<3I", lba, sectors, part.address)
        lba += sectors
    return bytes(out).ljust(LAYOUT_SECTORS * SECTOR, b"\0")


def write_image(path: Path, *, vmlinux: Path, vmlinuz: Path, initrd: Path, command_line: str,
                mem_mib: int) -> None:
    """Write the disk image of a lab machine."""
    line = command_line.encode("ascii") + b"\0"
    if len(line) > COMMAND_LINE_LENGTH:
        raise ImageError(f"the kernel command line has {len(line)} bytes, the kernel takes"
                         f" {COMMAND_LINE_LENGTH}")
    entry, parts = kernel_parts(vmlinux.read_bytes())
    content = initrd.read_bytes()
    ramdisk = place_initrd(content, parts, mem_mib)
    params = boot_params(vmlinuz.read_bytes(), ramdisk, len(content))
    parts += [ramdisk, Part(BOOT_PARAMS, params), Part(COMMAND_LINE, padded(line))]
    with open(path, "wb") as image:
        image.write(loader().ljust(LAYOUT_LBA * SECTOR, b"\0"))
        image.write(start_record(entry, parts, LAYOUT_LBA + LAYOUT_SECTORS))
        for part in parts:
            image.write(part.data)
        image.truncate(-(-image.tell() // CYLINDER) * CYLINDER)
