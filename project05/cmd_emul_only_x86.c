// SPDX-License-Identifier: GPL-2.0
/*
 * Capstone's core names the decoders of all its architectures, so a static vtxctl would hold them
 * all: 3 MB that each lab machine loads at its boot. These take their places; only
 * cs_open(CS_ARCH_...) of another architecture would call them, and it is told that there is none.
 */
#include <capstone/capstone.h>

#define NOT_HERE(arch)                                                      \
	cs_err arch##_global_init(void *handle);                            \
	cs_err arch##_global_init(void *handle)                             \
	{                                                                   \
		return CS_ERR_ARCH;                                         \
	}                                                                   \
	cs_err arch##_option(void *handle, cs_opt_type type, size_t value); \
	cs_err arch##_option(void *handle, cs_opt_type type, size_t value)  \
	{                                                                   \
		return CS_ERR_ARCH;                                         \
	}

NOT_HERE(ARM)
NOT_HERE(AArch64)
NOT_HERE(EVM)
NOT_HERE(M680X)
NOT_HERE(M68K)
NOT_HERE(Mips)
NOT_HERE(PPC)
NOT_HERE(Sparc)
NOT_HERE(SystemZ)
NOT_HERE(TMS320C64x)
NOT_HERE(XCore)
/* From version 5 on. */
NOT_HERE(BPF)
NOT_HERE(MOS65XX)
NOT_HERE(RISCV)
NOT_HERE(SH)
NOT_HERE(TRICORE)
NOT_HERE(WASM)
