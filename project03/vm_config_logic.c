// SPDX-License-Identifier: GPL-2.0
/*
 * What may a VM look like? The only place that looks at struct vtx_vm_config before it is believed.
 */
#include "vm_config_logic.h"
#include "vtx_todo.h"

/* What the processor maps at once: no guest memory is a fraction of it. */
#define PAGE_BYTES 4096

/*
 * EXERCISE 3.1 (15 points): What may a VM look like?
 * Do:   check name, memory and vCPUs of a VM that somebody wants, in this order, and return the
 *       errno of the first thing that is wrong; vm_config_logic.h lists them. Memory: 0 first, then
 *       what no address space holds, then the multiple of 4096, then the limit. Limits themselves
 *       are allowed. The name may end before the array does: what is behind its end does not count.
 * Read: project03/README.md, "What may a VM look like?"
 * Hint: name is char, which has a sign here: byte 80H is negative. num_vcpus has one, too, and
 *       max_vcpus has none: mind what C makes of a comparison of the two.
 */
#ifndef TODO_3_1
static int check_name(const char *name)
{
	size_t i;

	for (i = 0; i < VTX_NAME_SIZE && name[i]; i++)
		;
	if (i == VTX_NAME_SIZE)
		return -ENAMETOOLONG;
	if (i == 0)
		return -ENODATA;
	while (i--) {
		if (name[i] < ' ' || name[i] > '~')
			return -EILSEQ;
	}
	return 0;
}

static int check_memory(u64 size, const struct vm_limits *limits)
{
	if (size == 0)
		return -EDOM;
	if (size > limits->address_space)
		return -EOVERFLOW;
	if (size % PAGE_BYTES)
		return -EINVAL;
	return size > limits->max_memory ? -EFBIG : 0;
}

static int check_vcpus(int vcpus, const struct vm_limits *limits)
{
	if (vcpus < 1)
		return -ERANGE;
	return (u32)vcpus > limits->max_vcpus ? -E2BIG : 0;
}

int vm_config_check(const struct vtx_vm_config *config, const struct vm_limits *limits)
{
	int err = check_name(config->name);

	if (!err)
		err = check_memory(config->guest_mem_size, limits);
	if (!err)
		err = check_vcpus(config->num_vcpus, limits);
	return err;
}
#else
int vm_config_check(const struct vtx_vm_config *config, const struct vm_limits *limits)
{
	return VTX_TODO("3.1", "no VM can be created, whatever it looks like");
}
#endif
