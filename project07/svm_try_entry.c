// SPDX-License-Identifier: GPL-2.0
/*
 * hv->try_entry for SVM: change fields, execute VMRUN once, put the VMCB back.
 *
 * No guest instruction is executed. The nested page tables of the trial are one empty page, and
 * VMRUN flushes the TLB: the guest's first instruction cannot be fetched, no event can be delivered
 * through its IDT, and no entry of its page tables be read. A VMRUN that succeeds is followed by
 * VMEXIT_NPF, by VMEXIT_INTR if an interrupt waits for the host, or by an exception on the way to a
 * fetch: RIP beyond the limit, for example.
 *
 * What could do harm even so is refused: svm_try_limits.c. #VMEXIT brings the host back from a save
 * area of its own, not from the VMCB, so no field is there for the host's state to be wrong in.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/io.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/vtime.h>

#include "host_cpu.h"
#include "hv_ops.h"
#include "mem.h"
#include "run.h"
#include "svm_cpu.h"
#include "svm_run.h"
#include "svm_try.h"

/* For a vCPU that has none yet; VMRUN forgets all of them. */
#define ANY_ASID 1

/* ---- the state that is entered with ---------------------------------------------------------- */

static int take_fields(struct svm_trial *t)
{
	u32 i;

	for (i = 0; i < t->try->count; i++) {
		const struct vtx_field *field = &t->try->fields[i];
		const struct vmcb_field_info *info = vmcb_table_find(field->encoding);

		if (!info || vmcb_field_is_output(info - vmcb_table)) {
			pr_notice_ratelimited("try_entry: no field 0x%x that can be changed here\n",
					      field->encoding);
			return -EINVAL;
		}
		svm_state_set(&t->state, field->encoding, field->value);
	}
	return 0;
}

static void note_violation(void *ctx, const struct svm_rule *rule,
			   const struct svm_finding *finding)
{
	struct svm_trial *t = ctx;

	if (finding->answer != SVM_RULE_VIOLATED)
		return;
	t->certain |= rule->certain;
	t->wrong[vmcb_table_find(finding->field) - vmcb_table] = true;
}

static int make_state(struct svm_trial *t)
{
	u64 *value = t->state.value;
	int err;

	svm_probe(&t->facts);
	svm_state_init(&t->state, &t->facts);
	svm_state_read(&t->state, t->before);
	if (!value[VMCB_NR_GUEST_ASID])
		value[VMCB_NR_GUEST_ASID] = ANY_ASID;
	err = take_fields(t);
	if (err)
		return err;
	svm_check(&t->state, note_violation, t);
	err = svm_try_survives(t);
	value[VMCB_NR_N_CR3] &= ~svm_try_table_bits(t);
	value[VMCB_NR_N_CR3] |= virt_to_phys(t->tables);
	value[VMCB_NR_TLB_CONTROL] = SVM_TLB_ALL;
	return err;
}

/* ---- there and back -------------------------------------------------------------------------- */

static void keep(struct svm_trial *t)
{
	svm_dump_refresh(t->vcpu);
	memcpy(t->before, vmcb_of(t->vcpu), VMCB_SIZE);
	t->regs = t->vcpu->regs;
	memcpy(t->dr, t->vcpu->dr, sizeof(t->dr));
	t->pkru = t->vcpu->pkru;
}

static void restore(const struct svm_trial *t)
{
	memcpy(vmcb_of(t->vcpu), t->before, VMCB_SIZE);
	t->vcpu->regs = t->regs;
	memcpy(t->vcpu->dr, t->dr, sizeof(t->dr));
	t->vcpu->pkru = t->pkru;
	svm_of(t->vcpu)->stale = true;
	/* The ASID of the case may be another vCPU's. */
	svm_asid_forget(&this_cpu_ptr(&svm_cpu)->asids);
}

static void write_fields(const struct svm_trial *t)
{
	u32 i;

	for (i = 0; i < VMCB_FIELDS; i++)
		vmcb_field_write(vmcb_of(t->vcpu), i, t->state.value[i]);
}

/* The upper half of EXITCODE is 0 or, of VMEXIT_INVALID on a processor, all ones. */
static void take_result(struct svm_trial *t)
{
	t->try->instruction_error = 0;
	t->try->reason = vmcb_of(t->vcpu)->EXITCODE;
	t->try->qualification = vmcb_of(t->vcpu)->EXITINFO1;
}

static int enter_and_restore(struct svm_trial *t)
{
	int err;

	write_fields(t);
	vtime_account_guest_enter();
	err = svm_enter_as_is(t->vcpu);
	if (!err)
		take_result(t);
	restore(t);
	return err;
}

/* Loaded, interrupts off. */
static int try_here(struct svm_trial *t)
{
	int err;

	if (!this_cpu_read(vtx_cpu_ours) || t->vcpu->cpu != smp_processor_id())
		return -ESHUTDOWN;
	keep(t);
	err = make_state(t);
	return err ?: enter_and_restore(t);
}

static int try_loaded(struct svm_trial *t)
{
	int err = vtx_vcpu_load(t->vcpu);

	if (err)
		return err;
	local_irq_disable();
	err = try_here(t);
	vtx_host_turn();
	vtx_vcpu_put(t->vcpu);
	return err;
}

int svm_try_entry(struct vtx_vcpu *vcpu, struct vtx_try_entry *try)
{
	struct svm_trial *t = vtx_zalloc("a trial of a VM entry", sizeof(*t));
	int err = -ENOMEM;

	if (!t)
		return -ENOMEM;
	t->vcpu = vcpu;
	t->try = try;
	t->tables = vtx_pages_alloc(PAGE_SIZE);
	if (t->tables)
		err = try_loaded(t);
	vtx_pages_free(t->tables, PAGE_SIZE);
	vtx_free(t);
	return err;
}
