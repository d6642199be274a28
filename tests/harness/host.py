# SPDX-License-Identifier: GPL-2.0
"""The computer that the project is on, as far as it can be seen without privileges.

Everything is looked up below a root directory, so that tests can show the doctor a computer that
does not exist.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Where a user's PATH may not lead but the program is installed all the same.
EXTRA_PATH = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")
MIB = 1 << 20


@dataclass(frozen=True)
class Host:
    """A computer below `root`; `environ`, `cwd` and the folders are those of the user."""

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    build: Path = Path("build")
    cache: Path = Path("/nonexistent")
    clone: Path = Path(__file__).resolve().parents[2]
    kver: str | None = None  # KVER= of the user

    def path(self, name: str | Path) -> Path:
        """Return an absolute path of the computer as a path of ours."""
        return self.root / str(name).lstrip("/")

    def read(self, name: str) -> str | None:
        """Return a file's text without the white space around it; None if it cannot be read."""
        data = self.read_bytes(name)
        return None if data is None else data.decode("utf-8", "replace").strip()

    def read_bytes(self, name: str) -> bytes | None:
        """Return a file's bytes, or None if it cannot be read."""
        try:
            return self.path(name).read_bytes()
        except OSError:
            return None

    def which(self, program: str) -> Path | None:
        """Return where a program is, or None."""
        for folder in [*self.environ.get("PATH", "").split(":"), *EXTRA_PATH]:
            found = self.path(folder) / program
            if folder and found.is_file() and os.access(found, os.X_OK):
                return found
        return None

    def output(self, *command: str | Path) -> str:
        """Return what a program prints on both its outputs; "" if it cannot be run."""
        try:
            return subprocess.run(command, text=True, errors="replace", timeout=20, check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT).stdout
        except (OSError, subprocess.TimeoutExpired):
            return ""

    def may_use(self, device: str) -> bool:
        """Tell whether this user may read and write a device."""
        return os.access(self.path(device), os.R_OK | os.W_OK)

    def is_terminal(self) -> bool:
        """Tell whether there is a person to type."""
        return os.isatty(0)

    def processors(self) -> int:
        """Return how many CPUs this process may use."""
        return len(os.sched_getaffinity(0))

    def free_bytes(self, folder: Path) -> tuple[Path, int]:
        """Return the free space where a folder is or would be made, with the folder that exists."""
        folder = folder.absolute()
        while not folder.exists():
            folder = folder.parent
        state = os.statvfs(folder)
        return folder, state.f_bavail * state.f_frsize

    def release(self) -> str:
        """Return the running kernel's release."""
        return self.read("/proc/sys/kernel/osrelease") or "unknown"

    def distribution(self) -> tuple[str, str]:
        """Return ID and VERSION_ID of os-release, "" where it has none."""
        text = self.read("/etc/os-release") or ""
        found = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]*)"?$', text, re.M))
        return found.get("ID", ""), found.get("VERSION_ID", "")

    def cpu_flags(self) -> set[str]:
        """Return the flags of the first processor."""
        found = re.search(r"^flags\s*: (.*)$", self.read("/proc/cpuinfo") or "", re.M)
        return set(found[1].split()) if found else set()

    def modules(self) -> dict[str, int]:
        """Return the loaded kernel modules, each with its count of users."""
        lines = (self.read("/proc/modules") or "").splitlines()
        return {line.split()[0]: int(line.split()[2]) for line in lines if len(line.split()) > 2}

    def available_memory(self) -> int | None:
        """Return the bytes that are free, a container's limit included; None if unknown."""
        found = re.search(r"^MemAvailable:\s+(\d+) kB", self.read("/proc/meminfo") or "", re.M)
        amounts = [int(found[1]) * 1024] if found else []
        for limit, used in (("memory.max", "memory.current"),
                            ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
            top = self.read(f"/sys/fs/cgroup/{limit}") or ""
            now = self.read(f"/sys/fs/cgroup/{used}") or ""
            if top.isdigit() and now.isdigit():
                amounts.append(max(0, int(top) - int(now)))
        return min(amounts, default=None)
