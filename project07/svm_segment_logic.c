// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes against access rights. Both are the bytes 5 and 6 of a descriptor; the VMCB leaves out
 * the four bits of the limit between them, and a VMCS has the bit "unusable" in addition.
 * AMD APM vol. 2, "VMCB State Save Area"; Intel SDM vol. 3, "Guest Register State".
 */
#include "svm_segment_logic.h"
#include "vmx_entry_bits.h"

#define LOW GENMASK_ULL(7, 0)
#define HIGH GENMASK_ULL(11, 8)
#define HIGH_SHIFT 4
#define DPL_HIGH 6
#define DPL_LOW 5

void svm_segment_read(const struct vmcb_segment *from, struct vtx_segment *to)
{
	u32 access = (from->attributes & LOW) | (from->attributes & HIGH) << HIGH_SHIFT;

	*to = (struct vtx_segment){
		.base = from->base,
		.limit = from->limit,
		.access = from->attributes & SVM_SEGMENT_P ? access :
							     access | ACCESS_RIGHTS_UNUSABLE,
		.selector = from->selector,
	};
}

void svm_segment_write(struct vmcb_segment *to, const struct vtx_segment *from)
{
	u16 attributes = (from->access & LOW) | (from->access >> HIGH_SHIFT & HIGH);

	*to = (struct vmcb_segment){
		.base = from->base,
		.limit = from->limit,
		.attributes = from->access & ACCESS_RIGHTS_UNUSABLE ?
				      attributes & ~(u16)SVM_SEGMENT_P :
				      attributes,
		.selector = from->selector,
	};
}

u8 svm_segment_dpl(const struct vmcb_segment *segment)
{
	return VTX_FIELD(segment->attributes, DPL_HIGH, DPL_LOW);
}
