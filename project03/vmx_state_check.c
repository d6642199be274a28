// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of a VM entry on a live VMCS.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/percpu.h>
#include <linux/printk.h>

#include "hv_ops.h"
#include "vm.h"
#include "vmcs_table_logic.h"
#include "vmx_check_logic.h"
#include "vmx_dump.h"

/* Too large for the stack. Whoever uses it has preemption off. */
static DEFINE_PER_CPU(struct vmx_state, state_here);

static void log_finding(void *ctx, const struct vmx_rule *rule, const struct vmx_finding *finding)
{
	const struct vtx_vcpu *vcpu = ctx;

	if (finding->answer != VMX_RULE_VIOLATED)
		return;
	pr_notice("VM %u, vCPU %u: %s is 0x%llx (wrong: 0x%llx): %s. Rule %s; SDM vol. 3, \"%s\"\n",
		  vcpu->vm->id, vcpu->id, vmcs_field_ident(finding->field), finding->seen,
		  finding->wrong ?: finding->seen, rule->text, rule->id, rule->section);
}

static void fill(struct vmx_state *state, struct vtx_vcpu *vcpu)
{
	struct vtx_field field;
	u32 i;

	vmx_dump_begin(vcpu);
	for (i = 0; i < VMCS_FIELDS; i++) {
		if (!vmx_dump_field(vcpu, i, &field))
			vmx_state_fill(state, &field, 1);
	}
}

u32 vmx_state_check(struct vtx_vcpu *vcpu)
{
	struct vmx_state *state = this_cpu_ptr(&state_here);
	struct vtx_cpu_facts facts = {};
	u32 violated;

	vmx_probe(&facts);
	vmx_state_init(state, &facts);
	fill(state, vcpu);
	violated = vmx_check(state, log_finding, vcpu);
	if (!violated)
		pr_notice("VM %u, vCPU %u: no rule of a VM entry is violated\n", vcpu->vm->id,
			  vcpu->id);
	return violated;
}
