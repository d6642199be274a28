// SPDX-License-Identifier: GPL-2.0
/*
 * The devices at their ports. They have registers of one byte: a wider access is one to as many
 * ports, as on an 8-bit bus. The bus lock is held.
 */
#include "cmd_bus.h"
#include "cmd_machine.h"
#include "cmd_serial.h"
#include "ctl.h"

#define BITS_PER_BYTE 8
#define BYTE 0xff
/* Of memory, every 15.085 us: 18 clocks of the PIT. */
#define REFRESH_CLOCKS 18
#define SPEAKER_COUNTER 2

/** How a device reads and writes one port. */
struct byte_device {
	u8 (*read)(u32 port); /* NULL: all bits are 1 */
	void (*write)(u32 port, u8 value);
};

static u64 read_bytes(void *opaque, u64 offset, u32 size)
{
	const struct byte_device *device = opaque;
	u64 value = 0;
	u32 i;

	for (i = 0; i < size; i++) {
		u64 byte = device->read ? device->read(offset + i) : BYTE;

		value |= byte << (i * BITS_PER_BYTE);
	}
	machine_update();
	return value;
}

static void write_bytes(void *opaque, u64 offset, u32 size, u64 value)
{
	const struct byte_device *device = opaque;
	u32 i;

	for (i = 0; i < size; i++)
		device->write(offset + i, value >> (i * BITS_PER_BYTE));
	machine_update();
}

/* ---- the devices ----------------------------------------------------------------------------- */

static u8 read_master(u32 port)
{
	return pic_read(&machine.pic, false, port);
}

static void write_master(u32 port, u8 value)
{
	pic_write(&machine.pic, false, port, value);
}

static u8 read_slave(u32 port)
{
	return pic_read(&machine.pic, true, port);
}

static void write_slave(u32 port, u8 value)
{
	pic_write(&machine.pic, true, port, value);
}

static u8 read_trigger(u32 port)
{
	return pic_read_trigger(&machine.pic, port);
}

static void write_trigger(u32 port, u8 value)
{
	pic_write_trigger(&machine.pic, port, value);
}

static u8 read_pit(u32 port)
{
	return pit_read(&machine.pit, port, machine_clocks());
}

static void write_pit(u32 port, u8 value)
{
	pit_write(&machine.pit, port, value, machine_clocks());
}

static u8 read_rtc(u32 port)
{
	return port ? rtc_read(&machine.rtc, run_now()) : machine.rtc.index;
}

static void write_rtc(u32 port, u8 value)
{
	if (port)
		rtc_write(&machine.rtc, value, run_now());
	else
		rtc_select(&machine.rtc, value);
}

/*
 * The guest wants to know what comes in. Before that nothing does: a driver that sets the device up
 * clears the FIFOs, and what somebody has typed (or a pipe has brought) would be gone.
 */
static void listen(void)
{
	if (serial_touch())
		machine_wake();
}

static u8 read_uart(u32 port)
{
	if (port == UART_LSR || port == UART_DATA)
		listen();
	return uart_read(&machine.uart, port);
}

static void write_uart(u32 port, u8 value)
{
	uart_write(&machine.uart, port, value);
	if (port == UART_IER && machine.uart.ier & UART_IER_DATA)
		listen();
}

static u8 read_system_b(u32 port)
{
	u64 clocks = machine_clocks();

	return (machine.system_b & (SYSTEM_B_GATE | SYSTEM_B_SPEAKER)) |
	       (clocks / REFRESH_CLOCKS % 2 ? SYSTEM_B_REFRESH : 0) |
	       (pit_out(&machine.pit, SPEAKER_COUNTER, clocks) ? SYSTEM_B_OUT : 0);
}

static void write_system_b(u32 port, u8 value)
{
	machine.system_b = value;
	pit_set_gate(&machine.pit, SPEAKER_COUNTER, value & SYSTEM_B_GATE, machine_clocks());
}

/* Address line 20 is always there: a guest that switches it off is an emulator's of 1982. */
static u8 read_system_a(u32 port)
{
	return (machine.system_a & ~SYSTEM_A_RESET) | SYSTEM_A_A20;
}

static void write_system_a(u32 port, u8 value)
{
	machine.system_a = value;
	if (!(value & SYSTEM_A_RESET))
		return;
	ctl_error("run: the guest has reset its machine (port 0x%x): that is its end.",
		  PC_PORT_SYSTEM_A);
	machine_end(RUN_EXITED, 0);
}

static void write_debug_exit(u32 port, u8 value)
{
	machine_end(RUN_EXITED, value);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
	u32 port;
	u32 count;
	struct bus_device device;
} places[] = {
#define PLACE(port, count, label, read_port, write_port)                         \
	{                                                                        \
		port, count,                                                     \
		{                                                                \
			.name = label, .read = read_bytes, .write = write_bytes, \
			.opaque = &(struct byte_device)                          \
			{                                                        \
				read_port, write_port                            \
			}                                                        \
		}                                                                \
	}
	PLACE(PC_PORT_PIC_MASTER, 2, "8259 (master)", read_master, write_master),
	PLACE(PC_PORT_PIC_SLAVE, 2, "8259 (slave)", read_slave, write_slave),
	PLACE(PC_PORT_PIC_TRIGGER, 2, "8259 (trigger)", read_trigger, write_trigger),
	PLACE(PC_PORT_PIT, 4, "8254", read_pit, write_pit),
	PLACE(PC_PORT_SYSTEM_B, 1, "port 61H", read_system_b, write_system_b),
	PLACE(PC_PORT_RTC_INDEX, 2, "RTC", read_rtc, write_rtc),
	PLACE(PC_PORT_SYSTEM_A, 1, "port 92H", read_system_a, write_system_a),
	PLACE(PC_PORT_DEBUG_EXIT, 1, "debug exit", NULL, write_debug_exit),
	PLACE(PC_PORT_UART, UART_REGISTERS, "16550", read_uart, write_uart),
};

bool machine_register(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		if (!run_port_register(places[i].port, places[i].count, &places[i].device))
			return false;
	}
	return true;
}
