// SPDX-License-Identifier: GPL-2.0
/*
 * What user space may set in the registers of a vCPU that does not run.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>

#include "regs_check.h"

int regs_check(const struct vtx_regs *has, const struct vtx_regs *wanted)
{
	if (!((has->rflags ^ wanted->rflags) & RFLAGS_VM))
		return 0;
	pr_notice("set registers: RFLAGS %#llx, must be %#llx in the bit VM (%#llx), or no segment "
		  "would fit\n",
		  wanted->rflags, has->rflags, (u64)RFLAGS_VM);
	return -EINVAL;
}

static bool may_change(const char *name, u64 has, u64 wanted, u64 free)
{
	if (!((has ^ wanted) & ~free))
		return true;
	pr_notice("set registers: %s %#llx, must be %#llx except for the bits %#llx\n", name,
		  wanted, has, free);
	return false;
}

static bool padding_is_0(const struct vtx_sregs *sregs)
{
	const struct vtx_segment *segment;
	u64 pad = sregs->gdtr.pad | sregs->idtr.pad;

	for (segment = &sregs->es; segment <= &sregs->tr; segment++)
		pad |= segment->pad[0] | segment->pad[1] | segment->pad[2];
	return !pad;
}

int sregs_check(const struct vtx_sregs *has, const struct vtx_sregs *wanted)
{
	u64 cr3_free = VTX_STAGE >= 5 ? ~0ULL : 0; /* it names host frames before */

	if (!may_change("CR3", has->cr3, wanted->cr3, cr3_free) ||
	    !may_change("CR0", has->cr0, wanted->cr0, CR0_FREE) ||
	    !may_change("CR4", has->cr4, wanted->cr4, CR4_FREE) ||
	    !may_change("IA32_EFER", has->efer, wanted->efer, 0))
		return -EPERM;
	if (!padding_is_0(wanted)) {
		pr_notice("set registers: pad of a segment or table, must be 0\n");
		return -EINVAL;
	}
	/* The host itself loads DR6, and a bit in the upper half is #GP there. */
	if (wanted->dr[6] >> 32 || wanted->dr[4] || wanted->dr[5]) {
		pr_notice("set registers: DR6 %#llx, must have 32 bits; DR4 and DR5 must be 0\n",
			  wanted->dr[6]);
		return -EINVAL;
	}
	return 0;
}
