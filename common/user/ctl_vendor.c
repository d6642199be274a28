// SPDX-License-Identifier: GPL-2.0
/*
 * The words of the processor's extension.
 */
#include "ctl_vendor.h"

#include <stddef.h>
#include <string.h>

const struct ctl_vendor ctl_vmx = {
	.key = "vmx",
	.name = "VMX",
	.operation = "VMX operation",
	.control = "VMCS",
	.entry = "VM entry",
	.manual = "SDM vol. 3",
	.tables = "ept",
	.root = "EPTP",
	.tag = "VPID",
	.kvm = "kvm_intel",
};

const struct ctl_vendor ctl_svm = {
	.key = "svm",
	.name = "SVM",
	.operation = "SVM operation",
	.control = "VMCB",
	.entry = "VMRUN",
	.manual = "APM vol. 2",
	.tables = "npt",
	.root = "N_CR3",
	.tag = "ASID",
	.kvm = "kvm_amd",
};

/* Of this project. */
static const struct ctl_vendor *const vendors[] = {
	&ctl_vmx,
#if VTX_STAGE >= 7
	&ctl_svm,
#endif
};

const struct ctl_vendor *ctl_vendor = &ctl_vmx;

void ctl_vendor_by_features(__u64 features)
{
	ctl_vendor_by_key(features & VTX_FEATURE_SVM ? ctl_svm.key : ctl_vmx.key);
}

bool ctl_vendor_by_key(const char *key)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vendors); i++) {
		if (strcmp(vendors[i]->key, key))
			continue;
		ctl_vendor = vendors[i];
		return true;
	}
	return false;
}
