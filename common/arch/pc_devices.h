/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file pc_devices.h
 * @brief Ports, interrupt lines and register bits of the devices that a PC has always had. Read by
 *        the C compiler and by the assembler, for vtxctl and for guests.
 *
 * Sources: Intel 8259A, 8254 and 82C54, Motorola MC146818A, National Semiconductor PC16550D, and
 * the technical reference of the IBM PC AT for where they are.
 */
#ifndef PC_DEVICES_H
#define PC_DEVICES_H

/* ---- where they are -------------------------------------------------------------------------- */

#define PC_PORT_PIC_MASTER 0x20 /**< two ports */
#define PC_PORT_PIT 0x40 /**< three counters and the control word */
#define PC_PORT_SYSTEM_B 0x61 /**< gate of counter 2, speaker */
#define PC_PORT_RTC_INDEX 0x70 /**< which byte of the clock */
#define PC_PORT_RTC_DATA 0x71 /**< that byte */
#define PC_PORT_SYSTEM_A 0x92 /**< address line 20, fast reset */
#define PC_PORT_PIC_SLAVE 0xa0 /**< two ports */
#define PC_PORT_DEBUG_EXIT 0xf4 /**< a byte written here ends the guest with that status */
#define PC_PORT_UART 0x3f8 /**< eight ports */
#define PC_PORT_PIC_TRIGGER 0x4d0 /**< edge or level, of master and slave */

#define PC_IRQ_PIT 0 /**< counter 0 of the timer */
#define PC_IRQ_SLAVE 2 /**< of the master: here the slave is */
#define PC_IRQ_UART 4 /**< the first serial port */
#define PC_IRQ_RTC 8 /**< the clock */
#define PC_IRQS 16 /**< of both controllers */

/** Of the 8254's input, a third of the NTSC colour subcarrier's: 14.31818 MHz / 12. */
#define PC_PIT_HERTZ 1193182

/* ---- 8259A: "Initialization Command Words", "Operation Command Words" ------------------------ */

#define PIC_ICW1 0x10 /**< written to the first port: this is ICW1 */
#define PIC_ICW1_LEVEL 0x08 /**< LTIM */
#define PIC_ICW1_SINGLE 0x02 /**< SNGL: no ICW3 */
#define PIC_ICW1_ICW4 0x01 /**< IC4: there will be an ICW4 */
#define PIC_ICW2_VECTOR 0xf8 /**< bits 7:3 of the vector */
#define PIC_ICW4_NESTED 0x10 /**< SFNM: special fully nested mode */
#define PIC_ICW4_AUTO_EOI 0x02 /**< AEOI */
#define PIC_ICW4_8086 0x01 /**< PM */
#define PIC_OCW3 0x08 /**< written to the first port, without PIC_ICW1 */
#define PIC_OCW3_SPECIAL 0x40 /**< ESMM: PIC_OCW3_MASK_MODE counts */
#define PIC_OCW3_MASK_MODE 0x20 /**< SMM: special mask mode */
#define PIC_OCW3_POLL 0x04 /**< P: the next read acknowledges */
#define PIC_OCW3_READ 0x02 /**< RR: PIC_OCW3_IN_SERVICE counts */
#define PIC_OCW3_IN_SERVICE 0x01 /**< RIS: reads return ISR, not IRR */
#define PIC_OCW2_ROTATE 0x80 /**< R */
#define PIC_OCW2_SPECIFIC 0x40 /**< SL: PIC_LEVEL counts */
#define PIC_OCW2_EOI 0x20 /**< EOI: the end of an interrupt */
#define PIC_LEVEL 0x07 /**< number of an input */
#define PIC_POLLED 0x80 /**< what a poll reads: there was an interrupt */

/* ---- 8254: "Control Word Format", "Read-Back Command" ---------------------------------------- */

#define PIT_COUNTERS 3 /**< of one chip */
#define PIT_CONTROL 3 /**< the fourth port */
#define PIT_SELECT_SHIFT 6 /**< which counter */
#define PIT_SELECT_READ_BACK 3 /**< no counter: a read-back command */
#define PIT_ACCESS_SHIFT 4 /**< RW: which bytes */
#define PIT_ACCESS_LATCH 0 /**< none: the count is latched */
#define PIT_ACCESS_LOW 1 /**< low byte only */
#define PIT_ACCESS_HIGH 2 /**< high byte only */
#define PIT_ACCESS_BOTH 3 /**< low byte first */
#define PIT_MODE_SHIFT 1 /**< M: the mode */
#define PIT_MODE_COUNT 0 /**< interrupt on terminal count */
#define PIT_MODE_ONE_SHOT 1 /**< hardware retriggerable one-shot */
#define PIT_MODE_RATE 2 /**< rate generator */
#define PIT_MODE_SQUARE 3 /**< square wave */
#define PIT_MODE_STROBE 4 /**< software triggered */
#define PIT_MODE_TRIGGERED 5 /**< hardware triggered strobe */
#define PIT_BCD 0x01 /**< counts in decimal */
#define PIT_READ_BACK_NO_COUNT 0x20 /**< the count is not latched */
#define PIT_READ_BACK_NO_STATUS 0x10 /**< the status is not latched */
#define PIT_STATUS_OUT 0x80 /**< level of OUT */
#define PIT_STATUS_NULL 0x40 /**< the count has not been loaded yet */

/* ---- port 61H and 92H ------------------------------------------------------------------------ */

#define SYSTEM_B_GATE 0x01 /**< of counter 2 */
#define SYSTEM_B_SPEAKER 0x02 /**< lets OUT of counter 2 through */
#define SYSTEM_B_REFRESH 0x10 /**< toggles with each refresh of memory */
#define SYSTEM_B_OUT 0x20 /**< of counter 2 */
#define SYSTEM_A_RESET 0x01 /**< fast reset */
#define SYSTEM_A_A20 0x02 /**< address line 20 is on */

/* ---- MC146818A: "Address Map", "Registers" --------------------------------------------------- */

#define RTC_SECONDS 0x00 /**< 0 to 59 */
#define RTC_SECONDS_ALARM 0x01 /**< or RTC_DO_NOT_CARE */
#define RTC_MINUTES 0x02 /**< 0 to 59 */
#define RTC_MINUTES_ALARM 0x03 /**< or RTC_DO_NOT_CARE */
#define RTC_HOURS 0x04 /**< with RTC_PM in 12-hour mode */
#define RTC_HOURS_ALARM 0x05 /**< or RTC_DO_NOT_CARE */
#define RTC_DAY_OF_WEEK 0x06 /**< 1: Sunday */
#define RTC_DAY 0x07 /**< of the month */
#define RTC_MONTH 0x08 /**< 1 to 12 */
#define RTC_YEAR 0x09 /**< of the century */
#define RTC_A 0x0a /**< register A: divider and rate */
#define RTC_B 0x0b /**< register B: modes and interrupts */
#define RTC_C 0x0c /**< register C: what has happened */
#define RTC_D 0x0d /**< register D: battery */
#define RTC_CENTURY 0x32 /**< of the PC, not of the MC146818A */
#define RTC_BYTES 128 /**< of the CMOS memory, clock included */
#define RTC_INDEX 0x7f /**< bits of the index port; bit 7 masks NMIs */
#define RTC_A_UPDATING 0x80 /**< UIP */
#define RTC_A_DIVIDER 0x70 /**< DV */
#define RTC_A_DIVIDER_32K 0x20 /**< for a crystal of 32.768 kHz */
#define RTC_A_RATE 0x0f /**< RS */
#define RTC_B_SET 0x80 /**< no updates while a program sets the time */
#define RTC_B_PERIODIC 0x40 /**< PIE */
#define RTC_B_ALARM 0x20 /**< AIE */
#define RTC_B_UPDATE 0x10 /**< UIE */
#define RTC_B_BINARY 0x04 /**< DM: not BCD */
#define RTC_B_24_HOURS 0x02 /**< 24/12 */
#define RTC_C_REQUEST 0x80 /**< IRQF; the other bits are those of register B */
#define RTC_C_FLAGS 0x70 /**< PF, AF, UF */
#define RTC_D_VALID 0x80 /**< VRT */
#define RTC_PM 0x80 /**< of an hour, in 12-hour mode */
#define RTC_DO_NOT_CARE 0xc0 /**< of an alarm: any value */

/* ---- PC16550D: "Registers" ------------------------------------------------------------------- */

#define UART_DATA 0 /**< RBR, THR; with UART_LCR_DIVISOR DLL */
#define UART_IER 1 /**< with UART_LCR_DIVISOR DLM */
#define UART_IIR 2 /**< read */
#define UART_FCR 2 /**< write */
#define UART_LCR 3 /**< format, and UART_LCR_DIVISOR */
#define UART_MCR 4 /**< modem control */
#define UART_LSR 5 /**< line status */
#define UART_MSR 6 /**< modem status */
#define UART_SCRATCH 7 /**< a byte that nothing uses */
#define UART_REGISTERS 8 /**< ports */
#define UART_FIFO_SIZE 16 /**< characters */
#define UART_IER_DATA 0x01 /**< ERBFI */
#define UART_IER_EMPTY 0x02 /**< ETBEI */
#define UART_IER_LINE 0x04 /**< ELSI */
#define UART_IER_MODEM 0x08 /**< EDSSI */
#define UART_IER_BITS 0x0f /**< all that there are */
#define UART_IIR_NONE 0x01 /**< no interrupt waits */
#define UART_IIR_MODEM 0x00 /**< cause: UART_MSR has changed */
#define UART_IIR_EMPTY 0x02 /**< cause: the transmitter is empty */
#define UART_IIR_DATA 0x04 /**< cause: a character, or the trigger level */
#define UART_IIR_LINE 0x06 /**< cause: an error or a break */
#define UART_IIR_TIMEOUT 0x0c /**< cause: characters wait below the trigger level */
#define UART_IIR_FIFOS 0xc0 /**< the FIFOs are enabled */
#define UART_FCR_ENABLE 0x01 /**< FIFOs on */
#define UART_FCR_CLEAR_RECEIVER 0x02 /**< forget what was received */
#define UART_FCR_CLEAR_TRANSMITTER 0x04 /**< forget what is to be sent */
#define UART_FCR_TRIGGER_SHIFT 6 /**< two bits: trigger level */
#define UART_LCR_DIVISOR 0x80 /**< DLAB */
#define UART_LCR_8N1 0x03 /**< 8 bits, no parity, 1 stop bit */
#define UART_MCR_DTR 0x01 /**< data terminal ready */
#define UART_MCR_RTS 0x02 /**< request to send */
#define UART_MCR_OUT1 0x04 /**< in a PC: not connected */
#define UART_MCR_OUT2 0x08 /**< in a PC: lets interrupts through */
#define UART_MCR_LOOP 0x10 /**< what is sent is received */
#define UART_MCR_BITS 0x1f /**< all that there are */
#define UART_LSR_DATA 0x01 /**< DR */
#define UART_LSR_OVERRUN 0x02 /**< OE */
#define UART_LSR_BREAK 0x10 /**< BI */
#define UART_LSR_THR_EMPTY 0x20 /**< THRE */
#define UART_LSR_EMPTY 0x40 /**< TEMT */
#define UART_MSR_CTS 0x10 /**< clear to send */
#define UART_MSR_DSR 0x20 /**< data set ready */
#define UART_MSR_RI 0x40 /**< ring indicator */
#define UART_MSR_DCD 0x80 /**< data carrier detect */
#define UART_MSR_LINES 0xf0 /**< the four lines; bits 3:0 are their changes */
#define UART_MSR_RI_WENT 0x04 /**< TERI; the other changes are the line's bit moved down by 4 */

#endif
