/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_terminal.h
 * @brief A person's terminal as the terminal of a guest, and the way out of it.
 *
 * Every key goes to the guest, Ctrl-C included, but for these: Ctrl-A x and Ctrl-] end the guest;
 * Ctrl-A Ctrl-A is one Ctrl-A; Ctrl-A h says this. Inside `make lab`, Ctrl-] leaves the lab.
 */
#ifndef CMD_TERMINAL_H
#define CMD_TERMINAL_H

#include <stdbool.h>

#include "vtx_types.h"

/** What a key means. */
enum terminal_key {
	TERMINAL_BYTE, /**< it is for the guest */
	TERMINAL_NOTHING, /**< it was part of an escape */
	TERMINAL_LEAVE, /**< the guest is to end */
};

/** Take the keys for an escape apart. */
enum terminal_key terminal_key(u8 byte);
/** No echo, no line editing, no signals, every byte as it is; false: see errno. */
bool terminal_make_raw(int fd);
/** The same for a person's terminal; false if it is not ours: we are in the background. */
bool terminal_take(int fd);
/** What terminal_take() has changed becomes what it was. */
void terminal_give_back(void);

#endif
