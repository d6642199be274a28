/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A 64-bit guest that logs every event that it gets and goes on where it was. An entry of the log:
 * vector, error code, RIP, CR2; LOG_COUNT is how many there are, LOG_DEPTH how many handlers are
 * inside each other, LOG_DEEPEST how many have been.
 */
#ifndef LOG_H
#define LOG_H

#include "catch.h"

#define LOG_COUNT 0x7000
#define LOG_DEPTH 0x7008
#define LOG_DEEPEST 0x7010
#define LOG 0x8000

/* Wait until so many events are logged. */
.macro AWAIT count
9:	pause
	cmpq $\count, LOG_COUNT
	jb 9b
.endm

.macro LOG_END
caught:
	push %rbx
	push %rax
	incq LOG_DEPTH
	mov LOG_DEPTH, %rax
	cmp LOG_DEEPEST, %rax
	jbe 1f
	mov %rax, LOG_DEEPEST
1:	mov LOG_COUNT, %rbx
	shl $5, %rbx
	mov 16(%rsp), %rax
	mov %rax, LOG(%rbx)
	mov 24(%rsp), %rax
	mov %rax, LOG + 8(%rbx)
	mov 32(%rsp), %rax
	mov %rax, LOG + 16(%rbx)
	mov %cr2, %rax
	mov %rax, LOG + 24(%rbx)
	incq LOG_COUNT
	decq LOG_DEPTH
	pop %rax
	pop %rbx
	add $16, %rsp
	iretq
	TABLES
.endm

#endif
