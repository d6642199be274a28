# SPDX-License-Identifier: GPL-2.0
"""What is in a submission: one stream of members for folders, tars, zips and git bundles.

Nothing is unpacked. A member's name is compared and never used as a path, and only the content of
files that the stage lists is read, so links, devices, `..` and absolute names can do nothing.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import submit
from harness.klass import gitbundle
from harness.klass.errors import Unreadable

MIB = 1 << 20
ARCHIVE_LIMIT = 64 * MIB  # on disk
UNPACKED_LIMIT = 256 * MIB  # read of it, wanted or not
MEMBER_LIMIT = 20000
DEPTH_LIMIT = 6
LINK = "it is a symbolic link; hand in the file itself"
NOT_A_FILE = "it is not a regular file"
TOO_LARGE = f"it is larger than {submit.SIZE_LIMIT // 1024} KiB"


@dataclass
class Member:
    """One file of a submission; `why` says why it cannot be taken, whatever its content."""

    parts: tuple[str, ...]  # the path, without "." and empty parts
    read: Callable[[], bytes]
    why: str = ""


def split(name: str) -> tuple[str, ...]:
    """The parts of a member's name; () for one that leads outside or to another place."""
    name = name.replace("\\", "/")  # zips from Windows
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    return () if name.startswith("/") or ".." in parts else parts


class Bounded(io.RawIOBase):
    """A stream that refuses to give more than a limit: what a bomb becomes when it is read."""

    def __init__(self, stream: io.IOBase):
        self._stream, self._left = stream, UNPACKED_LIMIT

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, MIB) if size >= 0 else MIB)
        self._left -= len(data)
        if self._left < 0:
            raise Unreadable(f"it unpacks to more than {UNPACKED_LIMIT // MIB} MiB")
        return data


def _checked(read: Callable[[], bytes]) -> Callable[[], bytes]:
    """A file that lies in a folder: submit.py knows how to open what a stranger has left there."""
    def checked() -> bytes:
        data = read()
        if data is None:
            raise submit.Refused("it vanished while it was read")
        return data
    return checked


def folder_members(folder: Path) -> Iterator[Member]:
    """Every file below a folder; links are not followed, hidden folders not entered."""
    for home, folders, files in os.walk(folder):
        parts = Path(home).relative_to(folder).parts
        folders[:] = sorted(f for f in folders if not f.startswith(".")) \
            if len(parts) < DEPTH_LIMIT else []
        for name in sorted(files):
            path = Path(home, name)
            yield Member((*parts, name), _checked(lambda path=path: submit.read_plain(path)))


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    def read() -> bytes:
        with tar.extractfile(info) as file:
            return file.read(submit.SIZE_LIMIT + 1)
    why = "" if info.isreg() else LINK if info.issym() else NOT_A_FILE
    return Member(split(info.name), read, why)


def _tar_members(stream: io.IOBase) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=Bounded(stream), mode="r|") as tar:
            while info := tar.next():
                if not info.isdir():
                    yield _tar_member(tar, info)
                tar.members.clear()  # tarfile would remember them all
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the disk's trouble is not the student's
        raise Unreadable(f"it is damaged, or no tar inside ({error})") from error


def _zstd_members(path: Path) -> Iterator[Member]:
    with subprocess.Popen(["zstd", "-dc", "--memory=256MiB", "--", path], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as process:
        try:
            yield from _tar_members(process.stdout)
        finally:
            process.kill()


def _opened(opener: Callable) -> Callable[[Path], Iterator[Member]]:
    def members(path: Path) -> Iterator[Member]:
        with opener(path, "rb") as stream:
            yield from _tar_members(stream)
    return members


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    def read() -> bytes:
        with archive.open(info) as file:
            return file.read(submit.SIZE_LIMIT + 1)
    mode = info.external_attr >> 16
    why = LINK if stat.S_ISLNK(mode) else ""
    if info.flag_bits & 1:
        why = "it is encrypted; hand in a zip without a password"
    return Member(split(info.filename), read, why)


def _zip_members(path: Path) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield _zip_member(archive, info)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error, lzma.LZMAError,
            ValueError, RuntimeError) as error:
        raise Unreadable(f"it is a damaged zip ({error})") from error


def _bundle_members(path: Path) -> Iterator[Member]:
    for blob in gitbundle.blobs(path):
        why = LINK if blob.mode == "120000" else TOO_LARGE if blob.size > submit.SIZE_LIMIT else ""
        yield Member(split(blob.path), blob.read, why)


FORMATS = (  # magic, at, how to read
    (b"PK\x03\x04", 0, _zip_members),
    (b"PK\x05\x06", 0, _zip_members),  # an empty one
    (b"\x1f\x8b", 0, _opened(gzip.open)),
    (b"BZh", 0, _opened(bz2.open)),
    (b"\xfd7zXZ\x00", 0, _opened(lzma.open)),
    (b"\x28\xb5\x2f\xfd", 0, _zstd_members),
    (b"# v2 git bundle\n", 0, _bundle_members),
    (b"# v3 git bundle\n", 0, _bundle_members),
    (b"ustar", 257, _opened(open)),
)


def archive_reader(path: Path) -> Callable[[Path], Iterator[Member]] | None:
    """How to read this file, by its first bytes; None if it is no archive that we know."""
    with path.open("rb") as file:
        head = file.read(512)
    return next((read for magic, at, read in FORMATS if head[at:].startswith(magic)), None)


def _regular(path: Path) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "neither a folder nor a regular file"
        raise Unreadable(f"it is {what}; a folder or an archive is expected")


def members(path: Path) -> Iterator[Member]:
    """Everything in a submission, or Unreadable."""
    if path.is_dir() and not path.is_symlink():
        yield from folder_members(path)
        return
    _regular(path)
    if path.stat().st_size > ARCHIVE_LIMIT:
        raise Unreadable(f"it is larger than {ARCHIVE_LIMIT // MIB} MiB; hand in the listed files"
                         " only, without anything that was built")
    reader = archive_reader(path)
    if not reader:
        raise Unreadable("it is no archive that can be read: a folder, tar (plain, gz, bz2, xz,"
                         " zst), zip or git bundle is expected")
    yield from reader(path)
