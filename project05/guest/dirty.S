/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writes every third page of 2 MiB, and only reads the others.
 *
 *	vtxctl run dirty --slot 2:0xd8000000:2M:8M:d --hold &
 *	vtxctl slots dirty
 *
 * The dirty log of the slot must say 171 pages.
 */
#include "guest.h"
#include "map4g.h"

#define FIRST 0xd8000000
#define PAGES 512
#define PAGE 0x1000

	.section .text.start, "ax"
	.globl	start
start:
	map_first_4g
	mov	$FIRST, %ebx
	mov	$PAGES, %ecx
	xor	%edx, %edx
next:
	mov	(%rbx), %al			/* reading makes nothing dirty */
	test	%edx, %edx
	jnz	1f
	movb	$1, (%rbx)
	mov	$3, %edx
1:	dec	%edx
	add	$PAGE, %rbx
	loop	next
	say	"171 pages are dirty\n"
	exit	0
