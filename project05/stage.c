// SPDX-License-Identifier: GPL-2.0
/*
 * Project 5: the guest's memory is its own, and comes when it is touched.
 */
#include "detect.h"
#include "run.h"
#include "space.h"
#include "unit.h"
#include "vm_unit.h"
#include "vmxon.h"

const struct vtx_unit *const vtx_units[] = {
	&detect_unit,
	&vmxon_unit,
	&vm_unit,
	&space_unit,
	&run_unit,
	NULL,
};
