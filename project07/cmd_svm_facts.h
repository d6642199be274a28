/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_svm_facts.h
 * @brief What vtxctl plan and vtxctl controls say of a machine with SVM. No device: facts will do.
 */
#ifndef CMD_SVM_FACTS_H
#define CMD_SVM_FACTS_H

#include <stdbool.h>

#include "cmd_detect.h"

/** Is the machine's maker one of SVM? By the first CPU. */
bool svm_is_of(const struct detect_machine *machine);

/**
 * vtxctl plan: what would enable write, and what stops it?
 *
 * @param machine with at least one CPU
 * @param json one object instead of text
 * @return CTL_DONE; CTL_NO: a CPU refuses
 */
int svm_print_plan(const struct detect_machine *machine, bool json);

/**
 * vtxctl controls: what does a guest's VMCB begin with, and what of it has this processor?
 *
 * @param machine with at least one CPU
 * @param json one object instead of text
 * @return CTL_DONE; CTL_NO: a CPU lacks what this build requires
 */
int svm_print_controls(const struct detect_machine *machine, bool json);

#endif
