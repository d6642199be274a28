/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Never ends and never leaves by itself: writes what it has computed of the test's argument, and
 * counts in memory, so that everybody who can read it sees that it runs.
 */
#define RESULT 0x8000
#define COUNTER 0x8100
#define APART 16 /* bytes from one vCPU's to the next one's */

start:
	sti /* nobody has an interrupt for it; Bochs 2.7 lets none of the host's through without */
	shl $4, %edi
	call secret
	mov %rax, RESULT(%rdi)
1:	incq COUNTER(%rdi)
	pause
	jmp 1b

/* RSI: the argument. Returns the function of it in RAX; RDI stays. */
secret:
	mov %rsi, %rax
	SECRET
	ret
