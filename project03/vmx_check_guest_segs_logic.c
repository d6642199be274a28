// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: guest segment registers. One table of rules for each kind of register;
 * what they share is written once.
 */
#include "vmx_check_rules.h"

#define SECTION "Checks on Guest Segment Registers"

/* In the order of the fields: the number of ES's field and one of these make the register's. */
enum segment {
	SEG_ES,
	SEG_CS,
	SEG_SS,
	SEG_DS,
	SEG_FS,
	SEG_GS,
	SEG_LDTR,
	SEG_TR,
};

_Static_assert(VMCS_NR_GUEST_TR_SELECTOR == VMCS_NR_GUEST_ES_SELECTOR + SEG_TR, "selectors");
_Static_assert(VMCS_NR_GUEST_TR_BASE == VMCS_NR_GUEST_ES_BASE + SEG_TR, "bases");
_Static_assert(VMCS_NR_GUEST_TR_LIMIT == VMCS_NR_GUEST_ES_LIMIT + SEG_TR, "limits");
_Static_assert(VMCS_NR_GUEST_TR_ACCESS_RIGHTS == VMCS_NR_GUEST_ES_ACCESS_RIGHTS + SEG_TR, "rights");

/* SDM vol. 3, "8086 Emulation": a paragraph has 16 bytes, a segment 64 KBytes. */
#define PARAGRAPH_SHIFT 4
#define V86_LIMIT 0xffff
/* Limits below 1 MByte may count bytes; those that end a page may count pages. */
#define LIMIT_NEEDS_PAGES GENMASK_ULL(31, 20)

static u64 rights(struct vmx_look *look, enum segment seg)
{
	return look_field(look, VMCS_NR_GUEST_ES_ACCESS_RIGHTS + seg);
}

static u64 type(struct vmx_look *look, enum segment seg)
{
	return ENTRY_FIELD(rights(look, seg), ACCESS_RIGHTS_TYPE);
}

static u64 dpl(struct vmx_look *look, enum segment seg)
{
	return ENTRY_FIELD(rights(look, seg), ACCESS_RIGHTS_DPL);
}

static u64 selector(struct vmx_look *look, enum segment seg)
{
	return look_field(look, VMCS_NR_GUEST_ES_SELECTOR + seg);
}

static u64 rpl(struct vmx_look *look, enum segment seg)
{
	return ENTRY_FIELD(selector(look, seg), SELECTOR_RPL);
}

static bool v86(struct vmx_look *look)
{
	return LOOK(look, GUEST_RFLAGS) & RFLAGS_VM;
}

static bool unrestricted(struct vmx_look *look)
{
	return LOOK_CTL(look, SECONDARY, UNRESTRICTED_GUEST);
}

/* Does the SDM look at the descriptor part of this register? CS and TR are never unusable. */
static bool looked_at(struct vmx_look *look, enum segment seg)
{
	if (seg == SEG_TR)
		return true;
	if (seg != SEG_LDTR && v86(look))
		return false;
	return seg == SEG_CS || !(rights(look, seg) & ACCESS_RIGHTS_UNUSABLE);
}

static bool blame_rights(struct vmx_look *look, u64 wrong)
{
	return look_bits(look, VMCS_NR_GUEST_ES_ACCESS_RIGHTS + look->rule->arg, wrong);
}

/* ---- selectors and bases --------------------------------------------------------------------- */

static bool table_indicator(struct vmx_look *look)
{
	return !looked_at(look, look->rule->arg) ||
	       look_bits(look, look->rule->fields[0], look_first(look) & SELECTOR_TI);
}

static bool ss_rpl(struct vmx_look *look)
{
	return v86(look) || unrestricted(look) ||
	       look_bits(look, VMCS_NR_GUEST_SS_SELECTOR, rpl(look, SEG_SS) ^ rpl(look, SEG_CS));
}

static bool base_below_4g(struct vmx_look *look)
{
	enum segment seg = look->rule->arg;

	if (seg != SEG_CS && (rights(look, seg) & ACCESS_RIGHTS_UNUSABLE))
		return true;
	return look_bits(look, VMCS_NR_GUEST_ES_BASE + seg, look_first(look) & UPPER_32);
}

static bool ldtr_base(struct vmx_look *look)
{
	return !looked_at(look, SEG_LDTR) || rule_canonical(look);
}

/* ---- virtual-8086 mode ----------------------------------------------------------------------- */

static bool v86_base(struct vmx_look *look)
{
	enum segment seg = look->rule->arg;

	return !v86(look) || look_value(look, VMCS_NR_GUEST_ES_BASE + seg,
					selector(look, seg) << PARAGRAPH_SHIFT);
}

static bool v86_limit(struct vmx_look *look)
{
	return !v86(look) || look_value(look, look->rule->fields[0], V86_LIMIT);
}

static bool v86_rights(struct vmx_look *look)
{
	return !v86(look) || look_value(look, look->rule->fields[0], ACCESS_RIGHTS_VIRTUAL_8086);
}

/* ---- access rights that several registers share ---------------------------------------------- */

static bool code_or_data(struct vmx_look *look)
{
	enum segment seg = look->rule->arg;
	u64 right = seg >= SEG_LDTR ? 0 : ACCESS_RIGHTS_S;

	return !looked_at(look, seg) ||
	       blame_rights(look, (rights(look, seg) ^ right) & ACCESS_RIGHTS_S);
}

static bool present(struct vmx_look *look)
{
	enum segment seg = look->rule->arg;

	return !looked_at(look, seg) || blame_rights(look, ~rights(look, seg) & ACCESS_RIGHTS_P);
}

static bool reserved(struct vmx_look *look)
{
	enum segment seg = look->rule->arg;

	return !looked_at(look, seg) ||
	       blame_rights(look, rights(look, seg) & ACCESS_RIGHTS_RESERVED);
}

/* Some limits fit neither setting: no bit of the access rights is wrong then. */
static bool granularity(struct vmx_look *look)
{
	enum segment seg = look->rule->arg;
	u64 limit = look_field(look, VMCS_NR_GUEST_ES_LIMIT + seg);
	bool no_pages = ~limit & PAGE_OFFSET_BITS;
	bool no_bytes = limit & LIMIT_NEEDS_PAGES;
	bool pages = rights(look, seg) & ACCESS_RIGHTS_G;

	if (!looked_at(look, seg) || !(pages ? no_pages : no_bytes))
		return true;
	return blame_rights(look, no_pages != no_bytes ? ACCESS_RIGHTS_G : 0) &&
	       look_fine(look, false);
}

/* ---- types and privilege levels -------------------------------------------------------------- */

static bool cs_type(struct vmx_look *look)
{
	if (v86(look))
		return true;
	switch (type(look, SEG_CS)) {
	case SEGMENT_TYPE_CODE_X:
	case SEGMENT_TYPE_CODE_XR:
	case SEGMENT_TYPE_CODE_X_CONFORMING:
	case SEGMENT_TYPE_CODE_XR_CONFORMING:
		return true;
	case SEGMENT_TYPE_DATA_RW:
		return look_fine(look, unrestricted(look));
	default:
		return look_fine(look, false);
	}
}

static bool ss_type(struct vmx_look *look)
{
	return !looked_at(look, SEG_SS) || type(look, SEG_SS) == SEGMENT_TYPE_DATA_RW ||
	       look_fine(look, type(look, SEG_SS) == SEGMENT_TYPE_DATA_RW_DOWN);
}

static bool data_type(struct vmx_look *look)
{
	u64 value = rights(look, look->rule->arg);
	u64 wrong = ~value & ACCESS_RIGHTS_ACCESSED;

	if (value & ACCESS_RIGHTS_CODE)
		wrong |= ~value & ACCESS_RIGHTS_READ_WRITE;
	return !looked_at(look, look->rule->arg) || blame_rights(look, wrong);
}

static bool cs_dpl(struct vmx_look *look)
{
	u64 level = dpl(look, SEG_CS);

	if (v86(look))
		return true;
	switch (type(look, SEG_CS)) {
	case SEGMENT_TYPE_DATA_RW:
		return look_fine(look, !level);
	case SEGMENT_TYPE_CODE_X:
	case SEGMENT_TYPE_CODE_XR:
		return look_fine(look, level == dpl(look, SEG_SS));
	case SEGMENT_TYPE_CODE_X_CONFORMING:
	case SEGMENT_TYPE_CODE_XR_CONFORMING:
		return look_fine(look, level <= dpl(look, SEG_SS));
	default:
		return true;
	}
}

static bool ss_dpl(struct vmx_look *look)
{
	return v86(look) || unrestricted(look) ||
	       look_fine(look, dpl(look, SEG_SS) == rpl(look, SEG_SS));
}

static bool ss_dpl_0(struct vmx_look *look)
{
	if (v86(look) ||
	    (type(look, SEG_CS) != SEGMENT_TYPE_DATA_RW && (LOOK(look, GUEST_CR0) & CR0_PE)))
		return true;
	return look_fine(look, !dpl(look, SEG_SS));
}

/* Types 0 to 11: data, and code that is not conforming. */
static bool data_dpl(struct vmx_look *look)
{
	enum segment seg = look->rule->arg;

	if (!looked_at(look, seg) || unrestricted(look) || type(look, seg) > SEGMENT_TYPE_CODE_XR)
		return true;
	return look_fine(look, dpl(look, seg) >= rpl(look, seg));
}

static bool cs_default_size(struct vmx_look *look)
{
	u64 value = rights(look, SEG_CS);

	if (v86(look) || !LOOK_CTL(look, ENTRY, IA32E_MODE_GUEST) || !(value & ACCESS_RIGHTS_L))
		return true;
	return blame_rights(look, value & ACCESS_RIGHTS_DB);
}

static bool tr_type(struct vmx_look *look)
{
	if (type(look, SEG_TR) == SEGMENT_TYPE_TSS_16_BUSY)
		return look_fine(look, !LOOK_CTL(look, ENTRY, IA32E_MODE_GUEST));
	return look_fine(look, type(look, SEG_TR) == SEGMENT_TYPE_TSS_BUSY);
}

static bool tr_usable(struct vmx_look *look)
{
	return blame_rights(look, rights(look, SEG_TR) & ACCESS_RIGHTS_UNUSABLE);
}

static bool ldtr_type(struct vmx_look *look)
{
	return !looked_at(look, SEG_LDTR) ||
	       look_fine(look, type(look, SEG_LDTR) == SEGMENT_TYPE_LDT);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define SEG(name, reg, what, predicate, field, ...)                                            \
	{                                                                                      \
		.id = "guest." name, .kind = VMX_RULE_GUEST, .section = SECTION, .text = what, \
		.holds = predicate, .arg = SEG_##reg,                                          \
		RULE_FIELDS(VMCS_NR_GUEST_##reg##_##field, ##__VA_ARGS__)                      \
	}
#define V86(name, reg)                                                                          \
	SEG(name ".v86-base", reg, "in virtual-8086 mode the base must be the selector * 16",   \
	    v86_base, BASE, VMCS_NR_GUEST_##reg##_SELECTOR),                                    \
		SEG(name ".v86-limit", reg, "in virtual-8086 mode the limit must be 0xffff",    \
		    v86_limit, LIMIT, VMCS_NR_GUEST_RFLAGS),                                    \
		SEG(name ".v86-rights", reg, "in virtual-8086 mode access rights must be 0xf3", \
		    v86_rights, ACCESS_RIGHTS, VMCS_NR_GUEST_RFLAGS)
#define RIGHTS(name, reg, descriptor)                                                     \
	SEG(name ".s", reg, descriptor, code_or_data, ACCESS_RIGHTS),                     \
		SEG(name ".p", reg, "present (bit 7) must be 1", present, ACCESS_RIGHTS), \
		SEG(name ".reserved", reg, "bits 31:17 and 11:8 must be 0", reserved,     \
		    ACCESS_RIGHTS),                                                       \
		SEG(name ".g", reg,                                                       \
		    "granularity (bit 15) must be 0 unless bits 11:0 of the limit are "   \
		    "all 1, and 1 unless bits 31:20 are all 0",                           \
		    granularity, ACCESS_RIGHTS, VMCS_NR_GUEST_##reg##_LIMIT)
#define CODE_OR_DATA "descriptor type (bit 4) must be 1: code or data"
#define SYSTEM "descriptor type (bit 4) must be 0: system"
#define BASE_32(name, reg) SEG(name ".base", reg, "bits 63:32 must be 0", base_below_4g, BASE)
#define BASE_64(name, reg, predicate) \
	SEG(name ".base", reg, "the address must be canonical", predicate, BASE)
#define DATA(name, reg)                                                                     \
	SEG(name ".type", reg, "the type must be accessed, and a code segment readable",    \
	    data_type, ACCESS_RIGHTS),                                                      \
		SEG(name ".dpl", reg, "DPL must not be below the selector's RPL", data_dpl, \
		    ACCESS_RIGHTS, VMCS_NR_GUEST_##reg##_SELECTOR)

const struct vmx_rule vmx_rules_guest_segs[] = {
	SEG("tr.ti", TR, "the selector's TI must be 0", table_indicator, SELECTOR),
	SEG("ldtr.ti", LDTR, "the selector's TI must be 0", table_indicator, SELECTOR),
	SEG("ss.rpl", SS, "RPL must equal that of CS", ss_rpl, SELECTOR, VMCS_NR_GUEST_CS_SELECTOR),

	V86("cs", CS),
	V86("ss", SS),
	V86("ds", DS),
	V86("es", ES),
	V86("fs", FS),
	V86("gs", GS),
	BASE_64("tr", TR, rule_canonical),
	BASE_64("fs", FS, rule_canonical),
	BASE_64("gs", GS, rule_canonical),
	BASE_64("ldtr", LDTR, ldtr_base),
	BASE_32("cs", CS),
	BASE_32("ss", SS),
	BASE_32("ds", DS),
	BASE_32("es", ES),

	SEG("cs.type", CS, "the type must be 9, 11, 13 or 15, or 3 with unrestricted guest",
	    cs_type, ACCESS_RIGHTS),
	SEG("ss.type", SS, "the type must be 3 or 7", ss_type, ACCESS_RIGHTS),
	DATA("ds", DS),
	DATA("es", ES),
	DATA("fs", FS),
	DATA("gs", GS),
	RIGHTS("cs", CS, CODE_OR_DATA),
	RIGHTS("ss", SS, CODE_OR_DATA),
	RIGHTS("ds", DS, CODE_OR_DATA),
	RIGHTS("es", ES, CODE_OR_DATA),
	RIGHTS("fs", FS, CODE_OR_DATA),
	RIGHTS("gs", GS, CODE_OR_DATA),
	SEG("cs.dpl", CS, "DPL must equal that of SS (conforming: not be above it; type 3: be 0)",
	    cs_dpl, ACCESS_RIGHTS, VMCS_NR_GUEST_SS_ACCESS_RIGHTS),
	SEG("ss.dpl", SS, "DPL must equal the selector's RPL unless unrestricted guest is 1",
	    ss_dpl, ACCESS_RIGHTS, VMCS_NR_GUEST_SS_SELECTOR),
	SEG("ss.dpl-0", SS, "DPL must be 0 if CS has type 3 or CR0.PE is 0", ss_dpl_0,
	    ACCESS_RIGHTS, VMCS_NR_GUEST_CS_ACCESS_RIGHTS, VMCS_NR_GUEST_CR0),
	SEG("cs.db", CS, "in a 64-bit code segment D/B (bit 14) must be 0", cs_default_size,
	    ACCESS_RIGHTS, ENTRY_CONTROLS),
	SEG("tr.type", TR, "the type must be 11, or 3 where IA-32e mode guest is 0", tr_type,
	    ACCESS_RIGHTS, ENTRY_CONTROLS),
	SEG("tr.usable", TR, "segment unusable (bit 16) must be 0", tr_usable, ACCESS_RIGHTS),
	RIGHTS("tr", TR, SYSTEM),
	SEG("ldtr.type", LDTR, "the type must be 2", ldtr_type, ACCESS_RIGHTS),
	RIGHTS("ldtr", LDTR, SYSTEM),
	{ 0 }
};
