# SPDX-License-Identifier: GPL-2.0
"""The distribution's modules, ready for an initramfs: with what they depend on, small, unpacked.

Dependencies are read out of the modules themselves (section .modinfo): a package that was never
installed has no modules.dep, which is depmod's work at installation.
"""

from __future__ import annotations

import lzma
import struct
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from harness import cache, vmlinux
from harness.errors import LabError

# Sections that only cost time at load: BPF's type information, and the list of ftrace's call sites,
# each of which the kernel looks up among the module's symbols (most of kvm.ko's load time). The
# calls themselves stay, as calls to a return. Function names stay too, for oopses.
TRACEABLE = ("strip", "--strip-debug", "--remove-section=.BTF")
STRIP = (*TRACEABLE, "--remove-section=__mcount_loc", "--remove-section=.rela__mcount_loc")


class ModuleError(LabError):
    """A module is missing or cannot be read."""


@lru_cache(maxsize=None)
def index(modules_dir: Path) -> dict[str, Path]:
    """Return every module file of a kernel by the module's name (with underscores)."""
    return {path.name.split(".ko")[0].replace("-", "_"): path
            for path in modules_dir.rglob("*.ko*")}


def load_order(modules_dir: Path, names: list[str]) -> dict[str, list[str]]:
    """Return the modules and all they need, each with its own needs, in the order of insmod."""
    order: dict[str, list[str]] = {}

    def visit(name: str) -> None:
        if name in order:
            return
        needs = depends(unpacked(modules_dir, name))
        for need in needs:
            visit(need)
        order[name] = needs

    for name in names:
        visit(name.replace("-", "_"))
    return order


def unpacked(modules_dir: Path, name: str) -> bytes:
    """Return a module's ELF file."""
    path = index(modules_dir).get(name)
    if path is None:
        raise ModuleError(f"no module {name} in {modules_dir}")
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    return vmlinux.unpack_with(["zstd", "-dc"], data) if path.suffix == ".zst" else data


def depends(elf: bytes) -> list[str]:
    """Return the names after depends= in a module's .modinfo section."""
    for item in section(elf, b".modinfo").split(b"\0"):
        if item.startswith(b"depends="):
            return [name.replace("-", "_") for name in item[8:].decode().split(",") if name]
    return []


def section(elf: bytes, name: bytes) -> bytes:
    """Return the content of a section of a 64-bit ELF file, empty if there is none."""
    table, = struct.unpack_from("<Q", elf, 40)
    size, count, strings = struct.unpack_from("<HHH", elf, 58)
    headers = [struct.unpack_from("<II4Q", elf, table + size * i) for i in range(count)]
    names = headers[strings]
    for header in headers:
        start = names[4] + header[0]
        if elf[start:elf.index(b"\0", start)] == name:
            return elf[header[4]:header[4] + header[5]]
    return b""


def traceable(modules_dir: Path, name: str) -> bytes:
    """As stripped(), with ftrace's list: the kernel makes each call to a return a no-operation."""
    return stripped(modules_dir, name, TRACEABLE)


def stripped(modules_dir: Path, name: str, strip: tuple[str, ...] = STRIP) -> bytes:
    """Return a module without its debug information; its signature goes too (taint E)."""
    elf = unpacked(modules_dir, name)

    def build(path: Path) -> None:
        with tempfile.NamedTemporaryFile(suffix=".ko") as whole:
            whole.write(elf)
            whole.flush()
            subprocess.run([*strip, "-o", path, whole.name], check=True)

    return cache.entry(f"modules/{name}-{cache.digest(elf, *strip)}.ko", build).read_bytes()
