// SPDX-License-Identifier: GPL-2.0
/*
 * Ports, VMX's part: which accesses exit, and what an exit says of the access.
 */
#include "vmx_exit_bits.h"
#include "vmx_exits.h"
#include "vtx_todo.h"

#ifndef TODO_6_4
static u32 flags_of(u64 qualification)
{
	u32 flags = 0;

	if (qualification & VMX_QUAL_IO_IN)
		flags |= VTX_IO_IN;
	if (qualification & VMX_QUAL_IO_STRING)
		flags |= VTX_IO_STRING;
	if (qualification & VMX_QUAL_IO_REP)
		flags |= VTX_IO_REP;
	return flags;
}

void vmx_decode_io(struct vtx_exit *exit, const struct vtx_regs *regs)
{
	u64 qualification = exit->qualification;

	exit->kind = VTX_EXIT_IO;
	exit->port = VMX_EXIT_GET(qualification, QUAL_IO_PORT);
	exit->io_size = VMX_EXIT_GET(qualification, QUAL_IO_SIZE) + 1;
	exit->io_flags = flags_of(qualification);
	if (!(exit->io_flags & (VTX_IO_IN | VTX_IO_STRING)))
		exit->data = regs->rax & GENMASK_ULL(exit->io_size * 8 - 1, 0);
}
#else
void vmx_decode_io(struct vtx_exit *exit, const struct vtx_regs *regs)
{
	exit->kind = VTX_EXIT_IO;
	(void)VTX_TODO("6.4", "nobody knows which port it was");
}
#endif
