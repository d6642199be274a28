// SPDX-License-Identifier: GPL-2.0
/*
 * Three ranges of 8192 MSRs, two bits for each: the lower one for reads, the upper one for writes.
 * AMD APM vol. 2, "MSR Intercepts".
 */
#include "svm_msrpm_logic.h"

#define RANGE_MSRS 0x2000U
#define BITS_OF_MSR 2U

/* In the order of the map. */
static const u32 ranges[] = { 0, 0xc0000000U, 0xc0010000U };

u32 svm_msr_bit(u32 msr, bool write)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (msr - ranges[i] < RANGE_MSRS)
			return (i * RANGE_MSRS + msr - ranges[i]) * BITS_OF_MSR + write;
	}
	return SVM_MSR_NO_BIT;
}
