// SPDX-License-Identifier: GPL-2.0
/*
 * vmcs_fields.def and vmx_instruction_errors.def as tables.
 */
#include "vmcs_table_logic.h"

const struct vmcs_field_info vmcs_table[VMCS_FIELDS] = {
#define VMCS_FIELD(encoding, ident, name, width, type, section) \
	{ encoding, #ident, name, section },
#include "vmcs_fields.def"
#undef VMCS_FIELD
};

const struct vmcs_field_info *vmcs_table_find(u32 encoding)
{
	unsigned int i;

	for (i = 0; i < VMCS_FIELDS; i++) {
		if (vmcs_table[i].encoding == encoding)
			return &vmcs_table[i];
	}
	return NULL;
}

const struct vmcs_field_info *vmcs_table_find_ident(const char *ident)
{
	unsigned int i;

	for (i = 0; i < VMCS_FIELDS; i++) {
		if (!strcmp(vmcs_table[i].ident, ident))
			return &vmcs_table[i];
	}
	return NULL;
}

const char *vmcs_field_ident(u32 encoding)
{
	const struct vmcs_field_info *field = vmcs_table_find(encoding);

	return field ? field->ident : "unknown field";
}

const char *vmcs_width_name(enum vmcs_width width)
{
	static const char *const names[] = {
		[VMCS_WIDTH_16] = "16",
		[VMCS_WIDTH_64] = "64",
		[VMCS_WIDTH_32] = "32",
		[VMCS_WIDTH_NATURAL] = "natural",
	};

	return names[width];
}

unsigned int vmcs_width_bits(enum vmcs_width width)
{
	static const unsigned int bits[] = {
		[VMCS_WIDTH_16] = 16,
		[VMCS_WIDTH_64] = 64,
		[VMCS_WIDTH_32] = 32,
		[VMCS_WIDTH_NATURAL] = 64,
	};

	return bits[width];
}

const char *vmcs_type_name(enum vmcs_type type)
{
	static const char *const names[] = {
		[VMCS_TYPE_CONTROL] = "control",
		[VMCS_TYPE_READ_ONLY] = "read-only",
		[VMCS_TYPE_GUEST] = "guest",
		[VMCS_TYPE_HOST] = "host",
	};

	return names[type];
}

const char *vmx_instruction_error_name(u32 number)
{
	switch (number) {
#define VMX_INSN_ERROR(number, ident, meaning) \
	case (number): \
		return meaning;
#include "vmx_instruction_errors.def"
#undef VMX_INSN_ERROR
	default:
		return "reserved VM-instruction error";
	}
}
