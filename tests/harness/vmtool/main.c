// SPDX-License-Identifier: GPL-2.0
/* The list of verbs, and the walk through the words. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmtool.h"

struct vm vm = { .fd = -1 };
bool quiet;

static const struct verb verbs[] = {
	{ "open", 0, verb_open, "the device, without a VM" },
	{ "create", 2, verb_create, "SIZE VCPUS (maps everything as well)" },
	{ "config", 3, verb_config, "NAME-IN-HEX SIZE VCPUS (on a file of its own; its errno)" },
	{ "again", 0, verb_again, "(a second VM on the same file; its errno)" },
	{ "pointers", 0, verb_pointers, "(to a configuration that is not there)" },
	{ "compat", 0, verb_compat, "(create a VM by the system call of a 32-bit program)" },
	{ "dirty", 2, verb_dirty, "SIZE SEED (use memory, and give it back full of words)" },
	{ "zeroed", 0, verb_zeroed, "(how many words of guest memory are not zero)" },
	{ "stamp", 1, verb_stamp, "SEED (a word of its own into each page)" },
	{ "stamped", 1, verb_stamped, "SEED (are they there?)" },
	{ "maps", 0, verb_maps, "(mappings that must be refused, and one that must not)" },
	{ "mapped", 0, verb_mapped, "(close the file, keep the mapping)" },
	{ "use", 1, verb_use, "ID (look at the VM of another process, for where and fields)" },
	{ "where", 1, verb_where, "VCPU (its control structure, and the CPU that has it)" },
	{ "fields", 1, verb_fields, "VCPU (ENCODING:VALUE:ERROR of each field)" },
	{ "map", 2, verb_map, "OFFSET LENGTH (and unmap again)" },
	{ "code", 1, verb_code, "HEX (to the load address)" },
	{ "fill", 2, verb_fill, "ADDRESS HEX" },
	{ "read", 2, verb_read, "ADDRESS LENGTH" },
	{ "frames", 0, verb_frames, "(the host's page frames, by /proc/self/pagemap)" },
	{ "info", 0, verb_info, "(of the VM)" },
	{ "vcpu", 1, verb_vcpu, "VCPU" },
	{ "state", 1, verb_state, "VCPU (every field of the control structure)" },
	{ "init", 2, verb_init, "VCPU ARGUMENT" },
	{ "initat", 4, verb_initat, "VCPU RIP RSP ARGUMENT" },
	{ "regs", 1, verb_regs, "VCPU" },
	{ "setreg", 3, verb_setreg, "VCPU NAME VALUE" },
	{ "sregs", 1, verb_sregs, "VCPU" },
	{ "setsreg", 3, verb_setsreg, "VCPU NAME VALUE (cs.access, gdtr.base, cr4, dr7 …)" },
	{ "stats", 1, verb_stats, "VCPU" },
	{ "run", 2, verb_run, "VCPU MILLISECONDS (one VTXDRV_RUN_VCPU; 0: no limit)" },
	{ "guest", 2, verb_guest, "VCPU MILLISECONDS (hypercalls served)" },
	{ "guests", 1, verb_guests, "MILLISECONDS (every vCPU, each in a thread)" },
	{ "result", 2, verb_result, "VCPU VALUE (of the hypercall it came back with)" },
	{ "every", 2, verb_every, "VCPU 0|1 (come back after each exit)" },
	{ "cpu", 1, verb_cpu, "CPU (go there and stay)" },
	{ "alarm", 1, verb_alarm, "MILLISECONDS (then a signal)" },
	{ "wander", 2, verb_wander, "TIMES MILLISECONDS (from CPU to CPU, in the background)" },
	{ "hold", 0, verb_hold, "(keep the VM in a process of its own; prints its id)" },
	{ "spin", 1, verb_spin, "VCPU (the same, and run it for ever)" },
	{ "sleep", 1, verb_sleep, "MILLISECONDS" },
	{ "busy", 2, verb_busy, "PROCESSES MILLISECONDS (with x87, SSE and AVX registers)" },
	{ "faults", 1, verb_faults, "COUNT (page faults of this process: they change CR2)" },
	{ "clock", 0, verb_clock, "(milliseconds since the last one)" },
	{ "probe", 1, verb_probe, "LINE (to vtxprobe, from here)" },
	{ "cputime", 0, verb_cputime, "(microseconds of CPU time since the last one)" },
	{ "event", 6, verb_event, "VCPU KIND VECTOR VALUE CODE ADDRESS" },
	{ "later", 5, verb_later, "MILLISECONDS VCPU KIND VECTOR VALUE (an event, by a thread)" },
	{ "timer", 4, verb_timer, "VCPU VECTOR MILLISECONDS MICROSECONDS (from now; period)" },
	{ "msrs", 3, verb_msrs, "FIRST COUNT ACTION" },
	{ "events", 1, verb_events, "VCPU (what waits to be injected)" },
	{ "data", 2, verb_data, "VCPU VALUE (the answer to IN, RDMSR, INTA)" },
	{ "flags", 2, verb_flags, "VCPU FLAGS (VTX_RUN_* of the next turns)" },
	{ "serve", 3, verb_serve, "VCPU MILLISECONDS SEED (IN reads words that the seed gives)" },
	{ "until", 3, verb_until, "VCPU KIND TURNS (exit by exit, up to one of this kind)" },
	{ "torture", 4, verb_torture, "SEED FIRST COUNT SHOW (random code; 1: digests, 2: exits)" },
	{ "slot", 5, verb_slot, "SLOT FLAGS GPA SIZE OFFSET (size 0: unmap)" },
	{ "slots", 0, verb_slots, "(all of them)" },
	{ "protect", 3, verb_protect, "ACCESS GPA SIZE (1 read, 2 write, 4 execute)" },
	{ "dirtylog", 4, verb_dirtylog, "SLOT CLEAR FIRST-PAGE PAGES (and one word behind)" },
	{ "walk", 1, verb_walk, "GPA (the entries, as the driver has them)" },
	{ "ranges", 1, verb_ranges, "SPLIT (all that the tables map)" },
	{ "memory", 0, verb_memory, "(populated, tables, faults, flushes)" },
	{ "touch", 3, verb_touch, "OFFSET LENGTH STEP (by the owner, in his mapping)" },
	{ "zeros", 2, verb_zeros, "OFFSET LENGTH (how many words there are not zero)" },
	{ "misconfigure", 1, verb_misconfigure, "GPA (no processor takes the entry any more)" },
	{ "number", 5, verb_number, "OFFSET PAGES FIRST STEP FLIP (a word for each page)" },
	{ "freed", 2, verb_freed, "FRAME PAGES (how many of them are free)" },
	{ "take", 1, verb_take, "SIZE (of the host's memory, beside the VM)" },
	{ "lock", 0, verb_lock, "(what this process has of its own stays in memory)" },
	{ "release", 0, verb_release, "(it is the host's again)" },
	{ "begin", 2, verb_begin, "VCPU MILLISECONDS (run it while the next verbs are done)" },
	{ "finish", 1, verb_finish, "VCPU (wait until that has ended)" },
	{ "start", 5, verb_start, "VCPU MODE RIP RSP ARGUMENT (enum vtx_vcpu_mode)" },
	{ "page", 1, verb_page, "VCPU (registers in the shared page)" },
	{ "give", 3, verb_give, "VCPU NAME VALUE (a register for the next turn)" },
	{ "skip", 2, verb_skip, "VCPU BYTES (RIP goes on with the next turn)" },
	{ "probes", 1, verb_probes, "FILE (the same with each line of a file)" },
	{ "close", 0, verb_close, "(the VM is gone)" },
};

void answer(const char *format, ...)
{
	va_list arguments;

	if (quiet)
		return;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
}

uint64_t number(const char *word)
{
	char *end;
	uint64_t value = strtoull(word, &end, 0);

	switch (*end) {
	case 'G':
		value <<= 10; /* fall through */
	case 'M':
		value <<= 10; /* fall through */
	case 'K':
		value <<= 10;
		end++;
	}
	if (*end || end == word) {
		fprintf(stderr, "vmtool: %s is no number\n", word);
		exit(2);
	}
	return value;
}

const char *errno_name(int error)
{
	const char *name = strerrorname_np(error);
	static char text[16];

	if (name)
		return name;
	snprintf(text, sizeof(text), "%d", error);
	return text;
}

static const struct verb *find(const char *name)
{
	for (unsigned int i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static int usage(const char *wrong)
{
	fprintf(stderr, "vmtool: %s\n\nvmtool VERB … [try VERB …] [repeat N VERB …]\n", wrong);
	for (unsigned int i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		fprintf(stderr, "  %-8s %s\n", verbs[i].name, verbs[i].help);
	return 2;
}

/* One verb; returns how many words it took, or 0: it failed, and *status says what to exit with. */
static int step(int count, char **words, int *status)
{
	bool may_fail = !strcmp(words[0], "try");
	const struct verb *verb = count > may_fail ? find(words[may_fail]) : NULL;
	int error;

	if (!verb || count - may_fail <= verb->args) {
		*status = usage(words[0]);
		return 0;
	}
	error = verb->act(words + may_fail + 1);
	if (error)
		printf("error verb=%s errno=%s\n", verb->name, errno_name(error));
	else if (may_fail)
		printf("done verb=%s\n", verb->name);
	fflush(stdout);
	*status = error && !may_fail;
	return *status ? 0 : may_fail + 1 + verb->args;
}

static int walk(int count, char **words)
{
	int status = 0;

	while (count > 0) {
		if (!strcmp(words[0], "repeat") && count > 2) {
			quiet = true;
			for (uint64_t i = number(words[1]); i && !status; i--)
				status = walk(count - 2, words + 2);
			quiet = false;
			return status;
		}
		int taken = step(count, words, &status);

		if (!taken)
			return status;
		words += taken;
		count -= taken;
	}
	return 0;
}

int main(int argc, char **argv)
{
	return argc > 1 ? walk(argc - 1, argv + 1) : usage("a verb is missing");
}
