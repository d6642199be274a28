// SPDX-License-Identifier: GPL-2.0
/*
 * Every field of a VMCS.
 */
#include "hv_ops.h"
#include "vmcs_fields.h"
#include "vmcs_insn.h"
#include "vmcs_table_logic.h"
#include "vmx_dump.h"
#include "vmx_instruction_errors.h"

/* VM-instruction error of a VMREAD of this field, 0: it exists. All CPUs are taken for equal. */
static u32 field_error[VMCS_FIELDS];
static bool learnt;

/* 0 and the value, 0 and an error in *error, or -EIO or -EFAULT: no VMCS is current any more. */
static int read_field(u32 encoding, u64 *value, u32 *error)
{
	int err = vmcs_read_raw(encoding, value);
	u64 number = 0;

	*error = 0;
	if (err != -EINVAL)
		return err;
	err = vmcs_read_raw(VMCS_VM_INSTRUCTION_ERROR, &number);
	*error = number;
	return err;
}

void vmx_dump_learn(void)
{
	unsigned int i;
	u64 value;

	if (learnt)
		return;
	for (i = 0; i < VMCS_FIELDS; i++) {
		if (read_field(vmcs_table[i].encoding, &value, &field_error[i]))
			return;
	}
	learnt = true;
}

int vmx_dump_field(u32 number, struct vtx_field *field)
{
	*field = (struct vtx_field){
		.encoding = vmcs_table[number].encoding,
		.error = field_error[number],
	};
	return field->error ? 0 : read_field(field->encoding, &field->value, &field->error);
}

u32 vmx_state_dump(struct vtx_vcpu *vcpu, struct vtx_field *fields, u32 size)
{
	u32 i;

	for (i = 0; i < VMCS_FIELDS && i < size; i++) {
		if (vmx_dump_field(i, &fields[i]))
			return 0;
	}
	return VMCS_FIELDS;
}
