# SPDX-License-Identifier: GPL-2.0
"""Run the compiler where it reads the stage and the system, and writes to its own folder only.

    python3 -I confine.py FOLDER KDIR COMMAND...

The reference solution lies on the same disk as the submission that is built, and there are more
ways to make a compiler read a file than anybody can search source text for: a macro that expands
to a name, an escape in an assembler string, a string that hides a comment. So the kernel refuses:
Landlock (Linux 5.13 and later) limits this process and everything that it starts, without root.
Where the kernel has none, the command runs all the same and a line says so.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
RULESET_VERSION = 1
PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ = EXECUTE | READ_FILE | READ_DIR
# Version of the interface -> number of rights that it knows, from EXECUTE on.
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
NETWORK = 3  # bind and connect of TCP, from version 4
SCOPES = 3  # abstract sockets and signals to processes outside, from version 6

# What compilers and make need of a system; nobody's own files.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/etc/alternatives",
          "/etc/ld.so.cache", "/dev/urandom", "/dev/zero")
UNAVAILABLE = "confine: this kernel has no Landlock: the compiler can read whatever you can"


def system_call(number: int, *words: int | bytes | ctypes.Array | None) -> int:
    """One system call that glibc has no name for; -1 where it fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = [ctypes.c_long(w) if isinstance(w, int) else w for w in words]
    return libc.syscall(ctypes.c_long(number), *arguments)


def version() -> int:
    """Which Landlock this kernel has; below 1 for none."""
    return system_call(CREATE_RULESET, None, 0, RULESET_VERSION)


def known_rights(abi: int) -> int:
    """Every right that this version can forbid."""
    return (1 << RIGHTS.get(abi, max(RIGHTS.values()))) - 1


def create_ruleset(abi: int) -> int:
    """Forbid everything; rules then allow."""
    words = [known_rights(abi)]
    if abi >= 4:
        words.append(NETWORK)
    if abi >= 6:
        words.append(SCOPES)
    attributes = struct.pack(f"={len(words)}Q", *words)
    return system_call(CREATE_RULESET, attributes, len(attributes), 0)


def allow(ruleset: int, path: Path, rights: int) -> None:
    """Allow these rights for a file, or for everything below a directory."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no permission
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= OF_FILES
        rule = struct.pack("=Qi", rights, fd)
        if system_call(ADD_RULE, ruleset, PATH_BENEATH, rule, 0):
            raise OSError(ctypes.get_errno(), f"Landlock refuses a rule for {path}")
    finally:
        os.close(fd)


def headers_of(kdir: Path) -> Path:
    """What a kernel's headers need: the tree that they were unpacked into."""
    kdir = kdir.resolve()
    return next((parent for parent in kdir.parents if parent.name == "usr"), kdir)


def readable(folder: Path, kdir: Path) -> list[Path]:
    """The system, the headers, and exactly the files that the stage was composed of."""
    links = [entry.resolve() for entry in folder.rglob("*") if entry.is_symlink()]
    return [*map(Path, SYSTEM), headers_of(kdir), *links]


def confine(folder: Path, kdir: Path) -> bool:
    """Limit this process for good; False where the kernel cannot."""
    abi = version()
    if abi < 1:
        return False
    every = known_rights(abi)
    ruleset = create_ruleset(abi)
    for path in readable(folder, kdir):
        allow(ruleset, path, READ & every)
    for path in (folder, Path(os.environ.get("TMPDIR", "/tmp")), Path("/dev/null")):
        allow(ruleset, path, every)
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if system_call(RESTRICT_SELF, ruleset, 0):
        raise OSError(ctypes.get_errno(), "Landlock: cannot limit this process")
    os.close(ruleset)
    return True


def main(arguments: list[str]) -> None:
    """Become the command, limited."""
    folder, kdir, *command = arguments
    if not confine(Path(folder).resolve(), Path(kdir)):
        print(UNAVAILABLE, file=sys.stderr, flush=True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
