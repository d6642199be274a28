// SPDX-License-Identifier: GPL-2.0
/*
 * The bytes of the instruction that has exited, from guest memory. Interrupts are off: whatever is
 * not at hand is not there, but the guest has just executed what is looked for.
 */
#include <asm/processor.h>

#include "guest_walk_logic.h"
#include "hv_ops.h"
#include "space.h"
#include "svm_codes.h"
#include "svm_run.h"
#include "x86_bits.h"

/* Where a piece of guest memory lies that does not cross the end of its page. */
static u8 *ram_at(void *opaque, u64 gpa, u32 size, bool write)
{
	struct vtx_vm *vm = opaque;
	const struct vtx_slot *slot;
	u8 *at = NULL;

	spin_lock(&vm->space.slots_lock);
	slot = slot_find(&vm->space.slots, gpa);
	if (slot)
		at = guest_mem_at(&vm->memory, slot->offset + (gpa - slot->gpa));
	spin_unlock(&vm->space.slots_lock);
	return at;
}

/* At most so many bytes, and none behind the end of the page. */
static u32 copy_from_page(const struct guest_paging *paging, u64 linear, u8 *bytes, u32 count)
{
	u32 room = GUEST_PAGE_SIZE - linear % GUEST_PAGE_SIZE;
	struct guest_walk walk;
	const u8 *from;

	count = min(count, room);
	if (guest_walk(paging, linear, VTX_ACCESS_EXECUTE, &walk) != GUEST_WALK_MAPPED)
		return 0;
	from = ram_at(paging->opaque, walk.gpa, count, false);
	if (!from)
		return 0;
	memcpy(bytes, from, count);
	return count;
}

static enum svm_code_size code_size(const struct vmcb *vmcb)
{
	if (vmcb->EFER & IA32_EFER_LMA && vmcb->CS.attributes & SVM_SEGMENT_L)
		return SVM_CODE_64;
	return vmcb->CS.attributes & SVM_SEGMENT_DB ? SVM_CODE_32 : SVM_CODE_16;
}

static u32 read_bytes(struct vtx_vcpu *vcpu, enum svm_code_size size, u8 *bytes)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	struct vtx_sregs sregs;
	struct guest_paging paging = {
		.sregs = &sregs,
		.ac = true,
		.width = boot_cpu_data.x86_phys_bits,
		.ram = ram_at,
		.opaque = vcpu->vm,
	};
	u64 linear = vcpu->regs.rip;
	u32 count;

	svm_get_sregs(vcpu, &sregs);
	if (size != SVM_CODE_64)
		linear = (u32)(linear + vmcb->CS.base);
	count = copy_from_page(&paging, linear, bytes, SVM_INSN_MAX);
	if (count && count < SVM_INSN_MAX)
		count += copy_from_page(&paging, linear + count, bytes + count,
					SVM_INSN_MAX - count);
	return count;
}

int svm_fetch(struct vtx_vcpu *vcpu, u32 code)
{
	enum svm_code_size size = code_size(vmcb_of(vcpu));
	u8 bytes[SVM_INSN_MAX];
	u32 count = read_bytes(vcpu, size, bytes);

	return svm_insn_read(bytes, count, size, code, &svm_of(vcpu)->insn);
}
