// SPDX-License-Identifier: GPL-2.0
/*
 * The state-save area of a guest that starts: flat 64-bit as in project04, and what is different in
 * other modes.
 */
#include <asm/processor.h>
#include <asm/tlbflush.h>
#include <uapi/asm/debugreg.h>

#include "exits.h"
#include "hv_ops.h"
#include "svm_asid_logic.h"
#include "svm_codes.h"
#include "svm_run.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

/* Types of descriptors. AMD APM vol. 2, "Segment Descriptors". */
#define TYPE_DATA_RW 0x3
#define TYPE_CODE_XR 0xb
#define TYPE_LDT 0x2
#define TYPE_TSS_BUSY 0xb

#define CODE16 (SVM_SEGMENT_P | SVM_SEGMENT_S | TYPE_CODE_XR)
#define DATA16 (SVM_SEGMENT_P | SVM_SEGMENT_S | TYPE_DATA_RW)
#define FLAT (SVM_SEGMENT_DB | SVM_SEGMENT_G)
#define CODE64 (CODE16 | SVM_SEGMENT_L | SVM_SEGMENT_G)

#define LIMIT_16 0xffffU
#define LIMIT_FLAT 0xffffffffU
#define LIMIT_TSS 0x67
#define SELECTOR_CODE 8
#define SELECTOR_DATA 16
#define SELECTOR_TSS 24
/* What PAT has after a reset: AMD APM vol. 2, "PAT Register". */
#define PAT_AT_RESET 0x0007040600070406ULL
/* AMD APM vol. 2, "Processor Initialization State". */
#define RESET_CS 0xf000U
#define RESET_CS_BASE 0xffff0000ULL
#define RESET_IP 0xfff0U

/* All but #NP, which can only come from tables of the guest's own; #DF: see svm_inject.c. */
#define EXCEPTIONS_THAT_EXIT ((u32)~(BIT(X86_EXCEPTION_NP) | BIT(X86_EXCEPTION_NMI)))

/* What a mode begins with. */
static const struct start {
	u64 cr0, cr4, efer; /* as the guest sees them */
	u32 limit;
	u16 code, data; /* attributes of segments, whose bases are 0 */
	u16 code_selector, data_selector;
} starts[VTX_VCPU_MODES] = {
	[VTX_MODE_LONG] = { CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG,
			    CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT,
			    IA32_EFER_LME | IA32_EFER_LMA | IA32_EFER_NXE, LIMIT_FLAT, CODE64,
			    DATA16 | FLAT, SELECTOR_CODE, SELECTOR_DATA },
	[VTX_MODE_REAL] = { CR0_ET, 0, 0, LIMIT_16, CODE16, DATA16, 0, 0 },
	[VTX_MODE_PROTECTED] = { CR0_PE | CR0_ET, 0, 0, LIMIT_FLAT, CODE16 | FLAT, DATA16 | FLAT,
				 SELECTOR_CODE, SELECTOR_DATA },
	[VTX_MODE_PAGED] = { CR0_PE | CR0_ET | CR0_PG, CR4_PAE, 0, LIMIT_FLAT, CODE16 | FLAT,
			     DATA16 | FLAT, SELECTOR_CODE, SELECTOR_DATA },
	[VTX_MODE_RESET] = { CR0_CD | CR0_NW | CR0_ET, 0, 0, LIMIT_16, CODE16, DATA16, RESET_CS,
			     0 },
};

static void write_segments(struct vmcb *vmcb, const struct start *start)
{
	struct vmcb_segment data = { start->data_selector, start->data, start->limit, 0 };

	vmcb->CS = (struct vmcb_segment){ start->code_selector, start->code, start->limit, 0 };
	vmcb->SS = data;
	vmcb->DS = data;
	vmcb->ES = data;
	vmcb->FS = data;
	vmcb->GS = data;
	vmcb->TR = (struct vmcb_segment){ SELECTOR_TSS, SVM_SEGMENT_P | TYPE_TSS_BUSY, LIMIT_TSS,
					  0 };
	vmcb->LDTR = (struct vmcb_segment){ 0, TYPE_LDT, 0, 0 };
	vmcb->GDTR = (struct vmcb_segment){};
	vmcb->IDTR = (struct vmcb_segment){};
	/* The interrupt vector table of real mode. */
	if (!(start->cr0 & CR0_PE))
		vmcb->IDTR.limit = LIMIT_16;
	vmcb->CPL = 0;
}

static void write_rest(struct vmcb *vmcb)
{
	vmcb->G_PAT = PAT_AT_RESET;
	vmcb->DR6 = DR6_RESERVED;
	vmcb->DR7 = DR7_RESERVED_10;
	vmcb->STAR = 0;
	vmcb->LSTAR = 0;
	vmcb->CSTAR = 0;
	vmcb->SFMASK = 0;
	vmcb->KERNEL_GS_BASE = 0;
	vmcb->SYSENTER_CS = 0;
	vmcb->SYSENTER_ESP = 0;
	vmcb->SYSENTER_EIP = 0;
	vmcb->CR2 = 0;
}

static void reset_vcpu(struct vtx_vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	memset(&vcpu->regs, 0, sizeof(vcpu->regs));
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	vcpu->dr[6] = DR6_RESERVED;
	vcpu->regs.rflags = RFLAGS_RESERVED_1;
	vcpu->dr_used = false;
	vcpu->cr2 = 0;
	vcpu->pkru = 0;
	svm->fpu_exiting = false;
	svm->delivering = false;
	svm->nmi_inside = false;
	svm->nmi_returns = false;
	svm->stepping = false;
	svm->trap = false;
	svm->stale = true;
}

static void write_state(struct vtx_vcpu *vcpu, const struct start *start, u64 cr4)
{
	write_segments(vmcb_of(vcpu), start);
	write_rest(vmcb_of(vcpu));
	svm_write_efer(vcpu, start->efer);
	svm_write_cr0(vcpu, start->cr0, start->cr0 & ~(CR0_CD | CR0_NW));
	svm_write_cr4(vcpu, cr4, cr4);
}

int svm_guest_init(struct vtx_vcpu *vcpu, u64 root)
{
	const struct start *start = &starts[VTX_MODE_LONG];
	int err = svm_controls_init(vcpu);

	if (err)
		return err;
	reset_vcpu(vcpu);
	write_state(vcpu, start, start->cr4 | (__read_cr4() & CR4_OSXSAVE));
	vmcb_of(vcpu)->CR3 = root;
	/* Each entry chooses one: svm_npt.c. */
	vmcb_of(vcpu)->GUEST_ASID = ASID_FIRST;
	svm_exceptions(vcpu, EXCEPTIONS_THAT_EXIT);
	return 0;
}

int svm_vcpu_start(struct vtx_vcpu *vcpu, u32 mode)
{
	const struct start *start = &starts[mode];
	struct vmcb *vmcb = vmcb_of(vcpu);

	svm_npt_set_root(vcpu, vcpu->vm->space.npt.root);
	if (mode == VTX_MODE_LONG)
		return 0;
	write_state(vcpu, start, start->cr4);
	/* PAE paging: the processor reads the four entries itself. */
	vmcb->CR3 = mode == VTX_MODE_PAGED ? vcpu->vm->paged_root : 0;
	if (mode == VTX_MODE_RESET) {
		vmcb->CS.base = RESET_CS_BASE;
		vcpu->regs.rip = RESET_IP;
	}
	return 0;
}
