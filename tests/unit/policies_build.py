# SPDX-License-Identifier: GPL-2.0
"""The policies of project06 as a library, and what its functions take and give."""

import ctypes
from pathlib import Path

from unit import host_build

REPOSITORY = Path(__file__).resolve().parents[2]
STAGE = 6
LOGIC = ("cpuid_policy_logic.c", "cpuid_rules_logic.c", "msr_policy_logic.c", "cr_logic.c",
         "vmx_bitmap_logic.c")
DEFAULT, USER, FAULT = range(3)  # enum vtx_msr_action
WAY_FAULT, WAY_PASS, WAY_VENDOR, WAY_DRIVER, WAY_KEPT, WAY_USER = range(6)  # enum msr_way
PE, MP, EM, TS, ET, NE, WP, AM, NW, CD, PG = (1 << n for n in (0, 1, 2, 3, 4, 5, 16, 18, 29, 30,
                                                               31))
SCE, LME, LMA, NXE = 1, 1 << 8, 1 << 10, 1 << 11
PSE, PAE, PGE, VMXE, PCIDE, OSXSAVE, SMEP = (1 << n for n in (4, 5, 7, 13, 17, 18, 20))


def struct(name, kind, fields):
    """A ctypes structure whose fields are all of one kind, but for those that are bool."""
    return type(name, (ctypes.Structure,), {"_fields_": [
        (field.rstrip("?"), ctypes.c_bool if field.endswith("?") else kind) for field in fields]})


Cpuid = struct("Cpuid", ctypes.c_uint32, ("eax", "ebx", "ecx", "edx"))
Limits = struct("Limits", ctypes.c_uint64, ("cr0_fixed0", "cr0_fixed1", "cr4_fixed0", "cr4_fixed1",
                                            "cr4_allowed", "efer_allowed", "unrestricted?"))
State = struct("State", ctypes.c_uint64, ("cr0", "cr4", "efer", "code64?", "cs_l?"))
Plan = struct("Plan", ctypes.c_uint64, ("cr0", "cr4", "efer", "real_cr0", "real_cr4", "pae?"))
Host = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.POINTER(Cpuid))


class Asker(ctypes.Structure):
    """struct cpuid_asker."""

    _fields_ = [("apic_id", ctypes.c_uint32), ("vcpus", ctypes.c_uint32),
                ("osxsave", ctypes.c_bool), ("xcr0", ctypes.c_uint64)]


class Rule(ctypes.Structure):
    """struct msr_rule."""

    _fields_ = [("msr", ctypes.c_uint32), ("read", ctypes.c_uint8), ("write", ctypes.c_uint8),
                ("kept", ctypes.c_uint8), ("reset", ctypes.c_uint64),
                ("writable", ctypes.c_uint64), ("ignored", ctypes.c_uint64)]


def build(folder, changed=()):
    """The library, with these files in the place of the repository's."""
    other = {path.name: path for path in changed}
    paths = [other.get(name, REPOSITORY / "project06" / name) for name in LOGIC]
    flags = [flag for flag in host_build.compile_flags((), STAGE) if flag != "-Werror"]
    host_build.run(["gcc", *flags, "-w", "-O1", "-shared", "-fPIC", "-fsanitize=undefined",
                    "-fsanitize-undefined-trap-on-error", "-o", folder / "policies.so",
                    Path(__file__).with_name("policies.c"), *paths])
    library = ctypes.CDLL(str(folder / "policies.so"))
    for name in ("policy_bits", "cr0_owned_by_guest", "cr4_owned_by_guest", "cr0_after_clts",
                 "cr0_after_lmsw", "policy_xcr0_at_start"):
        getattr(library, name).restype = ctypes.c_uint64
    for name in ("rule_msr", "vmx_msr_bit"):
        getattr(library, name).restype = ctypes.c_uint32
    for name in ("cr0_after_clts", "cr0_after_lmsw", "policy_xcr0"):
        getattr(library, name).argtypes = [ctypes.c_uint64] * (2 if "lmsw" in name else 1)
    library.msr_rule_find.restype = ctypes.POINTER(Rule)
    return library
