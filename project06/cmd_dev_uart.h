/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_dev_uart.h
 * @brief The PC16550D, a serial line with two FIFOs.
 *
 * Pure C. What is sent leaves at once, so the transmitter is always empty; a character that is
 * received counts as having waited for four character times already.
 */
#ifndef CMD_DEV_UART_H
#define CMD_DEV_UART_H

#include "pc_devices.h"
#include "vtx_types.h"

/** The device. */
struct uart {
	void (*send)(void *opaque, u8 byte); /**< where characters go */
	void *opaque; /**< handed to send() */
	u8 received[UART_FIFO_SIZE]; /**< the receiver FIFO, a ring */
	u32 first; /**< the oldest of them */
	u32 count; /**< how many there are */
	u8 data; /**< the character that was read last */
	u8 ier, fcr, lcr, mcr, scratch; /**< registers of these names */
	u8 divisor[2]; /**< DLL, DLM */
	u8 errors; /**< bits of LSR that reading it clears */
	u8 changes; /**< bits 3:0 of MSR */
	bool empty_pending; /**< the interrupt of an empty transmitter */
};

/** As after MR (master reset). */
void uart_reset(struct uart *uart, void (*send)(void *opaque, u8 byte), void *opaque);
/** Read a register, 0 to 7. */
u8 uart_read(struct uart *uart, u32 offset);
/** Write one. */
void uart_write(struct uart *uart, u32 offset, u8 value);
/** How many characters the receiver has room for. */
u32 uart_room(const struct uart *uart);
/** A character comes in from the line; without room it is lost: an overrun. */
void uart_receive(struct uart *uart, u8 byte);
/** INTR, through the gate that OUT2 is in a PC. */
bool uart_interrupt(const struct uart *uart);

#endif
