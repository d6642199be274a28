// SPDX-License-Identifier: GPL-2.0
/*
 * What the value of a VMCB field means. AMD APM vol. 2, chapter 15 and appendix B.
 */
#include "cmd_vmcb_decode.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "cmd_dump.h"
#include "cmd_exit_text.h"
#include "svm_codes.h"
#include "vmcb.h"
#include "x86_exceptions.h"

#define AT(field) offsetof(struct vmcb, field)
#define BITS_A_BYTE 8

/* ---- by svm_bits.def ------------------------------------------------------------------------- */

static const struct {
	const char *field;
	u64 mask;
	const char *name;
} bits[] = {
#define SVM_BIT(field, bit, ident, meaning) { #field, 1ULL << (bit), meaning },
#include "svm_bits.def"
#undef SVM_BIT
};

static const struct {
	u32 offset;
	const char *field;
} with_bits[] = {
	{ AT(V_INTR), "V_INTR" },	  { AT(INTERRUPT_STATE), "INTERRUPT_STATE" },
	{ AT(NP_CONTROL), "NP_CONTROL" }, { AT(VIRT_EXT), "VIRT_EXT" },
	{ AT(CLEAN_BITS), "CLEAN" },
};

static void decode_bits(const char *field, __u64 value, char *text)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (value & bits[i].mask && !strcmp(bits[i].field, field))
			dump_append(text, "%s", bits[i].name);
	}
}

/* ---- registers ------------------------------------------------------------------------------- */

static const struct {
	u32 offset;
	const char *reg;
} registers[] = {
	{ AT(EFER), "IA32_EFER" },
	{ AT(CR0), "CR0" },
	{ AT(CR4), "CR4" },
	{ AT(RFLAGS), "RFLAGS" },
};

static const u32 attributes[] = {
	AT(ES.attributes), AT(CS.attributes), AT(SS.attributes),   AT(DS.attributes),
	AT(FS.attributes), AT(GS.attributes), AT(LDTR.attributes), AT(TR.attributes),
};

static void decode_attributes(__u64 value, char *text)
{
	if (!(value & SVM_SEGMENT_P)) {
		dump_append(text, "not present: unusable");
		return;
	}
	dump_append(text, "type %u, DPL %u", (unsigned int)SVM_GET(value, SEGMENT_TYPE),
		    (unsigned int)SVM_GET(value, SEGMENT_DPL));
	dump_append(text, "%s", value & SVM_SEGMENT_S ? "code or data" : "system");
	if (value & SVM_SEGMENT_L)
		dump_append(text, "L: 64-bit");
	if (value & SVM_SEGMENT_DB)
		dump_append(text, "D/B: 32-bit");
	if (value & SVM_SEGMENT_G)
		dump_append(text, "G: 4-KByte units");
}

/* ---- intercepts ------------------------------------------------------------------------------ */

/* The number of an intercept's bit is its exit code, so that one name stands for both. */
static void decode_intercepts(__u32 offset, __u64 value, char *text)
{
	u32 code = offset * BITS_A_BYTE;

	if (offset < AT(INTERCEPT_EXCEPTION) && value == UINT16_MAX) {
		dump_append(text, "all");
		return;
	}
	for (; value; value >>= 1, code++) {
		if (value & 1)
			dump_append(text, "%s",
				    exit_words_svm.reason_name(code) + strlen("VMEXIT_"));
	}
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void decode_code(__u64 value, char *text)
{
	dump_append(text, "%s", exit_words_svm.reason_name(value));
}

static void decode_event(__u64 value, char *text)
{
	static const char *const types[] = {
		[SVM_EVENT_TYPE_INTR] = "interrupt",
		[1] = "reserved type",
		[SVM_EVENT_TYPE_NMI] = "NMI",
		[SVM_EVENT_TYPE_EXCEPTION] = "exception",
		[SVM_EVENT_TYPE_SOFTWARE] = "software interrupt",
		[5] = "reserved type",
		[6] = "reserved type",
		[7] = "reserved type",
	};
	u32 vector = SVM_GET(value, EVENT_VECTOR);

	if (!(value & SVM_EVENT_VALID)) {
		dump_append(text, "not valid");
		return;
	}
	dump_append(text, "%s", types[SVM_GET(value, EVENT_TYPE)]);
	dump_append(text, "vector %" PRIu32, vector);
	if (SVM_GET(value, EVENT_TYPE) == SVM_EVENT_TYPE_EXCEPTION)
		dump_append(text, "%s", exception_mnemonic(vector));
	if (value & SVM_EVENT_ERROR_CODE)
		dump_append(text, "error code 0x%x", (unsigned int)SVM_GET(value, EVENT_CODE));
}

static void decode_tlb(__u64 value, char *text)
{
	static const char *const names[] = {
		[SVM_TLB_NOTHING] = "flush nothing",
		[SVM_TLB_ALL] = "flush all ASIDs",
		[SVM_TLB_ASID] = "flush this ASID",
		[SVM_TLB_ASID_NON_GLOBAL] = "flush this ASID but for global pages",
	};
	const char *name = value < ARRAY_SIZE(names) ? names[value] : NULL;

	dump_append(text, "%s", name ? name : "reserved");
}

static void decode_v_intr(__u64 value, char *text)
{
	if (value & SVM_V_INTR_IRQ)
		dump_append(text, "vector %u", (unsigned int)SVM_GET(value, V_INTR_VECTOR));
	if (SVM_GET(value, V_INTR_TPR))
		dump_append(text, "V_TPR %u", (unsigned int)SVM_GET(value, V_INTR_TPR));
}

static const struct {
	u32 offset;
	void (*decode)(__u64 value, char *text);
} decoders[] = {
	{ AT(INTERCEPT_EXCEPTION), dump_exceptions },
	{ AT(TLB_CONTROL), decode_tlb },
	{ AT(V_INTR), decode_v_intr },
	{ AT(EXITCODE), decode_code },
	{ AT(EXITINTINFO), decode_event },
	{ AT(EVENTINJ), decode_event },
};

static bool has_intercepts(u32 offset)
{
	return offset < VMCB_INTERCEPTS / BITS_A_BYTE && offset != AT(INTERCEPT_EXCEPTION);
}

void vmcb_decode(__u32 offset, __u64 value, char *text)
{
	size_t i;

	text[0] = '\0';
	if (has_intercepts(offset))
		decode_intercepts(offset, value, text);
	for (i = 0; i < ARRAY_SIZE(with_bits); i++) {
		if (with_bits[i].offset == offset)
			decode_bits(with_bits[i].field, value, text);
	}
	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		if (registers[i].offset == offset)
			dump_register(registers[i].reg, value, text);
	}
	for (i = 0; i < ARRAY_SIZE(attributes); i++) {
		if (attributes[i] == offset)
			decode_attributes(value, text);
	}
	for (i = 0; i < ARRAY_SIZE(decoders); i++) {
		if (decoders[i].offset == offset)
			decoders[i].decode(value, text);
	}
}
