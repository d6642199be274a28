/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_text_logic.h
 * @brief The verdict on a processor with SVM in words, beside detect_text_logic.h. Pure C.
 */
#ifndef SVM_TEXT_LOGIC_H
#define SVM_TEXT_LOGIC_H

#include "detect_logic.h"

/** Why svm_verdict() says so, in one or two sentences. From project07 on detect_explain() asks. */
const char *svm_text_explain(const struct vtx_cpu_facts *facts, enum vtx_verdict verdict);

/**
 * What to do about it; "" if it is usable. From project07 on detect_remedy() asks it.
 *
 * @param facts of one processor
 * @param info what detect_cpuid() makes of them
 * @param verdict svm_verdict()'s
 */
const char *svm_text_remedy(const struct vtx_cpu_facts *facts, const struct detect_cpuid_info *info,
			    enum vtx_verdict verdict);

#endif
