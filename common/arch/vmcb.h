/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmcb.h
 * @brief The VMCB as a structure, made of vmcb_fields.def, and the bits of its fields. AMD APM
 *        vol. 2, appendix B.
 */
#ifndef VMCB_H
#define VMCB_H

#include "vtx_types.h"

/** Bytes of a VMCB; it begins on a boundary of as many. */
#define VMCB_SIZE 4096U
/** Where the state-save area begins. */
#define VMCB_SAVE_AREA 0x400U

/** A segment register in the state-save area; of GDTR and IDTR limit and base count. */
struct vmcb_segment {
	u16 selector; /**< as the guest has loaded it */
	u16 attributes; /**< SVM_SEGMENT_*, the type in bits 3:0, the DPL in bits 6:5 */
	u32 limit; /**< bytes - 1, granularity already applied */
	u64 base; /**< linear address */
};

/** What VMRUN reads, and what #VMEXIT writes. Members have the manual's names. */
struct vmcb {
#define VMCB_FIELD(offset, bytes, ident, name) VMCB_TYPE_##bytes ident;
#define VMCB_SEGMENT(offset, ident, name) struct vmcb_segment ident;
#define VMCB_TABLE(offset, ident, name) struct vmcb_segment ident;
#define VMCB_HOLE(first, end, why) u8 hole_##first[(end) - (first)];
#define VMCB_TYPE_1 u8
#define VMCB_TYPE_2 u16
#define VMCB_TYPE_4 u32
#define VMCB_TYPE_8 u64
#include "vmcb_fields.def"
#undef VMCB_FIELD
#undef VMCB_SEGMENT
#undef VMCB_TABLE
#undef VMCB_HOLE
#undef VMCB_TYPE_1
#undef VMCB_TYPE_2
#undef VMCB_TYPE_4
#undef VMCB_TYPE_8
} __attribute__((packed, aligned(8)));

#define VMCB_FIELD(offset, bytes, ident, name) \
	_Static_assert(__builtin_offsetof(struct vmcb, ident) == (offset) && \
		       sizeof(((struct vmcb *)0)->ident) == (bytes), #ident);
#define VMCB_SEGMENT(offset, ident, name) \
	_Static_assert(__builtin_offsetof(struct vmcb, ident) == (offset), #ident);
#define VMCB_TABLE(offset, ident, name) VMCB_SEGMENT(offset, ident, name)
#define VMCB_HOLE(first, end, why) \
	_Static_assert(__builtin_offsetof(struct vmcb, hole_##first) == (first), #first);
#include "vmcb_fields.def"
#undef VMCB_FIELD
#undef VMCB_SEGMENT
#undef VMCB_TABLE
#undef VMCB_HOLE
_Static_assert(sizeof(struct vmcb) == VMCB_SIZE, "struct vmcb");
_Static_assert(sizeof(struct vmcb_segment) == 16, "struct vmcb_segment");

/** Masks of single bits: SVM_V_INTR_MASKING, … */
enum svm_bit {
#define SVM_BIT(field, bit, ident, meaning) SVM_##field##_##ident = 1ULL << (bit),
#include "svm_bits.def"
#undef SVM_BIT
};

/**
 * The first 192 bits of a VMCB are the intercepts, and the number of a bit is the exit code that it
 * brings about: VMEXIT_CR0_READ is bit 0, VMEXIT_CPUID bit 72H.
 */
#define VMCB_INTERCEPTS 192U

/** TLB_CONTROL: what VMRUN flushes. APM vol. 2, "TLB Flush". */
enum svm_tlb_control {
	SVM_TLB_NOTHING = 0,
	SVM_TLB_ALL = 1, /**< every ASID, on any processor with SVM */
	SVM_TLB_ASID = 3, /**< this guest's, with FlushByAsid */
	SVM_TLB_ASID_NON_GLOBAL = 7, /**< this guest's but for global pages, with FlushByAsid */
};

/** Types of EVENTINJ and EXITINTINFO, bits 10:8. APM vol. 2, "Event Injection". */
enum svm_event_type {
	SVM_EVENT_TYPE_INTR = 0, /**< external or virtual interrupt */
	SVM_EVENT_TYPE_NMI = 2,
	SVM_EVENT_TYPE_EXCEPTION = 3, /**< fault or trap */
	SVM_EVENT_TYPE_SOFTWARE = 4, /**< INT n */
};

/** The first and the last bit of fields that have more than one, for SVM_GET(). */
#define SVM_EVENT_VECTOR_HIGH 7
#define SVM_EVENT_VECTOR_LOW 0
#define SVM_EVENT_TYPE_HIGH 10
#define SVM_EVENT_TYPE_LOW 8
#define SVM_EVENT_CODE_HIGH 63
#define SVM_EVENT_CODE_LOW 32
#define SVM_V_INTR_TPR_HIGH 7
#define SVM_V_INTR_TPR_LOW 0
#define SVM_V_INTR_PRIO_HIGH 19
#define SVM_V_INTR_PRIO_LOW 16
#define SVM_V_INTR_VECTOR_HIGH 39
#define SVM_V_INTR_VECTOR_LOW 32
#define SVM_IOIO_SEGMENT_HIGH 12
#define SVM_IOIO_SEGMENT_LOW 10
#define SVM_IOIO_PORT_HIGH 31
#define SVM_IOIO_PORT_LOW 16
#define SVM_CRX_GPR_HIGH 3
#define SVM_CRX_GPR_LOW 0
#define SVM_SEGMENT_TYPE_HIGH 3
#define SVM_SEGMENT_TYPE_LOW 0
#define SVM_SEGMENT_DPL_HIGH 6
#define SVM_SEGMENT_DPL_LOW 5

/** A field of more than one bit: SVM_GET(value, EVENT_TYPE). */
#define SVM_GET(value, field) VTX_FIELD(value, SVM_##field##_HIGH, SVM_##field##_LOW)

#endif
