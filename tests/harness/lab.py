# SPDX-License-Identifier: GPL-2.0
"""A lab machine with a stage inside: for pytest's fixtures, and for people on the command line.

    python3 -m harness.lab shell --stage-dir build/project02      (make lab)
    python3 -m harness.lab run   --stage-dir build/project02 -- vtxctl detect
    python3 -m harness.lab demo  --stage-dir build/project02      (make demo)
    python3 -m harness.lab debug --stage-dir build/project02      (make debug)
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from harness import kernel as kernels
from harness.errors import LabError
from harness.kit import prepare_initrd
from harness.machine import Machine
from harness.spec import VENDORS, Kernel, MachineSpec

__all__ = ["boot_stage", "prepare_initrd", "stage_spec"]


def stage_spec(
    stage_dir: Path | None,
    vendor: str = "vmx",
    accel: str | None = None,
    kernel: Kernel | None = None,
    extra_files=(),
    **spec,
) -> MachineSpec:
    """Return the description of a machine that has this stage's module and tool inside."""
    kernel = kernel or kernels.resolve()
    initrd = prepare_initrd(kernel, stage_dir, extra_files)
    return MachineSpec(vendor=vendor, accel=accel, kernel=kernel, initrd=initrd, **spec)


def boot_stage(
    stage_dir: Path | None,
    vendor: str = "vmx",
    accel: str | None = None,
    kernel: Kernel | None = None,
    artefacts: Path = Path("build/lab"),
    **spec,
) -> Machine:
    """Boot a machine with this stage inside: /lab/vtxdrv.ko (not loaded) and vtxctl.

    `spec`: extra_files and any field of MachineSpec (cpus, mem_mib, cpu_model, …).
    """
    return Machine.boot(stage_spec(stage_dir, vendor, accel, kernel, **spec), artefacts)
