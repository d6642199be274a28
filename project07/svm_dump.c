// SPDX-License-Identifier: GPL-2.0
/*
 * Every field of a VMCB.
 */
#include "hv_ops.h"
#include "svm_dump.h"
#include "svm_run.h"

#define PART(offset, ident, part) \
	{ (offset) + offsetof(struct vmcb_segment, part), \
	  sizeof(((struct vmcb_segment *)NULL)->part), #ident "." #part },

const struct svm_dump_field svm_dump_fields[SVM_DUMP_FIELDS] = {
#define VMCB_FIELD(offset, bytes, ident, name) { offset, bytes, #ident },
#define VMCB_SEGMENT(offset, ident, name) \
	PART(offset, ident, selector) \
	PART(offset, ident, attributes) PART(offset, ident, limit) PART(offset, ident, base)
#define VMCB_TABLE(offset, ident, name) PART(offset, ident, limit) PART(offset, ident, base)
#define VMCB_HOLE(first, end, why)
#include "vmcb_fields.def"
#undef VMCB_FIELD
#undef VMCB_SEGMENT
#undef VMCB_TABLE
#undef VMCB_HOLE
};

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
	for (i = 0; i < SVM_DUMP_FIELDS && i < size; i++) {
		const struct svm_dump_field *field = &svm_dump_fields[i];

		fields[i] = (struct vtx_field){ .encoding = field->offset };
		/* Little-endian: the lower bytes are the value. */
		memcpy(&fields[i].value, (void *)vmcb_of(vcpu) + field->offset, field->bytes);
	}
	return SVM_DUMP_FIELDS;
}
