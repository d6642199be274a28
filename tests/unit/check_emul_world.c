// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator in a made-up guest with page tables, segments, holes and ports, for test_emul.py.
 * Each case says what it expects; what differs is printed. Exit status 1: something did.
 */
#include "emul_world.h"

static struct emul emul;

static void expect_fault(u32 vector, u32 code, u64 address)
{
	expect("result", emul_step(&emul), EMUL_FAULT);
	expect("vector", emul.fault.vector, vector);
	expect("error code", emul.fault.error_code, code);
	if (vector == X86_EXCEPTION_PF)
		expect("CR2", emul.fault.address, address);
	expect("RIP", regs.rip, sregs.cs.base ? 0 : CODE);
}

static void expect_done(u64 rip)
{
	expect("result", emul_step(&emul), EMUL_DONE);
	expect("RIP", regs.rip, rip);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void faults(void)
{
	BEGIN("write across two pages of which one is missing", 64, "\x48\x89\x03");
	regs.rbx = HOLE - 4;
	regs.rax = ~0ULL;
	expect_fault(X86_EXCEPTION_PF, PFEC_W, HOLE);
	expect("first page", memory[HOLE - 4], 0);

	BEGIN("write across two pages of a device", 64, "\x48\x89\x03");
	regs.rbx = DEVICE + PAGE - 3;
	regs.rax = 0x8877665544332211;
	expect_done(CODE + 3);
	expect_log("w1@ffd=11 w1@ffe=22 w1@fff=33 w1@1000=44 w1@1001=55 w1@1002=66 w1@1003=77 "
		   "w1@1004=88 ");

	BEGIN("write to a read-only page", 64, "\x89\x03");
	regs.rbx = READ_ONLY;
	expect_fault(X86_EXCEPTION_PF, PFEC_W | PFEC_P, READ_ONLY);
	BEGIN("the same without CR0.WP", 64, "\x89\x03");
	regs.rbx = READ_ONLY;
	sregs.cr0 &= ~(u64)CR0_WP;
	expect_done(CODE + 2);

	BEGIN("user mode and a kernel page", 64, "\x8b\x03");
	regs.rbx = DATA;
	sregs.ss.access |= 3 << ACCESS_RIGHTS_DPL_LOW;
	expect_fault(X86_EXCEPTION_PF, PFEC_U | PFEC_P, DATA);

	BEGIN("SMAP", 64, "\x8b\x03");
	regs.rbx = USER_PAGE;
	sregs.cr4 |= CR4_SMAP;
	expect_fault(X86_EXCEPTION_PF, PFEC_P, USER_PAGE);
	regs.rflags |= RFLAGS_AC;
	expect_done(CODE + 2);

	BEGIN("an address that is not canonical", 64, "\x8b\x03");
	regs.rbx = 1ULL << 63;
	expect_fault(X86_EXCEPTION_GP, 0, 0);
	BEGIN("the same on the stack", 64, "\x8b\x45\x00");
	regs.rbp = 1ULL << 63;
	expect_fault(X86_EXCEPTION_SS, 0, 0);

	BEGIN("code that may not be executed", 64, "\x8b\x03");
	regs.rip = NO_EXECUTE;
	expect("result", emul_step(&emul), EMUL_FAULT);
	expect("error code", emul.fault.error_code, PFEC_I | PFEC_P);
	BEGIN("a reserved bit", 64, "\x8b\x03");
	regs.rbx = DATA;
	map_page(DATA, 1ULL << 40, PAGING_P);
	expect_fault(X86_EXCEPTION_PF, PFEC_P | PFEC_RSVD, DATA);
	BEGIN("tables that are no memory", 64, "\x8b\x03");
	sregs.cr3 = 0x7f000000;
	expect("result", emul_step(&emul), EMUL_FAILED);
	BEGIN("an instruction that it does not know", 64, "\x0f\xa2");
	expect("result", emul_step(&emul), EMUL_FAILED);
	expect("RIP", regs.rip, CODE);
}

static void segments(void)
{
	BEGIN("beyond a limit", 32, "\x89\x03");
	sregs.ds.limit = 0xfff;
	regs.rbx = 0xffd;
	expect_fault(X86_EXCEPTION_GP, 0, 0);
	BEGIN("below the limit of an expand-down segment", 32, "\x89\x03");
	sregs.ds.access |= SEGMENT_TYPE_DATA_RW_DOWN;
	sregs.ds.limit = DATA;
	regs.rbx = DATA;
	expect_fault(X86_EXCEPTION_GP, 0, 0);
	regs.rbx = DATA + 1;
	expect_done(CODE + 2);
	BEGIN("write through CS", 32, "\x2e\x89\x03");
	regs.rbx = DATA;
	expect_fault(X86_EXCEPTION_GP, 0, 0);
	BEGIN("an unusable segment", 32, "\x64\x8b\x03");
	sregs.fs.access = ACCESS_RIGHTS_UNUSABLE;
	expect_fault(X86_EXCEPTION_GP, 0, 0);
	BEGIN("FS has its base in 64 bits, DS has none", 64, "\x64\x8b\x03");
	sregs.fs.base = DEVICE;
	sregs.ds.base = 0x7000000;
	regs.rbx = 8;
	expect_done(CODE + 3);
	expect_log("r4@8 ");
	BEGIN("real mode: BP is on the stack", 16, "\x89\x46\x02");
	sregs.ss.base = DATA;
	regs.rbp = 0x10;
	regs.rax = 0xabcd;
	expect_done(3);
	expect("memory", memory[DATA + 0x12], 0xcd);
	BEGIN("real mode: an offset wraps at 64 KiB", 16, "\x89\x40\x10");
	sregs.ds.base = DATA;
	regs.rbx = 0xfff0;
	regs.rsi = 0x20;
	regs.rax = 0x77;
	expect_done(3);
	expect("memory", memory[DATA + 0x20], 0x77);
	BEGIN("real mode: a word at the very end", 16, "\x89\x07");
	regs.rbx = 0xffff;
	expect_fault(X86_EXCEPTION_GP, 0, 0);
	BEGIN("real mode: 32 bits by prefix", 16, "\x66\x67\x89\x03");
	sregs.ds.base = DATA;
	regs.rbx = 0x30;
	regs.rax = 0x11223344;
	expect_done(4);
	expect("memory", memory[DATA + 0x33], 0x11);
}

/* ---- strings --------------------------------------------------------------------------------- */

static void strings(void)
{
	BEGIN("REP MOVSD into a hole", 64, "\xf3\xa5");
	regs.rsi = DEVICE;
	regs.rdi = HOLE - 12;
	regs.rcx = 5;
	expect_fault(X86_EXCEPTION_PF, PFEC_W, HOLE);
	expect("RCX", regs.rcx, 2);
	expect("RSI", regs.rsi, DEVICE + 12);
	expect("RDI", regs.rdi, HOLE);
	expect_log("r4@0 r4@4 r4@8 "); /* and the device was not read for the one that failed */

	BEGIN("REP STOSB backwards", 64, "\xf3\xaa");
	regs.rdi = DEVICE + 2;
	regs.rcx = 3;
	regs.rax = 0x5a;
	regs.rflags |= RFLAGS_DF;
	expect_done(CODE + 2);
	expect("RDI", regs.rdi, DEVICE - 1);
	expect_log("w1@2=5a w1@1=5a w1@0=5a ");

	BEGIN("REP with a count of 0", 64, "\xf3\xa4");
	regs.rsi = 1ULL << 63;
	expect_done(CODE + 2);
	BEGIN("REP takes turns", 64, "\xf3\xaa");
	regs.rdi = DATA;
	regs.rcx = EMUL_REP_LIMIT + 1;
	expect("result", emul_step(&emul), EMUL_AGAIN);
	expect("RCX", regs.rcx, 1);
	expect("RIP", regs.rip, CODE);
	expect_done(CODE + 2);
}

static void sizes_and_ports(void)
{
	u32 i;

	BEGIN("REP one by one where the processor steps", 64, "\xf3\xaa");
	regs.rdi = DATA;
	regs.rcx = 2;
	regs.rflags |= RFLAGS_TF;
	expect("result", emul_step(&emul), EMUL_AGAIN);
	expect("RCX", regs.rcx, 1);
	BEGIN("address size 32 clears the upper half", 64, "\x67\xf3\xa4");
	regs.rsi = DEVICE | 1ULL << 40;
	regs.rdi = DATA | 1ULL << 40;
	regs.rcx = 1 | 1ULL << 40;
	expect_done(CODE + 3);
	expect("RSI", regs.rsi, DEVICE + 1);
	expect("RCX", regs.rcx, 0);
	BEGIN("real mode: SI wraps and its upper half stays", 16, "\xac");
	regs.rsi = 0x1234ffff;
	sregs.ds.base = 0;
	expect_done(1);
	expect("RSI", regs.rsi, 0x12340000);

	BEGIN("REP OUTSB with a segment", 64, "\x64\xf3\x6e");
	sregs.fs.base = DATA;
	memcpy(memory + DATA, "abc", 3);
	regs.rcx = 3;
	regs.rdx = 0xdead03f8;
	expect_done(CODE + 3);
	expect_log("out1@3f8=61 out1@3f8=62 out1@3f8=63 ");
	BEGIN("REP INSW backwards", 64, "\x66\xf3\x6d");
	regs.rdi = DATA + 2;
	regs.rcx = 2;
	regs.rdx = 0x1f0;
	regs.rflags |= RFLAGS_DF;
	expect_done(CODE + 3);
	expect_log("in2@1f0 in2@1f0 ");
	expect("last", memory[DATA], 0xa1);
	BEGIN("INSB into a hole reads no port", 64, "\x6c");
	regs.rdi = HOLE;
	expect_fault(X86_EXCEPTION_PF, PFEC_W, HOLE);
	expect_log("");
	BEGIN("OUTSD with REX.W moves 4 bytes", 64, "\x48\x6f");
	regs.rsi = DATA;
	expect_done(CODE + 2);
	expect("RSI", regs.rsi, DATA + 4);

	BEGIN("REPNE SCASB finds", 64, "\xf2\xae");
	for (i = 0; i < 8; i++)
		device[i] = i;
	regs.rdi = DEVICE;
	regs.rcx = 8;
	regs.rax = 3;
	expect_done(CODE + 2);
	expect("RCX", regs.rcx, 4);
	expect("ZF", !!(regs.rflags & RFLAGS_ZF), 1);
}

/* ---- the decoder's memory -------------------------------------------------------------------- */

static void code(void)
{
	BEGIN("code that changes", 64, "\x8b\x03");
	regs.rbx = DEVICE;
	expect_done(CODE + 2);
	regs.rip = CODE;
	memcpy(memory + CODE, "\x88\x03", 2);
	expect_done(CODE + 2);
	expect_log("r4@0 w1@0=0 ");
	BEGIN("the same bytes mean something else in 32 bits", 32, "\x48\x8b\x03");
	expect("result", emul_step(&emul), EMUL_DONE); /* DEC EAX */
	expect("RAX", regs.rax, 0xffffffff);
	expect("RIP", regs.rip, CODE + 1);
	BEGIN("an instruction across two pages", 64, "");
	memcpy(memory + CODE + PAGE - 1, "\x8b\x03", 2);
	regs.rip = CODE + PAGE - 1;
	regs.rbx = DEVICE;
	expect_done(CODE + PAGE + 1);
	BEGIN("an instruction that goes on where nothing is", 64, "");
	memory[DATA + 2 * PAGE - 1] = 0x8b;
	regs.rip = DATA + 2 * PAGE - 1;
	expect("result", emul_step(&emul), EMUL_FAULT);
	expect("CR2", emul.fault.address, HOLE);
	expect("error code", emul.fault.error_code, PFEC_I);
	BEGIN("an instruction that ends where a page does", 64, "");
	memcpy(memory + DATA + 2 * PAGE - 2, "\x8b\x03", 2);
	regs.rip = DATA + 2 * PAGE - 2;
	regs.rbx = DEVICE;
	expect_done(HOLE);
	BEGIN("moffs of 8 bytes", 64, "\x48\xa1\x10\x60\x01\x00\x00\x00\x00\x00");
	expect_done(CODE + 10);
	expect_log("r8@10 ");
	BEGIN("relative to RIP", 64, "\x8b\x05\x00\x60\x00\x00");
	expect_done(CODE + 6);
	expect_log("r4@6 ");
	BEGIN("accessed and dirty", 64, "\x89\x03");
	regs.rbx = DATA;
	expect_done(CODE + 2);
	expect("entry", memory[PT + DATA / PAGE * sizeof(u64)] & (PAGING_A | PAGING_D),
	       PAGING_A | PAGING_D);
	expect("table", memory[PD] & (PAGING_A | PAGING_D), PAGING_A);
}

/* ---- paging ---------------------------------------------------------------------------------- */

static void expect_walk(u64 linear, u32 access, enum guest_walk_result wanted, u64 gpa)
{
	struct guest_paging paging = { .sregs = &sregs, .width = WIDTH, .ram = ram };
	struct guest_walk walk = { 0 };

	expect("walk", guest_walk(&paging, linear, access, &walk), wanted);
	if (wanted == GUEST_WALK_MAPPED)
		expect("address", walk.gpa, gpa);
	else
		expect("error code", walk.error_code, gpa);
}

static void set32(u64 at, u32 value)
{
	memcpy(memory + at, &value, sizeof(value));
}

static void paging(void)
{
	BEGIN("no paging", 32, "");
	sregs.cr0 = CR0_PE;
	expect_walk(0x123456789, VTX_ACCESS_WRITE, GUEST_WALK_MAPPED, 0x23456789);
	BEGIN("32-bit paging", 32, "");
	sregs.efer = 0;
	sregs.cr4 = 0;
	sregs.cr3 = 0x5018; /* PWT and PCD are no address */
	set32(0x5000 + 1 * 4, 0x6000 | PAGING_P | PAGING_RW);
	set32(0x6000 + 2 * 4, 0x9000 | PAGING_P);
	expect_walk(0x402123, VTX_ACCESS_READ, GUEST_WALK_MAPPED, 0x9123);
	expect_walk(0x402123, VTX_ACCESS_WRITE, GUEST_WALK_FAULT, PFEC_W | PFEC_P);
	expect_walk(0x403000, VTX_ACCESS_READ, GUEST_WALK_FAULT, 0);
	name = "32-bit paging, 4 MiB";
	set32(0x5000 + 2 * 4, 0x01c0e000 | PAGING_P | PAGING_RW | PAGING_PS);
	sregs.cr4 = CR4_PSE; /* bits 20:13, 07H, are bits 39:32 */
	expect_walk(0x812345, VTX_ACCESS_WRITE, GUEST_WALK_MAPPED, 0x701c12345);
	set32(0x5000 + 2 * 4, 0x00e00000 | PAGING_P | PAGING_PS);
	expect_walk(0x812345, VTX_ACCESS_READ, GUEST_WALK_FAULT, PFEC_P | PFEC_RSVD);

	BEGIN("PAE paging", 32, "");
	sregs.efer = 0;
	sregs.cr3 = 0x5020;
	set64(0x5020 + 8, 0x6000 | PAGING_P);
	set64(0x6000 + 8, 0x40200000 | PAGING_P | PAGING_RW | PAGING_PS);
	expect_walk(0x40312345, VTX_ACCESS_WRITE, GUEST_WALK_MAPPED, 0x40312345);
	expect("PDPTE has no accessed flag", memory[0x5028] & PAGING_A, 0);
	set64(0x5020 + 8, 0x6000 | PAGING_P | PAGING_RW); /* reserved there */
	expect_walk(0x40312345, VTX_ACCESS_READ, GUEST_WALK_FAULT, PFEC_P | PFEC_RSVD);

	BEGIN("1 GiB", 64, "");
	set64(PDPT + 8, 0x80000000 | PAGING_P | PAGING_RW | PAGING_PS);
	expect_walk(0x40312345, VTX_ACCESS_WRITE, GUEST_WALK_MAPPED, 0x80312345);
	set64(PML4, PDPT | PAGING_P | PAGING_PS);
	expect_walk(0x40312345, VTX_ACCESS_READ, GUEST_WALK_FAULT, PFEC_P | PFEC_RSVD);
	BEGIN("execute-disable without NXE", 64, "");
	sregs.efer = IA32_EFER_LMA;
	expect_walk(NO_EXECUTE, VTX_ACCESS_READ, GUEST_WALK_FAULT, PFEC_P | PFEC_RSVD);
	BEGIN("SMEP", 64, "");
	sregs.cr4 |= CR4_SMEP;
	expect_walk(USER_PAGE, VTX_ACCESS_EXECUTE, GUEST_WALK_FAULT, PFEC_P | PFEC_I);
	expect_walk(USER_PAGE, VTX_ACCESS_EXECUTE | GUEST_ACCESS_USER, GUEST_WALK_MAPPED,
		    USER_PAGE);
}

int main(void)
{
	emul = (struct emul){
		.ops = &ops,
		.decoder = emul_decoder_new(),
		.regs = &regs,
		.sregs = &sregs,
	};
	faults();
	segments();
	strings();
	sizes_and_ports();
	code();
	paging();
	emul_decoder_free(emul.decoder);
	printf("%u failures\n", failures);
	return !!failures;
}
