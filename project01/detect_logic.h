/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file detect_logic.h
 * @brief From the facts of one processor to the answer: can this build use it?
 *
 * Pure C: no kernel call, no libc beyond string.h. The module, vtxctl and the host-side unit
 * tests compile the same file, and none of these functions sleeps, locks or allocates.
 */
#ifndef DETECT_LOGIC_H
#define DETECT_LOGIC_H

#include "vtx_types.h"
#include "vtxdrv.h"

/** Which virtualization extension a processor's maker builds. */
enum detect_arch {
	DETECT_ARCH_NONE, /**< unknown maker, and neither extension shown */
	DETECT_ARCH_VMX, /**< Intel, Zhaoxin, Centaur: VMX */
	DETECT_ARCH_SVM, /**< AMD, Hygon: SVM */
};

/** What CPUID says, in words. */
struct detect_cpuid_info {
	char vendor[13]; /**< "GenuineIntel" …, terminated */
	char signature[13]; /**< of the hypervisor below ("KVMKVMKVM"), "" if there is none */
	enum detect_arch arch; /**< by the vendor; by the bits shown for an unknown vendor */
	bool vmx; /**< CPUID.1:ECX.VMX[5] */
	bool svm; /**< CPUID.8000_0001H:ECX.SVM[2] */
	bool hypervisor; /**< CPUID.1:ECX[31]: somebody below says that he is there */
};

/**
 * Read the facts that CPUID gives (exercise 1.1).
 *
 * @param f facts of one processor
 * @param out filled in; all zeros when the function fails
 * @return 0, or -ENOSYS while the exercise is not done
 */
int detect_cpuid(const struct vtx_cpu_facts *f, struct detect_cpuid_info *out);

/**
 * The verdict on one processor (exercise 1.7).
 *
 * A set CR4.VMXE means "held by another hypervisor", unless VTX_FACT_OURS is among the facts.
 *
 * @param f facts of one processor
 * @return the verdict; VTX_VERDICT_UNKNOWN when a fact that it needs was not read
 */
enum vtx_verdict detect_verdict(const struct vtx_cpu_facts *f);

/**
 * In what do two processors of one machine differ?
 *
 * What differs legally is left out: the APIC id and the other per-CPU bytes of CPUID.1:EBX,
 * OSXSAVE and the two APIC bits, which software switches.
 *
 * @param a facts of one processor
 * @param b facts of another one
 * @return VTX_DIFF_* bits, 0 when they are alike
 */
u32 detect_compare(const struct vtx_cpu_facts *a, const struct vtx_cpu_facts *b);

#endif
