// SPDX-License-Identifier: GPL-2.0
/*
 * RDMSR and WRMSR: the policy of msr_policy_logic.c, done. An access that passes has no exit; it
 * comes here only when it has not been let through.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/msr.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/uaccess.h>

#include "events.h"
#include "exits.h"
#include "hv_ops.h"
#include "mem.h"
#include "run.h"
#include "vmx_msrs.h"
#include "x86_exceptions.h"

/* ---- what the driver keeps ------------------------------------------------------------------- */

static void tsc_moves(struct vtx_vcpu *vcpu, u64 by)
{
	vcpu->policy.tsc_offset += by;
	vcpu->policy.tsc_adjust += by;
	hv->set_tsc_offset(vcpu, vcpu->policy.tsc_offset);
}

u64 vtx_guest_tsc(const struct vtx_vcpu *vcpu)
{
	return rdtsc() + vcpu->policy.tsc_offset;
}

/* SDM vol. 3, "Time-Stamp Counter Adjustment": each of the two moves the other. */
static int driver_read(struct vtx_vcpu *vcpu, u32 msr, u64 *value)
{
	*value = msr == IA32_TSC_ADJUST ? vcpu->policy.tsc_adjust : vtx_guest_tsc(vcpu);
	return 0;
}

static int driver_write(struct vtx_vcpu *vcpu, u32 msr, u64 value)
{
	if (msr == IA32_TSC_ADJUST)
		tsc_moves(vcpu, value - vcpu->policy.tsc_adjust);
	else
		tsc_moves(vcpu, value - vtx_guest_tsc(vcpu));
	return 0;
}

/* ---- one access ------------------------------------------------------------------------------ */

static enum msr_way way_of(struct vtx_vcpu *vcpu, u32 msr, bool write)
{
	enum msr_way way;

	rcu_read_lock();
	way = msr_way(rcu_dereference(vcpu->vm->policy.msr_ranges), msr, write);
	rcu_read_unlock();
	return way;
}

static int read_by(struct vtx_vcpu *vcpu, enum msr_way way, u32 msr, u64 *value)
{
	switch (way) {
	case MSR_WAY_PASS:
	case MSR_WAY_VENDOR:
		return hv->get_msr(vcpu, msr, value);
	case MSR_WAY_DRIVER:
		return driver_read(vcpu, msr, value);
	case MSR_WAY_KEPT:
		*value = vcpu->policy.kept[msr_rule_find(msr)->kept];
		return 0;
	default:
		return -EPERM;
	}
}

static int write_by(struct vtx_vcpu *vcpu, enum msr_way way, u32 msr, u64 value)
{
	const struct msr_rule *rule;

	switch (way) {
	case MSR_WAY_PASS:
	case MSR_WAY_VENDOR:
		return hv->set_msr(vcpu, msr, value);
	case MSR_WAY_DRIVER:
		return driver_write(vcpu, msr, value);
	case MSR_WAY_KEPT:
		rule = msr_rule_find(msr);
		return msr_kept_write(rule, &vcpu->policy.kept[rule->kept], value);
	default:
		return -EPERM;
	}
}

bool vtx_msr_at_hand(struct vtx_vcpu *vcpu, u32 msr, u64 *value)
{
	enum msr_way way = way_of(vcpu, msr, false);

	return (way == MSR_WAY_KEPT || way == MSR_WAY_DRIVER) &&
	       !read_by(vcpu, way, msr, value);
}

static enum vtx_next ask_user(struct vtx_vcpu *vcpu, enum vtx_awaits awaits)
{
	vtx_answered(vcpu);
	if (vcpu->exit.handled) {
		vcpu->policy.awaits = awaits;
		vcpu->policy.await_bytes = vcpu->exit.instruction_length;
	}
	return VTX_NEXT_USER;
}

enum vtx_next vtx_answer_rdmsr(struct vtx_vcpu *vcpu)
{
	u32 msr = vcpu->exit.msr;
	enum msr_way way = way_of(vcpu, msr, false);
	u64 value;

	if (way == MSR_WAY_USER)
		return ask_user(vcpu, VTX_AWAITS_RDMSR);
	if (read_by(vcpu, way, msr, &value))
		return vtx_raise(vcpu, X86_EXCEPTION_GP, 0);
	vtx_set_edx_eax(&vcpu->regs, value);
	return vtx_answered(vcpu);
}

enum vtx_next vtx_answer_wrmsr(struct vtx_vcpu *vcpu)
{
	u32 msr = vcpu->exit.msr;
	enum msr_way way = way_of(vcpu, msr, true);

	if (way == MSR_WAY_USER)
		return ask_user(vcpu, VTX_AWAITS_WRMSR);
	if (write_by(vcpu, way, msr, vcpu->exit.data))
		return vtx_raise(vcpu, X86_EXCEPTION_GP, 0);
	return vtx_answered(vcpu);
}

/* The instruction had been skipped; one that faults has not been executed. */
void vtx_msr_complete(struct vtx_vcpu *vcpu, bool write, bool fault, u64 data)
{
	if (fault) {
		vcpu->regs.rip -= vcpu->policy.await_bytes;
		vtx_events_add(vcpu, vtx_add_exception, X86_EXCEPTION_GP);
		return;
	}
	if (!write)
		vtx_set_edx_eax(&vcpu->regs, data);
}

/* ---- what exits ------------------------------------------------------------------------------ */

static void intercept(struct vtx_vm *vm, const struct msr_ranges *ranges, u32 msr)
{
	hv->msr_intercept(vm, msr, msr_way(ranges, msr, false) != MSR_WAY_PASS,
			  msr_way(ranges, msr, true) != MSR_WAY_PASS);
}

void vtx_msrs_vm_create(struct vtx_vm *vm)
{
	unsigned int i;

	vm->policy.tsc_start = rdtsc();
	for (i = 0; i < msr_rule_count; i++)
		intercept(vm, NULL, msr_rules[i].msr);
}

void vtx_msrs_vm_destroy(struct vtx_vm *vm)
{
	vtx_free(rcu_dereference_protected(vm->policy.msr_ranges, true));
}

void vtx_msrs_reset(struct vtx_vcpu *vcpu)
{
	unsigned int i;

	for (i = 0; i < msr_rule_count; i++) {
		if (msr_rules[i].read == MSR_WAY_KEPT)
			vcpu->policy.kept[msr_rules[i].kept] = msr_rules[i].reset;
	}
	vcpu->policy.tsc_offset = -vcpu->vm->policy.tsc_start;
	hv->set_tsc_offset(vcpu, vcpu->policy.tsc_offset);
}

/* ---- VTXDRV_MSR_POLICY ----------------------------------------------------------------------- */

static int explain(const struct vtx_msr_policy *policy, int err)
{
	if (err)
		pr_notice("MSR policy: MSR %#x, count %u (at most %u), action %u (at most %u)%s\n",
			  policy->first, policy->count, MSR_RANGE_COUNT_MAX, policy->action,
			  VTX_MSR_FAULT, err == -ENOSPC ? ": too many ranges" : "");
	return err;
}

/* vCPUs that run read the old ranges or the new ones; their file's lock is held. */
static int change(struct vtx_vm *vm, const struct vtx_msr_policy *policy)
{
	struct msr_ranges *old = rcu_dereference_protected(vm->policy.msr_ranges, true);
	struct msr_ranges *ranges = vtx_zalloc("MSR policy", sizeof(*ranges));
	int err;
	u32 i;

	if (!ranges)
		return -ENOMEM;
	if (old)
		*ranges = *old;
	err = explain(policy, msr_ranges_set(ranges, policy));
	if (err) {
		vtx_free(ranges);
		return err;
	}
	rcu_assign_pointer(vm->policy.msr_ranges, ranges);
	for (i = 0; i < policy->count; i++)
		intercept(vm, ranges, policy->first + i);
	synchronize_rcu();
	vtx_free(old);
	return 0;
}

long vtx_ioctl_msr_policy(struct vtx_file *file, void __user *arg)
{
	struct vtx_vm *vm = vtx_file_vm(file);
	struct vtx_msr_policy policy;
	int err;

	if (copy_from_user(&policy, arg, sizeof(policy)))
		return -EFAULT;
	if (!vm) {
		pr_notice("MSR policy: this file has no VM\n");
		return -ENOENT;
	}
	if (policy.pad) {
		pr_notice("MSR policy: pad %#x, must be 0\n", policy.pad);
		return -EINVAL;
	}
	if (mutex_lock_killable(&file->lock))
		return -EINTR;
	err = change(vm, &policy);
	mutex_unlock(&file->lock);
	return err;
}
