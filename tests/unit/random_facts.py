# SPDX-License-Identifier: GPL-2.0
"""Processor facts that no processor ever reported, random and hostile ones, for tests only."""
import random

VENDORS = ["GenuineIntel", "AuthenticAMD", "HygonGenuine", "CentaurHauls", "  Shanghai  ",
           "NobodysOwn12", "", "Genuine\0ntel", "\xff\x01" * 6]
SIGNATURES = [None, "", "KVMKVMKVM", "TCGTCGTCGTCG", "Microsoft Hv", "\x80\x81\x7f"]
# Bits that some decision hangs on are drawn more often than the rest.
VMX, HYPERVISOR, SVM, VMXE, SVME = 1 << 5, 1 << 31, 1 << 2, 1 << 13, 1 << 12


def uniform(cpu: int, value: int) -> dict:
    """A CPU of which every number has the same bits: all zeros, or all ones."""
    narrow, wide = hex(value & 0xFFFFFFFF), hex(value & (1 << 64) - 1)
    return {"cpu": cpu, "ours": False, "vendor": "GenuineIntel", "hv_signature": None,
            "max_leaf": narrow, "max_ext_leaf": narrow,
            **{leaf: [narrow] * 4 for leaf in ("leaf1", "ext1", "ext_svm", "ext_addr")},
            "cr0": wide, "cr4": wide, "efer": wide, "feature_control": wide, "vm_cr": wide,
            "vmx_msr": [wide] * 20}


def contradictory(cpu: int) -> dict:
    """Controls that may be neither 0 nor 1, TRUE MSRs announced and missing, no secondary ones."""
    raw = uniform(cpu, 0)
    raw["leaf1"][2] = hex(VMX)
    raw["feature_control"] = "0x5"
    raw["vmx_msr"] = [hex(1 << 55)] + ["0xffffffff"] * 12 + [None] * 7
    return raw


class Facts:
    """Random facts, repeatable by the seed."""

    def __init__(self, seed: int):
        self._random = random.Random(seed)

    def _word(self, bits: int) -> int:
        kind = self._random.randrange(4)
        if kind == 0:
            return self._random.choice((0, (1 << bits) - 1, 1 << self._random.randrange(bits)))
        value = self._random.getrandbits(bits)
        return value & self._random.getrandbits(bits) if kind == 1 else value

    def _with(self, value: int, mask: int) -> int:
        return value | mask if self._random.random() < 0.6 else value & ~mask

    def _leaf(self) -> list:
        return [hex(self._word(32)) for _ in range(4)]

    def _maybe(self, bits: int, chance: float):
        return hex(self._word(bits)) if self._random.random() < chance else None

    def cpu(self, number: int) -> dict:
        """The facts of one CPU."""
        pick = self._random.choice
        leaf1, ext1 = self._leaf(), self._leaf()
        leaf1[2] = hex(self._with(self._with(self._word(32), VMX), HYPERVISOR))
        ext1[2] = hex(self._with(self._word(32), SVM))
        return {
            "cpu": number, "ours": self._random.random() < 0.3,
            "vendor": pick(VENDORS[:2] + VENDORS), "hv_signature": pick(SIGNATURES),
            "max_leaf": hex(self._word(32)), "max_ext_leaf": hex(self._word(32)),
            "leaf1": leaf1, "ext1": ext1, "ext_svm": self._leaf(), "ext_addr": self._leaf(),
            "cr0": hex(self._word(64)), "cr4": hex(self._with(self._word(64), VMXE)),
            "efer": hex(self._with(self._word(64), SVME)),
            "feature_control": self._maybe(64, 0.85), "vm_cr": self._maybe(64, 0.5),
            "vmx_msr": [self._maybe(64, 0.85) for _ in range(20)],
        }
