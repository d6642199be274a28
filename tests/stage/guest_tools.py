# SPDX-License-Identifier: GPL-2.0
"""What the tests of project04 have in common: VMs that the grader itself makes, runs and looks at.

vmtool does what a test asks for in one command of the lab machine, and vtxctl takes no part in it. What
really happened is asked of the emulator and of vtxprobe, in which no code of the stage runs.
"""
from __future__ import annotations

import re
import time

from harness import guests, paging
from harness.evidence import NoMemory
from harness.grade import check, fail, require, run_log

README = "project04/README.md"
MIB = 1 << 20
PAGE = 4096
CPUS = (0, 1)
SIZE = "1M"
# Where a verb of vmtool ends in the driver.
IOCTLS = {"create": "VTXDRV_CREATE_VM", "init": "VTXDRV_INIT_VCPU", "run": "VTXDRV_RUN_VCPU",
          "guest": "VTXDRV_RUN_VCPU", "guests": "VTXDRV_RUN_VCPU", "regs": "VTXDRV_GET_REGS",
          "setreg": "VTXDRV_SET_REGS", "sregs": "VTXDRV_GET_SREGS", "setsreg": "VTXDRV_SET_SREGS",
          "state": "VTXDRV_GET_STATE", "stats": "VTXDRV_GET_STATS", "try": "VTXDRV_TRY_ENTRY"}
# SDM vol. 3, appendix B: natural-width host state, and the selectors.
HOST = {"es": 0x0c00, "cs": 0x0c02, "ss": 0x0c04, "ds": 0x0c06, "fs": 0x0c08, "gs": 0x0c0a,
        "tr": 0x0c0c, "pat": 0x2c00, "efer": 0x2c02, "sysenter_cs": 0x4c00, "cr0": 0x6c00,
        "cr3": 0x6c02, "cr4": 0x6c04, "fs_base": 0x6c06, "gs_base": 0x6c08, "tr_base": 0x6c0a,
        "gdtr": 0x6c0c, "idtr": 0x6c0e, "sysenter_esp": 0x6c10, "sysenter_eip": 0x6c12}


class Line(dict):
    """A line of vmtool's: what it is about, and its values as numbers where they are some."""

    def __init__(self, text):
        self.what, *words = text.split(" ")
        pairs = (word.partition("=") for word in words)
        super().__init__((key, _value(key, text)) for key, _, text in pairs)

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            fail(f"vmtool's line `{self.what}`", f"{name}=…", dict(self))


def _value(key, text):
    if key == "data":
        return bytes.fromhex(text)
    if re.fullmatch(r"-?\d+|0x[0-9a-f]+", text):
        return int(text, 0)
    return text


def vmtool(lab, *words, status=0, what="", read=None, **how):
    """Run vmtool; its lines. A verb that the driver refuses fails the test with the ioctl's name."""
    __tracebackhide__ = True
    result = lab.run(["vmtool", *words], **how)
    lines = [Line(text) for text in result.out.splitlines() if text]
    failed = [line for line in lines if line.what == "error"]
    if result.status != status or result.timed_out:
        seen = f"{failed[-1]['errno']}" if failed else f"exit status {result.status}"
        seen = "it did not end in time" if result.timed_out else seen
        verb = failed[-1]["verb"] if failed else "vmtool"
        fail(what or IOCTLS.get(verb, f"vmtool {verb}"), "it succeeds", seen, read, run_log(result))
    return lines


def only(lines, what, **wanted):
    """The one line, or the last one, of a kind."""
    __tracebackhide__ = True
    found = [line for line in lines if line.what == what
             and all(line.get(key) == value for key, value in wanted.items())]
    require(found, expected=f"a line `{what}`", seen=[line.what for line in lines], what="vmtool")
    return found[-1]


def guest(image, argument=0, *, size=SIZE, vcpus=1):
    """The words that make a VM with a guest in it, ready to run."""
    words = ["create", size, vcpus, "code", image.hex()]
    for vcpu in range(vcpus):
        words += ["init", vcpu, f"{argument:#x}"]
    return words


def check_exit(line, kind, what, *, read=None, log=None, **values):
    """The exit is of this kind, and has these values."""
    __tracebackhide__ = True
    check(line.kind, kind, f"kind of the exit: {what}", read=read, log=log or str(dict(line)))
    for key, value in values.items():
        check(line[key], value, f"`{key}` of the exit: {what}", read=read, log=log)


def code_of(line):
    """What a guest ended with, in words."""
    return "no exit code" if line.code < 0 else f"exit code {line.code}"


def kept(lines, what, *, read=None, vcpu=0):
    """The guest keep.S has found all its registers as it had left them."""
    __tracebackhide__ = True
    line = only(lines, "output", vcpu=vcpu)
    end = only(lines, "exit", vcpu=vcpu)
    require(line.code >= 0, expected="the guest ends by itself", what=what, read=read,
            seen=f"an exit of kind {end.kind} at RIP {end.rip:#x}, reason {end.reason:#x}")
    require(line.code == 0, expected="every register as the guest had left it", what=what, read=read,
            seen=f"{guests.LOST.get(line.code, f'code {line.code}')} lost")


# ---- from outside -------------------------------------------------------------------------------


def host_of(lab, cpu):
    """What vtxprobe says of a CPU's own selectors, tables and bases."""
    return dict(Line(f"host {lab.probe('host', cpu)}"))


def vmcs_of(lines_or_text):
    """The fields of a VMCS, by encoding, as vtxprobe prints the current one of a CPU."""
    return {int(code, 16): int(value, 16)
            for code, value in re.findall(r"\b(?:0x)?([0-9a-f]+):(?:0x)?([0-9a-f]+)", lines_or_text)}


def in_guest(lab, cpu, tries=40):
    """The emulator's view of a CPU at a moment when it is in the guest; None if it never was.

    A machine stands still while nobody runs a command in it, so each try lets it run a little.
    """
    for _ in range(tries):
        state = lab.machine.outside.cpu(cpu)
        if state.in_guest or state.in_guest is None:
            return state
        lab.machine.ping()
    return None


def guest_bytes(lab, root, address, length, what, read=None):
    """Guest memory as the emulator has it, through the guest's own page tables."""
    __tracebackhide__ = True
    try:
        return lab.machine.outside.linear(root, address, length)
    except (paging.NotMapped, NoMemory) as error:
        fail(what, "memory that the guest's tables lead to", str(error), read)


def number_at(lab, root, address, what="guest memory", read=None):
    __tracebackhide__ = True
    return int.from_bytes(guest_bytes(lab, root, address, 8, what, read), "little")


def end(lab, pid):
    """End a process that vmtool has left in the background, and wait until it is gone."""
    lab.sh(f"kill -9 {pid}; while kill -0 {pid} 2>/dev/null; do usleep 10000; done")


def wait_until(lab, condition, seconds=3.0):
    """Let the machine run until something is true; False if it never is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        lab.machine.ping()
    return False
