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
 *
 * In an assembly file, VTX_TODO() says the line and leaves -ENOSYS in EAX, as a call of a C
 * function would; a return has to follow.
 */
#ifndef VTX_TODO_H
#define VTX_TODO_H

#ifdef __ASSEMBLY__
#include <asm-generic/errno.h>

/* clang-format off */
#define VTX_TODO(number, text)							\
	.pushsection .rodata ;							\
	901: .ascii "exercise ", number, " is not done yet: ", text, "\n\0" ;	\
	.popsection ;								\
	lea 901b(%rip), %rdi ;							\
	call vtx_todo_say ;							\
	mov $-ENOSYS, %eax
/* clang-format on */

#else

#include "vtx_types.h"

#ifdef __KERNEL__
#include <linux/printk.h>
#include <linux/ratelimit.h>
/** Print the line of VTX_TODO(), a few times a second at most; what is left out is no warning. */
#define vtx_todo_print(text) \
	do { \
		static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, \
					      DEFAULT_RATELIMIT_BURST); \
		limit.flags = RATELIMIT_MSG_ON_RELEASE; \
		if (__ratelimit(&limit)) \
			printk(KERN_NOTICE KBUILD_MODNAME ": " text); \
	} while (0)
#else
#include <stdio.h>
/** Print the line of VTX_TODO(), once a run. */
#define vtx_todo_print(text) \
	do { \
		static bool told; \
		if (!told) \
			fputs(text, stderr); \
		told = true; \
	} while (0)
#endif

/** Say which exercise is missing; both arguments are string literals, the value is -ENOSYS. */
#define VTX_TODO(number, text) \
	({ vtx_todo_print("exercise " number " is not done yet: " text "\n"); -ENOSYS; })

#ifdef __KERNEL__
/** What VTX_TODO() in an assembly file calls; preemption and interrupts on or off. */
asmlinkage void vtx_todo_say(const char *line);
#endif

#endif /* __ASSEMBLY__ */
#endif
