/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file detect_text_logic.h
 * @brief The verdict in words: why, what to do about it, and which modes this build can run.
 */
#ifndef DETECT_TEXT_LOGIC_H
#define DETECT_TEXT_LOGIC_H

#include "detect_logic.h"

/** One of the three ways to use the hypervisor. */
struct detect_mode {
	const char *name; /**< "TYPE1", "VIRTIO", "HVT" */
	const char *meaning; /**< what it runs */
	const char *brought_by; /**< the stage or lab that brings it */
	bool in_build; /**< compiled into this build */
};

/** Number of modes; detect_mode_get() takes 0 to DETECT_MODES - 1. */
#define DETECT_MODES 3

/** "usable", "not-supported", … as in JSON. */
const char *detect_verdict_name(enum vtx_verdict verdict);

/**
 * Why the verdict on this processor is what it is.
 *
 * @param f facts of one processor
 * @param verdict the verdict on it
 * @return one or two sentences, constant
 */
const char *detect_explain(const struct vtx_cpu_facts *f, enum vtx_verdict verdict);

/**
 * What to do about it.
 *
 * @param f facts of one processor
 * @param verdict the verdict on it
 * @return one or more sentences, constant; "" where there is nothing to do
 */
const char *detect_remedy(const struct vtx_cpu_facts *f, enum vtx_verdict verdict);

/** Mode number @p index of this build. */
const struct detect_mode *detect_mode_get(unsigned int index);

#endif
