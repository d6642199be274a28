// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of VMRUN on a live VMCB.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/percpu.h>
#include <linux/printk.h>

#include "hv_ops.h"
#include "svm_check_logic.h"
#include "svm_run.h"
#include "vmcb_table_logic.h"

/* Too large for the stack. Whoever uses it has preemption off. */
static DEFINE_PER_CPU(struct svm_state, state_here);

static void log_finding(void *ctx, const struct svm_rule *rule, const struct svm_finding *finding)
{
	const struct vtx_vcpu *vcpu = ctx;

	if (finding->answer != SVM_RULE_VIOLATED)
		return;
	pr_notice("VM %u, vCPU %u: %s is 0x%llx (wrong: 0x%llx): %s. Rule %s; APM vol. 2, \"%s\"\n",
		  vcpu->vm->id, vcpu->id, vmcb_field_ident(finding->field), finding->seen,
		  finding->wrong ?: finding->seen, rule->text, rule->id, rule->section);
}

u32 svm_state_check(struct vtx_vcpu *vcpu)
{
	struct svm_state *state = this_cpu_ptr(&state_here);
	struct vtx_cpu_facts facts = {};
	u32 violated;

	svm_probe(&facts);
	svm_state_init(state, &facts);
	svm_state_read(state, vmcb_of(vcpu));
	violated = svm_check(state, log_finding, vcpu);
	if (!violated)
		pr_notice("VM %u, vCPU %u: no rule of a VMRUN is violated\n", vcpu->vm->id,
			  vcpu->id);
	return violated;
}
