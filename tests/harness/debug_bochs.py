# SPDX-License-Identifier: GPL-2.0
"""make debug for VMX: Bochs's own debugger, with the module's symbols, at the person's terminal.

Debian builds Bochs with its internal debugger, which excludes the gdb stub. What it can do that
gdb cannot: stop at every VM exit, and show what the processor checked when a VM entry failed.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time

from harness import accel as accelerators
from harness import kernel as kernels
from harness.bochs import BochsEmulator
from harness.debug import CommandServer, load_module
from harness.errors import AccelUnusable, LabError
from harness.machine import Machine
from harness.progress import Progress
from harness.terminal import own_foreground

HINT = """
Bochs's debugger on the lab machine, vtxdrv.ko loaded. The machine stands still at this prompt.
    lb "FUNCTION"        stop there, for example: lb "vtxdrv.detect_cpu"
    lab vtxctl enable    a command in the machine: it starts with the next `c`
    c                    continue; Ctrl-C stops the machine again
    s, n, r, creg, u     step, step over, registers, control registers, disassemble
    vmexitbp             stop at the next VM exit
    info symbols         the names that are known; help: all commands
    q                    ends it
The walk-through is docs/debugging.md.
"""
SYMBOLS = "grep '\\[vtxdrv\\]' /proc/kallsyms"
PROMPT = b"<bochs:"


class DebuggedBochs(BochsEmulator):
    """Bochs that shows what its debugger prints, and knows whether it stands at the prompt."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.shown = threading.Event()  # set: the person sees what the debugger prints
        self._recent = b""

    def _drain(self, screen: int) -> None:
        try:
            while data := os.read(screen, 4096):
                self._recent = (self._recent + data)[-256:]
                if self.shown.is_set():
                    os.write(1, data)
        except OSError:
            pass
        os.close(screen)

    def at_prompt(self) -> bool:
        return PROMPT in self._recent[self._recent.rfind(b"\n") :]

    def stop(self) -> None:
        """Bring the debugger to its prompt."""
        self.interrupt()
        deadline = time.monotonic() + 30
        while not self.at_prompt():
            if time.monotonic() > deadline:
                raise LabError("Bochs's debugger does not come to its prompt")
            time.sleep(0.1)

    def type(self, line: str) -> None:
        self._recent = b""
        self.debugger(line)

    def pause(self) -> None:
        """The debugger decides when the machine stands still."""


def label(name: str) -> str:
    return name if name == "kernel" else f"vtxdrv.{name}"


def symbol_file(machine: Machine) -> str:
    """Write the module's functions as Bochs reads them: address, name; return the file's path."""
    lines = machine.sh(SYMBOLS, timeout=120).out.splitlines()
    found = {line.split()[2]: int(line.split()[0], 16) for line in lines}
    if not found:
        raise LabError("the module's functions are not in /proc/kallsyms: is it loaded?")
    found["kernel"] = 0xFFFFFFFF81000000  # nokaslr: else all of it counts as ours, at an offset
    path = machine.artefacts / "vtxdrv.sym"
    path.write_text("".join(f"{at:x} {label(name)}\n" for name, at in found.items()))
    return str(path)


def converse(emulator: DebuggedBochs, server: CommandServer) -> int:
    """Carry lines from the person to the debugger until one of them has enough."""
    while emulator.poll() is None:
        readable, _, _ = select.select([sys.stdin], [], [], 0.3)
        if not readable:
            continue
        line = sys.stdin.readline()
        if not line or line.strip() in ("q", "quit", "exit"):
            break
        if line.startswith("lab "):
            server.submit(line[4:].strip())
            print("queued: it runs as soon as the machine does (c)", flush=True)
        else:
            emulator.type(line.rstrip("\n"))
    return 0


def boot(options) -> tuple[Machine, DebuggedBochs]:
    from harness import lab

    answer = accelerators.usable("bochs", "vmx")
    if not answer.ok:
        raise AccelUnusable(answer.reason, answer.fix)
    kernel = kernels.resolve(options.kver or lab.module_release(options.stage_dir))
    extra = {"debug": True, "cmdline_extra": "nokaslr"}
    spec = lab.stage_spec(options.stage_dir, "vmx", "bochs", kernel, **extra)
    options.artefacts.mkdir(parents=True, exist_ok=True)
    emulator = DebuggedBochs(spec, options.artefacts)
    with Progress(f"booting Linux {kernel.release} under Bochs"):
        return Machine.start(spec, emulator, options.artefacts), emulator


def run(options) -> int:
    machine, emulator = boot(options)
    server = CommandServer(machine)
    try:
        load_module(machine)
        symbols = symbol_file(machine)
        emulator.stop()
        print(HINT, flush=True)
        emulator.shown.set()
        emulator.type(f'ldsym global "{symbols}"')
        with own_foreground(emulator.interrupt):
            return converse(emulator, server)
    finally:
        server.close()
        machine.kill()
