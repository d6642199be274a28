// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run, project 6: the PC around the guest. INTR of the PICs leads to vCPU 0; when the guest
 * takes the interrupt, the driver asks which vector it is.
 */
#include "cmd_machine.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cmd_bus.h"
#include "cmd_run_parts.h"
#include "cmd_serial.h"
#include "ctl.h"

#define KEY_SERIAL 1300
#define NS_PER_SECOND 1000000000ULL
/* What firmware leaves in the memory behind the clock: sizes in KiB, and in 64 KiB. */
#define CMOS_BASE_MEMORY 0x15
#define CMOS_EXTENDED_MEMORY 0x17
#define CMOS_EXTENDED_AGAIN 0x30
#define CMOS_ABOVE_16M 0x34
#define BASE_KIB 640
#define KIB 1024ULL
#define MIB (1024 * KIB)
#define UNIT_64K (64 * KIB)

struct machine machine = { .wake = -1 };

static const struct argp_option option_list[] = {
	{ "serial", KEY_SERIAL, "WHERE", 0,
	  "The guest's serial line: stdio (the default; a terminal is raw while the guest uses it, "
	  "and Ctrl-A x or Ctrl-] ends the guest), file:PATH, pipe:PATH (PATH.in and PATH.out, "
	  "made with mkfifo) or pty",
	  0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	const char *wrong;

	if (key != KEY_SERIAL)
		return ARGP_ERR_UNKNOWN;
	wrong = serial_choose(arg);
	if (wrong)
		argp_error(state, "--serial %s: %s", arg, wrong);
	return 0;
}

/* ---- time and interrupts --------------------------------------------------------------------- */

u64 machine_clocks(void)
{
	return (unsigned __int128)(run_now() - machine.start_ns) * PC_PIT_HERTZ / NS_PER_SECOND;
}

/* When so many clocks are over: rounded up. */
static u64 clocks_to_ns(u64 clocks)
{
	if (clocks == PIT_NEVER)
		return ~0ULL;
	return machine.start_ns +
	       (u64)(((unsigned __int128)clocks * NS_PER_SECOND + PC_PIT_HERTZ - 1) / PC_PIT_HERTZ);
}

static void tell_line(bool high)
{
	struct vtx_event event = { .kind = VTX_EVENT_LINE, .value = high };

	if (machine.line == high)
		return;
	machine.line = high;
	if (!ioctl(machine.run->fd, VTXDRV_EVENT, &event) || machine.line_failed)
		return;
	machine.line_failed = true;
	ctl_error("run: the driver does not take the INTR line: %s; the guest gets no interrupts.",
		  errno == ENOTTY || errno == ENOSYS ? "it has no events (exercises of project 6)" :
						       strerror(errno));
}

static bool wants(u32 irq)
{
	const struct pic_chip *chip = irq < 8 ? &machine.pic.master : &machine.pic.slave;

	return chip->init == PIC_READY && !(chip->imr & BIT(irq % 8));
}

/* A device whose interrupt is masked is looked at when somebody asks, and not before. */
u64 machine_deadline(void)
{
	u64 clocks = machine_clocks();
	u64 pit = wants(PC_IRQ_PIT) ?
			  clocks_to_ns(pit_next_rise(&machine.pit, PC_IRQ_PIT, clocks)) :
			  ~0ULL;
	u64 rtc = wants(PC_IRQ_RTC) ? rtc_next(&machine.rtc, run_now()) : RTC_NEVER;

	return pit < rtc ? pit : rtc;
}

/* What has come in and was kept, as far as there is room; where it was kept there is room then. */
static void feed_uart(void)
{
	bool was_full = serial_input() < 0;
	u8 byte;

	while (uart_room(&machine.uart) && serial_next(&byte))
		uart_receive(&machine.uart, byte);
	if (was_full && serial_input() >= 0)
		machine_wake();
}

void machine_update(void)
{
	u64 now = run_now();
	u64 clocks = machine_clocks();

	feed_uart();
	if (pit_take_rise(&machine.pit, 0, clocks)) {
		pic_set_input(&machine.pic, PC_IRQ_PIT, false);
		pic_set_input(&machine.pic, PC_IRQ_PIT, true);
	} else {
		pic_set_input(&machine.pic, PC_IRQ_PIT, pit_out(&machine.pit, 0, clocks));
	}
	pic_set_input(&machine.pic, PC_IRQ_RTC, rtc_interrupt(&machine.rtc, now));
	pic_set_input(&machine.pic, PC_IRQ_UART, uart_interrupt(&machine.uart));
	tell_line(pic_output(&machine.pic));
	if (machine_deadline() < machine.deadline)
		machine_wake();
}

void machine_end(enum run_end end, int code)
{
	run_finish(&machine.run->vcpus[0], end, code, NULL);
	kill(getpid(), SIGUSR2); /* the main thread waits for it */
}

/* INTA: the PICs say which one it is. */
static void acknowledge(struct run_vcpu *vcpu)
{
	int vector;

	bus_lock();
	vector = pic_acknowledge(&machine.pic);
	vcpu->page->data = vector < 0 ? VTX_NO_VECTOR : (u64)vector;
	machine_update();
	bus_unlock();
}

static enum run_served serve(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	switch (exit->kind) {
	case VTX_EXIT_INTA:
		acknowledge(vcpu);
		return RUN_SERVED;
	case VTX_EXIT_TIMER: /* nobody here sets one */
		return RUN_SERVED;
	default:
		return RUN_NOT_MINE;
	}
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static void put_word(u32 index, u64 value)
{
	u64 word = value < UINT16_MAX ? value : UINT16_MAX;

	rtc_put(&machine.rtc, index, word);
	rtc_put(&machine.rtc, index + 1, word >> 8);
}

static void describe_memory(u64 size)
{
	u64 low = size < VTX_LOW_MEMORY_END ? size : VTX_LOW_MEMORY_END;

	put_word(CMOS_BASE_MEMORY, BASE_KIB);
	put_word(CMOS_EXTENDED_MEMORY, low > MIB ? (low - MIB) / KIB : 0);
	put_word(CMOS_EXTENDED_AGAIN, low > MIB ? (low - MIB) / KIB : 0);
	put_word(CMOS_ABOVE_16M, low > 16 * MIB ? (low - 16 * MIB) / UNIT_64K : 0);
}

static void send(void *opaque, u8 byte)
{
	serial_send(byte);
}

static void reset_devices(void)
{
	struct timespec date;
	u64 now = run_now();

	clock_gettime(CLOCK_REALTIME, &date);
	machine.start_ns = now;
	pic_reset(&machine.pic);
	pit_reset(&machine.pit);
	rtc_reset(&machine.rtc, date.tv_sec, now - date.tv_nsec);
	uart_reset(&machine.uart, send, NULL);
	machine.deadline = ~0ULL;
}

static bool setup(struct run *run)
{
	bool done;

	bus_lock();
	machine.run = run;
	reset_devices();
	describe_memory(run->info.memory_size);
	done = serial_open(run);
	bus_unlock();
	return done && machine_register() && machine_start_thread();
}

static void finish(struct run *run)
{
	machine_stop_thread();
	serial_close();
}

RUN_PART(machine, { .options = option_list,
		    .parse = parse_option,
		    .setup = setup,
		    .serve = serve,
		    .finish = finish });
