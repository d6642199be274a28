# SPDX-License-Identifier: GPL-2.0
"""Random guests, and whether the host is the same afterwards."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness import guests
from harness.grade import check, require, run_log
from stage.guest_tools import Line, check_exit, guest, only, vmtool
from stage.vm_tools import missing

README = "project06/README.md"
HOSTILE = f"{README}#hostile-guests"
CPUS = (0, 1)
# What a guest could leave behind in a CPU of the host, and the host does not change meanwhile.
HOST_MSRS = {"STAR": 0xc0000081, "LSTAR": 0xc0000082, "CSTAR": 0xc0000083, "FMASK": 0xc0000084,
             "SYSENTER_CS": 0x174, "SYSENTER_EIP": 0x176, "PAT": 0x277, "DEBUGCTL": 0x1d9,
             "TSC_AUX": 0xc0000103, "MTRR_DEF_TYPE": 0x2ff, "MISC_ENABLE": 0x1a0,
             "FEATURE_CONTROL": 0x3a}
PAGES_LOST = 400  # the kernel's own come and go; a VM has 540


@dataclass(frozen=True)
class Host:
    """A CPU of the host: what no guest may change."""

    cr0: str
    cr4: str
    efer: str
    msrs: dict
    tables: dict


def host(lab, cpu):
    """What this CPU has."""
    found = Line(f"host {lab.probe('host', cpu).strip()}")
    tables = {name: found[name] for name in ("gdtr", "idtr", "tr", "tr_base", "gs_base")}
    return Host(lab.probe("cr0", cpu).strip(), lab.probe("cr4", cpu).strip(),
                lab.probe("efer", cpu).strip(),
                {name: lab.probe("rdmsr", cpu, f"{msr:#x}").strip()
                 for name, msr in HOST_MSRS.items()}, tables)


def check_host(lab, before, what):
    """Each CPU has what it had, nothing is in VMX operation, and another guest runs right."""
    __tracebackhide__ = True
    for cpu, was in before.items():
        now = host(lab, cpu)
        for name, value in vars(was).items():
            check(getattr(now, name), value, f"{name.upper()} of the host's CPU {cpu}, {what}",
                  read=HOSTILE)


def check_next_guest(lab, rng, what):
    """A guest of the usual kind computes what it should."""
    __tracebackhide__ = True
    image, function = guests.answer(rng)
    number = rng.getrandbits(64)
    lines = vmtool(lab, *guest(image, number), "guest", 0, 2000)
    check(only(lines, "output").data.decode(errors="replace"), f"{function(number):#018x}\n",
          f"what the next guest has computed, {what}", read=HOSTILE)
    check_exit(only(lines, "exit"), "hypercall", f"the end of the next guest, {what}", read=HOSTILE)


def shares(first, count, parts):
    """(first, count) of each part, as equal as may be."""
    ends = [first + count * i // parts for i in range(parts + 1)]
    return [(at, end - at) for at, end in zip(ends, ends[1:])]


def command(seed, first, count, cpus):
    """One process on each CPU, all at the same time; fails if one of them does."""
    parts = [f"vmtool cpu {cpu} torture {seed} {at} {size} 0 & all=\"$all $!\""
             for cpu, (at, size) in zip(cpus, shares(first, count, len(cpus)))]
    return "; ".join([*parts, "bad=0; for one in $all; do wait $one || bad=$?; done; (exit $bad)"])


def torture(lab, seed, first, count, cpus=(1,), timeout=120):
    """So many random sequences, divided between CPUs; the sums of vmtool's figures."""
    __tracebackhide__ = True
    result = lab.sh(command(seed, first, count, cpus), timeout=timeout)
    lines = [Line(text) for text in result.out.splitlines() if text]
    again = f"make torture SEED={seed} FIRST={first} COUNT={count}"
    require(result.status == 0 and not result.timed_out, expected="the driver takes them all",
            seen=f"exit status {result.status}{', too late' if result.timed_out else ''}:"
            f" {lines[-1].text if lines else 'nothing'}", what=f"random sequences; {again}",
            read=HOSTILE, log=run_log(result))
    failed = [line.text for line in lines if line.what == "failed"]
    require(not failed, expected="none", seen=failed[:3], what=f"VM entries that failed; {again}",
            read=HOSTILE)
    total = Counter()
    for line in lines:
        if line.what == "torture":
            total.update({name: value for name, value in line.items() if name != "last"})
    check(total["sequences"], count, f"sequences that were run; {again}", read=HOSTILE)
    return total


def digests(lab, seed, first, count):
    """{sequence: (has time had a part in it, what became of it)}"""
    result = lab.sh(f"vmtool cpu 1 torture {seed} {first} {count} 1", timeout=120)
    lines = [Line(text) for text in result.out.splitlines() if text]
    return {line.sequence: (line.timed, line.value) for line in lines if line.what == "digest"}


def check_memory(lab, before, what):
    """No more is gone than the kernel fills now and then."""
    __tracebackhide__ = True
    lost = missing(lab, before, PAGES_LOST)
    require(lost < PAGES_LOST, expected=f"fewer than {PAGES_LOST} pages", seen=f"{lost} pages",
            what=f"memory lost, {what}", read=HOSTILE)
