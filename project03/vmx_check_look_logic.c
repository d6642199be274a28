// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: reading fields and facts, and the predicates that many rules share.
 */
#include "vmcs_table_logic.h"
#include "vmx_check_rules.h"

/* ---- reading --------------------------------------------------------------------------------- */

bool look_unknown(struct vmx_look *look)
{
	look->unknown = true;
	return true;
}

u64 look_field(struct vmx_look *look, u16 number)
{
	if (!look->state->present[number])
		look_unknown(look);
	return look->state->value[number];
}

u64 look_first(struct vmx_look *look)
{
	return look_field(look, look->rule->fields[0]);
}

u64 look_msr(struct vmx_look *look, u32 index)
{
	u64 value = 0;

	if (!vmx_msr_read(look->state->facts, index, &value))
		look_unknown(look);
	return value;
}

u64 look_controls(struct vmx_look *look, enum vmx_ctl_group group)
{
	switch (group) {
	case VMX_CTL_PIN:
		return look_field(look, PIN_CONTROLS);
	case VMX_CTL_PRIMARY:
		return look_field(look, PRIMARY_CONTROLS);
	case VMX_CTL_SECONDARY:
		return LOOK_CTL(look, PRIMARY, ACTIVATE_SECONDARY_CONTROLS) ?
			       look_field(look, SECONDARY_CONTROLS) :
			       0;
	case VMX_CTL_TERTIARY:
		return LOOK_CTL(look, PRIMARY, ACTIVATE_TERTIARY_CONTROLS) ?
			       look_field(look, TERTIARY_CONTROLS) :
			       0;
	case VMX_CTL_EXIT:
		return look_field(look, EXIT_CONTROLS);
	case VMX_CTL_EXIT2:
		return LOOK_CTL(look, EXIT, ACTIVATE_SECONDARY_CONTROLS) ?
			       look_field(look, EXIT2_CONTROLS) :
			       0;
	case VMX_CTL_ENTRY:
		return look_field(look, ENTRY_CONTROLS);
	default:
		return look_unknown(look);
	}
}

/* CPUID 8000_0008H EAX, both in bits. */
#define PHYSICAL_WIDTH(facts) ((facts)->ext_addr.eax & 0xff)
#define LINEAR_WIDTH(facts) (((facts)->ext_addr.eax >> 8) & 0xff)

u64 look_beyond_width(struct vmx_look *look)
{
	u32 width = PHYSICAL_WIDTH(look->state->facts);

	if (!width || width > 63)
		return !look_unknown(look);
	return GENMASK_ULL(63, width);
}

u64 look_beyond_vmx_width(struct vmx_look *look)
{
	u64 beyond = look_beyond_width(look);

	if (look_msr(look, IA32_VMX_BASIC) & IA32_VMX_BASIC_ADDRESS_32BIT)
		beyond |= UPPER_32;
	return beyond;
}

/* Are all bits of @mask the same? */
static bool all_same(u64 value, u64 mask)
{
	return !(value & mask) || (value & mask) == mask;
}

bool look_canonical(struct vmx_look *look, u64 address)
{
	u32 width = LINEAR_WIDTH(look->state->facts);

	if (!width || width > 64)
		return look_unknown(look);
	return all_same(address, GENMASK_ULL(63, width - 1));
}

bool look_upper_same(struct vmx_look *look, u64 address)
{
	u32 width = LINEAR_WIDTH(look->state->facts);

	if (!width || width > 64)
		return look_unknown(look);
	return width == 64 || all_same(address, GENMASK_ULL(63, width));
}

u64 look_fixed_bits(struct vmx_look *look, u64 value, u32 fixed0, u32 fixed1, u64 exempt)
{
	u64 must_be_1 = look_msr(look, fixed0);
	u64 may_be_1 = look_msr(look, fixed1);

	return ((must_be_1 & ~value) | (value & ~may_be_1)) & ~exempt;
}

u64 look_efer_reserved(struct vmx_look *look)
{
	u64 known = IA32_EFER_SCE | IA32_EFER_LME | IA32_EFER_LMA;

	if (look->state->facts->ext1.edx & CPUID_8000_0001_EDX_NX)
		known |= IA32_EFER_NXE;
	return ~known;
}

/* ---- blaming --------------------------------------------------------------------------------- */

static void blame(struct vmx_look *look, u16 number)
{
	look->finding->field = vmcs_table[number].encoding;
	look->finding->seen = look->state->value[number];
}

bool look_bits(struct vmx_look *look, u16 number, u64 wrong)
{
	if (!wrong)
		return true;
	blame(look, number);
	look->finding->wrong = wrong;
	look->finding->right = look->finding->seen ^ wrong;
	look->finding->has_right = true;
	return false;
}

bool look_value(struct vmx_look *look, u16 number, u64 right)
{
	if (look_field(look, number) == right)
		return true;
	blame(look, number);
	look->finding->right = right;
	look->finding->has_right = true;
	return false;
}

bool look_fine(struct vmx_look *look, bool fine)
{
	if (!fine)
		blame(look, look->rule->fields[0]);
	return fine;
}

/* ---- predicates for many rules --------------------------------------------------------------- */

bool rule_bits_0(struct vmx_look *look)
{
	return look_bits(look, look->rule->fields[0], look_first(look) & look->rule->arg);
}

bool rule_needs_control(struct vmx_look *look)
{
	return look_bits(look, look->rule->fields[0], ~look_first(look) & look->rule->arg);
}

bool rule_reserved_controls(struct vmx_look *look)
{
	u64 value = look_first(look);
	struct vmx_ctl_caps caps;

	if (vmx_ctl_caps(look->state->facts, look->rule->arg, &caps))
		return look_unknown(look);
	return look_bits(look, look->rule->fields[0],
			 (caps.must_be_1 & ~value) | (value & ~caps.may_be_1));
}

bool rule_aligned_address(struct vmx_look *look)
{
	u64 forbidden = look->rule->arg | look_beyond_vmx_width(look);

	return look_bits(look, look->rule->fields[0], look_first(look) & forbidden);
}

bool rule_canonical(struct vmx_look *look)
{
	return look_fine(look, look_canonical(look, look_first(look)));
}

bool rule_not_0(struct vmx_look *look)
{
	return look_fine(look, look_first(look));
}

/* SDM vol. 3, "Page Attribute Table (PAT)": types 2 and 3 and those above 7 are reserved. */
static bool pat_type_is_known(u8 type)
{
	return type <= 7 && type != 2 && type != 3;
}

bool rule_pat(struct vmx_look *look)
{
	u64 pat = look_first(look);
	u64 wrong = 0;
	int entry;

	for (entry = 0; entry < 64; entry += 8) {
		if (!pat_type_is_known(pat >> entry))
			wrong |= pat & (0xffULL << entry);
	}
	return look_bits(look, look->rule->fields[0], wrong);
}

/* Which counters there are is in CPUID leaf 0AH, which the facts do not hold. */
bool rule_perf_global(struct vmx_look *look)
{
	u64 value = look_first(look);

	if (value & PERF_GLOBAL_CTRL_RESERVED)
		return look_bits(look, look->rule->fields[0], value & PERF_GLOBAL_CTRL_RESERVED);
	return !value || look_unknown(look);
}

bool rule_s_cet(struct vmx_look *look)
{
	u64 value = look_first(look);
	u64 wrong = value & S_CET_RESERVED;

	if ((value & S_CET_SUPPRESS) && (value & S_CET_TRACKER))
		wrong |= S_CET_SUPPRESS | S_CET_TRACKER;
	return look_bits(look, look->rule->fields[0], wrong) &&
	       look_fine(look, look_canonical(look, value));
}

bool rule_fred_config(struct vmx_look *look)
{
	u64 value = look_first(look);

	return look_bits(look, look->rule->fields[0], value & FRED_CONFIG_RESERVED) &&
	       look_fine(look, look_canonical(look, value));
}

bool rule_fred_pointer(struct vmx_look *look)
{
	u64 value = look_first(look);

	return look_bits(look, look->rule->fields[0], value & look->rule->arg) &&
	       look_fine(look, look_canonical(look, value));
}

/* A processor with linear-address masking has two more bits, LAM_U57 and LAM_U48, in CR3. */
bool rule_cr3(struct vmx_look *look)
{
	u64 forbidden = look_beyond_width(look);

	if (look_msr(look, IA32_VMX_CR4_FIXED1) & CR4_LAM_SUP)
		forbidden &= ~(u64)CR3_LAM;
	return look_bits(look, look->rule->fields[0], look_first(look) & forbidden);
}

bool rule_cr4_fixed(struct vmx_look *look)
{
	u64 wrong = look_fixed_bits(look, look_first(look), IA32_VMX_CR4_FIXED0,
				    IA32_VMX_CR4_FIXED1, 0);

	return look_bits(look, look->rule->fields[0], wrong);
}

bool rule_cet_needs_wp(struct vmx_look *look)
{
	if (!(look_first(look) & CR4_CET))
		return true;
	return look_bits(look, look->rule->fields[1],
			 ~look_field(look, look->rule->fields[1]) & CR0_WP);
}
