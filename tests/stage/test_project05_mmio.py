# SPDX-License-Identifier: GPL-2.0
"""project05: instructions that touch a device, as vtxctl's emulator carries them out.

No code of these is the student's, so none of it has points: it is tested with the reference, every
form against what the processor itself has done with memory.
"""
import pytest

from harness.grade import check, check_run
from stage import mmio_forms
from stage.ept_tools import wide_tables
from stage.vm_tools import vms

pytestmark = [pytest.mark.lab(vendor="vmx", cpus=2, instance="vtxctl"), pytest.mark.reference]

DEVICE = 0xd0000100  # registers of the board that keep what they are given: guest_modes.h
TABLES = 0x700000


def test_every_form(vms, rng):
    """MOV, MOVZX, MOVSX, AND, OR, XOR, TEST, XCHG, string moves: on memory and on a device."""
    image = mmio_forms.image(rng, mmio_forms.FORMS, DEVICE, wide_tables(TABLES))
    vms.put("/tmp/forms.bin", image)
    result = check_run(vms.vtxctl("run", "/tmp/forms.bin", "--mem", "16M", timeout=60))
    done = list(mmio_forms.halves(result.stdout, mmio_forms.FORMS))
    check(len(done), len(mmio_forms.FORMS), "instructions that were carried out", log=result.err)
    wrong = [f"`{form.text}`: {text}" for form, real, emulated in done
             if (text := mmio_forms.difference(form, real, emulated, DEVICE))]
    check(wrong, [], "what the emulator does otherwise than the processor")
