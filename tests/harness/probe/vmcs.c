// SPDX-License-Identifier: GPL-2.0
/* The current VMCS of a CPU: where it is, and every field that this processor has. */
#include "probe.h"

#include <linux/kernel.h>
#include <linux/slab.h>
#include <asm/asm.h>

/* SDM vol. 3, appendix B: an encoding is width (14:13), type (11:10), index (9:1). */
#define KINDS 4
#define INDICES 48
#define ENCODING(width, type, index) ((width) << 13 | (type) << 10 | (index) << 1)
#define FIELDS_MAX 512

struct vmcs_field {
	u32 encoding;
	u64 value;
};

struct vmcs_content {
	bool inside; /* the CPU is in VMX operation */
	u64 pointer; /* all ones: no VMCS is current */
	int count;
	struct vmcs_field fields[FIELDS_MAX];
};

static bool get_pointer(u64 *pointer)
{
	bool inside = false;

	asm volatile("1: vmptrst %1\n\t"
		     "movb $1, %0\n"
		     "2:\n\t" _ASM_EXTABLE(1b, 2b)
		     : "+qm"(inside), "+m"(*pointer)
		     :
		     : "cc", "memory");
	return inside;
}

/* @return true if the field exists: neither CF (no current VMCS) nor ZF (no such field) */
static bool read_field(unsigned long encoding, u64 *value)
{
	bool good;

	asm volatile("vmread %2, %1\n\t"
		     "seta %0"
		     : "=qm"(good), "=r"(*value)
		     : "r"(encoding)
		     : "cc");
	return good;
}

static void read_vmcs(void *arg)
{
	struct vmcs_content *all = arg;
	unsigned int kind, index;

	all->inside = get_pointer(&all->pointer);
	if (!all->inside || all->pointer == ~0ULL)
		return;
	for (kind = 0; kind < KINDS * KINDS; kind++) {
		for (index = 0; index < INDICES && all->count < FIELDS_MAX; index++) {
			struct vmcs_field *field = &all->fields[all->count];

			field->encoding = ENCODING(kind / KINDS, kind % KINDS, index);
			if (read_field(field->encoding, &field->value))
				all->count++;
		}
	}
}

static int answer(struct probe_query *q, const struct vmcs_content *all)
{
	int i, out;

	if (!all->inside || all->pointer == ~0ULL)
		return scnprintf(q->out, PROBE_ANSWER, "none\n");
	out = scnprintf(q->out, PROBE_ANSWER, "%#llx", all->pointer);
	for (i = 0; i < all->count; i++)
		out += scnprintf(q->out + out, PROBE_ANSWER - out, " %x:%llx",
				 all->fields[i].encoding, all->fields[i].value);
	return out + scnprintf(q->out + out, PROBE_ANSWER - out, "\n");
}

/*
 * It changes one thing: a VMREAD that fails leaves its number in the field "VM-instruction error"
 * (4400H), which is read-only to software.
 */
int probe_vmcs(struct probe_query *q)
{
	struct vmcs_content *all = kzalloc(sizeof(*all), GFP_KERNEL);
	int err;

	if (!all)
		return -ENOMEM;
	err = probe_on_cpu(q->arg[0], read_vmcs, all);
	if (!err)
		err = answer(q, all);
	kfree(all);
	return err;
}
