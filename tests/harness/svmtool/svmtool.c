// SPDX-License-Identifier: GPL-2.0
/*
 * Drives the stage's svm_insn_logic.c and svm_asid_logic.c, step by step as standard input says.
 * What comes out is judged by the one who has drawn the steps, not here.
 *
 *	I BITS CODE HEX			svm_insn_read(): code of 16, 32 or 64 bits
 *	R CPU COUNT FLUSH		svm_asid_restart() of one of the CPUs
 *	C CPU VCPU STALE		svm_asid_choose()
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svm_asid_logic.h"
#include "svm_insn_logic.h"

#define CPUS 4
#define VCPUS 64
#define BYTES 32
#define LINE 256

static struct svm_asids asids[CPUS];
static struct svm_asid vcpus[VCPUS];

static void insn(const char *words)
{
	struct svm_insn insn = { 0 };
	char hex[LINE];
	unsigned int bits, code, byte;
	u8 bytes[BYTES] = { 0 };
	u32 count = 0;
	int err;

	if (sscanf(words, "%u %x %255s", &bits, &code, hex) != 3)
		exit(2);
	while (count < BYTES && sscanf(hex + 2 * count, "%2x", &byte) == 1)
		bytes[count++] = (u8)byte;
	err = svm_insn_read(bytes, count,
			    bits == 64 ? SVM_CODE_64 : bits == 32 ? SVM_CODE_32 : SVM_CODE_16,
			    code, &insn);
	printf("I %d %u %u %u %u\n", err, insn.length, insn.reg, insn.rm, insn.mod);
}

static void restart(const char *words)
{
	unsigned int cpu, count, flush;

	if (sscanf(words, "%u %u %u", &cpu, &count, &flush) != 3 || cpu >= CPUS)
		exit(2);
	svm_asid_restart(&asids[cpu], count, flush);
}

static void choose(const char *words)
{
	unsigned int cpu, vcpu, stale;
	int control;

	if (sscanf(words, "%u %u %u", &cpu, &vcpu, &stale) != 3 || cpu >= CPUS || vcpu >= VCPUS)
		exit(2);
	control = svm_asid_choose(&asids[cpu], (int)cpu, &vcpus[vcpu], stale);
	printf("C %u %d\n", vcpus[vcpu].asid, control);
}

int main(void)
{
	char line[LINE];

	while (fgets(line, sizeof(line), stdin)) {
		switch (line[0]) {
		case 'I':
			insn(line + 1);
			break;
		case 'R':
			restart(line + 1);
			break;
		case 'C':
			choose(line + 1);
			break;
		default:
			return 2;
		}
	}
	return 0;
}
