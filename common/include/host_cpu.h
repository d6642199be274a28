/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file host_cpu.h
 * @brief What the driver has done to each CPU of the host.
 */
#ifndef HOST_CPU_H
#define HOST_CPU_H

#include <asm/processor.h>
#include <linux/percpu.h>

#include "x86_bits.h"

/**
 * True while this module holds the CPU: it has put it into VMX operation (or set EFER.SVME) and
 * will take it out again. Written only on the CPU itself; others read it as a hint.
 */
DECLARE_PER_CPU(bool, vtx_cpu_ours);

/**
 * Does CPUID show VMX on the CPU that this runs on? The MSRs of VMX exist only then. (The kernel's
 * boot_cpu_has() does not tell: Linux clears its own copy of the bit where firmware locks VMX out.)
 */
static inline bool host_cpu_shows_vmx(void)
{
	return cpuid_ecx(CPUID_LEAF_1) & CPUID_1_ECX_VMX;
}

/** Does CPUID show SVM on the CPU that this runs on? */
static inline bool host_cpu_shows_svm(void)
{
	return cpuid_eax(CPUID_LEAF_8000_0000) >= CPUID_LEAF_8000_0001 &&
	       cpuid_ecx(CPUID_LEAF_8000_0001) & CPUID_8000_0001_ECX_SVM;
}

#endif
