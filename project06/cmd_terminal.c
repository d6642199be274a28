// SPDX-License-Identifier: GPL-2.0
/*
 * The terminal of a guest, and its escapes.
 */
#include "cmd_terminal.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define PREFIX CTRL('A')
#define LEAVE_AT_ONCE CTRL(']')

static struct termios before;
static int taken = -1;
static bool prefixed;

static enum terminal_key after_prefix(u8 byte)
{
	switch (byte) {
	case 'x':
	case 'X':
		return TERMINAL_LEAVE;
	case PREFIX:
		return TERMINAL_BYTE;
	case 'h':
	case '?':
		fputs("\nvtxctl: Ctrl-A x or Ctrl-] ends the guest, Ctrl-A Ctrl-A sends one "
		      "Ctrl-A\n",
		      stderr);
		return TERMINAL_NOTHING;
	default:
		return TERMINAL_NOTHING;
	}
}

enum terminal_key terminal_key(u8 byte)
{
	bool was_prefixed = prefixed;

	prefixed = !was_prefixed && byte == PREFIX;
	if (was_prefixed)
		return after_prefix(byte);
	if (byte == LEAVE_AT_ONCE)
		return TERMINAL_LEAVE;
	return prefixed ? TERMINAL_NOTHING : TERMINAL_BYTE;
}

bool terminal_make_raw(int fd)
{
	struct termios raw;

	if (tcgetattr(fd, &raw))
		return false;
	cfmakeraw(&raw);
	return !tcsetattr(fd, TCSANOW, &raw);
}

/* Output is still processed: our own lines end in a newline only. */
bool terminal_take(int fd)
{
	struct termios raw;

	if (tcgetpgrp(fd) != getpgrp() || tcgetattr(fd, &before))
		return false;
	raw = before;
	cfmakeraw(&raw);
	raw.c_oflag = before.c_oflag;
	if (tcsetattr(fd, TCSANOW, &raw))
		return false;
	taken = fd;
	return true;
}

void terminal_give_back(void)
{
	if (taken >= 0)
		tcsetattr(taken, TCSANOW, &before);
	taken = -1;
}
