/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The same memory twice: at 0, and read-only at 3.25 GiB.
 *
 *	vtxctl run readonly --slot 2:0xd8000000:64K:0:r
 *
 * Reading it there works, also what was written at its other address. Writing there ends the guest
 * with a report.
 */
#include "guest.h"
#include "map4g.h"

#define TWICE 0xd8000000

	.section .text.start, "ax"
	.globl	start
start:
	map_first_4g
	movl	$0x12345678, VTX_GUEST_RESULT
	mov	$TWICE + VTX_GUEST_RESULT, %ebx
	cmpl	$0x12345678, (%rbx)
	jne	wrong
	say	"I can read it; now I write\n"
	movl	$0, (%rbx)			/* must not go through */
	say	"I can write read-only memory!\n"
	exit	1
wrong:
	say	"that is other memory\n"
	exit	1
