/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NMIs come whatever RFLAGS.IF is, and none comes inside the handler of another: until its IRET the
 * next one waits (vtxctl run nmi --nmi 0.01). The first two come while the guest computes, the
 * others end a HLT. The handler takes longer than it is from one to the next, but for the last.
 * Ends with 0, 1 for a handler in a handler, or 2 for another event.
 */
#include "idt.h"

#define NMIS 5
#define VECTOR_NMI 2
#define LONG_TIME 1000000			/* turns of a loop */

	.section .text.start, "ax"
	.globl	start
start:
	LOAD_TABLES
1:	cmpq	$2, count
	jb	1b
2:	hlt					/* RFLAGS.IF is 0: only an NMI goes on from here */
	cmpq	$NMIS, count
	jb	2b
	say	"five NMIs, one after the other\n"
	exit	0

handle:
	cmpq	$VECTOR_NMI, FRAME_VECTOR(%rdi)
	mov	$2, %edi
	jne	wrong
	incq	inside
	mov	$1, %edi
	cmp	%rdi, inside
	jne	wrong
	cmpq	$(NMIS - 1), count
	jae	4f				/* or the next one would come at once */
	mov	$LONG_TIME, %ecx
3:	loop	3b
4:	decq	inside
	incq	count
	ret
wrong:
	hypercall VTX_CALL_EXIT

	.bss
count:	.quad	0
inside:	.quad	0
	EVENT_TABLES
