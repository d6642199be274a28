// SPDX-License-Identifier: GPL-2.0
/*
 * What svm_insn_read() says of instructions, and what Capstone says of the same bytes. A line of
 * standard input is BITS CODE HEX; CODE and HEX in hexadecimal digits. Comes out:
 *
 *	ERR KIND LENGTH REG RM MOD REX / LENGTH MNEMONIC OPERANDS
 *
 * Behind the slash stands 0 where Capstone knows no such instruction.
 */
#include <capstone/capstone.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svm_insn_logic.h"

#define MOST 32
#define LINE 256

static csh handles[3];

static enum svm_code_size size_of(unsigned int bits)
{
	return bits == 64 ? SVM_CODE_64 : bits == 32 ? SVM_CODE_32 : SVM_CODE_16;
}

static void ours(const u8 *bytes, u32 count, unsigned int bits, unsigned int code)
{
	/* Exactly as large as it has to be, so that the sanitizer sees a byte too many. */
	u8 *copy = malloc(count + !count);
	struct svm_insn insn;
	int err;

	memset(&insn, 0xa5, sizeof(insn));
	memcpy(copy, bytes, count);
	err = svm_insn_read(copy, count, size_of(bits), code, &insn);
	printf("%d %u %u %u %u %u %u /", err, insn.kind, insn.length, insn.reg, insn.rm, insn.mod,
	       insn.rex);
	free(copy);
}

static void theirs(const u8 *bytes, u32 count, unsigned int bits)
{
	cs_insn *insn;

	if (!cs_disasm(handles[size_of(bits)], bytes, count, 0, 1, &insn)) {
		puts(" 0");
		return;
	}
	printf(" %u %s %s\n", insn->size, insn->mnemonic, insn->op_str);
	cs_free(insn, 1);
}

int main(void)
{
	char line[LINE], hex[LINE];
	unsigned int bits, code, byte;

	if (cs_open(CS_ARCH_X86, CS_MODE_16, &handles[SVM_CODE_16]) ||
	    cs_open(CS_ARCH_X86, CS_MODE_32, &handles[SVM_CODE_32]) ||
	    cs_open(CS_ARCH_X86, CS_MODE_64, &handles[SVM_CODE_64]))
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		u8 bytes[MOST];
		u32 count = 0;

		hex[0] = '\0';
		if (sscanf(line, "%u %x %255s", &bits, &code, hex) < 2)
			return 2;
		while (count < MOST && sscanf(hex + 2 * count, "%2x", &byte) == 1)
			bytes[count++] = (u8)byte;
		ours(bytes, count, bits, code);
		theirs(bytes, count, bits);
	}
	for (byte = 0; byte < 3; byte++)
		cs_close(&handles[byte]);
	return 0;
}
