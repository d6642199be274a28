# SPDX-License-Identifier: GPL-2.0
"""Take a submission: only the files that the stage lists as the student's, and only as plain text.

Whatever else lies in the directory is not looked at. Nothing is followed, nothing is executed: a
link, a device, a pipe, an oversized or a binary file is refused with its reason. What was accepted
is copied into a private folder, and the build overlays that folder.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from harness.exercises import stage_directory, student_files

SIZE_LIMIT = 256 * 1024
_DIRECTIVE = re.compile(r"^[ \t]*(?:#|%:)[ \t]*(include|include_next|import|embed)\b(.*)$", re.M)
_PLAIN_QUOTED = re.compile(r'"[A-Za-z0-9_-]+\.(?:h|def)"')
_SYSTEM = re.compile(r"<[A-Za-z0-9_][A-Za-z0-9_/-]*\.h>")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
_STRING_SEAM = re.compile(r'"\s*"')  # ".inc" "bin" is one string to the compiler
_ASM_FILE = re.compile(r"\.\s*(?:incbin|include)\b")


@dataclass
class Submission:
    """What was taken from a directory for one stage."""

    stage: str
    source: Path
    folder: Path  # the private copy; flat, to be given to make as SUBMIT=
    taken: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)  # name, why

    @property
    def complete(self) -> bool:
        """True when every file of the student is there."""
        return not self.missing and not self.refused

    def explain(self) -> str:
        """What is wrong with the submission, one line a file; "" when nothing is."""
        rows = [f"{name}: refused: {why}" for name, why in self.refused]
        rows += [f"{name}: missing; looked for {self.source / name}" for name in self.missing]
        return "\n".join(rows)


class Refused(Exception):
    """This file is not taken; the text says why."""


def locate(directory: Path, stage: str) -> Path:
    """The folder with the stage's files: DIR/projectNN of a tree, or DIR itself when it is flat."""
    inner = directory / stage
    if inner.is_symlink():
        raise Refused(f"{inner} is a symbolic link; hand in the directory itself")
    return inner if inner.is_dir() else directory


def _why_not_opened(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a symbolic link; hand in the file itself"
    return f"it cannot be read ({error.strerror})"


def check_names(path: Path, found: os.stat_result, reference: Path | None) -> None:
    """Refuse a hard link to what is not the student's: the solution, or somebody else's file."""
    if found.st_nlink < 2:
        return
    if reference and reference.exists() and os.path.samestat(found, reference.stat()):
        raise Refused("it is the file of this tree under another name (a hard link)")
    if found.st_uid != path.parent.stat().st_uid:
        raise Refused("it is a hard link to a file of another owner; hand in a copy")


def read_plain(path: Path, reference: Path | None = None) -> bytes | None:
    """Read a regular file of sensible size without following a link; None if there is no file."""
    try:
        # O_NONBLOCK: opening a pipe must not wait for a writer that never comes.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Refused(_why_not_opened(error)) from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise Refused("it is not a regular file")
        check_names(path, found, reference)
        with open(fd, "rb", closefd=False) as file:
            data = file.read(SIZE_LIMIT + 1)
    finally:
        os.close(fd)
    if len(data) > SIZE_LIMIT:
        raise Refused(f"it is larger than {SIZE_LIMIT // 1024} KiB")
    if b"\0" in data:
        raise Refused("it has NUL bytes; source is text")
    return data


def check_includes(text: str) -> None:
    """Refuse an #include of anything but a header, with a message that helps.

    This finds what somebody does by mistake. What hides from it the build cannot read: confine.py.
    """
    text = _COMMENT.sub(" ", re.sub(r"\\[ \t]*\r?\n", "", text))
    for directive in _DIRECTIVE.finditer(text):
        what = directive.group(2).strip()
        if not (_PLAIN_QUOTED.fullmatch(what) or _SYSTEM.fullmatch(what)):
            raise Refused(
                f'#{directive.group(1)} {what}: only "name.h", "name.def" and <system/header.h>'
                " can be included"
            )
    if _ASM_FILE.search(_STRING_SEAM.sub("", text)):
        raise Refused(".incbin and .include of the assembler are not available to a submission")


def take_file(path: Path, reference: Path | None = None) -> bytes | None:
    """The content of one submitted file; None if it is not there; Refused says what is wrong."""
    data = read_plain(path, reference)
    if data is not None and path.suffix in (".c", ".h", ".S"):
        check_includes(data.decode("utf-8", "replace"))
    return data


def take(directory: Path, root: Path, stage: str, folder: Path) -> Submission:
    """Copy the student's files of one stage out of `directory` into the new private `folder`."""
    folder.mkdir(parents=True, mode=0o700)
    submission = Submission(stage, directory, folder)
    reference = stage_directory(root, stage)
    names = student_files(reference)
    try:
        submission.source = locate(directory, stage)
    except Refused as refused:
        submission.refused = [(name, str(refused)) for name in names]
        return submission
    for name in names:
        try:
            data = take_file(submission.source / name, reference / name)
        except Refused as refused:
            submission.refused.append((name, str(refused)))
            continue
        if data is None:
            submission.missing.append(name)
            continue
        (folder / name).write_bytes(data)
        submission.taken.append(name)
    return submission
