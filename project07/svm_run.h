/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_run.h
 * @brief The parts of SVM's world switch, and what an exit needs.
 */
#ifndef SVM_RUN_H
#define SVM_RUN_H

#include "svm_vcpu.h"

/**
 * The stub in svm_enter.S (exercise 7.3): VMLOAD, VMRUN, VMSAVE, and back. Loaded, interrupts off.
 *
 * @param regs the guest's: all but RAX and RSP, which are in the VMCB
 * @param vmcb_pa the guest's VMCB
 * @param host_pa where VMSAVE has put this CPU's state
 * @return enum svm_outcome
 */
int svm_world_switch(struct vtx_regs *regs, u64 vmcb_pa, u64 host_pa);

/** How the stub came back. */
enum svm_outcome {
	SVM_OUTCOME_EXIT = 0, /**< #VMEXIT: see the VMCB */
	SVM_OUTCOME_FAULT = 1, /**< #UD or #GP: EFER.SVME is 0, or an address is none */
	SVM_OUTCOME_UNDONE = 2, /**< exercise 7.3 is not done */
};

/** The intercepts of a guest as new, and the control area around them (exercise 7.2). */
int svm_controls_init(struct vtx_vcpu *vcpu);

/** Bring the VMCB up to date with vcpu->regs and the rest; interrupts off. */
void svm_enter_prepare(struct vtx_vcpu *vcpu);

/**
 * hv->enter with the VMCB as it is, and without a look at what it says afterwards: of vcpu->regs
 * only the registers matter that no VMCB holds. Loaded, interrupts off.
 *
 * @return as hv->enter
 */
int svm_enter_as_is(struct vtx_vcpu *vcpu);

/** An instruction of the guest has been executed for it: with RFLAGS.TF a trap follows. Loaded. */
void svm_single_step(struct vtx_vcpu *vcpu);

/** CR0, CR4 and EFER of the guest, and which accesses exit for them. Loaded. */
void svm_write_cr0(struct vtx_vcpu *vcpu, u64 seen, u64 real);
/** The same. */
void svm_write_cr4(struct vtx_vcpu *vcpu, u64 seen, u64 real);
/** IA32_EFER: the VMCB's has SVME in addition, or VMRUN would refuse it. Loaded. */
void svm_write_efer(struct vtx_vcpu *vcpu, u64 efer);
/** The guest writes IA32_EFER. Loaded. 0; -EPERM: a guest may not write that; -EINVAL. */
int svm_set_efer(struct vtx_vcpu *vcpu, u64 value);

/** Before an entry: as vcpu->fpu_inside says. Loaded, interrupts off. */
void svm_fpu_before_entry(struct vtx_vcpu *vcpu);
/** Bring the VMCB up to date with what is kept beside it, for who looks at it. Loaded. */
void svm_dump_refresh(struct vtx_vcpu *vcpu);
/** The fields that lazy switching has changed become what they were. Loaded. */
void svm_fpu_fields(struct vtx_vcpu *vcpu);
/** Which exceptions exit, but for those of the FPU and of single-stepping. Loaded. */
void svm_exceptions(struct vtx_vcpu *vcpu, u32 bitmap);

/** While an exception is being delivered all of them exit: the next entry's is one. Loaded. */
void svm_delivering(struct vtx_vcpu *vcpu, bool on);

/** Choose ASID and TLB_CONTROL for the next VMRUN (exercise 7.7). Loaded, interrupts off. */
void svm_tlb_before_entry(struct vtx_vcpu *vcpu);

/** An exit of nested paging as a neutral one. false: it is none. */
bool svm_decode_memory(struct vtx_vcpu *vcpu);

/** What EXITINTINFO says, and what has become of an event (exercise 7.8). */
void svm_note_vectoring(struct vtx_vcpu *vcpu);

/** RFLAGS of an entry that is for one instruction. Interrupts off. */
void svm_step_before_entry(struct vtx_vcpu *vcpu);
/** RFLAGS as the guest has it, after such an entry. Interrupts off. */
void svm_step_after_exit(struct vtx_vcpu *vcpu);
/** The IRET of an NMI's handler, or the end of a step? Then vcpu->exit says so. */
bool svm_decode_step(struct vtx_vcpu *vcpu);

/**
 * Look at the instruction that has exited, in guest memory: svm_of(vcpu)->insn. Interrupts off.
 *
 * @return 0; -ENOENT: it is not in memory, or not what has exited (any more)
 */
int svm_fetch(struct vtx_vcpu *vcpu, u32 code);

/**
 * Fill in vcpu->exit.instruction_length. Loaded, interrupts off.
 * @return 0; -ENOENT: the instruction is not in memory any more
 */
int svm_find_length(struct vtx_vcpu *vcpu);

/** CPUID and RDMSR without the run loop: see vmx_fast.h. */
bool svm_answered_fast(struct vtx_vcpu *vcpu);

#endif
