# SPDX-License-Identifier: GPL-2.0
"""A million random instruction sequences in guests, and a host that has to stay as it is.

    make torture [COUNT=1000000] [SEED=n] [FIRST=n] [JOBS=n] [VENDOR=svm] [MODEL=name] [KVER=6.12]

The same seed and number draw the same sequence, which begins in the same state whatever ran before
(tests/harness/vmtool/torture.c), and what is printed of a failure repeats it. After each batch the
kernel's log, memory, control registers and MSRs of every CPU are compared with what they were, and
a guest of the usual kind has to run.

A machine lives for 50,000 sequences; JOBS machines run side by side. Three of four have one CPU,
which the emulator runs at twice the speed; the fourth has two, and both are tortured at once.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

from harness import kernel as kernels
from harness import lab
from harness.errors import LabError
from harness.grade import Unmet, fail
from harness.kmsg import sign_of
from stage import torture_tools as tools
from stage.vm_tools import pages

SEED = 20261122
COUNT = 1_000_000
BATCH = 10_000
MACHINE = 50_000  # its emulator logs each EPT violation: 64 MiB are too much
SMP = 4  # one machine of so many has two CPUs
TIMEOUT = 600  # guest seconds for a batch
WORST = 3  # records of the kernel's log at that level or worse


class Words:
    """A machine whose commands may have numbers in them, as those of the fixture `lab`."""

    def __init__(self, machine):
        self.machine, self.sh, self.probe = machine, machine.sh, machine.probe

    def run(self, argv, **how):
        """Run a program in the machine."""
        return self.machine.run([str(word) for word in argv], **how)


def check_log(records, what):
    """Nothing of level "error" or worse, no warning with a trace, no oops."""
    bad = [r.text for r in records if r.level <= WORST or sign_of(r.text)]
    if bad:
        fail(f"kernel's log, {what}", "nothing that is worse than a notice", bad[:5], tools.HOSTILE)


def pieces(first, count, size=MACHINE):
    """(first, count) of each piece, which ends at a multiple of the size."""
    end = first + count
    while first < end:
        this = min(size - first % size, end - first)
        yield first, this
        first += this


def cpus_of(first):
    """The CPUs of the machine that has this sequence."""
    return tools.CPUS if first // MACHINE % SMP == SMP - 1 else (0,)


def one_batch(machine, seed, first, count, before):
    """Run sequences and look at the host afterwards; vmtool's figures."""
    log = len(machine.machine.records)
    figures = tools.torture(machine, seed, first, count, tuple(before), timeout=TIMEOUT)
    what = f"after sequences {first} to {first + count - 1} with seed {seed}"
    check_log(machine.machine.records[log:], what)
    tools.check_host(machine, before, what)
    tools.check_next_guest(machine, random.Random(seed + first), what)
    return figures


def run(machine, seed, first, count):
    """All batches of a machine; the sum of the figures."""
    if machine.sh("insmod /lab/vtxdrv.ko", timeout=60).status:
        raise LabError("the module does not load")
    cpus = cpus_of(first)
    tools.torture(machine, seed, 0, 600, cpus)  # what is allocated once
    before = {cpu: tools.host(machine, cpu) for cpu in cpus}
    free, total, started = pages(machine), Counter(), time.monotonic()
    for at, size in pieces(first, count, BATCH):
        total.update(one_batch(machine, seed, at, size, before))
        done, spent = total["sequences"], time.monotonic() - started
        print(f"{first:>8}: {done:>6} of {count} sequences on {len(cpus)} CPU"
              f"{'s' * (len(cpus) > 1)}, {spent:.0f} s, {done / spent:.0f} a second", flush=True)
    tools.check_memory(machine, free, f"after {count} sequences")
    return total


def one_machine(options, piece):
    """Boot a machine and torture it: its figures, or what went wrong in words."""
    first, count = piece
    spec = {"cpu_model": options.model} if options.model else {}
    try:
        with lab.boot_stage(options.stage_dir, vendor=options.vendor, cpus=len(cpus_of(first)),
                            kernel=kernels.resolve(options.kver),
                            artefacts=options.artefacts / str(first), **spec) as machine:
            return run(Words(machine), options.seed, first, count), None
    except (*lab.REPORTED, Unmet) as error:
        return Counter(), f"machine of sequences {first} to {first + count - 1}: {error}"


def all_machines(options):
    """The sum of all figures, and what went wrong first; then the other machines end as well."""
    total, todo = Counter(), list(pieces(options.first, options.count))
    with multiprocessing.Pool(max(1, min(options.jobs, len(todo)))) as pool:
        for figures, wrong in pool.imap_unordered(partial(one_machine, options), todo):
            if wrong:
                return total, wrong
            total.update(figures)
    return total, None


def summary(total, seconds):
    """The figures in lines."""
    turns = total["turns"]
    kinds = sorted(((count, name) for name, count in total.items()
                    if name not in ("sequences", "turns", "refused")), reverse=True)
    return [f"{total['sequences']} sequences, {turns} turns, {seconds:.0f} s; the host is as it"
            " was", "what user space saw: " + ", ".join(f"{name} {count}" for count, name in kinds)]


def main() -> int:
    """Boot a machine and torture it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage-dir", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--vendor", choices=("vmx", "svm"), default="vmx")
    parser.add_argument("--model")
    parser.add_argument("--kver")
    parser.add_argument("--artefacts", type=Path, default=Path("build/torture"))
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    total, wrong = all_machines(options)
    if wrong:
        print(f"FAILED: {wrong}", file=sys.stderr)
        return 1
    print(*summary(total, time.monotonic() - started), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
