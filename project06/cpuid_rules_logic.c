// SPDX-License-Identifier: GPL-2.0
/*
 * The table of what CPUID tells a guest, bit by bit. What is not named here, a guest does not have:
 * a bit that some later processor defines is hidden until somebody has thought about it.
 */
#include "cpuid_policy_logic.h"

#define ALL (~0U)

/* Brand index and size of a cache line; the rest of this register belongs to the asker. */
#define LEAF_1_EBX 0x0000ffffU
/* Types of caches as they are, each of them used by one logical processor. */
#define LEAF_4_EAX 0x000003ffU
/* Bits of addresses. */
#define LEAF_8000_0008_EAX 0x0000ffffU

#define FEATURES_1_ECX \
	(CPUID_1_ECX_SSE3 | CPUID_1_ECX_PCLMULQDQ | CPUID_1_ECX_SSSE3 | CPUID_1_ECX_FMA | \
	 CPUID_1_ECX_CX16 | CPUID_1_ECX_SSE4_1 | CPUID_1_ECX_SSE4_2 | CPUID_1_ECX_MOVBE | \
	 CPUID_1_ECX_POPCNT | CPUID_1_ECX_AES | CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX | \
	 CPUID_1_ECX_F16C | CPUID_1_ECX_RDRAND)

/* No local APIC, no machine checks, no MTRRs: nobody plays them. */
#define FEATURES_1_EDX \
	(CPUID_1_EDX_FPU | CPUID_1_EDX_VME | CPUID_1_EDX_DE | CPUID_1_EDX_PSE | CPUID_1_EDX_TSC | \
	 CPUID_1_EDX_MSR | CPUID_1_EDX_PAE | CPUID_1_EDX_CX8 | CPUID_1_EDX_SEP | \
	 CPUID_1_EDX_PGE | CPUID_1_EDX_CMOV | CPUID_1_EDX_PAT | CPUID_1_EDX_PSE36 | \
	 CPUID_1_EDX_CLFSH | CPUID_1_EDX_MMX | CPUID_1_EDX_FXSR | CPUID_1_EDX_SSE | \
	 CPUID_1_EDX_SSE2 | CPUID_1_EDX_SS)

/* No INVPCID, as there is no PCID; no TSX, no SGX, no MPX. */
#define FEATURES_7_EBX \
	(CPUID_7_EBX_FSGSBASE | CPUID_7_EBX_BMI1 | CPUID_7_EBX_AVX2 | CPUID_7_EBX_FDP_EXCPTN | \
	 CPUID_7_EBX_SMEP | CPUID_7_EBX_BMI2 | CPUID_7_EBX_ERMS | CPUID_7_EBX_NO_FCS_FDS | \
	 CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512DQ | CPUID_7_EBX_RDSEED | CPUID_7_EBX_ADX | \
	 CPUID_7_EBX_SMAP | CPUID_7_EBX_AVX512_IFMA | CPUID_7_EBX_CLFLUSHOPT | CPUID_7_EBX_CLWB | \
	 CPUID_7_EBX_AVX512CD | CPUID_7_EBX_SHA | CPUID_7_EBX_AVX512BW | CPUID_7_EBX_AVX512VL)

#define FEATURES_7_ECX \
	(CPUID_7_ECX_AVX512_VBMI | CPUID_7_ECX_UMIP | CPUID_7_ECX_AVX512_VBMI2 | \
	 CPUID_7_ECX_GFNI | CPUID_7_ECX_VAES | CPUID_7_ECX_VPCLMULQDQ | CPUID_7_ECX_AVX512_VNNI | \
	 CPUID_7_ECX_AVX512_BITALG | CPUID_7_ECX_AVX512_VPOPCNTDQ | CPUID_7_ECX_CLDEMOTE | \
	 CPUID_7_ECX_MOVDIRI | CPUID_7_ECX_MOVDIR64B)

/* The reset value of IA32_TSC_ADJUST is what everybody has who has the counter. */
const struct cpuid_rule cpuid_rules[] = {
	{ CPUID_LEAF_0, { .eax = ALL, .ebx = ALL, .ecx = ALL, .edx = ALL }, {} },
	{ CPUID_LEAF_1,
	  { .eax = ALL, .ebx = LEAF_1_EBX, .ecx = FEATURES_1_ECX, .edx = FEATURES_1_EDX },
	  { .ecx = CPUID_1_ECX_HYPERVISOR } },
	{ CPUID_LEAF_2, { .eax = ALL, .ebx = ALL, .ecx = ALL, .edx = ALL }, {} },
	{ CPUID_LEAF_4, { .eax = LEAF_4_EAX, .ebx = ALL, .ecx = ALL, .edx = ALL }, {} },
	{ CPUID_LEAF_7,
	  { .ebx = FEATURES_7_EBX,
	    .ecx = FEATURES_7_ECX,
	    .edx = CPUID_7_EDX_FSRM | CPUID_7_EDX_SERIALIZE },
	  { .ebx = CPUID_7_EBX_TSC_ADJUST } },
	{ CPUID_LEAF_8000_0000, { .eax = ALL }, {} },
	{ CPUID_LEAF_8000_0001,
	  { .ecx = CPUID_8000_0001_ECX_LAHF | CPUID_8000_0001_ECX_LZCNT |
		   CPUID_8000_0001_ECX_PREFETCHW,
	    .edx = CPUID_8000_0001_EDX_SYSCALL | CPUID_8000_0001_EDX_NX |
		   CPUID_8000_0001_EDX_PAGE_1G | CPUID_8000_0001_EDX_LM },
	  {} },
	{ CPUID_LEAF_8000_0002, { .eax = ALL, .ebx = ALL, .ecx = ALL, .edx = ALL }, {} },
	{ CPUID_LEAF_8000_0003, { .eax = ALL, .ebx = ALL, .ecx = ALL, .edx = ALL }, {} },
	{ CPUID_LEAF_8000_0004, { .eax = ALL, .ebx = ALL, .ecx = ALL, .edx = ALL }, {} },
	{ CPUID_LEAF_8000_0006, { .ecx = ALL }, {} },
	{ CPUID_LEAF_8000_0007, { .edx = CPUID_8000_0007_EDX_INVARIANT_TSC }, {} },
	{ CPUID_LEAF_8000_0008, { .eax = LEAF_8000_0008_EAX }, {} },
};
const unsigned int cpuid_rule_count = ARRAY_SIZE(cpuid_rules);
