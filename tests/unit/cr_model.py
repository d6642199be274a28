# SPDX-License-Identifier: GPL-2.0
"""What a guest may write to CR0, CR4 and IA32_EFER, by the words of the SDM."""

import ctypes
import errno
import random

from unit.policies_build import (AM, CD, ET, LMA, LME, MP, NE, NW, NXE, OSXSAVE, PAE, PCIDE, PE, PG,
                                 PGE, PSE, SCE, SMEP, TS, VMXE, WP, Limits, Plan, State)

FIXED = {"cr0_fixed0": PE | NE | PG, "cr0_fixed1": 0xffffffff, "cr4_fixed0": VMXE,
         "cr4_fixed1": 0x3767ff, "efer_allowed": SCE | LME | NXE,
         "cr4_allowed": 0x3767ff & ~(VMXE | PCIDE | 1 << 14)}


def expect(limits, old, register, value):
    """(error, plan as a dictionary), by the words of the SDM."""
    new = dict(old)
    if register == "efer":
        value &= ~LMA
        if value & ~limits["efer_allowed"] or ((value ^ old["efer"]) & LME and old["cr0"] & PG):
            return -errno.EPERM, None
        new["efer"] = value
    elif register == "cr4":
        if value & ~limits["cr4_allowed"] or (old["efer"] & LMA and not value & PAE):
            return -errno.EPERM, None
        new["cr4"] = value
    else:
        if value >> 32 or (value & PG and not value & PE) or (value & NW and not value & CD):
            return -errno.EPERM, None
        if value & ~old["cr0"] & PG and old["efer"] & LME and (not old["cr4"] & PAE or
                                                               old["cs_l"]):
            return -errno.EPERM, None
        if old["cr0"] & ~value & PG and old["cs_l"] and old["efer"] & LMA:
            return -errno.EPERM, None
        new["cr0"] = value & 0xe005003f | ET
    new["efer"] = new["efer"] & ~LMA | (LMA if new["efer"] & LME and new["cr0"] & PG else 0)
    if not limits["unrestricted"] and (PE | PG) & ~new["cr0"]:
        return -errno.EINVAL, None
    forced = limits["cr0_fixed0"] & ~(PE | PG if limits["unrestricted"] else 0)
    loads = {"cr0": PG | CD | NW, "cr4": PAE | PGE | PSE | SMEP, "efer": 0}[register]
    in_pae = new["cr0"] & PG and new["cr4"] & PAE and not new["efer"] & LMA
    return 0, {"cr0": new["cr0"], "cr4": new["cr4"], "efer": new["efer"],
               "real_cr0": new["cr0"] & ~(CD | NW) | forced,
               "real_cr4": new["cr4"] | limits["cr4_fixed0"],
               "pae": bool(in_pae and (old.get(register, 0) ^ new[register]) & loads)}


def random_state(rng):
    """A state that a guest can be in."""
    cr0 = ET | rng.choice((0, PE, PE | PG, PE | PG)) | sum(rng.sample((MP, TS, NE, WP, AM, CD), 2))
    efer = rng.choice((0, SCE, LME, LME | NXE))
    cr4 = sum(rng.sample((PSE, PAE, PGE, OSXSAVE, SMEP), 2))
    if cr0 & PG and efer & LME:
        efer, cr4 = efer | LMA, cr4 | PAE
    return {"cr0": cr0, "cr4": cr4, "efer": efer, "cs_l": rng.random() < 0.4}


def random_value(rng, state, register):
    if register == "cr0":
        flips = rng.sample((PE, PG, PE | PG, CD, NW, CD | NW, TS, WP, NE, ET, 1 << 32, 1 << 6), 2)
    elif register == "cr4":
        flips = rng.sample((PAE, PGE, PSE, SMEP, VMXE, PCIDE, 1 << 15, 1 << 63, OSXSAVE), 2)
    else:
        flips = rng.sample((LME, LMA, SCE, NXE, 2, 1 << 12, 1 << 63), 2)
    return (state[register] ^ rng.choice((0, flips[0], flips[0] ^ flips[1])))


def complain_crs(logic, seed=1, rounds=4000):
    rng = random.Random(seed)
    for _ in range(rounds):
        limits = dict(FIXED, unrestricted=rng.random() < 0.8)
        state = random_state(rng)
        register = rng.choice(("cr0", "cr4", "efer"))
        value = random_value(rng, state, register)
        err, plan = expect(limits, state, register, value)
        code64 = state["cs_l"] and bool(state["efer"] & LMA)
        seen = Plan()
        got = getattr(logic, f"{register}_write")(
            ctypes.byref(Limits(**limits)), ctypes.byref(State(code64=code64, **state)),
            ctypes.c_uint64(value), ctypes.byref(seen))
        said = f"{register} = {value:#x} in {state}"
        assert got == err, said
        if plan:
            assert {name: getattr(seen, name) for name in plan} == plan, said
