/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Says one thing and never leaves again: no instruction below exits. What takes the CPU back is the
 * host's timer interrupt, which ends the guest's turn (pin-based control "external-interrupt
 * exiting"). vtxctl regs shows RCX growing.
 */
#include "guest.h"

	.section .text.start, "ax"
	.globl	start
start:
	say	"looping; stop me\n"
	xor	%ecx, %ecx
1:	inc	%rcx
	jmp	1b
