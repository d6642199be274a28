// SPDX-License-Identifier: GPL-2.0
/*
 * Project 4: the vCPUs of project 3 run.
 */
#include "detect.h"
#include "run.h"
#include "unit.h"
#include "vm_unit.h"
#include "vmxon.h"

const struct vtx_unit *const vtx_units[] = {
	&detect_unit,
	&vmxon_unit,
	&vm_unit,
	&run_unit,
	NULL,
};
