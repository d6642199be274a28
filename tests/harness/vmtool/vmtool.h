/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmtool.h
 * @brief vmtool: the grader's own user of /dev/vtxdrv, steered by a list of words.
 *
 *	vmtool create 1M 1 code 0f01c1 init 0 7 guest 0 1000 regs 0
 *
 * A command in the lab machine costs a tenth of a second, so that one call does all that a test
 * wants to know. Each verb takes its arguments and prints a line, or several: its name and then
 * KEY=VALUE. A verb that fails prints `error verb=NAME errno=NAME` and ends the program with 1.
 */
#ifndef VMTOOL_H
#define VMTOOL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "vtxdrv.h"

/** Where a flat guest is loaded: common knowledge of vtxctl, the guests and this tool. */
#define LOAD 0x10000ULL
#define PAGE 4096ULL
/** Bytes that a guest can print before the rest is dropped. */
#define OUTPUT_MAX 65536

/** What a vCPU has printed by hypercalls, and how it ended. */
struct output {
	char text[OUTPUT_MAX];
	uint32_t length;
	long code; /**< of hypercall 0, or -1 */
	uint64_t hypercalls;
};

/** The VM that the verbs are about. */
struct vm {
	int fd; /**< -1: none */
	uint8_t *memory;
	uint64_t size;
	int vcpus;
	struct vtx_run *run[VTX_MAX_VCPUS];
};

/** One verb; the arguments are @p count words. @return 0, or an errno */
struct verb {
	const char *name;
	int args;
	int (*act)(char **words);
	const char *help;
};

extern struct vm vm;
extern volatile sig_atomic_t signals; /**< that `alarm` has sent since the last `run` was over */
extern bool quiet; /**< inside `repeat`: print nothing but errors */

/** Print a line of an answer unless quiet. */
__attribute__((format(printf, 1, 2))) void answer(const char *format, ...);
/** A number in C notation; ends the program where it is none. */
uint64_t number(const char *word);
/** An errno by name, or its number where it has none here. */
const char *errno_name(int error);

/* vm.c: make, fill, look at, end */
int verb_open(char **words), verb_create(char **words), verb_map(char **words);
int verb_code(char **words), verb_fill(char **words), verb_read(char **words);
int verb_frames(char **words), verb_info(char **words), verb_vcpu(char **words);
int verb_state(char **words), verb_close(char **words);

/* setup.c: VMs that never run */
int verb_config(char **words), verb_again(char **words), verb_pointers(char **words);
int verb_compat(char **words), verb_dirty(char **words), verb_zeroed(char **words);
int verb_stamp(char **words), verb_stamped(char **words), verb_maps(char **words);
int verb_mapped(char **words), verb_use(char **words);
int verb_where(char **words), verb_fields(char **words);

/* regs.c: registers */
int verb_init(char **words), verb_initat(char **words), verb_regs(char **words);
int verb_setreg(char **words), verb_sregs(char **words), verb_setsreg(char **words);
int verb_stats(char **words);

/** Print registers by name. */
void print_regs(const struct vtx_regs *all, uint32_t vcpu);
void print_sregs(const struct vtx_sregs *all, uint32_t vcpu);
/** Change one of them. @return 0 or ESRCH */
int set_reg(struct vtx_regs *all, const char *name, uint64_t value);

/* run.c: run, and what comes back */
int verb_run(char **words), verb_guest(char **words), verb_guests(char **words);
int verb_result(char **words), verb_every(char **words);
/** Run a vCPU until it ends, serving hypercalls. @return 0 or an errno; the exit is in its page */
int run_guest(int vcpu, uint64_t limit_ms, struct output *out);
/** One turn, of at most so many nanoseconds; 0: no limit. @return 0 or an errno */
int run_once(int vcpu, uint64_t limit_ns);
/** Print the exit in a vCPU's page. */
void print_exit(int vcpu, uint64_t took_ns);
/** Print what a vCPU has printed. */
void print_output(int vcpu, const struct output *out);
/** What an exit of this kind is called here. */
const char *kind_name(uint32_t kind);

/* life.c: time, CPUs, signals, other processes */
int verb_cpu(char **words), verb_alarm(char **words), verb_wander(char **words);
int verb_hold(char **words), verb_spin(char **words), verb_sleep(char **words);
int verb_busy(char **words), verb_faults(char **words), verb_clock(char **words);
int verb_probe(char **words), verb_probes(char **words), verb_cputime(char **words);

/* mem.c: slots, tables, the dirty log */
int verb_slot(char **words), verb_slots(char **words), verb_protect(char **words);
int verb_dirtylog(char **words), verb_walk(char **words), verb_ranges(char **words);
int verb_memory(char **words), verb_touch(char **words), verb_freed(char **words);
int verb_take(char **words), verb_release(char **words);
int verb_zeros(char **words), verb_misconfigure(char **words);
int verb_number(char **words), verb_lock(char **words);

/* turn.c: turns in the background, and registers given back with the next one */
int verb_begin(char **words), verb_finish(char **words), verb_start(char **words);
int verb_page(char **words), verb_give(char **words), verb_skip(char **words);

/* events.c: what comes to a guest from outside */
int verb_event(char **words), verb_later(char **words), verb_timer(char **words);
int verb_msrs(char **words), verb_events(char **words), verb_data(char **words);
int verb_flags(char **words), verb_serve(char **words), verb_until(char **words);

/* torture*.c: guests that nobody has written */
int verb_torture(char **words);

#endif
