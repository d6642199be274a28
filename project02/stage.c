// SPDX-License-Identifier: GPL-2.0
/*
 * Project 2: what project 1 found is switched on, on every CPU, and off again.
 */
#include "detect.h"
#include "unit.h"
#include "vmxon.h"

const struct vtx_unit *const vtx_units[] = {
	&detect_unit,
	&vmxon_unit,
	NULL,
};
