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

/* An entry that fails writes other numbers: 12 is left over from the last dump. */
int vmx_dump_begin(struct vtx_vcpu *vcpu)
{
	u64 number;
	int err = vmcs_read_raw(VMCS_VM_INSTRUCTION_ERROR, &number);

	if (!err && number != VMX_INSN_ERROR_UNSUPPORTED_FIELD)
		vmx_of(vcpu)->instruction_error = number;
	return err;
}

int vmx_dump_field(struct vtx_vcpu *vcpu, u32 number, struct vtx_field *field)
{
	u64 error = 0;
	int err;

	*field = (struct vtx_field){ .encoding = vmcs_table[number].encoding };
	err = vmcs_read_raw(field->encoding, &field->value);
	if (!err && field->encoding == VMCS_VM_INSTRUCTION_ERROR)
		field->value = vmx_of(vcpu)->instruction_error;
	if (err != -EINVAL)
		return err;
	err = vmcs_read_raw(VMCS_VM_INSTRUCTION_ERROR, &error);
	field->error = error;
	return err;
}

u32 vmx_state_dump(struct vtx_vcpu *vcpu, struct vtx_field *fields, u32 size)
{
	u32 i;

	if (vmx_dump_begin(vcpu))
		return 0;
	for (i = 0; i < VMCS_FIELDS && i < size; i++) {
		if (vmx_dump_field(vcpu, i, &fields[i]))
			return 0;
	}
	return VMCS_FIELDS;
}
