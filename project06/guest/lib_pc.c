// SPDX-License-Identifier: GPL-2.0
/*
 * For guests in C: the IDT and the devices of a PC.
 */
#include "pc.h"

#define CODE_SEGMENT 0x08
/* SDM vol. 3, "64-Bit Mode IDT": present, interrupt gate. */
#define INTERRUPT_GATE 0x8e
#define ONLY_TIMER_UART_AND_SLAVE 0xea /* what is 1 is masked */
#define ALL_MASKED 0xff
#define DIGIT_BITS 4
#define INPUT_SIZE 256 /* a power of two */

struct gate {
	u16 offset_low, segment;
	u8 stack, type;
	u16 offset_middle;
	u32 offset_high, reserved;
};

static struct gate idt[PC_GATES] __attribute__((aligned(16)));
static volatile char input[INPUT_SIZE];
static volatile u32 input_first, input_end;

static void load_idt(void)
{
	struct table pointer = { .limit = sizeof(idt) - 1, .base = (u64)idt };
	u32 i;

	for (i = 0; i < PC_GATES; i++) {
		u64 entry = pc_entries[i];

		idt[i] = (struct gate){
			.offset_low = entry,
			.offset_middle = entry >> 16,
			.offset_high = entry >> 32,
			.segment = CODE_SEGMENT,
			.type = INTERRUPT_GATE,
		};
	}
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

/* Both controllers: vectors from PC_VECTORS on, one behind the other. */
static void start_pics(void)
{
	outb(PC_PORT_PIC_MASTER, PIC_ICW1 | PIC_ICW1_ICW4);
	outb(PC_PORT_PIC_MASTER + 1, PC_VECTORS);
	outb(PC_PORT_PIC_MASTER + 1, 1 << PC_IRQ_SLAVE);
	outb(PC_PORT_PIC_MASTER + 1, PIC_ICW4_8086);
	outb(PC_PORT_PIC_SLAVE, PIC_ICW1 | PIC_ICW1_ICW4);
	outb(PC_PORT_PIC_SLAVE + 1, PC_VECTORS + PC_IRQS / 2);
	outb(PC_PORT_PIC_SLAVE + 1, PC_IRQ_SLAVE);
	outb(PC_PORT_PIC_SLAVE + 1, PIC_ICW4_8086);
	outb(PC_PORT_PIC_MASTER + 1, ONLY_TIMER_UART_AND_SLAVE);
	outb(PC_PORT_PIC_SLAVE + 1, ALL_MASKED);
}

void pc_end_of_interrupt(u32 irq)
{
	if (irq >= PC_IRQS / 2)
		outb(PC_PORT_PIC_SLAVE, PIC_OCW2_EOI);
	outb(PC_PORT_PIC_MASTER, PIC_OCW2_EOI);
}

static void start_timer(void)
{
	u32 count = PC_PIT_HERTZ / PC_TICK_HERTZ;

	outb(PC_PORT_PIT + PIT_CONTROL,
	     PIT_ACCESS_BOTH << PIT_ACCESS_SHIFT | PIT_MODE_RATE << PIT_MODE_SHIFT);
	outb(PC_PORT_PIT, count);
	outb(PC_PORT_PIT, count >> 8);
}

/* 115200 bits a second: 1.8432 MHz / 16 / 1. */
static void start_uart(void)
{
	outb(PC_PORT_UART + UART_LCR, UART_LCR_DIVISOR);
	outb(PC_PORT_UART + UART_DATA, 1);
	outb(PC_PORT_UART + UART_IER, 0);
	outb(PC_PORT_UART + UART_LCR, UART_LCR_8N1);
	outb(PC_PORT_UART + UART_FCR,
	     UART_FCR_ENABLE | UART_FCR_CLEAR_RECEIVER | UART_FCR_CLEAR_TRANSMITTER);
	outb(PC_PORT_UART + UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	outb(PC_PORT_UART + UART_IER, UART_IER_DATA);
}

void pc_start(void)
{
	pc_load_segments();
	load_idt();
	start_pics();
	start_timer();
	start_uart();
}

/* ---- the serial line ------------------------------------------------------------------------- */

void put_char(char character)
{
	if (character == '\n')
		put_char('\r');
	while (!(inb(PC_PORT_UART + UART_LSR) & UART_LSR_THR_EMPTY))
		;
	outb(PC_PORT_UART + UART_DATA, character);
}

void put(const char *text)
{
	while (*text)
		put_char(*text++);
}

void put_hex(u64 number, u32 digits)
{
	while (digits--)
		put_char("0123456789abcdef"[number >> digits * DIGIT_BITS & 15]);
}

/* At least so many digits. */
void put_decimal(u64 number, u32 digits)
{
	if (number >= 10 || digits > 1)
		put_decimal(number / 10, digits ? digits - 1 : 0);
	put_char('0' + number % 10);
}

/* What there is no room for is lost. */
void pc_take_input(void)
{
	while (inb(PC_PORT_UART + UART_LSR) & UART_LSR_DATA) {
		char character = inb(PC_PORT_UART + UART_DATA);

		if (input_end - input_first < INPUT_SIZE)
			input[input_end++ % INPUT_SIZE] = character;
	}
}

int get_char(void)
{
	return input_first == input_end ? -1 : (u8)input[input_first++ % INPUT_SIZE];
}

/* ---- the clock ------------------------------------------------------------------------------- */

u32 pc_read_clock(u8 index)
{
	u8 digits;

	outb(PC_PORT_RTC_INDEX, index);
	digits = inb(PC_PORT_RTC_DATA);
	return (digits >> 4) * 10 + (digits & 15);
}
