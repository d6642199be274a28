// SPDX-License-Identifier: GPL-2.0
/*
 * Unit `exits`: who answers what, and the answers that are so short that they need no file.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/sched.h>

#include "events.h"
#include "exits.h"
#include "fpu.h"
#include "hv_ops.h"
#include "run.h"
#include "x86_exceptions.h"

void vtx_add_exception(struct event_queue *queue, u8 vector)
{
	struct vtx_injection exception = {
		.type = VTX_INJECT_EXCEPTION,
		.vector = vector,
		.has_error_code = event_has_error_code(vector),
	};

	if (event_raise(queue, &exception))
		pr_notice_ratelimited("exception %u: another one waits already\n", vector);
}

/* ---- answers of user space ------------------------------------------------------------------- */

void vtx_take_answer(struct vtx_vcpu *vcpu, u32 flags, u64 data)
{
	enum vtx_awaits awaits = vcpu->policy.awaits;

	if (awaits == VTX_AWAITS_NOTHING)
		return;
	vcpu->policy.awaits = VTX_AWAITS_NOTHING;
	switch (awaits) {
	case VTX_AWAITS_IN:
		vtx_io_complete(vcpu, vcpu->policy.await_bytes, data);
		break;
	case VTX_AWAITS_RDMSR:
	case VTX_AWAITS_WRMSR:
		vtx_msr_complete(vcpu, awaits == VTX_AWAITS_WRMSR, flags & VTX_RUN_FAULT, data);
		break;
	case VTX_AWAITS_VECTOR:
		vtx_take_vector(vcpu, data);
		break;
	default:
		break;
	}
}

/* ---- short answers --------------------------------------------------------------------------- */

/*
 * What CPUID does not name, a guest does not have: SDM vol. 2 says #UD of each of them. GETSEC and
 * the VMX instructions exit whatever the controls say, MONITOR and MWAIT as they would watch memory
 * of the host and hold its CPU.
 */
static enum vtx_next answer_forbidden(struct vtx_vcpu *vcpu)
{
	return vtx_raise(vcpu, X86_EXCEPTION_UD, 0);
}

/*
 * INVD and WBINVD: memory is coherent whatever a guest thinks, and INVD done here would throw away
 * what the host has written. Translations: those of the whole VM go.
 */
static enum vtx_next answer_invalidate(struct vtx_vcpu *vcpu)
{
	if (vcpu->exit.nr == VTX_INVALIDATE_TLB)
		hv->npt_flush(vcpu->vm);
	return vtx_answered(vcpu);
}

/* The guest spins: somebody else, perhaps who holds what it waits for, goes first. */
static enum vtx_next yield_cpu(struct vtx_vcpu *vcpu)
{
	yield();
	return VTX_NEXT_GUEST;
}

static enum vtx_next answer_pause(struct vtx_vcpu *vcpu)
{
	vtx_answered(vcpu);
	return vcpu->exit.handled ? vtx_sleep_on(vcpu, yield_cpu) : VTX_NEXT_USER;
}

/*
 * There are no performance counters (CPUID 0AH is 0): #GP. RDTSC does not exit, RDTSCP is #UD, as
 * long as nobody asks for it.
 */
static enum vtx_next answer_counter(struct vtx_vcpu *vcpu)
{
	u64 tsc;

	switch (vcpu->exit.nr) {
	case VTX_COUNTER_TSC:
		tsc = vtx_guest_tsc(vcpu);
		vcpu->regs.rax = (u32)tsc;
		vcpu->regs.rdx = tsc >> 32;
		return vtx_answered(vcpu);
	case VTX_COUNTER_TSCP:
		return answer_forbidden(vcpu);
	default:
		return vtx_raise(vcpu, X86_EXCEPTION_GP, 0);
	}
}

/*
 * The first use of a descriptor-table register. It concerns nobody but the guest, so the
 * instruction is executed by the processor, and none exits any more.
 */
static enum vtx_next answer_table(struct vtx_vcpu *vcpu)
{
	hv->trust_tables(vcpu);
	vcpu->exit.handled = 1;
	return VTX_NEXT_GUEST;
}

/*
 * The processor does half of a task switch and leaves the rest to us; it does not exist in 64-bit
 * mode, and no system of this century uses it.
 */
static enum vtx_next answer_task_switch(struct vtx_vcpu *vcpu)
{
	pr_notice_ratelimited("VM %u, vCPU %u: a task switch by hardware at RIP %#llx, expected "
			      "none: qualification %#llx, see project06/README.md\n",
			      vcpu->vm->id, vcpu->id, vcpu->exit.rip, vcpu->exit.value);
	return VTX_NEXT_USER;
}

/* ---- the unit -------------------------------------------------------------------------------- */

static const struct vtx_exit_answer exits_answers[] = {
	{ VTX_EXIT_CPUID, vtx_answer_cpuid },
	{ VTX_EXIT_CR, vtx_answer_cr },
	{ VTX_EXIT_IO, vtx_answer_io },
	{ VTX_EXIT_RDMSR, vtx_answer_rdmsr },
	{ VTX_EXIT_WRMSR, vtx_answer_wrmsr },
	{ VTX_EXIT_XSETBV, vtx_answer_xsetbv },
	{ VTX_EXIT_INVALIDATE, answer_invalidate },
	{ VTX_EXIT_PAUSE, answer_pause },
	{ VTX_EXIT_MONITOR, answer_forbidden },
	{ VTX_EXIT_COUNTER, answer_counter },
	{ VTX_EXIT_DESCRIPTOR_TABLE, answer_table },
	{ VTX_EXIT_TASK_SWITCH, answer_task_switch },
	{ VTX_EXIT_FORBIDDEN, answer_forbidden },
	{}
};

static const struct vtx_ioctl exits_ioctls[] = {
	{ VTXDRV_MSR_POLICY, vtx_ioctl_msr_policy },
	{}
};

static int exits_init(void)
{
	vtx_cpuid_init();
	vtx_fpu_init();
	return 0;
}

static int exits_vm_create(struct vtx_vm *vm)
{
	int err = hv->intercepts_create(vm);

	if (!err)
		vtx_msrs_vm_create(vm);
	return err;
}

static void exits_vm_destroy(struct vtx_vm *vm)
{
	vtx_msrs_vm_destroy(vm);
	hv->intercepts_destroy(vm);
}

static int exits_vcpu_reset(struct vtx_vcpu *vcpu, u32 mode)
{
	vcpu->policy = (struct vtx_vcpu_policy){};
	vtx_xcr0_reset(vcpu, mode);
	vtx_msrs_reset(vcpu);
	return hv->intercepts_use(vcpu);
}

const struct vtx_unit exits_unit = {
	.name = "exits",
	.init = exits_init,
	.features = VTX_FEATURE_EXITS,
	.ioctls = exits_ioctls,
	.exits = exits_answers,
	.vm_create = exits_vm_create,
	.vm_destroy = exits_vm_destroy,
	.vcpu_reset = exits_vcpu_reset,
};
