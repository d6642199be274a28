// SPDX-License-Identifier: GPL-2.0
/*
 * The control structure in the kernel's log, for an exit that nobody can handle.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/spinlock.h>

#include "hv_ops.h"
#include "vmcs_table_logic.h"

/* Fields that are 0 say nothing; the others stand several in a line. */
#define LINE_SIZE 96

struct log_line {
	char text[LINE_SIZE];
	int used;
};

static void flush(struct log_line *line)
{
	if (line->used)
		pr_notice("%s\n", line->text);
	line->used = 0;
}

static void add(struct log_line *line, const char *name, u64 value)
{
	int room = LINE_SIZE - line->used;

	if (snprintf(NULL, 0, " %s=%#llx", name, value) >= room) {
		flush(line);
		room = LINE_SIZE;
	}
	line->used += scnprintf(line->text + line->used, room, " %s=%#llx", name, value);
}

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
			add(&line, vmcs_field_ident(fields[i].encoding), fields[i].value);
	}
	flush(&line);
	spin_unlock(&fields_lock);
}
