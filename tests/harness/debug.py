# SPDX-License-Identifier: GPL-2.0
"""make debug: the lab machine under gdb (QEMU), or with Bochs's own debugger for VMX.

How to use it, step by step, is in docs/debugging.md.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from harness.errors import LabError
from harness.machine import Machine
from harness.symbols import kernel_symbols
from harness.terminal import own_foreground

HERE = Path(__file__).resolve().parent
SECTIONS = "cd /sys/module/vtxdrv/sections && grep -H . .text* .data* .bss* .rodata* 2>/dev/null"
HOUR = 3600.0  # guest seconds: a command waits at breakpoints
HINT = """
gdb on the lab machine's kernel, with the symbols of vtxdrv.ko. To begin with:
    break FUNCTION              for example: break detect_cpu
    lab vtxctl detect           a command in the machine: it starts with the next `continue`
    continue                    and Ctrl-C stops the machine again
    quit                        ends both
The walk-through is docs/debugging.md.
"""


def sections(machine: Machine) -> dict[str, str]:
    """Return where the kernel has put the module's sections."""
    text = machine.sh(SECTIONS).out
    found = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    if ".text" not in found:
        raise LabError(f"no addresses in /sys/module/vtxdrv/sections:\n{text}")
    return found


def gdb_script(machine: Machine, module: Path) -> str:
    where = sections(machine)
    others = " ".join(f"-s {n} {a}" for n, a in where.items() if n != ".text")
    return "\n".join(
        (
            "# made by harness.debug: connect, and tell gdb where everything lies",
            "set pagination off",
            "set confirm off",
            f"symbol-file {kernel_symbols(machine)}",
            f"add-symbol-file {module} {where['.text']} {others}",
            f"target remote {machine.emulator.gdb_socket}",
            f"source {HERE / 'gdb_lab.py'}",
            "",
        )
    )


class CommandServer:
    """Takes lines from gdb's `lab` command and runs them in the machine, one after another."""

    def __init__(self, machine: Machine):
        self.machine = machine
        self.folder = tempfile.mkdtemp(prefix="vtx-lab-")  # short: unix sockets want 107 bytes
        self.path = f"{self.folder}/lab"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def submit(self, command: str) -> None:
        """Queue a command as gdb's `lab` does."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(self.path)
            line.sendall(command.encode() + b"\n")

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line, line.makefile("r", encoding="utf-8") as text:
                for command in text:
                    self._run(command.strip())

    def _run(self, command: str) -> None:
        try:
            result = self.machine.sh(command, timeout=HOUR)
            words = f"{result.out}{result.err}[lab] {command}: status {result.status}"
        except LabError as error:
            words = f"[lab] {command}: {error}"
        print(f"\n{words}", flush=True)


def load_module(machine: Machine) -> None:
    loaded = machine.run(["insmod", "/lab/vtxdrv.ko"])
    if loaded.status:
        raise LabError(str(loaded))


def with_gdb(machine: Machine, module: Path, arguments: list[str]) -> int:
    """Run gdb in the foreground until the person quits it."""
    load_module(machine)
    script = machine.artefacts / "vtxdrv.gdb"
    script.write_text(gdb_script(machine, module), encoding="utf-8")
    server = CommandServer(machine)
    argv = ["gdb", "-q", "-x", str(script), *arguments]
    environment = {**os.environ, "VTX_LAB_SOCKET": server.path}
    try:
        with own_foreground():
            return subprocess.run(argv, env=environment, check=False).returncode
    finally:
        server.close()
        machine.kill()


def run(options, booted: Callable[..., Machine]) -> int:
    if options.vendor == "vmx":
        from harness import debug_bochs

        return debug_bochs.run(options)
    if not shutil.which("gdb"):
        raise LabError("gdb is not installed. Fix: apt install gdb")
    if os.environ.get("VTX_ACCEL") == "bochs":
        raise LabError("gdb needs QEMU: VTX_ACCEL=tcg, or --vendor vmx for Bochs's own debugger")
    machine = booted(options, debug=True, cmdline_extra="nokaslr")
    try:
        print(HINT, flush=True)
        return with_gdb(machine, options.stage_dir / "vtxdrv.ko", options.command)
    finally:
        machine.kill()
        sys.stdout.flush()
