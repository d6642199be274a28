# SPDX-License-Identifier: GPL-2.0
"""The rules of a VM entry against the machine: a sample of what make check-entry tries.

And what people see of them: vtxctl check on a live vCPU, vtxctl explain on its dump.
"""
import json

import pytest

from entry import campaign
from entry.checker import Checker
from harness.grade import check, only_on, require

pytestmark = [pytest.mark.reference,
              pytest.mark.lab(vendor="vmx", cpus=2, instance="entry", kernels=1)]

SAMPLE = 300
LEAST = 250  # cases that must really be decided by the machine


@pytest.fixture(name="trials")
def fixture_trials(driver):
    """The machine, with the permission to try, which is taken back."""
    trials = campaign.Trials(driver)
    yield trials
    trials.done()


@only_on("vmx", "VMRUN has thirty rules where VM entry has three hundred; the tests of project07"
         " try them")
def test_sample(trials, tmp_path):
    """300 cases: the machine does what the rules predict, and everything is put back."""
    model = campaign.MODELS[0]
    tally = campaign.campaign(trials, Checker(tmp_path), model, campaign.SEED, SAMPLE)
    print(tally.summary(model))
    check(len(tally.wrong), 0, f"disagreements:\n{tally.summary(model)}\n")
    check(tally.left, [], "fields that the cases have left changed")
    require(sum(tally.agreed.values()) >= LEAST, seen=tally.summary(model), what="agreements",
            expected=f"at least {LEAST} of {SAMPLE} cases")


def test_not_allowed(driver):
    """Without the module parameter nobody tries anything."""
    result = driver.run([campaign.TOOL])
    require("VTXDRV_TRY_ENTRY: Operation not permitted" in result.out, seen=result.out,
            what="VTXDRV_TRY_ENTRY without allow_try_entry", expected="EPERM")


def test_check_and_explain(driver):
    """A vCPU that was never initialised: check and explain say the same, host and guest."""
    script = ("vtxctl create --name judged --mem 4M --vcpus 1 -- sh -c '"
              "vtxctl check judged --json >/tmp/check; echo $?;"
              " vtxctl dump judged --json >/tmp/dump;"
              " vtxctl explain /tmp/dump --json >/tmp/explain; echo $?;"
              " vtxctl check judged >/tmp/text'")
    result = driver.sh(script, timeout=60)
    check(result.out.split()[-2:], ["1", "1"], "exit statuses of check and explain")
    said, explained = (json.loads(driver.get(f"/tmp/{name}")) for name in ("check", "explain"))
    check(explained["violated"], said["violated"], "rules that explain says are violated")
    kinds = {rule["kind"] for rule in said["violated"]}
    wanted = driver.vendor.kinds  # VMRUN looks at nothing of the host
    require(wanted <= kinds, seen=kinds, what="kinds of the violated rules", expected=wanted)
    text = driver.get("/tmp/text").decode()
    for rule in said["violated"]:
        require(rule["rule"] in text and rule["section"] in text, seen=text,
                what="vtxctl check for people", expected=f"{rule['rule']} and its section")
