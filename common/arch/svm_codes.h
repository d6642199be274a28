/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_codes.h
 * @brief Exit codes and feature bits of SVM: VMEXIT_CPUID, SVM_FEATURE_NP, …
 */
#ifndef SVM_CODES_H
#define SVM_CODES_H

/** The VMCB's EXITCODE, under the manual's names. */
enum svm_exit_code {
#define SVM_EXIT_CODE(code, ident, meaning) VMEXIT_##ident = (code),
#include "svm_exit_codes.def"
#undef SVM_EXIT_CODE
};

/** EXITCODE of a VMRUN that was refused: all 64 bits set. QEMU sets the lower 32 only. */
#define VMEXIT_INVALID (~0ULL)

/** Masks of CPUID 8000_000AH EDX. */
enum svm_feature {
#define SVM_FEATURE(bit, ident, meaning) SVM_FEATURE_##ident = 1UL << (bit),
#include "svm_features.def"
#undef SVM_FEATURE
};

#endif
