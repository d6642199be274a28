// SPDX-License-Identifier: GPL-2.0
/*
 * Project 3: VMs, their memory, and a VMCS for each vCPU.
 */
#include "detect.h"
#include "unit.h"
#include "vm_unit.h"
#include "vmxon.h"

const struct vtx_unit *const vtx_units[] = {
	&detect_unit,
	&vmxon_unit,
	&vm_unit,
	NULL,
};
