// SPDX-License-Identifier: GPL-2.0
/*
 * Fields by name: what is behind the macros of vmcs_access.h, and what is said when one fails.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/smp.h>

#include "vmcs_access.h"
#include "vmcs_insn.h"
#include "vmcs_table_logic.h"

DEFINE_PER_CPU(int, vmcs_first_error);

static void explain(const char *instruction, enum vmcs_field field, u64 value, int err)
{
	u64 number = 0;

	switch (err) {
	case -ENOSYS: /* exercise 3.3 has said so */
		break;
	case -EINVAL:
		vmcs_read_raw(VMCS_VM_INSTRUCTION_ERROR, &number);
		pr_err_ratelimited("%s of %s (encoding %#x, value %#llx), CPU %d: error %llu: %s\n",
				   instruction, vmcs_field_ident(field), field, value,
				   smp_processor_id(), number, vmx_instruction_error_name(number));
		break;
	case -EIO:
		pr_err_ratelimited("%s of %s on CPU %d: VMfailInvalid: no VMCS is current there\n",
				   instruction, vmcs_field_ident(field), smp_processor_id());
		break;
	default:
		pr_err_ratelimited("%s of %s on CPU %d: exception: VMX operation has ended there\n",
				   instruction, vmcs_field_ident(field), smp_processor_id());
	}
}

static void keep(const char *instruction, enum vmcs_field field, u64 value, int err)
{
	if (!this_cpu_read(vmcs_first_error))
		this_cpu_write(vmcs_first_error, err);
	explain(instruction, field, value, err);
}

u64 vmcs_read_checked(enum vmcs_field field)
{
	u64 value;
	int err = vmcs_read_raw(field, &value);

	if (err)
		keep("VMREAD", field, 0, err);
	return value;
}

void vmcs_write_checked(enum vmcs_field field, u64 value)
{
	int err = vmcs_write_raw(field, value);

	if (err)
		keep("VMWRITE", field, value, err);
}
