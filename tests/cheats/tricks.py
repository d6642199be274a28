# SPDX-License-Identifier: GPL-2.0
"""Directories that a text file cannot describe. Each trick gets SUBMIT, filled with the student's
files, and the reference's directory of the stage."""

import os
import shutil


def _names(submit):
    return sorted(path.name for path in submit.iterdir())


def _empty(submit):
    for path in list(submit.iterdir()):
        path.unlink()


def links(submit, reference):
    """Every file a symbolic link to the reference's."""
    for name in _names(submit):
        (submit / name).unlink()
        (submit / name).symlink_to(reference / name)


def linked_folder(submit, reference):
    """The stage's folder a symbolic link to the reference's."""
    _empty(submit)
    (submit / reference.name).symlink_to(reference)


def hard_links(submit, reference):
    """Every file the reference's own, under a second name."""
    for name in _names(submit):
        (submit / name).unlink()
        (submit / name).hardlink_to(reference / name)


def _instead(submit, make):
    path = submit / _names(submit)[0]
    path.unlink()
    make(path)


def fifo(submit, reference):
    """A pipe that nobody writes to."""
    _instead(submit, os.mkfifo)


def device(submit, reference):
    """/dev/zero, which never ends."""
    _instead(submit, lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)))


def folder(submit, reference):
    """A directory with the name of a file."""
    _instead(submit, os.mkdir)


def gigabyte(submit, reference):
    """A file of 1 GiB, most of it a hole."""
    os.truncate(submit / _names(submit)[0], 1 << 30)


def capitals(submit, reference):
    """Names that are the same only where case does not matter."""
    for name in _names(submit):
        (submit / name).rename(submit / name.upper())
    shutil.copytree(submit, submit / reference.name.capitalize())


def empty(submit, reference):
    """Nothing at all."""
    _empty(submit)
