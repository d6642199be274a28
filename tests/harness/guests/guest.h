/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the grader's guests have in common. They are loaded at 0x10000 and begin there, in 64-bit
 * mode, with a stack, their vCPU in RDI and the test's argument in RSI.
 */
#define CALL_EXIT 0
#define CALL_PUTCHAR 1
#define CALL_WRITE 2
#define CALL_ARGUMENT 3
#define CALL_COUNT 4
#define CALL_UNKNOWN 77

/* End with a code from 0 to 255. */
.macro EXIT code
	mov $\code, %edi
	mov $CALL_EXIT, %eax
	vmcall
.endm

/* Print bytes of the guest's memory. */
.macro WRITE address, length
	mov $\address, %rdi
	mov $\length, %rsi
	mov $CALL_WRITE, %eax
	vmcall
.endm
