// SPDX-License-Identifier: GPL-2.0
/* What a child of PID 1 has to undo before it may run somebody else's program. */
#include "agent.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/** Signals as in a fresh process, and no protection against the out-of-memory killer. */
void child_become_ordinary(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	sigset_t none;

	if (fd >= 0 && write(fd, "0", 1) != 1)
		_exit(126);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/** Guest time in milliseconds: what timeouts count in. */
uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}
