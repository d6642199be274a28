/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_npt_logic.h
 * @brief AMD's nested page tables: what their entries look like, and what an exit says. Pure C.
 */
#ifndef SVM_NPT_LOGIC_H
#define SVM_NPT_LOGIC_H

#include "npt_logic.h"

/**
 * Describe the entries of nested page tables. AMD APM vol. 2, "Long-Mode Page Translation".
 *
 * @param page_1g the processor has 1-GByte pages: CPUID 8000_0001H EDX
 * @param format out
 */
void svm_npt_format(bool page_1g, struct npt_format *format);

/**
 * VMEXIT_NPF as a neutral exit (exercise 7.6). The address that the instruction used is not among
 * what such an exit tells.
 *
 * @param info1 EXITINFO1: an error code as a page fault has, and what was accessed
 * @param info2 EXITINFO2: guest-physical address
 * @param in_delivery EXITINTINFO is valid: an event was being delivered
 * @param exit kind, gpa and memory_access are filled in
 */
void svm_npt_decode(u64 info1, u64 info2, bool in_delivery, struct vtx_exit *exit);

#endif
