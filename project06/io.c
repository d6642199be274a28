// SPDX-License-Identifier: GPL-2.0
/*
 * Ports. The driver knows none of them: what is behind a port is in vtxctl, which has a table of
 * handlers. So an access has two halves: the exit, and the answer that comes with the next
 * VTXDRV_RUN_VCPU.
 */
#include "exits.h"
#include "hv_ops.h"
#include "run.h"
#include "space.h"
#include "vtx_todo.h"

/*
 * EXERCISE 6.4 (15 points): Ports
 * Do:   vtx_answer_io(): OUT is done when user space has seen exit.data, so it is skipped. IN is
 *       skipped as well, and policy.awaits and policy.await_bytes say that its answer is to come.
 *       INS and OUTS touch memory, which the driver does not do for a guest: RIP stays where it is
 *       and user space gets all registers (space_show_registers()). vtx_io_complete(): RAX after
 *       an IN of 1, 2 or 4 bytes. In vmx_io_exit.c, vmx_decode_io(): fill in the exit from its
 *       qualification.
 * Read: project06/README.md, "Ports"; Intel SDM vol. 3, "Basic VM-Exit Information", table "Exit
 *       Qualification for I/O Instructions"; vol. 1, "General-Purpose Registers in 64-Bit Mode"
 * Hint: an operation on 32 bits clears the upper half of a 64-bit register, one on 8 or 16 bits
 *       leaves the rest alone. User space may answer with 64 bits where the guest has asked for 8.
 */
#ifndef TODO_6_4
static enum vtx_next answer_string(struct vtx_vcpu *vcpu)
{
	space_show_registers(vcpu);
	vcpu->exit.handled = 1;
	return VTX_NEXT_USER;
}

enum vtx_next vtx_answer_io(struct vtx_vcpu *vcpu)
{
	const struct vtx_exit *exit = &vcpu->exit;

	if (exit->io_flags & VTX_IO_STRING)
		return answer_string(vcpu);
	vtx_answered(vcpu);
	if (exit->handled && exit->io_flags & VTX_IO_IN) {
		vcpu->policy.awaits = VTX_AWAITS_IN;
		vcpu->policy.await_bytes = exit->io_size;
	}
	return VTX_NEXT_USER;
}

void vtx_io_complete(struct vtx_vcpu *vcpu, u32 bytes, u64 data)
{
	u64 mask = GENMASK_ULL(bytes * 8 - 1, 0);
	u64 keep = bytes == sizeof(u32) ? 0 : ~mask;

	vcpu->regs.rax = (vcpu->regs.rax & keep) | (data & mask);
}
#else
enum vtx_next vtx_answer_io(struct vtx_vcpu *vcpu)
{
	(void)VTX_TODO("6.4", "an access to a port is an exit that nobody handles");
	vcpu->exit.kind = VTX_EXIT_UNHANDLED;
	return VTX_NEXT_USER;
}

void vtx_io_complete(struct vtx_vcpu *vcpu, u32 bytes, u64 data)
{
}
#endif
