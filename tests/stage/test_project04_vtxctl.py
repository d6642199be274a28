# SPDX-License-Identifier: GPL-2.0
"""project04: vtxctl run, regs, dump, check and explain.

No code of these is the student's, so none of it has points: it is tested with the reference.
"""
import json
import shlex

import pytest

from harness import guests
from harness.grade import check, check_run, pick, replaced, require
from harness.guests import LOAD
from stage.guest_tools import SIZE, Spinning
from stage.vm_tools import kill, vms

pytestmark = [pytest.mark.lab(vendor="vmx", cpus=2, instance="vtxctl", kernels=1),
              pytest.mark.reference]

TIMEOUT, REFUSED, CRASHED, USAGE = 124, 125, 126, 2
MULTIPLIER, ROUNDS, WORD = 0xd6e8feb86659fd93, 64, (1 << 64) - 1


def nonce_answer(value):
    """What guest/nonce.S says that it computes."""
    for number in range(ROUNDS):
        value = (value << 13 | value >> 51) & WORD ^ number
        value = value * MULTIPLIER & WORD
        value ^= value >> 29
    return value


def test_guests_of_the_grader(vms, rng, nonce):
    """A file, an argument, what it prints on stdout alone, and its code as vtxctl's own."""
    image, function = guests.answer(rng)
    code = rng.randrange(1, 120)
    vms.put("/tmp/answer.bin", image)
    vms.put("/tmp/code.bin", guests.code(f"EXIT {code}"))
    result = check_run(vms.vtxctl("run", "/tmp/answer.bin", "--arg", f"{nonce:#x}", "--mem", SIZE))
    check((result.out, result.err), (f"{function(nonce):#018x}\n", ""), "stdout and stderr")
    check(vms.vtxctl("run", "/tmp/code.bin").status, code, "exit status: the guest's code")


def test_guests_of_the_stage(vms, nonce):
    """The guest that computes on a nonce; eight vCPUs on two CPUs; registers that are kept."""
    result = check_run(vms.vtxctl("run", "nonce", "--arg", f"{nonce:#x}"))
    check(result.out, f"nonce {nonce:#018x} answer {nonce_answer(nonce):#018x}\n", "the answer")
    result = check_run(vms.vtxctl("run", "smp", "--vcpus", 8))
    check(sorted(result.out.splitlines())[-8:], [f"vCPU {n:02}" for n in range(8)], "eight vCPUs")
    for name in ("fpu", "regs", "debugregs", "cr", "cpuid", "tables"):
        result = vms.vtxctl("run", name)
        check(result.status, CRASHED if name == "tables" else 0, f"exit status of the guest {name}")


@pytest.mark.parametrize(("words", "status", "says"), [
    ("loop --timeout 0.1", TIMEOUT, "0.1 s"), ("bad", CRASHED, "#PF"),
    ("triple", CRASHED, "triple"),
    ("/tmp/nothing.bin", REFUSED, "nothing.bin"), ("hello --mem 4097", REFUSED, "4097"),
    ("hello --vcpus 0", REFUSED, "at least 1"), ("hello --mem 64K", REFUSED, "65536"),
    ("", USAGE, "GUEST"),
], ids=["loop", "bad", "triple", "no-file", "no-page", "no-vcpu", "too-small", "no-guest"])
def test_ends(vms, words, status, says):
    """Each end has its exit status and a message that names the cause."""
    result = vms.vtxctl("run", *shlex.split(words))
    check(result.status, status, f"exit status of vtxctl run {words}", log=result.err)
    require(says in result.err, expected=f"a message that says {says}", seen=result.err,
            what=f"vtxctl run {words}")


@replaced("project05", "memory that is touched exits first, and CR3 is read without an exit")
def test_trace_and_statistics(vms):
    """Every exit a line with reason and RIP; counts by reason; all of it on stderr."""
    vms.put("/tmp/exits.bin", guests.code("cpuid; mov %cr3, %rax; EXIT 3"))
    result = vms.vtxctl("run", "/tmp/exits.bin", "--trace", "--stats")
    check((result.status, result.out), (3, ""), "exit status and stdout")
    lines = [line for line in result.err.splitlines() if "RIP" in line]
    for line, (name, rip) in zip(lines, (("CPUID", LOAD), ("CR", LOAD + 2), ("VMCALL", None))):
        require(name in line and (rip is None or f"{rip:#x}" in line), seen=line,
                what="a traced exit", expected=f"{name} at {rip}")
    data = vms.vtxctl_json("run", "/tmp/exits.bin", "--json", "--stats", status=3)
    check(pick(data, "status"), 3, "status in the JSON")


def test_look_at_a_guest_that_runs(vms, rng, nonce):
    """regs, dump, check and explain of a guest in an endless loop; no rule is violated."""
    running = Spinning(vms, rng, nonce)
    try:
        regs = vms.vtxctl_json("regs", running.id, "--json")
        state = vms.vtxctl_json("dump", running.id, "--json")
        checked = vms.vtxctl("check", running.id)
    finally:
        kill(vms, running.pid)
    text = json.dumps(regs)
    require('"rip"' in text.lower(), expected="RIP", seen=text[:200], what="regs --json")
    fields = pick(state, "fields")
    names = vms.vendor.names
    root = int(pick(fields, names["cr3"]), 0)
    # Tables of a VM that is gone may still be in free memory, and lead to the same frames.
    require(root in running.roots, expected=f"one of {[hex(r) for r in running.roots]}",
            seen=f"{root:#x}", what="CR3 in the dump")
    rip = int(pick(fields, names["rip"]), 0)
    require(LOAD <= rip < running.end, expected="the guest's code", seen=f"{rip:#x}",
            what="RIP in the dump")
    check(checked.status, 0, "exit status of vtxctl check on a guest that runs", log=checked.err)
    vms.put("/tmp/dump.json", json.dumps(state).encode())
    check_run(vms.vtxctl("explain", "/tmp/dump.json"), what="explain of a state that entered")
    fields["GUEST_RFLAGS"] = "0x0"
    vms.put("/tmp/dump.json", json.dumps(state).encode())
    result = vms.vtxctl("explain", "/tmp/dump.json")
    require(result.status and "RFLAGS" in result.out + result.err, expected="RFLAGS is named",
            seen=result.out + result.err, what="explain of RFLAGS 0")
