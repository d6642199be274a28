// SPDX-License-Identifier: GPL-2.0
/*
 * Where in VMX's bitmap an MSR has its bit.
 */
#include "vmx_bitmap_logic.h"
#include "vtx_todo.h"

/*
 * The page has four parts of 1 KiB, a bit for each MSR: reads of the low range, reads of the high
 * range, writes of the low range, writes of the high range. SDM vol. 3, "MSR-Bitmap Address".
 */
#define RANGE_MSRS 0x2000U
#define LOW_FIRST 0U
#define HIGH_FIRST 0xc0000000U
#define HIGH_PART (1 * RANGE_MSRS)
#define WRITE_PART (2 * RANGE_MSRS)

#ifndef TODO_6_2
u32 vmx_msr_bit(u32 msr, bool write)
{
	u32 part = write ? WRITE_PART : 0;

	if (msr - LOW_FIRST < RANGE_MSRS)
		return part + (msr - LOW_FIRST);
	if (msr - HIGH_FIRST < RANGE_MSRS)
		return part + HIGH_PART + (msr - HIGH_FIRST);
	return VMX_MSR_NO_BIT;
}
#else
u32 vmx_msr_bit(u32 msr, bool write)
{
	(void)VTX_TODO("6.2", "no MSR has a bit, so every RDMSR and WRMSR exits");
	return VMX_MSR_NO_BIT;
}
#endif
