// SPDX-License-Identifier: GPL-2.0
/*
 * How large a VM may be on this machine, and what to say to who asks for more.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/processor.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "vm_unit.h"

#define MIB_SHIFT 20
/* Of the machine's memory, this part is for others than VMs: a sixteenth. */
#define RESERVE_PART 16

static unsigned long max_guest_mem;
module_param(max_guest_mem, ulong, 0600);
#if VTX_STAGE >= 5
/* Memory costs what is touched. Below 4 GiB there is a hole for devices. */
#define DEFAULT_MIB(address_space) \
	(((address_space) - (VTX_HIGH_MEMORY_START - VTX_LOW_MEMORY_END)) >> MIB_SHIFT)
MODULE_PARM_DESC(max_guest_mem, "most memory of a VM in MiB (0 = as addresses allow)");
#else
#define DEFAULT_MIB(address_space) ((u64)totalram_pages() >> (MIB_SHIFT - PAGE_SHIFT + 1))
MODULE_PARM_DESC(max_guest_mem, "most memory of a VM in MiB (0 = half of the machine's)");
#endif

static unsigned int max_vcpus = VTX_MAX_VCPUS;
module_param(max_vcpus, uint, 0600);
MODULE_PARM_DESC(max_vcpus, "most vCPUs of a VM");

struct vm_limits vm_limits(void)
{
	/* No guest-physical address is wider than the host's, and no offset of mmap() reaches. */
	u64 address_space = min(1ULL << boot_cpu_data.x86_phys_bits, VTX_MMAP_RUN(0));
	u64 mib = READ_ONCE(max_guest_mem) ?: DEFAULT_MIB(address_space);

	return (struct vm_limits){
		.address_space = address_space,
		.max_memory = min(mib, address_space >> MIB_SHIFT) << MIB_SHIFT,
		.max_vcpus = clamp(READ_ONCE(max_vcpus), 1U, (unsigned int)VTX_MAX_VCPUS),
	};
}

/*
 * What the other VMs have counts too. Guest memory is no process's, so the OOM killer would not
 * find it, and kill whoever has most of his own.
 */
int vm_memory_left(u64 size)
{
	long reserve = totalram_pages() / RESERVE_PART;
	long left = si_mem_available() - reserve;
	u64 bytes = left > 0 ? (u64)left << PAGE_SHIFT : 0;

	if (size <= bytes)
		return 0;
	pr_notice("create: %llu bytes of memory, this machine has %llu left for VMs\n", size,
		  bytes);
	return -ENOMEM;
}

static void explain_name(const char *name, int err)
{
	const char *bad = name;

	switch (err) {
	case -ENODATA:
		pr_notice("create: the name is empty, expected 1 to %d characters\n",
			  VTX_NAME_SIZE - 1);
		break;
	case -ENAMETOOLONG:
		pr_notice("create: the name does not end within %d bytes, expected a zero there\n",
			  VTX_NAME_SIZE);
		break;
	case -EILSEQ:
		while (*bad >= ' ' && *bad <= '~')
			bad++;
		pr_notice("create: byte %d of the name is %#x, expected one of 0x20 to 0x7e\n",
			  (int)(bad - name), *(const u8 *)bad);
		break;
	}
}

void vm_config_explain(const struct vtx_vm_config *config, const struct vm_limits *limits, int err)
{
	unsigned long size = config->guest_mem_size;

	switch (err) {
	case -EDOM:
		pr_notice("create: 0 bytes of memory, expected 4096 to %llu\n", limits->max_memory);
		break;
	case -EOVERFLOW:
		pr_notice("create: %lu bytes of memory, the address space has %llu\n", size,
			  limits->address_space);
		break;
	case -EINVAL:
		pr_notice("create: %lu bytes of memory, expected a multiple of 4096\n", size);
		break;
	case -EFBIG:
		pr_notice("create: %lu bytes of memory, the limit is %llu (max_guest_mem)\n", size,
			  limits->max_memory);
		break;
	case -ERANGE:
		pr_notice("create: %d vCPUs, expected 1 to %u\n", config->num_vcpus,
			  limits->max_vcpus);
		break;
	case -E2BIG:
		pr_notice("create: %d vCPUs, the limit is %u (max_vcpus)\n", config->num_vcpus,
			  limits->max_vcpus);
		break;
	default:
		explain_name(config->name, err);
	}
}
