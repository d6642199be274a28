# SPDX-License-Identifier: GPL-2.0
"""Names and bit positions of VMX and SVM capabilities, typed in from the manuals a second time.

Nothing here is derived from common/arch: a wrong line there must not agree with a wrong line here.
Sources: Intel SDM volume 3, chapter "Virtual Machine Control Structures" and appendix A; AMD APM
volume 3, appendix E.4.9.
"""

MSR_NAMES = [
    "IA32_VMX_BASIC", "IA32_VMX_PINBASED_CTLS", "IA32_VMX_PROCBASED_CTLS", "IA32_VMX_EXIT_CTLS",
    "IA32_VMX_ENTRY_CTLS", "IA32_VMX_MISC", "IA32_VMX_CR0_FIXED0", "IA32_VMX_CR0_FIXED1",
    "IA32_VMX_CR4_FIXED0", "IA32_VMX_CR4_FIXED1", "IA32_VMX_VMCS_ENUM",
    "IA32_VMX_PROCBASED_CTLS2", "IA32_VMX_EPT_VPID_CAP", "IA32_VMX_TRUE_PINBASED_CTLS",
    "IA32_VMX_TRUE_PROCBASED_CTLS", "IA32_VMX_TRUE_EXIT_CTLS", "IA32_VMX_TRUE_ENTRY_CTLS",
    "IA32_VMX_VMFUNC", "IA32_VMX_PROCBASED_CTLS3", "IA32_VMX_EXIT_CTLS2",
]

PIN = {0: "external-interrupt exiting", 3: "NMI exiting", 5: "virtual NMIs",
       6: "activate VMX-preemption timer", 7: "process posted interrupts"}

PRIMARY = {
    2: "interrupt-window exiting", 3: "use TSC offsetting", 7: "HLT exiting",
    9: "INVLPG exiting", 10: "MWAIT exiting", 11: "RDPMC exiting", 12: "RDTSC exiting",
    15: "CR3-load exiting", 16: "CR3-store exiting", 17: "activate tertiary controls",
    19: "CR8-load exiting", 20: "CR8-store exiting", 21: "use TPR shadow",
    22: "NMI-window exiting", 23: "MOV-DR exiting", 24: "unconditional I/O exiting",
    25: "use I/O bitmaps", 27: "monitor trap flag", 28: "use MSR bitmaps",
    29: "MONITOR exiting", 30: "PAUSE exiting", 31: "activate secondary controls",
}

SECONDARY = dict(enumerate([
    "virtualize APIC accesses", "enable EPT", "descriptor-table exiting", "enable RDTSCP",
    "virtualize x2APIC mode", "enable VPID", "WBINVD exiting", "unrestricted guest",
    "APIC-register virtualization", "virtual-interrupt delivery", "PAUSE-loop exiting",
    "RDRAND exiting", "enable INVPCID", "enable VM functions", "VMCS shadowing",
    "enable ENCLS exiting", "RDSEED exiting", "enable PML", "EPT-violation #VE",
    "conceal VMX from PT", "enable XSAVES/XRSTORS", "PASID translation",
    "mode-based execute control for EPT", "sub-page write permissions for EPT",
    "Intel PT uses guest physical addresses", "use TSC scaling", "enable user wait and pause",
    "enable PCONFIG", "enable ENCLV exiting"])) | {30: "VMM bus-lock detection",
                                                    31: "instruction timeout"}

TERTIARY = dict(enumerate([
    "LOADIWKEY exiting", "enable HLAT", "EPT paging-write control", "guest-paging verification",
    "IPI virtualization", "SEAM guest-physical address width", "enable MSR-list instructions",
    "virtualize IA32_SPEC_CTRL"]))

EXIT = {
    2: "save debug controls", 9: "host address-space size", 12: "load IA32_PERF_GLOBAL_CTRL",
    15: "acknowledge interrupt on exit", 18: "save IA32_PAT", 19: "load IA32_PAT",
    20: "save IA32_EFER", 21: "load IA32_EFER", 22: "save VMX-preemption timer value",
    23: "clear IA32_BNDCFGS", 24: "conceal VMX from PT", 25: "clear IA32_RTIT_CTL",
    26: "clear IA32_LBR_CTL", 27: "clear UINV", 28: "load CET state", 29: "load PKRS",
    30: "save IA32_PERF_GLOBAL_CTL", 31: "activate secondary controls",
}

EXIT2 = {0: "save FRED state", 1: "load FRED state", 3: "prematurely busy shadow stack"}

ENTRY = {
    2: "load debug controls", 9: "IA-32e mode guest", 10: "entry to SMM",
    11: "deactivate dual-monitor treatment", 13: "load IA32_PERF_GLOBAL_CTRL",
    14: "load IA32_PAT", 15: "load IA32_EFER", 16: "load IA32_BNDCFGS",
    17: "conceal VMX from PT", 18: "load IA32_RTIT_CTL", 19: "load UINV", 20: "load CET state",
    21: "load guest IA32_LBR_CTL", 22: "load PKRS", 23: "load FRED state",
}

# Group, its names, its MSR, the TRUE variant if there is one, and whether it reports 64 bits of
# allowed 1-settings.
GROUPS = [
    ("pin", PIN, 0x481, 0x48D, False), ("primary", PRIMARY, 0x482, 0x48E, False),
    ("secondary", SECONDARY, 0x48B, None, False), ("tertiary", TERTIARY, 0x492, None, True),
    ("exit", EXIT, 0x483, 0x48F, False), ("exit2", EXIT2, 0x493, None, True),
    ("entry", ENTRY, 0x484, 0x490, False),
]

MISC = {"stores_lma": 5, "activity_hlt": 6, "activity_shutdown": 7, "activity_wait_for_sipi": 8,
        "pt_in_vmx": 14, "rdmsr_smbase_in_smm": 15, "smm_monitor_block_smi": 28,
        "vmwrite_any_field": 29, "inject_length_0": 30}

EPT_VPID = {"execute_only": 0, "page_walk_4": 6, "page_walk_5": 7, "memory_type_uc": 8,
            "memory_type_wb": 14, "page_2m": 16, "page_1g": 17, "invept": 20,
            "accessed_dirty": 21, "advanced_exit_info": 22, "supervisor_shadow_stack": 23,
            "invept_single": 25, "invept_all": 26, "invvpid": 32, "invvpid_address": 40,
            "invvpid_single": 41, "invvpid_all": 42, "invvpid_single_globals": 43}

SVM_FEATURES = {
    0: "NP", 1: "LbrVirt", 2: "SVML", 3: "NRIPS", 4: "TscRateMsr", 5: "VmcbClean",
    6: "FlushByAsid", 7: "DecodeAssists", 8: "PmcVirt", 10: "PauseFilter",
    12: "PauseFilterThreshold", 13: "AVIC", 15: "VMSAVEvirt", 16: "VGIF", 17: "GMET",
    18: "x2AVIC", 19: "SSSCheck", 20: "SpecCtrl", 21: "ROGPT", 23: "HOST_MCE_OVERRIDE",
    24: "TlbiCtl", 25: "VNMI", 26: "IbsVirt", 27: "ExtLvtAvicAccessChg",
    28: "NestedVirtVmcbAddrChk", 29: "BusLockThreshold", 30: "IdleHltIntercept",
    31: "EnhancedShutdownIntercept",
}
