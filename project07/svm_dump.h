/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_dump.h
 * @brief Every field of a VMCB, as VTXDRV_GET_STATE and the log show it.
 */
#ifndef SVM_DUMP_H
#define SVM_DUMP_H

#include "vtx_types.h"
#include "vtxdrv.h"

struct vtx_vcpu;

/** Entries of a dump: a segment register has four, GDTR and IDTR have two. */
enum { SVM_DUMP_FIELDS = 0
#define VMCB_FIELD(offset, bytes, ident, name) + 1
#define VMCB_SEGMENT(offset, ident, name) + 4
#define VMCB_TABLE(offset, ident, name) + 2
#define VMCB_HOLE(first, end, why)
#include "vmcb_fields.def"
#undef VMCB_FIELD
#undef VMCB_SEGMENT
#undef VMCB_TABLE
#undef VMCB_HOLE
};

/** One of them. */
struct svm_dump_field {
	u16 offset; /**< in the VMCB */
	u8 bytes; /**< 1, 2, 4 or 8 */
	const char *ident; /**< "CR0", "CS.base" */
};

/** In the order of their offsets. */
extern const struct svm_dump_field svm_dump_fields[SVM_DUMP_FIELDS];

/** Bring the VMCB up to date with what is kept beside it, as before an entry. Loaded. */
void svm_dump_refresh(struct vtx_vcpu *vcpu);

#endif
