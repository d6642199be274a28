# SPDX-License-Identifier: GPL-2.0
"""A computer made of files, for the tests of make doctor."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.doctor_item import OK, Item
from harness.doctor_lab import BOCHS_ABILITIES
from harness.host import MIB, Host

DEBIAN_12 = 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n'
RELEASE = "6.1.0-56-amd64"
METAPACKAGE = ("Package: other\nStatus: install ok installed\n\nPackage: linux-headers-amd64\n"
               f"Status: install ok installed\nDepends: linux-headers-{RELEASE} (= 6.1.192-2)\n")
GOOD_BOCHS = b"\x7fELF" + b"\0".join(BOCHS_ABILITIES.values())
TERM_PLUGIN = "usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so"


@dataclass(frozen=True)
class MadeUp(Host):
    """A computer of files below a folder, with made-up answers where files do not tell."""

    outputs: dict[str, str] = field(default_factory=dict)
    device_allowed: bool = True
    cpus: int = 4
    free: int = 100_000 * MIB
    typing: bool = True

    def output(self, *command: str | Path) -> str:
        return self.outputs.get(Path(command[-1] if command[0] == "sh" else command[0]).name, "")

    def may_use(self, device: str) -> bool:
        return self.device_allowed

    def processors(self) -> int:
        return self.cpus

    def free_bytes(self, folder: Path) -> tuple[Path, int]:
        return folder, self.free

    def is_terminal(self) -> bool:
        return self.typing


def good_host(tmp_path: Path) -> MadeUp:
    """A computer on which nothing is wrong."""
    host = MadeUp(root=tmp_path / "root", environ={"PATH": "/usr/bin", "TERM": "xterm"},
                  build=tmp_path / "build", cache=tmp_path / "cache", clone=tmp_path,
                  outputs={"find-python.sh": "/usr/bin/python3\n", "python3": "Python 3.11.2\n",
                           "qemu-system-x86_64": "QEMU emulator version 7.2.22 (Debian)\n",
                           "bochs-bin": "Bochs x86 Emulator 2.7\n"})
    write(host, "proc/cpuinfo", "processor : 0\nflags\t\t: fpu lm vmx\n")
    write(host, "proc/meminfo", "MemTotal: 1 kB\nMemAvailable:   8388608 kB\n")
    write(host, "proc/sys/kernel/osrelease", RELEASE + "\n")
    write(host, "proc/modules", "")
    write(host, "etc/os-release", DEBIAN_12)
    write(host, "var/lib/dpkg/status", METAPACKAGE)
    write(host, f"lib/modules/{RELEASE}/build/Makefile")
    write(host, f"lib/modules/{RELEASE}/kernel/x.ko")
    write(host, f"boot/vmlinuz-{RELEASE}")
    write(host, "dev/ptmx")
    write(host, "dev/pts/0")
    write(host, TERM_PLUGIN)
    for name in ("python3", "qemu-system-x86_64", "apt-get"):
        program(host, name)
    program(host, "bochs-bin", GOOD_BOCHS)
    return host


def write(host: Host, name: str, content: str | bytes = "") -> Path:
    """Put a file on the made-up computer."""
    path = host.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def program(host: Host, name: str, content: str | bytes = "") -> None:
    """Put a program on the made-up computer's PATH."""
    write(host, f"usr/bin/{name}", content).chmod(0o755)


def remove(host: Host, name: str) -> None:
    """Take a file away."""
    host.path(name).unlink()


def expect(item: Item, verdict: str, detail: str = "", fix: str = "") -> None:
    """Compare an answer with what its texts have to contain; what is wrong needs a fix."""
    assert item.verdict == verdict, item
    assert detail in item.detail, item
    assert fix in item.fix, item
    assert verdict == OK or item.fix, f"a {verdict} without a fix: {item}"
