// SPDX-License-Identifier: GPL-2.0
/*
 * Which vendor's control structure is it?
 */
#include "cmd_vendor.h"

#include "ctl_vendor.h"

const struct vendor_ops *vendor_ops(void)
{
#if VTX_STAGE >= 7
	if (ctl_vendor == &ctl_svm)
		return &vendor_ops_svm;
#endif
	return &vendor_ops_vmx;
}

const char *vendor_field_ident(__u32 encoding)
{
	struct vendor_field field;

	return vendor_ops()->field(encoding, &field) ? field.ident : "unknown field";
}
