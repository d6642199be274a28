// SPDX-License-Identifier: GPL-2.0
/*
 * Unit `exits`: who answers what, and the answers that are so short that they need no file.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>

#include "events.h"
#include "exits.h"
#include "hv_ops.h"
#include "run.h"
#include "x86_exceptions.h"

enum vtx_next vtx_answer_fault(struct vtx_vcpu *vcpu, u32 vector)
{
	return vtx_raise(vcpu, vector, 0);
}

int vtx_show_registers(struct vtx_vcpu *vcpu)
{
	vcpu->run->regs = vcpu->regs;
	return hv->get_sregs(vcpu, &vcpu->run->sregs);
}

/* ---- answers of user space ------------------------------------------------------------------- */

void vtx_take_answer(struct vtx_vcpu *vcpu, u32 flags, u64 data)
{
	enum vtx_awaits awaits = vcpu->policy.awaits;

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

static const struct vtx_exit_answer exits_answers[] = {
	{ VTX_EXIT_IO, vtx_answer_io },
	{}
};

static int exits_vm_create(struct vtx_vm *vm)
{
	return hv->intercepts_create(vm);
}

static void exits_vm_destroy(struct vtx_vm *vm)
{
	hv->intercepts_destroy(vm);
}

static int exits_vcpu_reset(struct vtx_vcpu *vcpu, u32 mode)
{
	vcpu->policy = (struct vtx_vcpu_policy){};
	return hv->intercepts_use(vcpu);
}

const struct vtx_unit exits_unit = {
	.name = "exits",
	.features = VTX_FEATURE_EXITS,
	.exits = exits_answers,
	.vm_create = exits_vm_create,
	.vm_destroy = exits_vm_destroy,
	.vcpu_reset = exits_vcpu_reset,
};
