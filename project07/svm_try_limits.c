// SPDX-License-Identifier: GPL-2.0
/*
 * Which values VTXDRV_TRY_ENTRY enters with, and which it refuses: those that the host could not
 * survive, and those that would let the guest execute something.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>

#include "svm_codes.h"
#include "svm_try.h"
#include "x86_exceptions.h"

/* Intercepts are bits in the order of the exit codes. */
#define INTERCEPT_BIT(code) BIT((code) % 32)

#define HOST_EVENTS                                                                           \
	(INTERCEPT_BIT(VMEXIT_INTR) | INTERCEPT_BIT(VMEXIT_NMI) | INTERCEPT_BIT(VMEXIT_SMI) | \
	 INTERCEPT_BIT(VMEXIT_INIT) | INTERCEPT_BIT(VMEXIT_SHUTDOWN) |                        \
	 INTERCEPT_BIT(VMEXIT_FERR_FREEZE))

/* What a virtual interrupt is made of. Its delivery ends at the empty tables. */
#define V_INTR_FREE                                                                               \
	(GENMASK_ULL(SVM_V_INTR_TPR_HIGH, SVM_V_INTR_TPR_LOW) | SVM_V_INTR_IRQ | SVM_V_INTR_GIF | \
	 SVM_V_INTR_NMI | SVM_V_INTR_NMI_MASK |                                                   \
	 GENMASK_ULL(SVM_V_INTR_PRIO_HIGH, SVM_V_INTR_PRIO_LOW) | SVM_V_INTR_IGN_TPR |            \
	 SVM_V_INTR_GIF_ENABLE | SVM_V_INTR_NMI_ENABLE |                                          \
	 GENMASK_ULL(SVM_V_INTR_VECTOR_HIGH, SVM_V_INTR_VECTOR_LOW))

/* The lowest 12 bits of an address of a map are ignored. */
#define MAP_ADDRESS GENMASK_ULL(63, 12)

/* There are four levels of privilege. */
#define CPL_BITS GENMASK_ULL(1, 0)

/* Bits that a case must not change. What is not listed is free: the guest executes nothing. */
static const struct {
	u16 number;
	u64 bits;
	const char *why;
} held[] = {
	{ VMCB_NR_INTERCEPT_EXCEPTION, BIT(X86_EXCEPTION_MC), "a machine check is the host's" },
	{ VMCB_NR_INTERCEPT_3, HOST_EVENTS, "the host's events would become the guest's" },
	{ VMCB_NR_IOPM_BASE_PA, MAP_ADDRESS, "the processor would take other memory for the map" },
	{ VMCB_NR_MSRPM_BASE_PA, MAP_ADDRESS, "the processor would take other memory for the map" },
	{ VMCB_NR_TLB_CONTROL, U64_MAX, "without the flush the guest could run" },
	{ VMCB_NR_V_INTR, ~V_INTR_FREE, "V_INTR_MASKING, AVIC and reserved bits are not tried" },
	{ VMCB_NR_INTERRUPT_STATE,
	  ~(u64)(SVM_INTERRUPT_STATE_SHADOW | SVM_INTERRUPT_STATE_GUEST_MASK),
	  "reserved bits are not tried" },
	{ VMCB_NR_NP_CONTROL, ~(u64)(SVM_NP_CONTROL_GMET | SVM_NP_CONTROL_SSS),
	  "without nested paging the guest's memory would be the host's; SEV is not tried" },
	{ VMCB_NR_AVIC_APIC_BAR, U64_MAX, "AVIC is not tried" },
	{ VMCB_NR_GHCB_PA, U64_MAX, "SEV is not tried" },
	{ VMCB_NR_VIRT_EXT, U64_MAX, "LBR virtualization and its kin are not tried" },
	{ VMCB_NR_CLEAN_BITS, U64_MAX, "the processor would not look at what has changed" },
	{ VMCB_NR_AVIC_BACKING_PAGE, U64_MAX, "AVIC is not tried" },
	{ VMCB_NR_AVIC_LOGICAL_TABLE, U64_MAX, "AVIC is not tried" },
	{ VMCB_NR_AVIC_PHYSICAL_TABLE, U64_MAX, "AVIC is not tried" },
	{ VMCB_NR_VMSA_POINTER, U64_MAX, "SEV is not tried" },
	{ VMCB_NR_CPL, ~CPL_BITS, "there are four levels of privilege" },
	{ VMCB_NR_SPEC_CTRL, U64_MAX, "the host's protection would change" },
};

static u64 changed_bits(const struct svm_trial *t, u16 number)
{
	return t->state.value[number] ^ vmcb_field_read(t->before, number);
}

static int refuse(const struct svm_trial *t, u16 number, const char *why)
{
	pr_notice_ratelimited("try_entry: %s 0x%llx is not tried: %s\n", vmcb_table[number].ident,
			      t->state.value[number], why);
	return -EINVAL;
}

/* CPUID 8000_0008H EAX: what an address has beside the offset in its page. */
u64 svm_try_table_bits(const struct svm_trial *t)
{
	u32 width = t->facts.ext_addr.eax & U8_MAX;

	return GENMASK_ULL(width - 1, PAGE_SHIFT);
}

/*
 * An address that no memory has is what the rules are about: the map is not read, because nothing
 * is executed.
 */
static bool may_be_wrong(u16 number)
{
	return number == VMCB_NR_IOPM_BASE_PA || number == VMCB_NR_MSRPM_BASE_PA;
}

int svm_try_survives(const struct svm_trial *t)
{
	u32 asids = t->facts.ext_svm.ebx;
	unsigned int i;

	if (t->certain)
		return 0;
	for (i = 0; i < ARRAY_SIZE(held); i++) {
		u16 number = held[i].number;

		if (changed_bits(t, number) & held[i].bits &&
		    !(may_be_wrong(number) && t->wrong[number]))
			return refuse(t, number, held[i].why);
	}
	if (changed_bits(t, VMCB_NR_N_CR3) & svm_try_table_bits(t))
		return refuse(t, VMCB_NR_N_CR3, "the tables are the trial's");
	if (asids && t->state.value[VMCB_NR_GUEST_ASID] >= asids)
		return refuse(t, VMCB_NR_GUEST_ASID, "the processor has no such ASID");
	return 0;
}
