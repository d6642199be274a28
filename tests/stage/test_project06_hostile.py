# SPDX-License-Identifier: GPL-2.0
"""project06: guests that nobody has written, and a host that stays as it is.

`make torture` runs a million sequences; here are as many as there is time for.
"""
import pytest

from harness.grade import check, require
from stage.torture_tools import (CPUS, HOSTILE, check_host, check_memory, check_next_guest, host,
                                 memory, torture)
from stage.vm_tools import vms
from stage.vmxon_tools import check_off

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="hostile")

SAMPLE = 4000
ENOUGH = 12  # kinds of exits that a sample has to show


@pytest.mark.reference
def test_random_sequences(vms, rng):
    """In all modes, tables in holes, events, answers of any kind: the host is as before."""
    seed = rng.getrandbits(32)
    torture(vms, seed, 0, 200)  # what is allocated once
    before = {cpu: host(vms, cpu) for cpu in CPUS}
    pages = memory(vms)
    line = torture(vms, seed, 512, SAMPLE)
    what = f"after {SAMPLE} random sequences with seed {seed:#x}"
    check_memory(pages, memory(vms), what)
    check_host(vms, before, what)
    check_next_guest(vms, rng, what)
    check_off(vms, what)
    check(line.sequences, SAMPLE, "sequences that were run")
    kinds = set(line) - {"sequences", "turns", "refused", "last"}
    require(len(kinds) >= ENOUGH, expected=f"{ENOUGH} kinds of exits", seen=sorted(kinds),
            what="exits that user space saw in random sequences", read=HOSTILE)


@pytest.mark.reference
def test_two_at_once(vms, rng):
    """On both CPUs at the same time, with processes between them that come and go."""
    seed = rng.getrandbits(32)
    before = {cpu: host(vms, cpu) for cpu in CPUS}
    result = vms.sh(f"vmtool cpu 0 torture {seed} 0 700 0 & vmtool cpu 1 torture {seed} 1024 700 0;"
                    " wait", timeout=60)
    check(result.out.count("torture sequences=700"), 2, "runs of 700 random sequences that ended",
          read=HOSTILE)
    what = f"after random sequences on both CPUs with seed {seed:#x}"
    check_host(vms, before, what)
    check_next_guest(vms, rng, what)
