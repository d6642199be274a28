/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_machine.h
 * @brief The PC around a guest: its devices, wired together and to the driver.
 */
#ifndef CMD_MACHINE_H
#define CMD_MACHINE_H

#include "cmd_dev_pic.h"
#include "cmd_dev_pit.h"
#include "cmd_dev_rtc.h"
#include "cmd_dev_uart.h"
#include "cmd_run.h"

/** All of it is under bus_lock(). */
struct machine {
	struct run *run; /**< NULL: not set up */
	u64 start_ns; /**< when the PIT's time began: CLOCK_MONOTONIC */
	struct pic pic; /**< the interrupt controllers */
	struct pit pit; /**< the interval timer */
	struct rtc rtc; /**< the clock */
	struct uart uart; /**< the serial port */
	u8 system_b; /**< port 61H, what was written */
	u8 system_a; /**< port 92H */
	bool line; /**< INTR, as the driver knows it */
	bool line_failed; /**< there was a complaint */
	int wake; /**< an eventfd: the thread is to look again */
	u64 deadline; /**< until when the thread sleeps; ~0: until it is woken */
	bool stopping; /**< the thread is to end */
	pthread_t thread; /**< serves timers and the serial line */
	bool has_thread; /**< it was started */
};

/** The only one. */
extern struct machine machine;

/** The time of the PIT. */
u64 machine_clocks(void);
/**
 * Something has happened: outputs of devices become inputs of the PICs, INTR is told to the driver,
 * and the thread is woken if there is something to do earlier than it knows. Under bus_lock().
 */
void machine_update(void);
/** When a timer's interrupt is due, CLOCK_MONOTONIC; ~0: none is. Under bus_lock(). */
u64 machine_deadline(void);
/** The guest ends, and the main thread hears of it. */
void machine_end(enum run_end end, int code);

/* ---- cmd_machine_ports.c --------------------------------------------------------------------- */

/** Put the devices to their ports. */
bool machine_register(void);

/* ---- cmd_machine_thread.c -------------------------------------------------------------------- */

/** Start the thread that serves timers and the serial line; complains. */
bool machine_start_thread(void);
/** The other way round; not under bus_lock(). */
void machine_stop_thread(void);
/** The thread is to look again. */
void machine_wake(void);

#endif
