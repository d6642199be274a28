# SPDX-License-Identifier: GPL-2.0
"""A million random instruction sequences in guests, and a host that has to stay as it is.

    make torture [COUNT=1000000] [SEED=n] [FIRST=n] [MODEL=name] [KVER=6.12]

The same seed and number draw the same sequence (tests/harness/vmtool/torture.c), and what is
printed of a failure repeats it. After each batch the kernel's log, memory, control registers and
MSRs of every CPU are compared with what they were, and a guest of the usual kind has to run.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

from harness import kernel as kernels
from harness import lab
from harness.errors import LabError
from harness.grade import Unmet, fail
from harness.kmsg import sign_of
from stage import torture_tools as tools

SEED = 20261122
COUNT = 1_000_000
BATCH = 10_000
MACHINE = 100_000  # its emulator's log has 64 MiB after 170,000
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
    """(first, count) of each piece; a machine lives for one, for Bochs logs each EPT violation."""
    end = first + count
    while first < end:
        yield first, min(size, end - first)
        first += size


def one_batch(machine, seed, first, count, before):
    """Run sequences and look at the host afterwards; vmtool's figures."""
    log = len(machine.machine.records)
    line = tools.torture(machine, seed, first, count, cpu=first // BATCH % 2, timeout=TIMEOUT)
    what = f"after sequences {first} to {first + count - 1} with seed {seed}"
    check_log(machine.machine.records[log:], what)
    tools.check_host(machine, before, what)
    tools.check_next_guest(machine, random.Random(seed + first), what)
    return line


def run(machine, seed, first, count):
    """All batches; the sum of the figures."""
    if machine.sh("insmod /lab/vtxdrv.ko", timeout=60).status:
        raise LabError("the module does not load")
    tools.torture(machine, seed, 0, 600)  # what is allocated once
    before = {cpu: tools.host(machine, cpu) for cpu in tools.CPUS}
    pages, total, done, started = tools.memory(machine), Counter(), 0, time.monotonic()
    for at, size in pieces(first, count, BATCH):
        line = one_batch(machine, seed, at, size, before)
        total.update({name: value for name, value in line.items() if isinstance(value, int)})
        done += size
        spent = time.monotonic() - started
        print(f"{done:>8} of {count} sequences, {spent:.0f} s, {done / spent:.0f} a second",
              flush=True)
    tools.check_memory(pages, tools.memory(machine), f"after {count} sequences")
    return total


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
    parser.add_argument("--model")
    parser.add_argument("--kver")
    parser.add_argument("--artefacts", type=Path, default=Path("build/torture"))
    options = parser.parse_args()
    spec = {"cpu_model": options.model} if options.model else {}
    started, total = time.monotonic(), Counter()
    try:
        for first, count in pieces(options.first, options.count):
            with lab.boot_stage(options.stage_dir, vendor="vmx", artefacts=options.artefacts,
                                kernel=kernels.resolve(options.kver), cpus=2, **spec) as machine:
                total.update(run(Words(machine), options.seed, first, count))
    except (*lab.REPORTED, Unmet) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print(*summary(total, time.monotonic() - started), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
