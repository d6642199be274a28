# SPDX-License-Identifier: GPL-2.0
"""Firmware of other opinions: Bochs's BIOS with another value for IA32_FEATURE_CONTROL.

The packaged BIOS ORs 5 (lock, VMX outside SMX) into MSR 3AH on every processor, so a machine that
firmware locked out could not be shown to a student. (One that it left open cannot either: Linux
itself locks the register while it boots, with VMX allowed.) The instruction that does it has its
operand in one byte, once for the application processors and once for the boot processor; a copy of
the ROM with another byte there is the other firmware.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import AccelUnusable

# mov ecx, 3ah ; rdmsr ; or eax, 5 ; wrmsr -- in 16-bit code with an operand-size prefix
PATTERN = re.compile(rb"\xb9\x3a\x00\x00\x00\x0f\x32\x66?\x83\xc8(\x05)\x0f\x30")
AS_PACKAGED, OPEN, LOCKED_OUT = 5, 0, 1

# name -> value ORed into the MSR on (application processors, boot processor)
FIRMWARE = {
    "": (AS_PACKAGED, AS_PACKAGED),
    "open": (OPEN, OPEN),
    "locked-out": (LOCKED_OUT, LOCKED_OUT),
    "cpu0-locked-out": (AS_PACKAGED, LOCKED_OUT),
    "cpu1-locked-out": (LOCKED_OUT, AS_PACKAGED),
}


def rom(packaged: Path, firmware: str, workdir: Path) -> Path:
    """Return the ROM image of that firmware; the packaged one where nothing is to be changed."""
    values = FIRMWARE[firmware]
    if values == FIRMWARE[""]:
        return packaged
    image = bytearray(packaged.read_bytes())
    places = [match.start(1) for match in PATTERN.finditer(image)]
    if len(places) != len(values):
        raise AccelUnusable(
            f"{packaged} sets IA32_FEATURE_CONTROL in {len(places)} places, expected {len(values)}",
            "this Bochs package has another BIOS than tests/harness/bochs_bios.py knows; report it")
    for place, value in zip(places, values):
        image[place] = value
    path = workdir / f"bios-{firmware}.bin"
    path.write_bytes(image)
    return path
