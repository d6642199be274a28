// SPDX-License-Identifier: GPL-2.0
/*
 * Sleep and wake-up of the last CPU, for every kernel's idea of struct syscore_ops. Kbuild looks
 * into the kernel's header and defines VTX_HAVE_REGISTER_SYSCORE: a version number would not do,
 * because the change was also made in the middle of a stable series.
 */
#include <linux/syscore_ops.h>

#include "last_cpu.h"

static int (*last_cpu_suspends)(void);
static void (*last_cpu_resumes)(void);

#ifdef VTX_HAVE_REGISTER_SYSCORE
static int suspends(void *unused)
{
	return last_cpu_suspends();
}

static void resumes(void *unused)
{
	last_cpu_resumes();
}

static const struct syscore_ops ops = { .suspend = suspends, .resume = resumes };
static struct syscore syscore = { .ops = &ops };

#define syscore_start() register_syscore(&syscore)
#define syscore_stop() unregister_syscore(&syscore)
#else
static int suspends(void)
{
	return last_cpu_suspends();
}

static void resumes(void)
{
	last_cpu_resumes();
}

static struct syscore_ops ops = { .suspend = suspends, .resume = resumes };

#define syscore_start() register_syscore_ops(&ops)
#define syscore_stop() unregister_syscore_ops(&ops)
#endif

void vtx_last_cpu_watch(int (*on_suspend)(void), void (*on_resume)(void))
{
	last_cpu_suspends = on_suspend;
	last_cpu_resumes = on_resume;
	syscore_start();
}

void vtx_last_cpu_unwatch(void)
{
	syscore_stop();
}
