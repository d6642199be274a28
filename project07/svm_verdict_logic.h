/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_verdict_logic.h
 * @brief Can a processor with SVM be used, and if not, why? Pure C.
 */
#ifndef SVM_VERDICT_LOGIC_H
#define SVM_VERDICT_LOGIC_H

#include "detect_logic.h"

/**
 * The verdict on a processor whose maker has SVM (exercise 7.1). From project07 on detect_verdict()
 * asks it.
 */
enum vtx_verdict svm_verdict(const struct vtx_cpu_facts *facts,
			     const struct detect_cpuid_info *info);

/**
 * Such a verdict as VTXDRV_ENABLE puts it.
 *
 * @return 0: it is usable; -EBUSY, -EACCES, -ENODEV, and why->cause, value and expected
 */
int svm_explain_verdict(const struct vtx_cpu_facts *facts, enum vtx_verdict verdict,
			struct vtx_enable *why);

#endif
