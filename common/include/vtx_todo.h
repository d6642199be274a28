/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vtx_todo.h
 * @brief What stands in the place of a solution until the student has written it.
 *
 * An exercise is marked once, in the reference source:
 * @code
 *	/ * EXERCISE 2.3 (15 points): title ... * /
 *	#ifndef TODO_2_3
 *		the solution
 *	#else
 *		return VTX_TODO("2.3", "what happens until it is solved");
 *	#endif
 * @endcode
 * `make project02 TODO="2.3"` builds with that exercise unsolved; a starter tree is unifdef with
 * every TODO_ symbol defined.
 */
#ifndef VTX_TODO_H
#define VTX_TODO_H

#include "vtx_types.h"

#ifdef __KERNEL__
#include <linux/printk.h>
/** Print the line of VTX_TODO(). */
#define vtx_todo_print(number, text) \
	pr_notice_ratelimited("exercise %s is not done yet: %s\n", number, text)
#else
#include <stdio.h>
#define vtx_todo_print(number, text) \
	fprintf(stderr, "exercise %s is not done yet: %s\n", number, text)
#endif

/** Say which exercise is missing; the value is -ENOSYS. */
#define VTX_TODO(number, text) (vtx_todo_print(number, text), -ENOSYS)

#endif
