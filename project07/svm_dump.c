// SPDX-License-Identifier: GPL-2.0
/*
 * Every field of a VMCB, for user space and for the log.
 */
#include "hv_ops.h"
#include "log_line.h"
#include "svm_run.h"
#include "vmcb_table_logic.h"

/* What the guest does not see of lazy switching is not shown either. */
void svm_dump_refresh(struct vtx_vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	svm_fpu_fields(vcpu);
	vmcb->RIP = vcpu->regs.rip;
	vmcb->RSP = vcpu->regs.rsp;
	vmcb->RAX = vcpu->regs.rax;
	vmcb->RFLAGS = vcpu->regs.rflags;
	vmcb->CR2 = vcpu->cr2;
}

u32 svm_state_dump(struct vtx_vcpu *vcpu, struct vtx_field *fields, u32 size)
{
	u32 i;

	svm_dump_refresh(vcpu);
	for (i = 0; i < VMCB_FIELDS && i < size; i++) {
		fields[i] = (struct vtx_field){
			.encoding = vmcb_table[i].offset,
			.value = vmcb_field_read(vmcb_of(vcpu), i),
		};
	}
	return VMCB_FIELDS;
}

void svm_state_log(struct vtx_vcpu *vcpu)
{
	struct log_line line = {};
	u64 value;
	u32 i;

	svm_dump_refresh(vcpu);
	for (i = 0; i < VMCB_FIELDS; i++) {
		value = vmcb_field_read(vmcb_of(vcpu), i);
		if (value)
			log_line_add(&line, vmcb_table[i].ident, value);
	}
	log_line_flush(&line);
}
