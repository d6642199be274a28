// SPDX-License-Identifier: GPL-2.0
/*
 * The control structure in the kernel's log, for an exit that nobody can handle.
 */
#include <linux/spinlock.h>

#include "hv_ops.h"
#include "log_line.h"
#include "vmcs_table_logic.h"

/* Too large for a stack; whoever comes second has nothing to say that matters as much. */
static struct vtx_field fields[VMCS_FIELDS];
static DEFINE_SPINLOCK(fields_lock);

void vmx_state_log(struct vtx_vcpu *vcpu)
{
	struct log_line line = {};
	u32 count;
	u32 i;

	if (!spin_trylock(&fields_lock))
		return;
	count = hv->state_dump(vcpu, fields, VMCS_FIELDS);
	for (i = 0; i < count; i++) {
		if (fields[i].value)
			log_line_add(&line, vmcs_field_ident(fields[i].encoding), fields[i].value);
	}
	log_line_flush(&line);
	spin_unlock(&fields_lock);
}
