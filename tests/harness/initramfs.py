# SPDX-License-Identifier: GPL-2.0
"""Build the lab machine's initial file system: a newc cpio archive, written without root or cpio.

The same content gives the same bytes (no times, no owners), so an archive is cached by its digest.
It stays uncompressed: Bochs would spend longer on decompressing it than on reading it from disk.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from harness import cache, modules
from harness.errors import LabError
from harness.spec import Kernel

BUSYBOX = Path("/bin/busybox")
FOLDERS = ("bin", "dev", "etc", "lab", "lib", "proc", "root", "run", "sbin", "sys", "tmp", "usr")
# What /init needs before devtmpfs is mounted: name, major, minor (admin-guide/devices).
DEVICES = (("dev/console", 5, 1), ("dev/null", 1, 3), ("dev/kmsg", 1, 11),
           ("dev/ttyS0", 4, 64), ("dev/ttyS1", 4, 65))
KEPT_ARCHIVES = 24
JOINED = "initrd"  # in the folder of one machine, as long as that one needs it

Source = Path | bytes | str


class InitramfsError(LabError):
    """Something that belongs into the archive is missing."""


class Cpio:
    """Collects entries and writes them in the "newc" format: headers of 8-digit hex fields."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[int, bytes, int, int]] = {}

    def add(self, name: str, mode: int, data: bytes = b"", major: int = 0, minor: int = 0) -> None:
        """Add an entry, and the folders above it that are not there yet."""
        name = name.strip("/")
        for parent in list(PurePosixPath(name).parents)[-2::-1]:
            self.entries.setdefault(str(parent), (stat.S_IFDIR | 0o755, b"", 0, 0))
        self.entries[name] = (mode, data, major, minor)

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Add a regular file."""
        self.add(name, stat.S_IFREG | mode, data)

    def symlink(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self.add(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name: str, major: int, minor: int) -> None:
        """Add a character device."""
        self.add(name, stat.S_IFCHR | 0o600, b"", major, minor)

    def archive(self) -> bytes:
        """Return the archive's bytes."""
        out = bytearray()
        for inode, (name, entry) in enumerate(self.entries.items(), start=1):
            out += _record(inode, name, *entry)
        out += _record(0, "TRAILER!!!", 0, b"", 0, 0)
        return bytes(out)


def _record(inode: int, name: str, mode: int, data: bytes, major: int, minor: int) -> bytes:
    """Return one entry: header, name and data, the last two padded to multiples of four."""
    path = name.encode() + b"\0"
    # inode mode uid gid nlink mtime size devmajor devminor rdevmajor rdevminor namesize check
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(path), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + path
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def build(init: Source, files: Iterable[tuple[str, Source]] = (), *, kernel: Kernel | None = None,
          with_modules: Iterable[str] = (), busybox: bool = True) -> Path:
    """Return an archive with `init` as /init, from the cache if the content was built before.

    `files` are (path in the machine, host file or content); a file that is executable on the host
    is so in the machine, and content given as bytes or text is if it starts like a program.
    `with_modules` names modules of `kernel`; they go to /lib/modules/RELEASE with all they depend
    on, so that `modprobe NAME` works.
    """
    cpio = Cpio()
    for folder in FOLDERS:
        cpio.add(folder, stat.S_IFDIR | 0o755)
    for name, major, minor in DEVICES:
        cpio.device(name, major, minor)
    if busybox:
        add_busybox(cpio)
    if kernel is not None:
        add_modules(cpio, kernel, list(with_modules))
    for name, source in files:
        add_source(cpio, name, source)
    add_source(cpio, "init", init, 0o755)
    return save(cpio.archive())


def save(data: bytes) -> Path:
    """Store an archive under its digest."""
    path = cache.entry(f"initramfs/{cache.digest(data)}.cpio", lambda new: _write(new, data))
    cache.prune("initramfs", KEPT_ARCHIVES)
    return path


def parcel(files: Iterable[tuple[str, Source]]) -> Path:
    """Return an archive with files alone, to be unpacked over another one."""
    cpio = Cpio()
    for name, source in files:
        add_source(cpio, name, source)
    return save(cpio.archive())


def joined(first: Path, second: Path | None, folder: Path) -> Path:
    """Two archives as one, in `folder`: the kernel unpacks one after the other."""
    if second is None:
        return first
    whole = folder / JOINED
    whole.write_bytes(first.read_bytes() + second.read_bytes())
    return whole


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def add_source(cpio: Cpio, name: str, source: Source, mode: int | None = None) -> None:
    """Add a host file, or content given directly."""
    if isinstance(source, str):
        source = source.encode()
    if isinstance(source, bytes):
        data, runs = source, source.startswith((b"#!", b"\x7fELF"))
    else:
        try:
            data, runs = source.read_bytes(), os.access(source, os.X_OK)
        except OSError as error:
            raise InitramfsError(f"{source}: {error.strerror}; it should become /{name} in the lab"
                                 " machine") from error
    cpio.file(name, data, mode or (0o755 if runs else 0o644))


def add_busybox(cpio: Cpio) -> None:
    """Add busybox and a link for each of its commands."""
    if not BUSYBOX.exists():
        raise InitramfsError(f"{BUSYBOX} is missing: install the package busybox-static")
    data = BUSYBOX.read_bytes()
    if b"/lib64/ld-linux-x86-64.so.2\0" in data:
        raise InitramfsError(f"{BUSYBOX} wants shared libraries: install busybox-static instead")
    cpio.file("bin/busybox", data, 0o755)
    listed = subprocess.run([BUSYBOX, "--list"], text=True, capture_output=True, check=True)
    for applet in listed.stdout.split():
        if applet not in ("busybox", "init"):
            cpio.symlink(f"bin/{applet}", "busybox")


def add_modules(cpio: Cpio, kernel: Kernel, names: list[str]) -> None:
    """Add modules with all they need, and the modules.dep that modprobe reads."""
    order = modules.load_order(kernel.modules_dir, names)
    home = f"lib/modules/{kernel.release}"
    for name in order:
        cpio.file(f"{home}/{name}.ko", modules.stripped(kernel.modules_dir, name))
    lines = [f"{name}.ko:" + "".join(f" {need}.ko" for need in all_needs(order, name))
             for name in order]
    cpio.file(f"{home}/modules.dep", "".join(f"{line}\n" for line in lines).encode())


def all_needs(order: dict[str, list[str]], name: str) -> list[str]:
    """Return what has to be loaded before a module, the last first: the order of modules.dep."""
    needed = set()
    waiting = list(order[name])
    while waiting:
        need = waiting.pop()
        needed.add(need)
        waiting += order[need]
    return [other for other in reversed(list(order)) if other in needed]
