/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file last_cpu.h
 * @brief Be called when the machine sleeps and wakes, on its last CPU.
 *
 * The kernel's interface for it has changed (struct syscore_ops got a companion in Linux 6.19, and
 * in the stable series before that): this file is the only one that knows.
 */
#ifndef LAST_CPU_H
#define LAST_CPU_H

/**
 * Both callbacks run on the boot CPU with interrupts off, when every other CPU is offline.
 * One caller at a time. May sleep.
 *
 * @param suspends 0 lets the machine sleep, an errno keeps it awake
 * @param resumes the machine is awake again, or did not sleep after all
 */
void vtx_last_cpu_watch(int (*suspends)(void), void (*resumes)(void));

/** Do not call them any more. May sleep. */
void vtx_last_cpu_unwatch(void);

#endif
