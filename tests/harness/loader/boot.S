/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Boot sector and mode switches of the lab machine's loader for Bochs: it stands in for GRUB and
 * for the kernel's own decompressor, which both take long when every instruction is interpreted.
 *
 *   real mode:      read the rest of the loader, ask the BIOS for the memory map, open A20
 *   protected mode: load_parts() of load.c reads the kernel with port I/O
 *   long mode:      jump to the kernel's 64-bit entry (Linux, Documentation/arch/x86/boot.rst)
 */

/* Selectors: the 64-bit boot protocol demands 0x10 for code and 0x18 for data. */
#define CODE32 0x08
#define CODE64 0x10
#define DATA   0x18

#define CR0_PE    (1 << 0)
#define CR0_PG    (1 << 31)
#define CR4_PAE   (1 << 5)
#define MSR_EFER  0xc0000080
#define EFER_LME  (1 << 8)

	.code16
	.section .boot, "ax"
	.globl start
start:
	ljmp $0, $1f
1:	cli
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x7c00, %sp
	mov $0x42, %ah			/* BIOS extended read; DL is the boot drive already */
	mov $packet, %si
	int $0x13
	jc failed
	call memory_map
	in $0x92, %al			/* fast A20 */
	or $2, %al
	out %al, $0x92
	cli				/* the BIOS may have come back with interrupts on */
	lgdt gdt_pointer
	mov %cr0, %eax
	or $CR0_PE, %eax
	mov %eax, %cr0
	ljmp $CODE32, $protected

/* INT 15h, E820: one 20-byte range a call, until the continuation value in EBX is 0 again. */
memory_map:
	movw $0, memory_range_count	/* memory keeps its content over a reset */
	xor %ebx, %ebx
	mov $memory_ranges, %di
2:	mov $0xe820, %eax
	mov $0x534d4150, %edx		/* 'SMAP' */
	mov $20, %ecx
	int $0x15
	jc 3f
	add $20, %di
	incw memory_range_count
	cmpw $MAX_RANGES, memory_range_count
	jae 3f
	test %ebx, %ebx
	jnz 2b
3:	ret

/* Without a loader there is nothing but the BIOS to tell it. */
failed:	mov $message, %si
4:	lodsb
	test %al, %al
	jz 5f
	mov $0x0e, %ah
	int $0x10
	jmp 4b
5:	hlt
	jmp 5b
message: .asciz "vtxdrv loader: cannot read the disk image\r\n"

	.balign 4
packet:	.byte 16, 0			/* disk address packet: size, reserved, */
	.word LOADER_SECTORS - 1	/* sectors, */
	.word 0x7e00, 0			/* offset and segment of the buffer, */
	.quad 1				/* first sector */

	.balign 8
gdt:	.quad 0
	.quad 0x00cf9a000000ffff	/* CODE32 */
	.quad 0x00af9a000000ffff	/* CODE64 */
	.quad 0x00cf92000000ffff	/* DATA */
gdt_pointer:
	.word . - gdt - 1
	.long gdt

	.org 510
	.word 0xaa55

	.code32
	.text
protected:
	mov $DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	mov %eax, %ss
	mov $0x7c00, %esp
	call load_parts			/* returns the start record in EAX */
	mov %eax, %ebx
	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $PAGE_TABLES, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	ljmp $CODE64, $long_mode

	.code64
long_mode:
	mov 4(%rbx), %esi		/* boot_params */
	mov 0(%rbx), %eax		/* entry */
	jmp *%rax

	.bss
	.globl memory_ranges, memory_range_count
	.balign 4
memory_range_count: .skip 4
memory_ranges: .skip 20 * MAX_RANGES
