/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_serial.h
 * @brief The other end of the guest's serial line: vtxctl run --serial.
 *
 * All functions but the first two and the last are called with bus_lock() held.
 */
#ifndef CMD_SERIAL_H
#define CMD_SERIAL_H

#include "cmd_run.h"

/** The argument of --serial. @return NULL, or what is wrong with it */
const char *serial_choose(const char *where);
/** Open what was chosen; complains and returns false if that fails. */
bool serial_open(struct run *run);
/**
 * The guest listens to its serial line: from now on stdin is its keyboard, if nothing else is.
 *
 * @return true if serial_input() is another one now
 */
bool serial_touch(void);
/** What to poll for input; -1: nothing can come, or there is no room for more. */
int serial_input(void);
/** serial_input() is readable. @return false: whoever types wants the guest to end */
bool serial_take(void);
/** The next character for the guest. @return false: there is none */
bool serial_next(u8 *byte);
/** A character of the guest's goes out. */
void serial_send(u8 byte);
/** The terminal gets back what it had, and everything is closed. */
void serial_close(void);

#endif
