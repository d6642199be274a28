/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_run.h
 * @brief What the files of vtxctl run share.
 *
 * Each vCPU is run by a thread of its own; the main thread waits for signals and for the end. The
 * first that has a reason to end the guest says so with run_finish(), and the main thread calls the
 * others back.
 */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "vtx_types.h"
#include "vtxdrv.h"

/** Exit status of vtxctl run where it is not the guest's own. Part of the interface. */
enum run_status {
	RUN_STATUS_TIMEOUT = 124,
	RUN_STATUS_REFUSED = 125, /**< vtxctl or the driver refused */
	RUN_STATUS_CRASHED =
		126, /**< exception, triple fault, entry failed, exit without handler */
	RUN_STATUS_SIGNAL = 128, /**< and the number of the signal */
};

/** What was asked for. */
struct run_options {
	const char *guest; /**< path or name */
	u64 mem; /**< bytes */
	u64 vcpus; /**< how many */
	u64 arg; /**< what the guest finds in RSI */
	u64 timeout_ns; /**< 0: none */
	bool trace; /**< a line for each exit */
	bool stats; /**< exits by reason, at the end */
	bool json; /**< one object instead of text */
	bool hold; /**< keep the VM at the end */
	const char *dump; /**< file, NULL: none */
};

/** Why a guest is not run any more. */
enum run_end {
	RUN_GOES_ON = 0, /**< it is still run */
	RUN_EXITED, /**< the hypercall; code is its status */
	RUN_HALTED, /**< HLT on every vCPU, and nothing can wake it */
	RUN_TIMEOUT, /**< --timeout is over */
	RUN_INTERRUPTED, /**< code is the number of the signal */
	RUN_CRASHED, /**< see exit */
	RUN_SHUT_DOWN, /**< the CPU has left VMX operation */
	RUN_REFUSED, /**< the driver; code is the errno */
};

/** Where a lab machine has the guests of its stage. */
#define GUEST_FOLDER "/lab/guest"
/** Bytes of code that a crash report shows. */
#define RUN_CODE_BYTES 16
/** Room for run_hint()'s text and for run_code_text()'s, the terminating zero included. */
#define RUN_TEXT_SIZE 320

struct run;

/** One vCPU and its thread. */
struct run_vcpu {
	struct run *run; /**< that it belongs to */
	u32 id; /**< from 0 on */
	pthread_t thread; /**< who runs it */
	bool running; /**< the thread has not ended; under run->lock */
	struct vtx_run *page; /**< shared with the driver */
};

/** What the guest has printed; kept with --json only. */
struct run_output {
	char *text; /**< not terminated */
	size_t length; /**< bytes in text */
	size_t room; /**< bytes that text has room for */
	bool truncated; /**< it was more than we keep */
	bool lost; /**< stdout does not take it */
};

/** A guest, from its creation to its end. */
struct run {
	const struct run_options *options; /**< what was asked for */
	const char *path; /**< of the image */
	int fd; /**< the device */
	struct vtx_vm_info info; /**< of the VM */
	u8 *memory; /**< guest memory from address 0 on */
	u64 usable; /**< bytes of it that the guest can write */
	u64 image_size; /**< bytes that were loaded at VTX_GUEST_LOAD */
	struct run_vcpu vcpus[VTX_MAX_VCPUS]; /**< by id */
	u64 start_ns; /**< CLOCK_MONOTONIC */
	u64 end_ns; /**< the same clock */
	unsigned int parts_set_up; /**< of later projects: see cmd_run_parts.h */

	pthread_mutex_t lock; /**< of what follows */
	u32 running; /**< threads that have not ended */
	enum run_end end; /**< why it ended */
	int code; /**< see the end */
	u32 end_vcpu; /**< who has ended it */
	struct vtx_exit exit; /**< of that vCPU, the last one */
	struct run_output output; /**< with --json */
};

/** CLOCK_MONOTONIC in nanoseconds. */
u64 run_now(void);

/* ---- cmd_run_setup.c: until the guest can run ----------------------------------------------- */

/**
 * Find and read the image, create the VM, put the image into its memory and initialise the vCPUs.
 * Complains when one of them fails. What it has made is freed by run_release(), also after a
 * failure.
 *
 * @return 0 or enum run_status or CTL_NO_DEVICE
 */
int run_setup(struct run *run);

/** Free everything, the VM included. */
void run_release(struct run *run);

/* ---- cmd_run_vcpu.c, cmd_run_wait.c: while it runs ------------------------------------------- */

/** Run all vCPUs until there is a reason to end: run->end. @return false: a thread is missing */
bool run_guest(struct run *run);

/** The thread of a vCPU; @p argument is its struct run_vcpu. */
void *run_thread(void *argument);

/** The guest is to end, for this reason; the first one counts. @p exit may be NULL. */
void run_finish(struct run_vcpu *vcpu, enum run_end end, int code, const struct vtx_exit *exit);

/** Has somebody called run_finish()? */
bool run_is_over(struct run *run);

/** Wait for a signal to end vtxctl; the VM stays for regs and dump. */
void run_hold(const struct run *run);

/* ---- cmd_run_calls.c: hypercalls ------------------------------------------------------------- */

/** Answer a hypercall. @return true if the guest goes on */
bool run_hypercall(struct run_vcpu *vcpu, const struct vtx_exit *exit);

/** Output of the guest: to stdout, or kept for --json. Any thread. */
void run_put(struct run *run, const void *bytes, size_t length);

/* ---- cmd_run_report.c, cmd_run_stats.c, cmd_run_json.c: afterwards --------------------------- */

/** One line of --trace. */
void run_trace(const struct run_vcpu *vcpu, const struct vtx_exit *exit);

/** Say on stderr why the guest has ended, if it was not by its own exit. */
void run_report(struct run *run);

/** Print how often and at what cost the vCPUs have left the guest, on stderr. */
void run_print_stats(const struct run *run);

struct json_object;

/** The same as JSON; NULL after a complaint. */
struct json_object *run_json_stats(const struct run *run);

/** Print the one object of --json. */
void run_print_json(struct run *run);

/** Key of an end in JSON: "exit", "timeout", … */
const char *run_end_name(enum run_end end);

/** Exit status of vtxctl for this end. */
int run_status(const struct run *run);

/** What a crash hints at; "" where nobody knows. @p text has at least RUN_TEXT_SIZE bytes. */
void run_hint(const struct run *run, char *text);

/** The code at RIP in hexadecimal; "" if RIP is not in guest memory. RUN_TEXT_SIZE bytes. */
void run_code_text(const struct run *run, u64 rip, char *text);

#endif
