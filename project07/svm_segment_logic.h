/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_segment_logic.h
 * @brief Segment registers as the VMCB has them, and as the user ABI has them: access rights of a
 *        VMCS. Pure C.
 */
#ifndef SVM_SEGMENT_LOGIC_H
#define SVM_SEGMENT_LOGIC_H

#include "vmcb.h"
#include "vtxdrv.h"

/**
 * From the VMCB. A segment that is not present is "unusable" in the ABI's words.
 */
void svm_segment_read(const struct vmcb_segment *from, struct vtx_segment *to);

/** To the VMCB. */
void svm_segment_write(struct vmcb_segment *to, const struct vtx_segment *from);

/** Descriptor privilege level. */
u8 svm_segment_dpl(const struct vmcb_segment *segment);

#endif
