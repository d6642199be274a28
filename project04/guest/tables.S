/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tries to write the page tables. In this project their entries name frames of the host, so that a
 * guest which could write one could reach all of the host's memory (README.md, "Why this is
 * unsafe"). They lie above the usable memory and are mapped read-only; CR0.WP makes that hold for
 * supervisor code as well. Reading is allowed, and shows the problem.
 */
#include "guest.h"

	.section .text.start, "ax"
	.globl	start
start:
	mov	%rdx, %rbx			/* the end of usable memory: the first table */
	say	"the first entry of my tables is "
	mov	(%rbx), %rdi
	call	print_hex
	say	"\nnow I write it\n"
	movq	$0, (%rbx)			/* must fault */
	say	"I can write my own page tables!\n"
	exit	1
