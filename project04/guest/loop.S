/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Says one thing and never leaves again: no instruction below exits. What takes the CPU back is an
 * interrupt of the host's, its timer's for example, or the VMX-preemption timer (pin-based controls
 * "external-interrupt exiting" and "activate VMX-preemption timer"). vtxctl regs shows RCX growing.
 * STI changes nothing about that, but for SVM in Bochs 2.7, which takes IF for the host's.
 */
#include "guest.h"

	.section .text.start, "ax"
	.globl	start
start:
	say	"looping; stop me\n"
	xor	%ecx, %ecx
	sti
1:	inc	%rcx
	jmp	1b
