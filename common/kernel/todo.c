// SPDX-License-Identifier: GPL-2.0
/*
 * What an exercise in an assembly file calls until it is done; C has it in the macro.
 */
#include "vtx_todo.h"

void vtx_todo_say(const char *line)
{
	printk_ratelimited(KERN_NOTICE KBUILD_MODNAME ": %s", line);
}
