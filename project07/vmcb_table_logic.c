// SPDX-License-Identifier: GPL-2.0
/*
 * vmcb_fields.def as a table.
 */
#include "vmcb_table_logic.h"

#define PART(offset, ident, part, name)                                                \
	{                                                                              \
		(offset) + __builtin_offsetof(struct vmcb_segment, part),              \
			sizeof(((struct vmcb_segment *)NULL)->part), #ident "." #part, \
			#ident ": " name                                               \
	}

const struct vmcb_field_info vmcb_table[VMCB_FIELDS] = {
#define VMCB_FIELD(offset, bytes, ident, name) { offset, bytes, #ident, name },
#define VMCB_SEGMENT(offset, ident, name)                                                         \
	PART(offset, ident, selector, "selector"), PART(offset, ident, attributes, "attributes"), \
		VMCB_TABLE(offset, ident, name)
#define VMCB_TABLE(offset, ident, name) \
	PART(offset, ident, limit, "limit in bytes"), PART(offset, ident, base, "base"),
#define VMCB_HOLE(first, end, why)
#include "vmcb_fields.def"
#undef VMCB_FIELD
#undef VMCB_SEGMENT
#undef VMCB_TABLE
#undef VMCB_HOLE
};

const struct vmcb_field_info *vmcb_table_find(u32 offset)
{
	unsigned int i;

	for (i = 0; i < VMCB_FIELDS; i++) {
		if (vmcb_table[i].offset == offset)
			return &vmcb_table[i];
	}
	return NULL;
}

const struct vmcb_field_info *vmcb_table_find_ident(const char *ident)
{
	unsigned int i;

	for (i = 0; i < VMCB_FIELDS; i++) {
		if (!strcmp(vmcb_table[i].ident, ident))
			return &vmcb_table[i];
	}
	return NULL;
}

const char *vmcb_field_ident(u32 offset)
{
	const struct vmcb_field_info *field = vmcb_table_find(offset);

	return field ? field->ident : "unknown field";
}

u64 vmcb_field_mask(enum vmcb_field_number number)
{
	return GENMASK_ULL(vmcb_table[number].bytes * 8 - 1, 0);
}

/* x86 is little-endian: the first bytes of a u64 are the lower ones. */
u64 vmcb_field_read(const void *vmcb, enum vmcb_field_number number)
{
	const struct vmcb_field_info *field = &vmcb_table[number];
	u64 value = 0;

	memcpy(&value, (const u8 *)vmcb + field->offset, field->bytes);
	return value;
}

void vmcb_field_write(void *vmcb, enum vmcb_field_number number, u64 value)
{
	const struct vmcb_field_info *field = &vmcb_table[number];

	memcpy((u8 *)vmcb + field->offset, &value, field->bytes);
}

bool vmcb_field_is_output(enum vmcb_field_number number)
{
	switch (number) {
	case VMCB_NR_EXITCODE:
	case VMCB_NR_EXITINFO1:
	case VMCB_NR_EXITINFO2:
	case VMCB_NR_EXITINTINFO:
	case VMCB_NR_FETCHED_BYTES:
		return true;
	default:
		return false;
	}
}
