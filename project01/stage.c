// SPDX-License-Identifier: GPL-2.0
/*
 * Project 1: the module loads on any x86-64 processor and can say what it found.
 */
#include "detect.h"
#include "unit.h"

const struct vtx_unit *const vtx_units[] = {
	&detect_unit,
	NULL,
};
