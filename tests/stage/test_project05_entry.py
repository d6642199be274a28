# SPDX-License-Identifier: GPL-2.0
"""project05: what VTXDRV_TRY_ENTRY does not try, because addresses have two meanings now."""
import errno

import pytest

from entry import campaign
from entry.made_up import CONTROLS, GROUPS
from harness.grade import check, only_on
from stage.ept_tools import README
from stage.vm_tools import vms

pytestmark = [pytest.mark.reference, pytest.mark.lab(vendor="vmx", cpus=2, instance="survive")]

POPULATE = f"{README}#a-frame-when-it-is-touched"
INJECT_UD = 1 << 31 | 3 << 8 | 6  # SDM vol. 3, "VM-Entry Controls for Event Injection"


@only_on("vmx", "VMRUN delivers by the guest's IDT after it has loaded all of the guest")
def test_trial_without_ept(vms):
    """An event is not delivered by tables whose addresses would suddenly be the host's."""
    trials = campaign.Trials(vms)
    try:
        secondary = GROUPS["SECONDARY"]
        without = trials.base[secondary] & ~(CONTROLS["SECONDARY.ENABLE_EPT"]
                                             | CONTROLS["SECONDARY.UNRESTRICTED_GUEST"])
        event = {"VM_ENTRY_INTERRUPTION_INFORMATION": INJECT_UD}
        results, left = trials.run([event, {secondary: without}, {**event, secondary: without}])
        check([result[0] for result in results], [0, 0, errno.EINVAL], "errno of trials with an"
              " event, without EPT, with an event and without EPT", read=POPULATE)
        check(left, [], "fields that the trials have left changed", read=POPULATE)
    finally:
        trials.done()
