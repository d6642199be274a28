// SPDX-License-Identifier: GPL-2.0
/*
 * PC16550D. Names of registers and bits are those of the data sheet.
 */
#include "cmd_dev_uart.h"

#define BYTE 0xff
#define MSR_CHANGE_SHIFT 4

/* ---- the receiver ---------------------------------------------------------------------------- */

static bool fifos(const struct uart *uart)
{
	return uart->fcr & UART_FCR_ENABLE;
}

/* Without FIFOs there is one holding register. */
static u32 size(const struct uart *uart)
{
	return fifos(uart) ? UART_FIFO_SIZE : 1;
}

static u32 trigger_level(const struct uart *uart)
{
	static const u8 levels[] = { 1, 4, 8, 14 };

	return fifos(uart) ? levels[uart->fcr >> UART_FCR_TRIGGER_SHIFT] : 1;
}

u32 uart_room(const struct uart *uart)
{
	return uart->mcr & UART_MCR_LOOP ? 0 : size(uart) - uart->count;
}

static void take_in(struct uart *uart, u8 byte)
{
	if (uart->count < size(uart)) {
		uart->received[(uart->first + uart->count++) % UART_FIFO_SIZE] = byte;
		return;
	}
	uart->errors |= UART_LSR_OVERRUN;
	/* Without FIFO the new character takes the place of the old one; a full FIFO stays. */
	if (!fifos(uart))
		uart->received[uart->first] = byte;
}

void uart_receive(struct uart *uart, u8 byte)
{
	/* In loop mode the serial input is disconnected. */
	if (!(uart->mcr & UART_MCR_LOOP))
		take_in(uart, byte);
}

static u8 read_data(struct uart *uart)
{
	if (uart->count) {
		uart->data = uart->received[uart->first];
		uart->first = (uart->first + 1) % UART_FIFO_SIZE;
		uart->count--;
	}
	return uart->data;
}

/* ---- the modem's lines ----------------------------------------------------------------------- */

/* Whoever is at the other end is there and ready; in loop mode the outputs are the inputs. */
static u8 lines(const struct uart *uart)
{
	u8 mcr = uart->mcr;

	if (!(mcr & UART_MCR_LOOP))
		return UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD;
	return (mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) | (mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
	       (mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) | (mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
}

/* The ring indicator counts only when it ends: TERI, trailing edge. */
static void write_mcr(struct uart *uart, u8 value)
{
	u8 before = lines(uart);
	u8 changed;

	uart->mcr = value & UART_MCR_BITS;
	changed = before ^ lines(uart);
	if (!(before & UART_MSR_RI))
		changed &= ~UART_MSR_RI;
	uart->changes |= changed >> MSR_CHANGE_SHIFT;
}

static u8 read_msr(struct uart *uart)
{
	u8 value = lines(uart) | uart->changes;

	uart->changes = 0;
	return value;
}

/* ---- interrupts ------------------------------------------------------------------------------ */

/* "Interrupt Identification Register": the order is that of priorities. */
static u8 cause(const struct uart *uart)
{
	if (uart->ier & UART_IER_LINE && uart->errors)
		return UART_IIR_LINE;
	if (uart->ier & UART_IER_DATA && uart->count >= trigger_level(uart))
		return UART_IIR_DATA;
	if (uart->ier & UART_IER_DATA && uart->count)
		return UART_IIR_TIMEOUT;
	if (uart->ier & UART_IER_EMPTY && uart->empty_pending)
		return UART_IIR_EMPTY;
	if (uart->ier & UART_IER_MODEM && uart->changes)
		return UART_IIR_MODEM;
	return UART_IIR_NONE;
}

/* Reading IIR ends the interrupt of an empty transmitter, if that is what it says. */
static u8 read_iir(struct uart *uart)
{
	u8 value = cause(uart);

	if (value == UART_IIR_EMPTY)
		uart->empty_pending = false;
	return value | (fifos(uart) ? UART_IIR_FIFOS : 0);
}

bool uart_interrupt(const struct uart *uart)
{
	/* In loop mode OUT2 does not reach its pin. */
	return (uart->mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) == UART_MCR_OUT2 &&
	       cause(uart) != UART_IIR_NONE;
}

/* An interrupt that is enabled while the transmitter is empty comes at once. */
static void write_ier(struct uart *uart, u8 value)
{
	if (value & ~uart->ier & UART_IER_EMPTY)
		uart->empty_pending = true;
	uart->ier = value & UART_IER_BITS;
}

/* ---- the transmitter and the rest ------------------------------------------------------------ */

static void write_data(struct uart *uart, u8 value)
{
	uart->empty_pending = true;
	if (uart->mcr & UART_MCR_LOOP)
		take_in(uart, value);
	else
		uart->send(uart->opaque, value);
}

static void write_fcr(struct uart *uart, u8 value)
{
	bool switched = (value ^ uart->fcr) & UART_FCR_ENABLE;

	/* "When changing from the FIFO Mode … data is automatically cleared from the FIFOs." */
	if (switched || value & UART_FCR_CLEAR_RECEIVER)
		uart->count = 0;
	/* Without the enable bit the others are not programmed. */
	uart->fcr = value & UART_FCR_ENABLE ? value : 0;
}

static u8 read_lsr(struct uart *uart)
{
	u8 value = uart->errors | UART_LSR_THR_EMPTY | UART_LSR_EMPTY |
		   (uart->count ? UART_LSR_DATA : 0);

	uart->errors = 0;
	return value;
}

u8 uart_read(struct uart *uart, u32 offset)
{
	if (uart->lcr & UART_LCR_DIVISOR && offset <= UART_IER)
		return uart->divisor[offset];
	switch (offset) {
	case UART_DATA:
		return read_data(uart);
	case UART_IER:
		return uart->ier;
	case UART_IIR:
		return read_iir(uart);
	case UART_LCR:
		return uart->lcr;
	case UART_MCR:
		return uart->mcr;
	case UART_LSR:
		return read_lsr(uart);
	case UART_MSR:
		return read_msr(uart);
	case UART_SCRATCH:
		return uart->scratch;
	default:
		return BYTE;
	}
}

void uart_write(struct uart *uart, u32 offset, u8 value)
{
	if (uart->lcr & UART_LCR_DIVISOR && offset <= UART_IER) {
		uart->divisor[offset] = value;
		return;
	}
	switch (offset) {
	case UART_DATA:
		write_data(uart, value);
		break;
	case UART_IER:
		write_ier(uart, value);
		break;
	case UART_FCR:
		write_fcr(uart, value);
		break;
	case UART_LCR:
		uart->lcr = value;
		break;
	case UART_MCR:
		write_mcr(uart, value);
		break;
	case UART_SCRATCH:
		uart->scratch = value;
		break;
	}
}

void uart_reset(struct uart *uart, void (*send)(void *opaque, u8 byte), void *opaque)
{
	*uart = (struct uart){ .send = send, .opaque = opaque };
}
