// SPDX-License-Identifier: GPL-2.0
/*
 * Project 7: the same units on AMD. What is new is below hv_ops.def: svm_*.c.
 */
#include "detect.h"
#include "events.h"
#include "exits.h"
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
	&exits_unit,
	&events_unit,
	NULL,
};
