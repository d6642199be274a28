/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest that is measured, the same bytes under both hypervisors. It begins in 32-bit protected
 * mode with flat segments; EAX says what it is to do, EBX how often.
 */
	.section .rodata
	.globl guest_image, guest_image_end
	.balign 16
	.code32
#define BASE 0x10000
#define RESULT 0x8000
#define AT(label) (BASE + (label) - guest_image)

guest_image:
	lgdtl AT(gdt_pointer)
	lidtl AT(idt_pointer)
	mov $16, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	mov %ecx, %ss
	ljmp $8, $AT(1f)
1:	cmp $rows_count, %eax
	jae unknown
	jmp *AT(rows)(, %eax, 4)
unknown:
	hlt
	jmp unknown

	.balign 4
rows:	.long AT(row_cpuid), AT(row_rdmsr), AT(row_out), AT(row_mmio), AT(row_touch_4k)
	.long AT(row_touch_2m), AT(row_interrupt), AT(row_hlt)
	.set rows_count, (. - rows) / 4

/* ---- measured by the guest itself: cycles of EBX times to RESULT ---------------------------- */

	.macro begin
	rdtsc
	mov %eax, %edi
	.endm

	.macro end
	rdtsc
	sub %edi, %eax
	mov %eax, RESULT
	mov $1, %eax
	out %al, $0x11
	.endm

row_cpuid:
	mov %ebx, %ebp
2:	mov %ebp, %esi
	begin
1:	xor %eax, %eax
	cpuid
	dec %esi
	jnz 1b
	end
	jmp 2b

row_rdmsr:
	mov %ebx, %esi
	mov $0x1a0, %ecx
	begin
1:	rdmsr
	dec %esi
	jnz 1b
	end
	jmp row_rdmsr

	.macro touch step
	mov %ebx, %esi
	mov $0x1000000, %ebp
	begin
1:	movb $1, (%ebp)
	add $\step, %ebp
	dec %esi
	jnz 1b
	end
	jmp unknown
	.endm

row_touch_4k:
	touch 4096
row_touch_2m:
	touch 0x200000

/* ---- measured outside ----------------------------------------------------------------------- */

row_out:
	out %al, $0x11
	jmp row_out

row_mmio:
	mov $0xd0000000, %edx
1:	mov (%edx), %eax
	jmp 1b

row_interrupt:
	sti
1:	out %al, $0x11
	jmp 1b

/* An 8259 is there or is not: IRQ 0 is vector 20H, and it ends by itself. */
row_hlt:
	mov $0x11, %al
	out %al, $0x20
	mov $0x20, %al
	out %al, $0x21
	mov $0x04, %al
	out %al, $0x21
	mov $0x03, %al
	out %al, $0x21
	mov $0xfe, %al
	out %al, $0x21
	movl $0, RESULT
	movl $1, AT(quiet)
	sti
1:	hlt
	jmp 1b

handler:
	incl RESULT
	testl $1, AT(quiet)
	jnz 1f
	out %al, $0x12
1:	iret

	.balign 8
quiet:	.long 0
gdt:	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
gdt_pointer:
	.word . - gdt - 1
	.long AT(gdt)
	.balign 8
idt:	.fill 0x20 * 8, 1, 0
	.word (handler - guest_image) & 0xffff, 8, 0x8e00, BASE >> 16
idt_pointer:
	.word idt_pointer - idt - 1
	.long AT(idt)
	.balign 4
guest_image_end:
	.section .note.GNU-stack, "", @progbits
