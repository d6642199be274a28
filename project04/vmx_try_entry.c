// SPDX-License-Identifier: GPL-2.0
/*
 * hv->try_entry for VMX: change fields, enter once, put the fields back.
 *
 * No guest instruction is executed. There are two ways to make sure of that:
 *
 *  - Only guest state and harmless controls are changed: the VMX-preemption timer is activated with
 *    the value 0, so that an entry that succeeds is followed by an exit at once (SDM vol. 3, "VMX-
 *    Preemption Timer"). If EPT is switched on for it, the EPT pointer leads to an empty table.
 *  - Anything else is changed: bit 1 of the guest's RFLAGS is cleared, so that an entry which gets
 *    past controls and host state ends in exit reason 33.
 *
 * Either way the processor loads the host state, unless it refuses controls or host state before.
 * So values of host fields that the rules do not object to are refused, but for those whose effect
 * can be undone.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/io.h>
#include <asm/msr.h>
#include <linux/bitmap.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include "host_cpu.h"
#include "hv_ops.h"
#include "mem.h"
#include "run.h"
#include "vmcs_access.h"
#include "vmcs_table_logic.h"
#include "vmx_check_logic.h"
#include "vmx_dump.h"
#if VTX_STAGE >= 5
#include "vmx_ept.h"
#endif
#include "vmx_entry_bits.h"
#include "vmx_instruction_errors.h"
#include "vmx_msrs.h"
#include "vmx_run.h"
#include "vmx_try.h"

/* Write-back memory, a walk of 4 levels. */
#define EMPTY_EPT (EPTP_WALK_LENGTH_4 << EPTP_WALK_LOW | VMX_MEMORY_TYPE_WB)

/* ---- the state that is entered with ---------------------------------------------------------- */

static int take_fields(struct trial *t)
{
	u32 i;

	for (i = 0; i < t->try->count; i++) {
		const struct vtx_field *field = &t->try->fields[i];
		const struct vmcs_field_info *info = vmcs_table_find(field->encoding);

		if (!info || VMCS_FIELD_TYPE(field->encoding) == VMCS_TYPE_READ_ONLY ||
		    field->encoding == VMCS_VMX_PREEMPTION_TIMER_VALUE ||
		    t->before[info - vmcs_table].error) {
			pr_notice_ratelimited("try_entry: no field 0x%x that can be changed here\n",
					      field->encoding);
			return -EINVAL;
		}
		vmx_state_set(&t->state, field->encoding, field->value);
	}
	return 0;
}

static int use_timer(struct trial *t)
{
	struct vmx_ctl_caps caps;

	if (vmx_ctl_caps(&t->facts, VMX_CTL_PIN, &caps) ||
	    !(caps.may_be_1 & VMX_PIN_ACTIVATE_PREEMPTION_TIMER)) {
		pr_notice_ratelimited("try_entry: no VMX-preemption timer to come back by\n");
		return -EOPNOTSUPP;
	}
	t->state.value[VMCS_NR_PIN_BASED_VM_EXECUTION_CONTROLS] |=
		VMX_PIN_ACTIVATE_PREEMPTION_TIMER;
	t->state.value[VMCS_NR_VMX_PREEMPTION_TIMER_VALUE] = 0;
	if (vmx_try_uses_ept(t))
		t->state.value[VMCS_NR_EPT_POINTER] = virt_to_phys(t->ept) | EMPTY_EPT;
	return 0;
}

static void count_violation(void *ctx, const struct vmx_rule *rule,
			    const struct vmx_finding *finding)
{
	struct trial *t = ctx;

	if (finding->answer == VMX_RULE_VIOLATED)
		t->violated[rule->kind]++;
}

static int make_state(struct trial *t)
{
	int err;

	vmx_probe(&t->facts);
	vmx_state_init(&t->state, &t->facts);
	vmx_state_fill(&t->state, t->before, VMCS_FIELDS);
	err = take_fields(t);
	if (err)
		return err;
	t->live = vmx_try_is_harmless(t);
	if (t->live)
		err = use_timer(t);
	else
		t->state.value[VMCS_NR_GUEST_RFLAGS] &= ~(u64)RFLAGS_ONE;
	if (err)
		return err;
	vmx_check(&t->state, count_violation, t);
	return vmx_try_survives(t);
}

/* ---- there and back -------------------------------------------------------------------------- */

/*
 * Which fields a CPU does not have does not change, and to ask takes a line of an emulator's log:
 * in a campaign of thousands of entries these are most of its time.
 */
static DEFINE_PER_CPU(
	struct {
		bool known;
		DECLARE_BITMAP(absent, VMCS_FIELDS);
	},
	fields_here);

static int read_fields(struct trial *t)
{
	u32 i;
	int err = 0;

	for (i = 0; i < VMCS_FIELDS && !err; i++) {
		if (this_cpu_read(fields_here.known) &&
		    test_bit(i, this_cpu_ptr(&fields_here)->absent)) {
			t->before[i].error = VMX_INSN_ERROR_UNSUPPORTED_FIELD;
			continue;
		}
		err = vmx_dump_field(t->vcpu, i, &t->before[i]);
		if (!err && t->before[i].error)
			set_bit(i, this_cpu_ptr(&fields_here)->absent);
	}
	if (!err)
		this_cpu_write(fields_here.known, true);
	return err;
}

static int read_before(struct trial *t)
{
	int err = read_fields(t);

	t->regs = t->vcpu->regs;
	t->exit = t->vcpu->exit;
	t->exits = t->vcpu->exits;
	t->stats = *t->vcpu->stats;
	rdmsrl(IA32_FS_BASE, t->fs_base);
	rdmsrl(IA32_SYSENTER_CS, t->sysenter_cs);
	rdmsrl(IA32_SYSENTER_ESP, t->sysenter_esp);
	rdmsrl(IA32_SYSENTER_EIP, t->sysenter_eip);
	return err;
}

static void write_changed(const struct trial *t)
{
	u32 i;

	for (i = 0; i < VMCS_FIELDS; i++) {
		if (t->state.present[i] && t->state.value[i] != t->before[i].value)
			vmcs_write_checked(vmcs_table[i].encoding, t->state.value[i]);
	}
}

/* HOST_RSP is the stub's: it is told to write the field again. */
static void restore_fields(const struct trial *t)
{
	u32 i;

	for (i = 0; i < VMCS_FIELDS; i++) {
		u32 encoding = vmcs_table[i].encoding;

		if (!t->before[i].error && encoding != VMCS_HOST_RSP &&
		    VMCS_FIELD_TYPE(encoding) != VMCS_TYPE_READ_ONLY)
			vmcs_write_checked(encoding, t->before[i].value);
	}
	vmx_of(t->vcpu)->world.host_rsp = 0;
}

static void undo_host(const struct trial *t)
{
	wrmsrl(IA32_FS_BASE, t->fs_base);
	wrmsrl(IA32_SYSENTER_CS, t->sysenter_cs);
	wrmsrl(IA32_SYSENTER_ESP, t->sysenter_esp);
	wrmsrl(IA32_SYSENTER_EIP, t->sysenter_eip);
}

static void restore_vcpu(const struct trial *t)
{
	struct vmx_world *world = &vmx_of(t->vcpu)->world;

	t->vcpu->regs = t->regs;
	world->guest_rip = t->regs.rip;
	world->guest_rsp = t->regs.rsp;
	world->guest_rflags = t->regs.rflags;
	t->vcpu->exit = t->exit;
	t->vcpu->exits = t->exits;
	*t->vcpu->stats = t->stats;
}

static void take_result(struct trial *t)
{
	t->try->instruction_error = t->vcpu->exit.instruction_error;
	t->try->reason = t->vcpu->exit.reason;
	t->try->qualification = t->vcpu->exit.qualification;
}

/* The empty page may have been the root of tables that this CPU still remembers. */
static int forget_empty_ept(const struct trial *t)
{
#if VTX_STAGE >= 5
	if (vmx_try_uses_ept(t))
		return vmx_invept(VMX_INVALIDATE_ALL, 0);
#endif
	return 0;
}

static int enter_and_restore(struct trial *t)
{
	struct vtx_turn turn = { .vcpu = t->vcpu };
	int err;

	write_changed(t);
	err = vmcs_error() ?: forget_empty_ept(t);
	if (!err)
		err = vtx_enter_once(&turn);
	undo_host(t);
	if (!err)
		take_result(t);
	restore_fields(t);
	restore_vcpu(t);
	return vmcs_error() ?: err;
}

/* Loaded, interrupts off. */
static int try_here(struct trial *t)
{
	int err;

	if (!this_cpu_read(vtx_cpu_ours) || t->vcpu->cpu != smp_processor_id())
		return -ESHUTDOWN;
	err = vmx_enter_prepare(t->vcpu);
	if (!err)
		err = read_before(t);
	if (!err)
		err = make_state(t);
	return err ?: enter_and_restore(t);
}

static int try_loaded(struct trial *t)
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

int vmx_try_entry(struct vtx_vcpu *vcpu, struct vtx_try_entry *try)
{
	struct trial *t = vtx_zalloc("a trial of a VM entry", sizeof(*t));
	int err = -ENOMEM;

	if (!t)
		return -ENOMEM;
	t->vcpu = vcpu;
	t->try = try;
	t->ept = vtx_pages_alloc(PAGE_SIZE);
	if (t->ept)
		err = try_loaded(t);
	vtx_pages_free(t->ept, PAGE_SIZE);
	vtx_free(t);
	return err;
}
