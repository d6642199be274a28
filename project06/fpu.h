/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file fpu.h
 * @brief The guest's x87, SSE and AVX registers are the processor's only when the guest uses them.
 *
 * While vcpu->fpu_inside is false the registers in the processor are those of the task, and the
 * first instruction of the guest that would touch them exits with \#NM. A guest that uses them in
 * one call of VTXDRV_RUN_VCPU after the other is spared that exit: it finds them there.
 */
#ifndef FPU_H
#define FPU_H

#include "vm.h"

/** Is lazy switching safe on this processor? At the module's start. */
void vtx_fpu_init(void);

/** A call of VTXDRV_RUN_VCPU begins. Not loaded; vcpu->lock held. */
void vtx_fpu_begin(struct vtx_vcpu *vcpu);

/** It ends: the task gets its registers back, if they were away. Not loaded. */
void vtx_fpu_end(struct vtx_vcpu *vcpu);

/** Have the guest's registers in the processor until vtx_fpu_end(). Not loaded; may sleep. */
void vtx_fpu_take(struct vtx_vcpu *vcpu);

/** Is the last exit, by exception, a \#NM because the guest's registers are away? Any context. */
bool vtx_fpu_wanted(const struct vtx_vcpu *vcpu);

/** Answer such an exit: the instruction is executed again, with the guest's registers. Loaded. */
enum vtx_next vtx_fpu_answer(struct vtx_vcpu *vcpu);

#endif
