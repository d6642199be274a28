// SPDX-License-Identifier: GPL-2.0
/*
 * Which tables a vCPU uses, and when a processor has to forget what it remembers of them.
 */
#include <asm/cpufeature.h>
#include <asm/io.h>
#include <linux/smp.h>

#include "hv_ops.h"
#include "svm_codes.h"
#include "svm_cpu.h"
#include "svm_npt_logic.h"
#include "svm_run.h"
#include "vtx_todo.h"
#include "x86_bits.h"

int svm_npt_setup(struct vtx_vm *vm)
{
	svm_npt_format(boot_cpu_has(X86_FEATURE_GBPAGES), &vm->space.npt.format);
	return 0;
}

/*
 * Nested tables have as many levels as the host's own: with CR4.LA57 a fifth lies above the four of
 * npt_logic.c. Its first entry is all that 48 bits need.
 */
static u64 root_for_host(struct vtx_vcpu *vcpu, u64 root)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	if (!svm->level5)
		return root;
	svm->level5[0] = root | vcpu->vm->space.npt.format.table;
	return virt_to_phys(svm->level5);
}

void svm_npt_set_root(struct vtx_vcpu *vcpu, u64 root)
{
	vmcb_of(vcpu)->N_CR3 = root_for_host(vcpu, root);
}

#ifndef TODO_7_6
void svm_npt_flush(struct vtx_vm *vm)
{
	atomic64_inc(&vm->space.generation);
}
#else
void svm_npt_flush(struct vtx_vm *vm)
{
	(void)VTX_TODO("7.6", "a CPU may use what it remembers of tables that have changed");
}
#endif

/*
 * A kept ASID has old translations of the tables, or of what CR0, CR3 and CR4 were before somebody
 * else than the guest has written them.
 */
void svm_tlb_before_entry(struct vtx_vcpu *vcpu)
{
	struct svm_cpu *here = this_cpu_ptr(&svm_cpu);
	struct svm_vcpu *svm = svm_of(vcpu);
	u64 generation = atomic64_read(&vcpu->vm->space.generation);
	bool stale = svm->stale || svm->tables_seen != generation;
	enum svm_tlb_control control;

	control = svm_asid_choose(&here->asids, smp_processor_id(), &svm->asid, stale);
	if (stale || control != SVM_TLB_NOTHING)
		atomic64_inc(&vcpu->vm->space.flushes);
	svm->tables_seen = generation;
	svm->stale = false;
	svm->vmcb->GUEST_ASID = svm->asid.asid;
	svm->vmcb->TLB_CONTROL = control;
	vcpu->address_tag = svm->asid.asid;
}

bool svm_decode_memory(struct vtx_vcpu *vcpu)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	if (vmcb->EXITCODE != VMEXIT_NPF)
		return false;
	svm_npt_decode(vmcb->EXITINFO1, vmcb->EXITINFO2, vmcb->EXITINTINFO & SVM_EVENT_VALID,
		       &vcpu->exit);
	return true;
}
