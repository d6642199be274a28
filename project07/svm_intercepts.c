// SPDX-License-Identifier: GPL-2.0
/*
 * The permission maps of a VM: which ports and which MSRs exit. All vCPUs of a VM use the same.
 */
#include <asm/io.h>
#include <linux/bitops.h>

#include "hv_ops.h"
#include "mem.h"
#include "svm_codes.h"
#include "svm_msrpm_logic.h"
#include "svm_run.h"
#include "vmx_msrs.h"
#include "x86_bits.h"

struct svm_intercepts {
	unsigned long *ports; /* IOPM */
	unsigned long *msrs; /* MSRPM */
};

static struct svm_intercepts *intercepts_of(struct vtx_vm *vm)
{
	return vm->policy.intercepts;
}

int svm_intercepts_create(struct vtx_vm *vm)
{
	struct svm_intercepts *maps = vtx_zalloc("intercepts of a VM", sizeof(*maps));

	if (!maps)
		return -ENOMEM;
	maps->ports = vtx_pages_alloc(SVM_IOPM_BYTES);
	maps->msrs = vtx_pages_alloc(SVM_MSRPM_BYTES);
	vm->policy.intercepts = maps;
	if (!maps->ports || !maps->msrs) {
		svm_intercepts_destroy(vm);
		return -ENOMEM;
	}
	memset(maps->ports, ~0, SVM_IOPM_BYTES);
	memset(maps->msrs, ~0, SVM_MSRPM_BYTES);
	return 0;
}

void svm_intercepts_destroy(struct vtx_vm *vm)
{
	struct svm_intercepts *maps = intercepts_of(vm);

	vtx_pages_free(maps->msrs, SVM_MSRPM_BYTES);
	vtx_pages_free(maps->ports, SVM_IOPM_BYTES);
	vtx_free(maps);
	vm->policy.intercepts = NULL;
}

/* LGDT, SIDT, LTR and their like: eight exit codes in a row. */
static void intercept_tables(struct vtx_vcpu *vcpu, bool on)
{
	u32 code;

	for (code = VMEXIT_IDTR_READ; code <= VMEXIT_TR_WRITE; code++)
		vmcb_intercept(vmcb_of(vcpu), code, on);
}

int svm_intercepts_use(struct vtx_vcpu *vcpu)
{
	const struct svm_intercepts *maps = intercepts_of(vcpu->vm);
	struct vmcb *vmcb = vmcb_of(vcpu);

	vmcb->IOPM_BASE_PA = virt_to_phys(maps->ports);
	vmcb->MSRPM_BASE_PA = virt_to_phys(maps->msrs);
	intercept_tables(vcpu, true);
	vcpu->policy.osxsave = svm_of(vcpu)->cr4 & CR4_OSXSAVE;
	return 0;
}

void svm_trust_tables(struct vtx_vcpu *vcpu)
{
	intercept_tables(vcpu, false);
}

void svm_io_intercept(struct vtx_vm *vm, u16 port, bool on)
{
	assign_bit(port, intercepts_of(vm)->ports, on);
}

/*
 * In the processor EFER has SVME, which is none of the guest's; and the PAT is one register for
 * guest and host where a processor does not keep G_PAT apart.
 */
static bool is_ours(u32 msr)
{
	return msr == IA32_EFER || msr == IA32_PAT;
}

static void intercept_one(struct vtx_vm *vm, u32 msr, bool write, bool on)
{
	u32 bit = svm_msr_bit(msr, write);

	if (bit != SVM_MSR_NO_BIT)
		assign_bit(bit, intercepts_of(vm)->msrs, on || is_ours(msr));
}

void svm_msr_intercept(struct vtx_vm *vm, u32 msr, bool read, bool write)
{
	intercept_one(vm, msr, false, read);
	intercept_one(vm, msr, true, write);
}
