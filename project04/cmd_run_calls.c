// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run: hypercalls. Each number and address is the guest's, and believed in no way.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_run.h"
#include "ctl.h"
#include "guest/guest.h"

#define FIRST_ROOM 4096
#define OUTPUT_LIMIT (16U << 20)
#define STATUS_MAX 255
#define NO_SUCH_CALL (~0ULL)

/* ---- output ---------------------------------------------------------------------------------- */

static bool make_room(struct run_output *output, size_t more)
{
	size_t room = output->room ? output->room : FIRST_ROOM;
	char *text;

	while (room - output->length < more)
		room *= 2;
	if (room == output->room)
		return true;
	text = realloc(output->text, room);
	if (!text)
		return false;
	output->text = text;
	output->room = room;
	return true;
}

/* A guest that never stops printing must not take all memory. */
static void keep(struct run_output *output, const void *bytes, size_t length)
{
	if (length > OUTPUT_LIMIT - output->length) {
		length = OUTPUT_LIMIT - output->length;
		output->truncated = true;
	}
	if (!make_room(output, length)) {
		output->truncated = true;
		return;
	}
	memcpy(output->text + output->length, bytes, length);
	output->length += length;
}

/* At once, so that it stands where it belongs between lines of --trace. */
static void write_out(struct run *run, const void *bytes, size_t length)
{
	int err;

	if (fwrite(bytes, 1, length, stdout) == length && !fflush(stdout))
		return;
	err = errno;
	__fpurge(stdout); /* or the end of vtxctl would try it again, and complain again */
	clearerr(stdout);
	ctl_error("run: writing the guest's output failed: %s; the rest of it is lost.",
		  strerror(err));
	run->output.lost = true;
}

void run_put(struct run *run, const void *bytes, size_t length)
{
	pthread_mutex_lock(&run->lock);
	if (run->options->json) {
		keep(&run->output, bytes, length);
	} else if (!run->output.lost) {
		write_out(run, bytes, length);
	}
	pthread_mutex_unlock(&run->lock);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* What lies in the guest's own memory is written; how much that was is the answer. */
static u64 call_write(struct run *run, u64 address, u64 length)
{
	if (address >= run->usable)
		return 0;
	if (length > run->usable - address)
		length = run->usable - address;
	run_put(run, run->memory + address, length);
	return length;
}

static u64 call_putchar(struct run *run, u64 value)
{
	unsigned char byte = value;

	run_put(run, &byte, sizeof(byte));
	return 0;
}

static void call_exit(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	u64 status = exit->args[0];

	if (status > STATUS_MAX) {
		ctl_error("run: the guest's status 0x%" PRIx64
			  " is more than an exit status can be:"
			  " it becomes %d.",
			  status, STATUS_MAX);
		status = STATUS_MAX;
	}
	run_finish(vcpu, RUN_EXITED, status, exit);
}

bool run_hypercall(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	struct run *run = vcpu->run;
	u64 result = NO_SUCH_CALL;

	switch (exit->nr) {
	case VTX_CALL_EXIT:
		call_exit(vcpu, exit);
		return false;
	case VTX_CALL_PUTCHAR:
		result = call_putchar(run, exit->args[0]);
		break;
	case VTX_CALL_WRITE:
		result = call_write(run, exit->args[0], exit->args[1]);
		break;
	case VTX_CALL_ARGUMENT:
		if (!exit->args[0])
			result = run->options->arg;
		break;
	case VTX_CALL_VCPUS:
		result = run->info.vcpus;
		break;
	}
	vcpu->page->hypercall_result = result;
	return true;
}
