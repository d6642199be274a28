// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of VMRUN: the control area, and nested paging.
 */
#include "svm_check_rules.h"

/* ---- intercepts, maps, ASID ------------------------------------------------------------------ */

/* AMD APM vol. 2, "I/O Permissions Map" and "MSR Intercepts". */
#define IOPM_BYTES 12288
#define MSRPM_BYTES 8192

/* Intercepts are bits in the order of the exit codes. */
#define INTERCEPT_BIT(code) BIT((code) % 32)

static bool asid_not_0(struct svm_look *look)
{
	return svm_look_fine(look, svm_look_first(look));
}

static bool virtual_nmis(struct svm_look *look)
{
	if (!svm_look_feature(look, SVM_FEATURE_VNMI) ||
	    !(SVM_LOOK(look, V_INTR) & SVM_V_INTR_NMI_ENABLE))
		return true;
	return svm_look_bits(look, VMCB_NR_INTERCEPT_3,
			     ~SVM_LOOK(look, INTERCEPT_3) & INTERCEPT_BIT(VMEXIT_NMI));
}

const struct svm_rule svm_rules_control[] = {
	{ .id = "control.vmrun-intercept",
	  .kind = SVM_RULE_CONTROL,
	  .section = SVM_SECTION_VMRUN,
	  .text = "VMRUN itself must be intercepted",
	  .holds = svm_rule_bits_1,
	  .arg = INTERCEPT_BIT(VMEXIT_VMRUN),
	  .certain = true,
	  SVM_FIELD(INTERCEPT_4) },
	{ .id = "control.asid",
	  .kind = SVM_RULE_CONTROL,
	  .section = SVM_SECTION_VMRUN,
	  .text = "the ASID must not be 0, which is the host's",
	  .holds = asid_not_0,
	  .certain = true,
	  SVM_FIELD(GUEST_ASID) },
	{ .id = "control.iopm",
	  .kind = SVM_RULE_CONTROL,
	  .section = SVM_SECTION_VMRUN,
	  .text = "the I/O permission map, 12 KBytes, must lie within the physical-address width",
	  .holds = svm_rule_map,
	  .arg = IOPM_BYTES,
	  SVM_FIELD(IOPM_BASE_PA) },
	{ .id = "control.msrpm",
	  .kind = SVM_RULE_CONTROL,
	  .section = SVM_SECTION_VMRUN,
	  .text = "the MSR permission map, 8 KBytes, must lie within the physical-address width",
	  .holds = svm_rule_map,
	  .arg = MSRPM_BYTES,
	  SVM_FIELD(MSRPM_BASE_PA) },
	{ .id = "control.virtual-nmis",
	  .kind = SVM_RULE_CONTROL,
	  .section = "NMI Virtualization",
	  .text = "V_NMI_ENABLE needs the intercept of NMIs",
	  .holds = virtual_nmis,
	  SVM_FIELDS(VMCB_NR_INTERCEPT_3, VMCB_NR_V_INTR) },
	{ 0 }
};

/* ---- nested paging --------------------------------------------------------------------------- */

static bool nested(struct svm_look *look)
{
	return SVM_LOOK(look, NP_CONTROL) & SVM_NP_CONTROL_ENABLE;
}

static bool host_paging(struct svm_look *look)
{
	u64 cr0 = look->state->facts->cr0;

	if (!nested(look) || cr0 & CR0_PG)
		return true;
	if (!cr0)
		return svm_look_unknown(look, VMCB_NR_NP_CONTROL);
	return svm_look_bits(look, VMCB_NR_NP_CONTROL, SVM_NP_CONTROL_ENABLE);
}

/* Bochs ignores the bit then, and runs the guest on the host's memory. */
static bool processor_has_it(struct svm_look *look)
{
	return !nested(look) || svm_look_feature(look, SVM_FEATURE_NP) ||
	       svm_look_unknown(look, VMCB_NR_NP_CONTROL);
}

/* The tables are of the host's format: with 32-bit ones nobody looks at the upper half. */
static bool n_cr3(struct svm_look *look)
{
	u64 wrong;

	if (!nested(look))
		return true;
	wrong = svm_look_first(look) & svm_look_beyond_width(look);
	if (wrong && !(look->state->facts->efer & IA32_EFER_LMA))
		return svm_look_unknown(look, VMCB_NR_N_CR3);
	return svm_look_bits(look, VMCB_NR_N_CR3, wrong);
}

/* Memory types of PAT. AMD APM vol. 2, "PAT Register": 2, 3 and all above 7 are reserved. */
#define PAT_ENTRY_BITS 8
#define PAT_TYPES_LAST 7
#define PAT_RESERVED_FIRST 2
#define PAT_RESERVED_LAST 3

static bool is_memory_type(u8 type)
{
	return type <= PAT_TYPES_LAST && !(type >= PAT_RESERVED_FIRST && type <= PAT_RESERVED_LAST);
}

static bool g_pat(struct svm_look *look)
{
	u64 wrong = 0;
	u64 pat;
	unsigned int low;

	if (!nested(look))
		return true;
	pat = svm_look_first(look);
	for (low = 0; low < sizeof(pat) * 8; low += PAT_ENTRY_BITS) {
		if (!is_memory_type(pat >> low))
			wrong |= pat & GENMASK_ULL(low + PAT_ENTRY_BITS - 1, low);
	}
	return svm_look_bits(look, VMCB_NR_G_PAT, wrong);
}

static bool shadow_stack_check(struct svm_look *look)
{
	if (!svm_look_feature(look, SVM_FEATURE_SSSCheck) || nested(look))
		return true;
	return svm_look_bits(look, VMCB_NR_NP_CONTROL, svm_look_first(look) & SVM_NP_CONTROL_SSS);
}

const struct svm_rule svm_rules_paging[] = {
	{ .id = "control.np.host",
	  .kind = SVM_RULE_CONTROL,
	  .section = "Enabling Nested Paging",
	  .text = "nested paging needs a host with paging, CR0.PG = 1",
	  .holds = host_paging,
	  SVM_FIELD(NP_CONTROL) },
	{ .id = "control.np.supported",
	  .kind = SVM_RULE_CONTROL,
	  .section = "Enabling Nested Paging",
	  .text = "nested paging needs a processor that has it, CPUID 8000_000AH EDX bit 0; the "
		  "manual does not say what others do",
	  .holds = processor_has_it,
	  SVM_FIELD(NP_CONTROL) },
	{ .id = "control.np.n-cr3",
	  .kind = SVM_RULE_CONTROL,
	  .section = "Nested Paging and VMRUN/#VMEXIT",
	  .text = "with nested paging bits of N_CR3 beyond the physical-address width must be 0",
	  .holds = n_cr3,
	  SVM_FIELDS(VMCB_NR_N_CR3, VMCB_NR_NP_CONTROL) },
	{ .id = "control.np.g-pat",
	  .kind = SVM_RULE_CONTROL,
	  .section = "Nested Paging and VMRUN/#VMEXIT",
	  .text = "with nested paging each byte of G_PAT must be 0, 1, or 4 to 7",
	  .holds = g_pat,
	  SVM_FIELDS(VMCB_NR_G_PAT, VMCB_NR_NP_CONTROL) },
	{ .id = "control.np.shadow-stacks",
	  .kind = SVM_RULE_CONTROL,
	  .section = "Supervisor Shadow Stacks",
	  .text = "the supervisor shadow stack check needs nested paging",
	  .holds = shadow_stack_check,
	  SVM_FIELD(NP_CONTROL) },
	{ 0 }
};
