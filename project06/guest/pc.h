/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file pc.h
 * @brief What a guest in C has from lib_entry.S and lib_pc.c: a start, an IDT, and a PC's devices.
 */
#ifndef PC_H
#define PC_H

#include "guest.h"
#include "pc_devices.h"

/** Vectors that the interrupt controllers use; below are exceptions. */
#define PC_VECTORS 32
/** Vectors that the IDT has a gate for. */
#define PC_GATES (PC_VECTORS + PC_IRQS)
/** Interrupts of the timer in a second. */
#define PC_TICK_HERTZ 100
/** From here on, for one GiB, memory appears when it is touched: lib_lazy.c. */
#define PC_GIB (1024UL * 1024 * 1024)
#define PC_LAZY_START PC_GIB
#define PC_LAZY_END (2 * PC_GIB)
/** What attempt() returns if nothing went wrong. */
#define PC_NO_EXCEPTION 0x100

#ifndef __ASSEMBLER__

typedef unsigned char u8; /**< a byte */
typedef unsigned short u16; /**< 16 bits */
typedef unsigned int u32; /**< 32 bits */
typedef unsigned long u64; /**< 64 bits */

/** What lib_entry.S has pushed when an exception or interrupt comes: the last one first. */
struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8; /**< as the guest had them */
	u64 rdi, rsi, rbp, rbx, rdx, rcx, rax; /**< the same */
	u64 vector; /**< which one */
	u64 error_code; /**< 0 where there is none */
	u64 rip, cs, rflags, rsp, ss; /**< by the processor */
};

/** GDTR or IDTR. */
struct table {
	u16 limit; /**< its last byte */
	u64 base; /**< its first */
} __attribute__((packed));

static inline void outb(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/** The main function of a guest: its vCPU, --arg, and bytes of memory; the answer is its status. */
int guest_main(u64 vcpu, u64 argument, u64 memory);
/** Called for every exception and interrupt, with interrupts off; what it changes is loaded. */
void guest_event(struct frame *frame);

/* ---- lib_entry.S ----------------------------------------------------------------------------- */

/** Addresses of the entries, by vector. */
extern const u64 pc_entries[PC_GATES];
/** Load a GDT with one code and one data segment; the IDT's gates name its code segment. */
void pc_load_segments(void);
/** Call a function; the vector of the exception that has ended it, or PC_NO_EXCEPTION. */
u32 attempt(void (*function)(u64 *argument), u64 *argument);
/** From guest_event(): give up what attempt() has called. @return 0: nobody attempts anything */
int attempt_failed(struct frame *frame);
/** The end. */
_Noreturn void pc_exit(u64 status);

/* ---- lib_pc.c -------------------------------------------------------------------------------- */

/** Segments, IDT, interrupt controllers, timer and serial line; interrupts are still off. */
void pc_start(void);
/** The end of an interrupt, for the controllers. */
void pc_end_of_interrupt(u32 irq);
/** One character, a text, numbers on the serial line. "\n" goes to the next line's begin. */
void put_char(char character);
void put(const char *text);
void put_hex(u64 number, u32 digits);
void put_decimal(u64 number, u32 digits);
/** Everything that was received becomes characters for get_char(). */
void pc_take_input(void);
/** The next character, or -1. Interrupts have to be off. */
int get_char(void);
/** One byte of the clock, as a number. */
u32 pc_read_clock(u8 index);

/* ---- lib_lazy.c: page tables ----------------------------------------------------------------- */

/** From now on: all memory one to one, and the lazy range. */
void build_tables(u64 memory_size);
/** A page fault in the lazy range: a page goes there. @return 0: it is no page of ours */
int map_page(u64 address);
/** The address of the last page fault. */
u64 read_cr2(void);

/* ---- lib_words.c: what somebody has typed ---------------------------------------------------- */

/** Two texts are alike. */
int same(const char *one, const char *other);
/** 0x… or decimal. @return 0: it is no number */
int number(const char *text, u64 *value);
/** Cut a line into words, at most so many. @return how many there are */
u32 split(char *line, char **words, u32 most);

#endif
#endif
