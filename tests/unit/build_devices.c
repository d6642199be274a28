// SPDX-License-Identifier: GPL-2.0
/*
 * One of each device of vtxctl run, for the tests in Python: they need no layout of a struct.
 */
#include "cmd_dev_pic.h"
#include "cmd_dev_pit.h"
#include "cmd_dev_rtc.h"
#include "cmd_dev_uart.h"

#define SENT 4096

static struct pic pic;
static struct pit pit;
static struct rtc rtc;
static struct uart uart;
static u8 sent[SENT];
static u32 sent_count;

void dev_pic_reset(void);
void dev_pic_input(u32 irq, bool high);
bool dev_pic_output(void);
int dev_pic_acknowledge(void);
u8 dev_pic_read(bool slave, bool second);
void dev_pic_write(bool slave, bool second, u8 value);
u8 dev_pic_read_trigger(bool slave);
void dev_pic_write_trigger(bool slave, u8 value);

void dev_pic_reset(void)
{
	pic_reset(&pic);
}

void dev_pic_input(u32 irq, bool high)
{
	pic_set_input(&pic, irq, high);
}

bool dev_pic_output(void)
{
	return pic_output(&pic);
}

int dev_pic_acknowledge(void)
{
	return pic_acknowledge(&pic);
}

u8 dev_pic_read(bool slave, bool second)
{
	return pic_read(&pic, slave, second);
}

void dev_pic_write(bool slave, bool second, u8 value)
{
	pic_write(&pic, slave, second, value);
}

u8 dev_pic_read_trigger(bool slave)
{
	return pic_read_trigger(&pic, slave);
}

void dev_pic_write_trigger(bool slave, u8 value)
{
	pic_write_trigger(&pic, slave, value);
}

void dev_pit_reset(void);
void dev_pit_write(u32 port, u8 value, u64 now);
u8 dev_pit_read(u32 port, u64 now);
void dev_pit_gate(u32 counter, bool high, u64 now);
bool dev_pit_out(u32 counter, u64 now);
bool dev_pit_rise(u32 counter, u64 now);
u64 dev_pit_next(u32 counter, u64 now);

void dev_pit_reset(void)
{
	pit_reset(&pit);
}

void dev_pit_write(u32 port, u8 value, u64 now)
{
	pit_write(&pit, port, value, now);
}

u8 dev_pit_read(u32 port, u64 now)
{
	return pit_read(&pit, port, now);
}

void dev_pit_gate(u32 counter, bool high, u64 now)
{
	pit_set_gate(&pit, counter, high, now);
}

bool dev_pit_out(u32 counter, u64 now)
{
	return pit_out(&pit, counter, now);
}

bool dev_pit_rise(u32 counter, u64 now)
{
	return pit_take_rise(&pit, counter, now);
}

u64 dev_pit_next(u32 counter, u64 now)
{
	return pit_next_rise(&pit, counter, now);
}

void dev_rtc_reset(s64 time, u64 now);
u8 dev_rtc_read(u8 index, u64 now);
void dev_rtc_write(u8 index, u8 value, u64 now);
bool dev_rtc_interrupt(u64 now);
u64 dev_rtc_next(u64 now);

void dev_rtc_reset(s64 time, u64 now)
{
	rtc_reset(&rtc, time, now);
}

u8 dev_rtc_read(u8 index, u64 now)
{
	rtc_select(&rtc, index);
	return rtc_read(&rtc, now);
}

void dev_rtc_write(u8 index, u8 value, u64 now)
{
	rtc_select(&rtc, index);
	rtc_write(&rtc, value, now);
}

bool dev_rtc_interrupt(u64 now)
{
	return rtc_interrupt(&rtc, now);
}

u64 dev_rtc_next(u64 now)
{
	return rtc_next(&rtc, now);
}

void dev_uart_reset(void);
u8 dev_uart_read(u32 offset);
void dev_uart_write(u32 offset, u8 value);
void dev_uart_receive(u8 byte);
u32 dev_uart_room(void);
bool dev_uart_interrupt(void);
int dev_uart_sent(void);

static void send(void *opaque, u8 byte)
{
	if (opaque == sent && sent_count < SENT)
		sent[sent_count++] = byte;
}

void dev_uart_reset(void)
{
	sent_count = 0;
	uart_reset(&uart, send, sent);
}

u8 dev_uart_read(u32 offset)
{
	return uart_read(&uart, offset);
}

void dev_uart_write(u32 offset, u8 value)
{
	uart_write(&uart, offset, value);
}

void dev_uart_receive(u8 byte)
{
	uart_receive(&uart, byte);
}

u32 dev_uart_room(void)
{
	return uart_room(&uart);
}

bool dev_uart_interrupt(void)
{
	return uart_interrupt(&uart);
}

/* The oldest character that was sent since the last question, or -1. */
int dev_uart_sent(void)
{
	static u32 taken;

	if (taken >= sent_count) {
		taken = 0;
		sent_count = 0;
		return -1;
	}
	return sent[taken++];
}
