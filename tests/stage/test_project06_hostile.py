# SPDX-License-Identifier: GPL-2.0
"""project06: guests that nobody has written, and a host that stays as it is.

`make torture` runs a million sequences; here are as many as there is time for.
"""
import pytest

from harness.grade import check, expect_kmsg, require
from stage.torture_tools import (CPUS, HOSTILE, check_host, check_memory, check_next_guest,
                                 digests, host, torture)
from stage.vm_tools import pages, vms
from stage.vmxon_tools import check_off

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="hostile")

SAMPLE = 4000
ENOUGH = 12  # kinds of exits that a sample has to show
SEED, FIRST, TOGETHER, ALONE = 20261122, 896, 192, 16  # 1024 begins another VM


@pytest.mark.reference
@expect_kmsg(r"vtx_log_exit: \d+ callbacks suppressed")
def test_random_sequences(vms, rng):
    """In all modes, tables in holes, events, answers of any kind: the host is as before."""
    vms.needs("TF")
    seed = rng.getrandbits(32)
    torture(vms, seed, 0, 200)  # what is allocated once
    before = {cpu: host(vms, cpu) for cpu in CPUS}
    free = pages(vms)
    figures = torture(vms, seed, 1024, SAMPLE)
    what = f"after {SAMPLE} random sequences with seed {seed:#x}"
    check_memory(vms, free, what)
    check_host(vms, before, what)
    check_next_guest(vms, rng, what)
    check_off(vms, what)
    kinds = set(figures) - {"sequences", "turns", "refused", "last"}
    require(len(kinds) >= ENOUGH, expected=f"{ENOUGH} kinds of exits", seen=sorted(kinds),
            what="exits that user space saw in random sequences", read=HOSTILE)


@pytest.mark.reference
@expect_kmsg(r"vtx_log_exit: \d+ callbacks suppressed")
def test_two_at_once(vms, rng):
    """On both CPUs at the same time, with processes between them that come and go."""
    vms.needs("TF")
    seed = rng.getrandbits(32)
    before = {cpu: host(vms, cpu) for cpu in CPUS}
    torture(vms, seed, 0, 1400, CPUS)
    what = f"after random sequences on both CPUs with seed {seed:#x}"
    check_host(vms, before, what)
    check_next_guest(vms, rng, what)


@pytest.mark.reference
def test_a_sequence_alone_is_what_it_was_among_others(vms):
    """In a VM of its own, or after many others: the same becomes of it, unless time has a part."""
    vms.needs("time")
    vms.needs("TF")
    together = digests(vms, SEED, FIRST, TOGETHER)
    check(len(together), TOGETHER, "sequences that said what became of them", read=HOSTILE)
    numbers = [n for n, (timed, _) in together.items() if not timed][-ALONE:]
    check(len(numbers), ALONE, "sequences in which time has no part", read=HOSTILE)
    alone = {}
    for number in numbers:
        alone |= digests(vms, SEED, number, 1)
    late = [n for n in numbers if alone[n][0]]  # an interrupt of the host's made it too slow
    require(len(late) <= ALONE // 8, expected=f"at most {ALONE // 8} of {ALONE}", seen=late,
            what=f"sequences with seed {SEED} that took too long alone", read=HOSTILE)
    other = [n for n in numbers if n not in late and alone[n] != together[n]]
    require(not other, expected="the same as among others", seen=other,
            what=f"what became of sequences with seed {SEED} alone", read=HOSTILE)
