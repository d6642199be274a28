# SPDX-License-Identifier: GPL-2.0
"""The rules of VMRUN against the machine: a sample of what make check-entry tries.

And around it: what is not tried, and what a VMRUN that was refused leaves behind.
"""
import errno

import pytest

from entry import svm_campaign
from entry.svm import Checker
from harness import guests
from harness.grade import check, expect_kmsg, require
from stage.exit_tools import EFER, LATE, check_exit
from stage.guest_tools import guest, only, vmtool
from stage.vm_tools import vms

pytestmark = [pytest.mark.reference,
              pytest.mark.lab(vendor="svm", cpus=2, instance="entry", kernels=1)]

README = "project07/README.md#checks-of-a-vmrun"
# Of those that are made; and how many of them the machine must really have decided.
SAMPLES = {"tcg": 6000, "bochs": 2400}
DECIDED = 0.8
# Of the hundreds of cases that the driver refuses, the log has a few.
SUPPRESSED = r"refuse: \d+ callbacks suppressed"
FAILED = 0xFFFFFFFF
WIDE = 1 << 52  # of CR3: a bit that no address has
LME, PROTECTED = 1 << 8, 2  # of EFER; enum vtx_vcpu_mode
LONG_CODE, LONG_AND_32_BIT_CODE = "0xa09b", "0xe09b"  # access rights as VMX has them
SIZE, CR3 = 0x400000, 0x3FB000  # of a VM, and where its page tables are
# Each would be entered, and the host would suffer: a field, what is flipped in it, and the reason.
# Ten, because the log takes no more of one kind at once.
HARMFUL = {
    "INTERCEPT_3": (1, "host's events"),
    "V_INTR": (1 << 24, "V_INTR_MASKING"),
    "NP_CONTROL": (1, "memory would be the host's"),
    "IOPM_BASE_PA": (0x1000, "other memory for the map"),
    "MSRPM_BASE_PA": (0x1000, "other memory for the map"),
    "N_CR3": (0x1000, "the tables are the trial's"),
    "TLB_CONTROL": (1, "without the flush"),
    "VIRT_EXT": (1, "LBR"),
    "VMSA_POINTER": (0x1000, "SEV"),
    "GUEST_ASID": (0xFFFF0000, "no such ASID"),
}


@pytest.fixture(name="trials")
def fixture_trials(driver):
    """The machine, with the permission to try, which is taken back."""
    trials = svm_campaign.Trials(driver)
    yield trials
    trials.done()


def sample(trials, folder, accel):
    """Try a sample, and hold it against the rules."""
    tally = svm_campaign.campaign(trials, Checker(folder), accel, svm_campaign.SEED,
                                  SAMPLES[accel])
    print(tally.summary(accel))
    check(len(tally.wrong), 0, f"disagreements:\n{tally.summary(accel)}\n", read=README)
    check(tally.left, [], "fields that the cases have left changed", read=README)
    least = int(SAMPLES[accel] * DECIDED)
    require(tally.agreed["entered"] + tally.agreed["invalid"] >= least, seen=tally.summary(accel),
            what="agreements", expected=f"at least {least} of {SAMPLES[accel]} cases")
    require(min(tally.agreed["entered"], tally.agreed["invalid"]) >= least // 10,
            seen=tally.summary(accel), what="outcomes", expected="both, each a tenth or more")


@expect_kmsg(SUPPRESSED)
@pytest.mark.lab(accel="tcg", instance="entry-tcg")
def test_sample_tcg(trials, tmp_path):
    """6,000 cases in QEMU: VMRUN does what the rules predict, and everything is put back."""
    sample(trials, tmp_path, "tcg")


@expect_kmsg(SUPPRESSED)
@pytest.mark.lab(accel="bochs", instance="entry-bochs")
def test_sample_bochs(trials, tmp_path):
    """2,400 cases in Bochs: VMRUN does what the rules predict, and everything is put back."""
    sample(trials, tmp_path, "bochs")


def test_not_tried(trials):
    """What the host could not survive is refused, and the log says why; unless VMRUN refuses it."""
    base = trials.run("64-bit", [])[0]
    cases = [{name: base[name] ^ bits} for name, (bits, _) in HARMFUL.items()]
    results, left = trials.run("64-bit", cases, base)[1:]
    check({name: result[0] for name, result in zip(HARMFUL, results, strict=True)},
          dict.fromkeys(HARMFUL, errno.EINVAL), "errno of the trials", read=README)
    sure = [{**case, "EFER": 0} for case in cases]
    results = trials.run("64-bit", sure, base)[1]
    check(results, [(0, FAILED)] * len(sure), "errno and exit code of the same without EFER.SVME",
          read=README)
    check(left, [], "fields that the trials have left changed", read=README)
    log = trials.machine.sh("dmesg").out
    for name, (_, reason) in HARMFUL.items():
        said = [line for line in log.splitlines() if f"try_entry: {name} 0x" in line]
        require(any(reason in line for line in said), seen=said or log, what="the log", read=README,
                expected=f"a line about {name} that says: {reason}")


def test_not_allowed(driver):
    """Without the module parameter nobody tries anything."""
    result = driver.run([svm_campaign.TOOL])
    require("VTXDRV_TRY_ENTRY: Operation not permitted" in result.out, seen=result.out,
            what="VTXDRV_TRY_ENTRY without allow_try_entry", expected="EPERM")


def test_refused(vms):
    """A CR3 that no memory has: twice refused, and the log says why; then mended, and it runs."""
    lines = vmtool(vms, *guest(guests.code("hlt"), size=SIZE), "regs", 0, "setsreg", 0, "cs.access",
                   LONG_AND_32_BIT_CODE, "setsreg", 0, "cr3", f"{CR3 | WIDE:#x}", "sregs", 0,
                   "run", 0, LATE, "run", 0, LATE, "regs", 0, "sregs", 0, "setsreg", 0,
                   "cs.access", LONG_CODE, "setsreg", 0, "cr3", f"{CR3:#x}", "run", 0, LATE)
    first, second, third = (line for line in lines if line.what == "exit")
    for line in (first, second):
        check_exit(line, "entry-failed", "an entry with a wrong CR3", read=README, reason=FAILED)
    for what in ("regs", "sregs"):
        before, after = (line.text for line in lines if line.what == what)
        check(after, before, f"{what} behind the refused entries", read=README)
    check_exit(third, "hlt", "the entry with CR3 mended", read=README)
    log = vms.sh("dmesg").out
    for rule in ("guest.cr3.reserved", "guest.long-mode.cs"):
        require(f"Rule {rule}; APM vol. 2" in log, seen=log, what="the log", read=README,
                expected=f"the rule {rule}")


def test_lme_alone(vms):
    """A guest sets EFER.LME with CR0.PG and CR4.PAE 0, and exits: guest and host live on."""
    image = guests.code(f".code32; mov ${EFER:#x}, %ecx; rdmsr; or ${LME}, %eax; wrmsr; rdmsr;"
                        " mov %eax, 0x8000; hlt")
    lines = vmtool(vms, "create", SIZE, 1, "code", image.hex(), "start", 0, PROTECTED, guests.LOAD,
                   0, 0, "run", 0, LATE, "read", "0x8000", 4)
    check_exit(only(lines, "exit"), "hlt", "HLT with EFER.LME, in protected mode without paging",
               read=README)
    data = only(lines, "read").data
    check(int.from_bytes(data, "little") & LME, LME, "EFER.LME as the guest reads it", read=README)
