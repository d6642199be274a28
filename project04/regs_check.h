/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file regs_check.h
 * @brief What user space may set in registers, whichever vendor's: what an entry would let pass,
 *        and must not be, is refused here.
 */
#ifndef REGS_CHECK_H
#define REGS_CHECK_H

#include "vtx_types.h"
#include "vtxdrv.h"
#include "x86_bits.h"

/**
 * Bits that may be changed without giving the guest a hold on the host: none of them changes how
 * its page tables, which name host frames before project05, are read or whether it can write to
 * them.
 */
#define CR0_FREE (CR0_MP | CR0_EM | CR0_TS | CR0_AM)
#define CR4_FREE (CR4_TSD | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FREE_LATER)
/** From project06 on CPUID and the world switch follow them. */
#define CR4_FREE_LATER (VTX_STAGE >= 6 ? CR4_OSXSAVE | CR4_PGE | CR4_PCE : 0)

/**
 * May general registers that are @p has become @p wanted? Any context.
 *
 * @return 0; -EINVAL, and the log says why
 */
int regs_check(const struct vtx_regs *has, const struct vtx_regs *wanted);

/**
 * May special registers that are @p has become @p wanted? Any context.
 *
 * @return 0; -EPERM: a bit that may not change; -EINVAL: a value or padding; the log says which
 */
int sregs_check(const struct vtx_sregs *has, const struct vtx_sregs *wanted);

/** All others stay as they are: some are not what the guest sees, as CR0.NE in real mode. */
static inline u64 with_free_bits(u64 real, u64 wanted, u64 free)
{
	return (real & ~free) | (wanted & free);
}

#endif
