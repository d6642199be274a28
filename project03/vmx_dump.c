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

u32 vmx_state_dump(struct vtx_vcpu *vcpu, struct vtx_field *fields, u32 size)
{
	u32 i;

	for (i = 0; i < VMCS_FIELDS && i < size; i++) {
		fields[i] = (struct vtx_field){
			.encoding = vmcs_table[i].encoding,
			.error = field_error[i],
		};
		if (field_error[i])
			continue;
		if (read_field(fields[i].encoding, &fields[i].value, &fields[i].error))
			return 0;
	}
	return VMCS_FIELDS;
}
