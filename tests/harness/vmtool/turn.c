// SPDX-License-Identifier: GPL-2.0
/* Turns of a vCPU that others take part in: in the background, and with registers given back. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "vmtool.h"

/* A vCPU that runs while further words are read. */
struct background {
	pthread_t thread;
	bool begun;
	uint64_t limit_ms;
	struct output out;
	int vcpu, error;
};

static struct background all[VTX_MAX_VCPUS];

static void *run_one(void *argument)
{
	struct background *mine = argument;

	mine->error = run_guest(mine->vcpu, mine->limit_ms, &mine->out);
	return NULL;
}

static struct background *one(const char *word)
{
	uint64_t vcpu = number(word);

	return vcpu < (uint64_t)vm.vcpus ? &all[vcpu] : NULL;
}

int verb_begin(char **words)
{
	struct background *mine = one(words[0]);

	if (!mine)
		return ERANGE;
	if (mine->begun)
		return EBUSY;
	mine->vcpu = (int)number(words[0]);
	mine->limit_ms = number(words[1]);
	mine->begun = true;
	return pthread_create(&mine->thread, NULL, run_one, mine);
}

int verb_finish(char **words)
{
	struct background *mine = one(words[0]);

	if (!mine || !mine->begun)
		return ESRCH;
	mine->begun = false;
	pthread_join(mine->thread, NULL);
	if (mine->error)
		return mine->error;
	print_output(mine->vcpu, &mine->out);
	print_exit(mine->vcpu, 0);
	return 0;
}

int verb_start(char **words)
{
	struct vtx_vcpu_init how = { .vcpu = (uint32_t)number(words[0]),
				     .mode = (uint32_t)number(words[1]), .rip = number(words[2]),
				     .rsp = number(words[3]), .rsi = number(words[4]) };

	how.rdi = how.vcpu;
	if (ioctl(vm.fd, VTXDRV_INIT_VCPU, &how))
		return errno;
	answer("init vcpu=%u usable=%#llx\n", how.vcpu, how.usable);
	return 0;
}

/* What the caller finds in the page, and what he puts there: with the next turn only. */
int verb_page(char **words)
{
	uint64_t vcpu = number(words[0]);

	if (vcpu >= (uint64_t)vm.vcpus)
		return ERANGE;
	print_regs(&vm.run[vcpu]->regs, (uint32_t)vcpu);
	print_sregs(&vm.run[vcpu]->sregs, (uint32_t)vcpu);
	return 0;
}

int verb_give(char **words)
{
	uint64_t vcpu = number(words[0]);

	if (vcpu >= (uint64_t)vm.vcpus)
		return ERANGE;
	vm.run[vcpu]->flags |= VTX_RUN_SET_REGS;
	return set_reg(&vm.run[vcpu]->regs, words[1], number(words[2]));
}

int verb_skip(char **words)
{
	uint64_t vcpu = number(words[0]);

	if (vcpu >= (uint64_t)vm.vcpus)
		return ERANGE;
	vm.run[vcpu]->flags |= VTX_RUN_SET_REGS;
	vm.run[vcpu]->regs.rip += number(words[1]);
	return 0;
}
