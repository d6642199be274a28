// SPDX-License-Identifier: GPL-2.0
/*
 * What happened? From the exit code to a struct vtx_exit, which has no vendor. Runs with interrupts
 * off right after hv->enter.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "hv_ops.h"
#include "run.h"
#include "svm_codes.h"
#include "svm_run.h"
#include "vtx_todo.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

/* The kind of most codes says all. 0: see decode(). */
static const u8 kinds[] __maybe_unused = {
	[VMEXIT_INTR] = VTX_EXIT_INTERRUPT,
	[VMEXIT_NMI] = VTX_EXIT_NMI,
	[VMEXIT_SMI] = VTX_EXIT_INTERRUPT,
	[VMEXIT_INIT] = VTX_EXIT_INTERRUPT,
	[VMEXIT_VINTR] = VTX_EXIT_IRQ_WINDOW,
	[VMEXIT_IDTR_READ] = VTX_EXIT_DESCRIPTOR_TABLE,
	[VMEXIT_GDTR_READ] = VTX_EXIT_DESCRIPTOR_TABLE,
	[VMEXIT_LDTR_READ] = VTX_EXIT_DESCRIPTOR_TABLE,
	[VMEXIT_TR_READ] = VTX_EXIT_DESCRIPTOR_TABLE,
	[VMEXIT_IDTR_WRITE] = VTX_EXIT_DESCRIPTOR_TABLE,
	[VMEXIT_GDTR_WRITE] = VTX_EXIT_DESCRIPTOR_TABLE,
	[VMEXIT_LDTR_WRITE] = VTX_EXIT_DESCRIPTOR_TABLE,
	[VMEXIT_TR_WRITE] = VTX_EXIT_DESCRIPTOR_TABLE,
	[VMEXIT_RDTSC] = VTX_EXIT_COUNTER,
	[VMEXIT_RDPMC] = VTX_EXIT_COUNTER,
	[VMEXIT_CPUID] = VTX_EXIT_CPUID,
	[VMEXIT_RSM] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_INVD] = VTX_EXIT_INVALIDATE,
	[VMEXIT_PAUSE] = VTX_EXIT_PAUSE,
	[VMEXIT_HLT] = VTX_EXIT_HLT,
	[VMEXIT_INVLPG] = VTX_EXIT_INVALIDATE,
	[VMEXIT_INVLPGA] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_IOIO] = VTX_EXIT_IO,
	[VMEXIT_TASK_SWITCH] = VTX_EXIT_TASK_SWITCH,
	[VMEXIT_FERR_FREEZE] = VTX_EXIT_INTERRUPT,
	[VMEXIT_SHUTDOWN] = VTX_EXIT_TRIPLE_FAULT,
	[VMEXIT_VMRUN] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_VMMCALL] = VTX_EXIT_HYPERCALL,
	[VMEXIT_VMLOAD] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_VMSAVE] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_STGI] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_CLGI] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_SKINIT] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_RDTSCP] = VTX_EXIT_COUNTER,
	[VMEXIT_WBINVD] = VTX_EXIT_INVALIDATE,
	[VMEXIT_MONITOR] = VTX_EXIT_MONITOR,
	[VMEXIT_MWAIT] = VTX_EXIT_MONITOR,
	[VMEXIT_MWAIT_CONDITIONAL] = VTX_EXIT_MONITOR,
	[VMEXIT_XSETBV] = VTX_EXIT_XSETBV,
	[VMEXIT_RDPRU] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_INVLPGB] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_INVLPGB_ILLEGAL] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_INVPCID] = VTX_EXIT_INVALIDATE,
	[VMEXIT_MCOMMIT] = VTX_EXIT_FORBIDDEN,
	[VMEXIT_TLBSYNC] = VTX_EXIT_FORBIDDEN,
};

/* QEMU sets 32 bits of the code. */
static bool __maybe_unused is_invalid(u64 code)
{
	return (u32)code == (u32)VMEXIT_INVALID;
}

static u64 *general_register(struct vtx_vcpu *vcpu, unsigned int number)
{
	return &(&vcpu->regs.rax)[number];
}

/* ---- what belongs to a kind ------------------------------------------------------------------ */

static void decode_hypercall(struct vtx_exit *exit, const struct vtx_regs *regs)
{
	exit->kind = VTX_EXIT_HYPERCALL;
	exit->nr = regs->rax;
	exit->args[0] = regs->rdi;
	exit->args[1] = regs->rsi;
	exit->args[2] = regs->rdx;
	exit->args[3] = regs->rcx;
}

/* The exit information: the error code, and CR2 of a #PF, which is not written. */
static void __maybe_unused decode_exception(struct vtx_vcpu *vcpu, u32 vector)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	struct vtx_exit *exit = &vcpu->exit;

	exit->kind = vector == X86_EXCEPTION_MC ? VTX_EXIT_NMI : VTX_EXIT_EXCEPTION;
	exit->vector = vector;
	if (event_has_error_code(vector))
		exit->error_code = vmcb->EXITINFO1;
	if (vector == X86_EXCEPTION_PF)
		exit->address = vmcb->EXITINFO2;
	/* A guest that was written for Intel calls by VMCALL. */
	if (vector == X86_EXCEPTION_UD && !svm_fetch(vcpu, VMEXIT_EXCP6)) {
		decode_hypercall(exit, &vcpu->regs);
		exit->vector = 0;
	}
}

/* Bits 3:0 of CR0, of which LMSW writes all; it can set PE and not clear it. */
#define LMSW_BITS (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

static u64 seen_cr0(struct vtx_vcpu *vcpu)
{
	return svm_get_cr(vcpu, 0);
}

static void decode_lmsw(struct vtx_vcpu *vcpu, u64 source)
{
	u64 cr0 = seen_cr0(vcpu);

	vcpu->exit.access = VTX_CR_LMSW;
	vcpu->exit.value = (cr0 & ~(LMSW_BITS & ~CR0_PE)) | (source & LMSW_BITS);
}

/*
 * SMSW has more forms than MOV. If it exits for the lazy FPU alone, the guest gets its FPU, and
 * reads by itself; otherwise this is for user space.
 */
static bool decode_smsw(struct vtx_vcpu *vcpu)
{
	if (!svm_of(vcpu)->fpu_exiting)
		return false;
	vcpu->exit.kind = VTX_EXIT_EXCEPTION;
	vcpu->exit.vector = X86_EXCEPTION_NM;
	return true;
}

/*
 * Without decode assists, and of CLTS and LMSW always: the instruction itself says it. An operand
 * in memory is left to user space.
 */
static bool decode_cr_by_bytes(struct vtx_vcpu *vcpu, u32 code)
{
	const struct svm_insn *insn = &svm_of(vcpu)->insn;
	struct vtx_exit *exit = &vcpu->exit;

	if (svm_fetch(vcpu, code))
		return false;
	exit->instruction_length = insn->length;
	switch (insn->kind) {
	case SVM_INSN_CLTS:
		exit->access = VTX_CR_CLTS;
		exit->value = seen_cr0(vcpu) & ~CR0_TS;
		return true;
	case SVM_INSN_LMSW:
		if (insn->mod != SVM_MODRM_REGISTER)
			return false;
		decode_lmsw(vcpu, *general_register(vcpu, insn->rm));
		return true;
	case SVM_INSN_SMSW:
		return decode_smsw(vcpu);
	default:
		exit->gpr = insn->rm;
		return true;
	}
}

static void __maybe_unused decode_cr(struct vtx_vcpu *vcpu, u32 code)
{
	struct vtx_exit *exit = &vcpu->exit;
	bool write = code >= VMEXIT_CR0_WRITE;

	exit->kind = VTX_EXIT_CR;
	exit->access = write ? VTX_CR_WRITE : VTX_CR_READ;
	exit->cr = code == VMEXIT_CR0_SEL_WRITE ? 0 : code % VMEXIT_CR0_WRITE;
	if (exit->qualification & SVM_CRX_MOV)
		exit->gpr = SVM_GET(exit->qualification, CRX_GPR);
	else if (!decode_cr_by_bytes(vcpu, code))
		exit->kind = VTX_EXIT_UNHANDLED;
	if (exit->access == VTX_CR_WRITE)
		exit->value = *general_register(vcpu, exit->gpr);
}

static void __maybe_unused decode_msr(struct vtx_exit *exit, const struct vtx_regs *regs)
{
	exit->kind = exit->qualification ? VTX_EXIT_WRMSR : VTX_EXIT_RDMSR;
	exit->msr = regs->rcx;
	if (exit->qualification)
		exit->data = (u64)(u32)regs->rdx << 32 | (u32)regs->rax;
}

static u32 io_flags(u64 info)
{
	u32 flags = 0;

	if (info & SVM_IOIO_IN)
		flags |= VTX_IO_IN;
	if (info & SVM_IOIO_STRING)
		flags |= VTX_IO_STRING;
	if (info & SVM_IOIO_REP)
		flags |= VTX_IO_REP;
	return flags;
}

static void __maybe_unused decode_io(struct vtx_vcpu *vcpu)
{
	struct vtx_exit *exit = &vcpu->exit;
	u64 info = exit->qualification;

	exit->port = SVM_GET(info, IOIO_PORT);
	exit->io_size = info & SVM_IOIO_SIZE_8 ? 1 : info & SVM_IOIO_SIZE_16 ? 2 : 4;
	exit->io_flags = io_flags(info);
	if (!(exit->io_flags & (VTX_IO_IN | VTX_IO_STRING)))
		exit->data = vcpu->regs.rax & GENMASK_ULL(exit->io_size * 8 - 1, 0);
	/* EXITINFO2 is the next RIP, on every processor. */
	exit->instruction_length = vmcb_of(vcpu)->EXITINFO2 - vcpu->regs.rip;
}

static u32 __maybe_unused number_of(u32 code)
{
	switch (code) {
	case VMEXIT_RDTSC:
		return VTX_COUNTER_TSC;
	case VMEXIT_RDTSCP:
		return VTX_COUNTER_TSCP;
	case VMEXIT_RDPMC:
		return VTX_COUNTER_PMC;
	case VMEXIT_INVLPG:
	case VMEXIT_INVPCID:
		return VTX_INVALIDATE_TLB;
	default:
		return VTX_INVALIDATE_CACHES;
	}
}

/*
 * EXERCISE 7.4 (15 points): What happened?
 * Do:   decode(): set exit->kind, and what belongs to the kind, from the exit code. What has no
 *       kind stays VTX_EXIT_UNHANDLED; VMEXIT_INVALID, in both its forms, is VTX_EXIT_ENTRY_FAILED.
 * Read: AMD APM vol. 2, appendix C, "SVM Intercept Exit Codes", and chapter 15, "Instruction
 *       Intercepts"; project07/README.md, "Exits"
 * Hint: kinds[], and the functions above.
 */
#ifndef TODO_7_4
static void decode(struct vtx_vcpu *vcpu, u64 code)
{
	struct vtx_exit *exit = &vcpu->exit;

	if (is_invalid(code)) {
		exit->kind = VTX_EXIT_ENTRY_FAILED;
		return;
	}
	if (code <= VMEXIT_CR15_WRITE || code == VMEXIT_CR0_SEL_WRITE)
		decode_cr(vcpu, code);
	else if (code <= VMEXIT_DR15_WRITE)
		exit->kind = VTX_EXIT_DR;
	else if (code <= VMEXIT_EXCP31)
		decode_exception(vcpu, code - VMEXIT_EXCP0);
	else if (code == VMEXIT_ICEBP)
		decode_exception(vcpu, X86_EXCEPTION_DB);
	else if (code == VMEXIT_MSR)
		decode_msr(exit, &vcpu->regs);
	else if (code < ARRAY_SIZE(kinds) && kinds[code])
		exit->kind = kinds[code];
	if (exit->kind == VTX_EXIT_HYPERCALL)
		decode_hypercall(exit, &vcpu->regs);
	else if (exit->kind == VTX_EXIT_IO)
		decode_io(vcpu);
	else if (exit->kind == VTX_EXIT_COUNTER || exit->kind == VTX_EXIT_INVALIDATE)
		exit->nr = number_of(code);
	else if (exit->kind == VTX_EXIT_TASK_SWITCH)
		exit->value = vmcb_of(vcpu)->EXITINFO2;
}
#else
static void decode(struct vtx_vcpu *vcpu, u64 code)
{
	/* The host's turn is decoded for you. */
	if (code == VMEXIT_INTR)
		vcpu->exit.kind = VTX_EXIT_INTERRUPT;
	else
		(void)VTX_TODO("7.4", "every exit is one that nobody handles");
}
#endif

void svm_exit_decode(struct vtx_vcpu *vcpu)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	vcpu->exit = (struct vtx_exit){
		.kind = VTX_EXIT_UNHANDLED,
		.reason = vmcb->EXITCODE,
		.qualification = vmcb->EXITINFO1,
		.rip = vcpu->regs.rip,
	};
	if (!svm_decode_step(vcpu) && !svm_decode_memory(vcpu))
		decode(vcpu, vmcb->EXITCODE);
	svm_note_vectoring(vcpu);
}

/* ---- the next instruction -------------------------------------------------------------------- */

/* With the next RIP saved the length is known; else the bytes in guest memory tell. */
int svm_find_length(struct vtx_vcpu *vcpu)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	struct vtx_exit *exit = &vcpu->exit;
	int err;

	if (exit->instruction_length)
		return 0;
	if (vmcb->NRIP) {
		exit->instruction_length = vmcb->NRIP - vmcb->RIP;
		return 0;
	}
	err = svm_fetch(vcpu, exit->reason);
	if (!err)
		exit->instruction_length = svm_of(vcpu)->insn.length;
	return err;
}

/* Outside 64-bit mode EIP wraps around at 4 GiB. */
static u64 behind_instruction(const struct vtx_vcpu *vcpu)
{
	u64 rip = vcpu->regs.rip;
	u64 next = rip + vcpu->exit.instruction_length;
	const struct vmcb *vmcb = svm_of((struct vtx_vcpu *)vcpu)->vmcb;
	bool code64 = vmcb->EFER & IA32_EFER_LMA && vmcb->CS.attributes & SVM_SEGMENT_L;

	return (rip ^ next) >> 32 && !code64 ? (u32)next : next;
}

/* A VMCB has no place for a trap that is pending: see svm_enter(). */
void svm_single_step(struct vtx_vcpu *vcpu)
{
	if (vcpu->regs.rflags & RFLAGS_TF)
		svm_of(vcpu)->trap = true;
}

int svm_skip_instruction(struct vtx_vcpu *vcpu)
{
	int err = svm_find_length(vcpu);

	if (err)
		return err;
	vcpu->regs.rip = behind_instruction(vcpu);
	vmcb_of(vcpu)->INTERRUPT_STATE &= ~(u64)SVM_INTERRUPT_STATE_SHADOW;
	svm_single_step(vcpu);
	return 0;
}
