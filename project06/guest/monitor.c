// SPDX-License-Identifier: GPL-2.0
/*
 * A monitor to type at: what a computer could do before it had an operating system. It has an IDT,
 * a timer that ticks, a serial line that interrupts, page tables of its own, and a page-fault
 * handler that puts a page where somebody touches one.
 */
#include "pc.h"

#define VECTOR_PAGE_FAULT 14
#define LINE_SIZE 80
#define MAX_WORDS 4
#define DUMP_BYTES 16
#define STATUS_LOST 255
#define BACKSPACE '\b'
#define RUBOUT 0x7f
#define CANCEL 0x03 /* Ctrl-C */

static volatile u64 ticks;

/* ---- events ---------------------------------------------------------------------------------- */

static void lost(const struct frame *frame)
{
	put("\n[exception ");
	put_decimal(frame->vector, 1);
	put(", error code 0x");
	put_hex(frame->error_code, 4);
	put(", at 0x");
	put_hex(frame->rip, 16);
	put(": nobody expected it]\n");
	pc_exit(STATUS_LOST);
}

static void interrupt(u32 irq)
{
	if (irq == PC_IRQ_PIT)
		ticks++;
	else if (irq == PC_IRQ_UART)
		pc_take_input();
	pc_end_of_interrupt(irq);
}

void guest_event(struct frame *frame)
{
	if (frame->vector >= PC_VECTORS)
		interrupt(frame->vector - PC_VECTORS);
	else if (frame->vector == VECTOR_PAGE_FAULT && map_page(read_cr2()))
		return;
	else if (!attempt_failed(frame))
		lost(frame);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void say(const char *name, u64 value)
{
	put(name);
	put(" 0x");
	put_hex(value, 16);
}

static void say_exception(u32 vector)
{
	put("exception ");
	put_decimal(vector, 1);
	put(" came, and its handler went on here\n");
}

static void read_byte(u64 *argument)
{
	argument[1] = *(volatile u8 *)argument[0];
}

static void command_mem(u32 count, const u64 *values)
{
	u64 at[2] = { values[0] };
	u64 end = at[0] + (count > 1 ? values[1] : DUMP_BYTES);
	u64 start = at[0];

	for (; at[0] < end; at[0]++) {
		u32 vector = attempt(read_byte, at);

		if (vector != PC_NO_EXCEPTION) {
			say_exception(vector);
			return;
		}
		if ((at[0] - start) % DUMP_BYTES == 0) {
			put(at[0] == start ? "0x" : "\n0x");
			put_hex(at[0], 16);
			put_char(':');
		}
		put_char(' ');
		put_hex(at[1], 2);
	}
	put_char('\n');
}

static void command_regs(u32 count, const u64 *values)
{
	struct table gdtr, idtr;
	u64 cr0, cr2 = read_cr2(), cr3, cr4, flags, stack;

	__asm__ volatile("mov %%cr0, %0; mov %%cr3, %1; mov %%cr4, %2"
			 : "=r"(cr0), "=r"(cr3), "=r"(cr4));
	__asm__ volatile("pushfq; pop %0; mov %%rsp, %1" : "=r"(flags), "=r"(stack));
	__asm__ volatile("sgdt %0; sidt %1" : "=m"(gdtr), "=m"(idtr));
	say("CR0 ", cr0);
	say("  CR2", cr2);
	say("\nCR3 ", cr3);
	say("  CR4", cr4);
	say("\nGDTR", gdtr.base);
	say("  IDTR", idtr.base);
	say("\nRSP ", stack);
	say("  RFLAGS", flags);
	put_char('\n');
}

static void command_ticks(u32 count, const u64 *values)
{
	put_decimal(ticks, 1);
	put(" ticks, ");
	put_decimal(PC_TICK_HERTZ, 1);
	put(" a second\n");
}

/* Not while the clock changes it: "Update Cycle" of the data sheet. */
static void command_time(u32 count, const u64 *values)
{
	static const u8 parts[] = { RTC_CENTURY, RTC_YEAR,    RTC_MONTH,  RTC_DAY,
				    RTC_HOURS,	 RTC_MINUTES, RTC_SECONDS };
	static const char *const before[] = { "", "", "-", "-", " ", ":", ":" };
	u32 i;

	do
		outb(PC_PORT_RTC_INDEX, RTC_A);
	while (inb(PC_PORT_RTC_DATA) & RTC_A_UPDATING);
	for (i = 0; i < sizeof(parts); i++) {
		put(before[i]);
		put_decimal(pc_read_clock(parts[i]), 2);
	}
	put(" UTC\n");
}

static void write_byte(u64 *argument)
{
	*(volatile u8 *)argument[0] = argument[1];
}

static void command_fault(u32 count, const u64 *values)
{
	u64 argument[2] = { count ? values[0] : PC_LAZY_START, 'V' };
	u32 vector = attempt(write_byte, argument);

	if (vector != PC_NO_EXCEPTION) {
		say_exception(vector);
		return;
	}
	say("a byte was written to", argument[0]);
	put_char('\n');
}

static void divide(u64 *argument)
{
	u32 rest = 0;

	__asm__ volatile("div %1" : "+a"(argument[0]), "+d"(rest) : "r"(rest) : "cc");
}

/* DIV has its divisor in EDX here, which is 0. */
static void command_divide(u32 count, const u64 *values)
{
	u64 argument = 1;

	say_exception(attempt(divide, &argument));
}

static void command_cpuid(u32 count, const u64 *values)
{
	u32 eax = values[0], ebx, ecx = count > 1 ? values[1] : 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	put("EAX 0x");
	put_hex(eax, 8);
	put("  EBX 0x");
	put_hex(ebx, 8);
	put("  ECX 0x");
	put_hex(ecx, 8);
	put("  EDX 0x");
	put_hex(edx, 8);
	put_char('\n');
}

static void read_msr(u64 *argument)
{
	u32 low_half, high_half;

	__asm__ volatile("rdmsr" : "=a"(low_half), "=d"(high_half) : "c"((u32)argument[0]));
	argument[1] = (u64)high_half << 32 | low_half;
}

static void write_msr(u64 *argument)
{
	__asm__ volatile("wrmsr"
			 :
			 : "a"((u32)argument[1]), "d"((u32)(argument[1] >> 32)),
			   "c"((u32)argument[0]));
}

static void command_msr(u32 count, const u64 *values)
{
	u64 argument[2] = { values[0], count > 1 ? values[1] : 0 };
	u32 vector = attempt(count > 1 ? write_msr : read_msr, argument);

	if (vector != PC_NO_EXCEPTION) {
		say_exception(vector);
		return;
	}
	say(count > 1 ? "written:" : "MSR", argument[1]);
	put_char('\n');
}

static void command_io(u32 count, const u64 *values)
{
	if (count > 1) {
		outb(values[0], values[1]);
		return;
	}
	put("0x");
	put_hex(inb(values[0]), 2);
	put_char('\n');
}

static void command_halt(u32 count, const u64 *values)
{
	put("HLT with interrupts off: nothing wakes this computer any more\n");
	__asm__ volatile("cli; hlt");
}

static void command_exit(u32 count, const u64 *values)
{
	outb(PC_PORT_DEBUG_EXIT, count ? values[0] : 0);
}

static void command_help(u32 count, const u64 *values);

static const struct {
	const char *name;
	u32 least, most; /* numbers behind it */
	void (*run)(u32 count, const u64 *values);
	const char *help;
} commands[] = {
	{ "help", 0, 0, command_help, "this" },
	{ "mem", 1, 2, command_mem, "ADDRESS [BYTES]: what memory holds" },
	{ "regs", 0, 0, command_regs, "registers of the system" },
	{ "ticks", 0, 0, command_ticks, "how often the timer has interrupted" },
	{ "time", 0, 0, command_time, "what the clock says" },
	{ "fault", 0, 1, command_fault, "[ADDRESS]: touch a page that is not there" },
	{ "divide", 0, 0, command_divide, "by zero" },
	{ "cpuid", 1, 2, command_cpuid, "LEAF [SUBLEAF]: what the processor says of itself" },
	{ "msr", 1, 2, command_msr, "NUMBER [VALUE]: read or write a model-specific register" },
	{ "io", 1, 2, command_io, "PORT [VALUE]: read or write a port" },
	{ "halt", 0, 0, command_halt, "wait for an interrupt that cannot come" },
	{ "exit", 0, 1, command_exit, "[STATUS]: the end" },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void command_help(u32 count, const u64 *values)
{
	u32 i;

	for (i = 0; i < COMMANDS; i++) {
		put(commands[i].name);
		put("\t");
		put(commands[i].help);
		put_char('\n');
	}
}

static void obey(char *line)
{
	char *words[MAX_WORDS];
	u64 values[MAX_WORDS] = { 0 };
	u32 count = split(line, words, MAX_WORDS);
	u32 i;

	if (!count)
		return;
	for (i = 1; i < count; i++) {
		if (!number(words[i], &values[i - 1])) {
			put("a number was expected, as 16 or 0x10\n");
			return;
		}
	}
	for (i = 0; i < COMMANDS && !same(commands[i].name, words[0]); i++)
		;
	if (i == COMMANDS)
		put("there is no such command; try help\n");
	else if (count - 1 < commands[i].least || count - 1 > commands[i].most)
		put("that many numbers were not expected; try help\n");
	else
		commands[i].run(count - 1, values);
}

/* ---- typing ---------------------------------------------------------------------------------- */

/*
 * With interrupts on, a key could come between the question and the HLT, which then waits for the
 * next one. STI lets nothing in before the HLT behind it is under way.
 */
static char read_key(void)
{
	int key;

	for (;;) {
		__asm__ volatile("cli" : : : "memory");
		key = get_char();
		if (key >= 0)
			break;
		__asm__ volatile("sti; hlt" : : : "memory");
	}
	__asm__ volatile("sti" : : : "memory");
	return key;
}

static void read_line(char *line)
{
	u32 length = 0;

	for (;;) {
		char key = read_key();

		if (key == '\r' || key == '\n')
			break;
		if (key == CANCEL)
			length = 0;
		if (key == CANCEL)
			break;
		if ((key == BACKSPACE || key == RUBOUT) && length) {
			length--;
			put("\b \b");
		} else if (key >= ' ' && key < RUBOUT && length < LINE_SIZE - 1) {
			line[length++] = key;
			put_char(key);
		}
	}
	line[length] = '\0';
	put_char('\n');
}

int guest_main(u64 vcpu, u64 argument, u64 memory)
{
	static char line[LINE_SIZE];

	pc_start();
	build_tables(memory);
	__asm__ volatile("sti");
	put("vtxdrv monitor, ");
	put_decimal(memory >> 10, 1);
	put(" KiB of memory; try help\n");
	for (;;) {
		put("> ");
		read_line(line);
		obey(line);
	}
}
