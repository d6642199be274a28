// SPDX-License-Identifier: GPL-2.0
/*
 * Intel's entries as data for npt_logic.c, and what is offered beside them.
 */
#include "ept_bits.h"
#include "vmx_cap_bits.h"
#include "vmx_ept_logic.h"
#include "vmx_entry_bits.h"
#include "vtx_todo.h"

#ifndef ENOTSUPP
/* "Operation is not supported": the kernel's own, which no user space has a name for. */
#define ENOTSUPP 524
#endif

/*
 * EXERCISE 5.2 (15 points): EPT entries
 * Do:   vmx_ept_caps(): describe the entries (struct npt_format), with the largest leaf that the
 *       processor offers and accessed and dirty flags if it has them; EPTP without an address:
 *       memory type write-back, 4 levels, the flags switched on; and the narrowest types of INVEPT
 *       and INVVPID. A type counts only where the instruction is there. 2-MByte pages are the
 *       condition of 1-GByte pages here. Guest memory is write-back and follows the guest's PAT; a
 *       device's window is uncacheable whatever the PAT says.
 * Read: Intel SDM vol. 3, appendix A.10, "VPID and EPT Capabilities"; "Extended-Page-Table Pointer
 *       (EPTP)"; "EPT and Memory Typing"; project05/README.md, "Entries"
 * Hint: IA32_VMX_EPT_VPID_CAP_… in vmx_cap_bits.h, EPT_… in ept_bits.h, EPTP_… in vmx_entry_bits.h.
 *       An entry that leads to a table allows everything: the leaf decides.
 */
#ifndef TODO_5_2
static const struct npt_format ept_format = {
	.present = EPT_READ | EPT_WRITE | EPT_EXECUTE,
	.read = EPT_READ,
	.write = EPT_WRITE,
	.execute = EPT_EXECUTE,
	.table = EPT_READ | EPT_WRITE | EPT_EXECUTE,
	.large = EPT_LARGE,
	.address = EPT_ADDRESS,
	.type = {
		[NPT_WRITE_BACK] = MEMORY_TYPE_WB << EPT_MEMORY_TYPE_SHIFT,
		[NPT_UNCACHEABLE] = MEMORY_TYPE_UC << EPT_MEMORY_TYPE_SHIFT | EPT_IGNORE_PAT,
	},
	.type_mask = EPT_MEMORY_TYPE | EPT_IGNORE_PAT,
	.largest = 1,
	.width = EPT_WIDTH,
};

static enum vmx_invalidate narrowest(u64 cap, u64 instruction, u64 single, u64 all)
{
	if (!(cap & instruction))
		return VMX_INVALIDATE_NOTHING;
	if (cap & single)
		return VMX_INVALIDATE_SINGLE;
	return cap & all ? VMX_INVALIDATE_ALL : VMX_INVALIDATE_NOTHING;
}

int vmx_ept_caps(u64 cap, struct vmx_ept_caps *caps)
{
	*caps = (struct vmx_ept_caps){
		.format = ept_format,
		.pointer = MEMORY_TYPE_WB << EPTP_MEMORY_TYPE_LOW |
			   (u64)EPTP_WALK_LENGTH_4 << EPTP_WALK_LOW,
		.invept = narrowest(cap, IA32_VMX_EPT_VPID_CAP_INVEPT,
				    IA32_VMX_EPT_VPID_CAP_INVEPT_SINGLE,
				    IA32_VMX_EPT_VPID_CAP_INVEPT_ALL),
		.invvpid = narrowest(cap, IA32_VMX_EPT_VPID_CAP_INVVPID,
				     IA32_VMX_EPT_VPID_CAP_INVVPID_SINGLE,
				     IA32_VMX_EPT_VPID_CAP_INVVPID_ALL),
	};
	if (cap & IA32_VMX_EPT_VPID_CAP_PAGE_2M)
		caps->format.largest = cap & IA32_VMX_EPT_VPID_CAP_PAGE_1G ? 3 : 2;
	if (cap & IA32_VMX_EPT_VPID_CAP_ACCESSED_DIRTY) {
		caps->format.accessed = EPT_ACCESSED;
		caps->format.dirty = EPT_DIRTY;
		caps->pointer |= EPTP_ACCESSED_DIRTY;
	}
	if (!(cap & IA32_VMX_EPT_VPID_CAP_PAGE_WALK_4) ||
	    !(cap & IA32_VMX_EPT_VPID_CAP_MEMORY_TYPE_WB) || !caps->invept)
		return -ENOTSUPP;
	return 0;
}
#else
int vmx_ept_caps(u64 cap, struct vmx_ept_caps *caps)
{
	return VTX_TODO("5.2", "nobody knows what an EPT entry looks like, so no VM is created");
}
#endif
