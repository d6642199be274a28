/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file probe.h
 * @brief vtxprobe: the grader's own eyes and hands inside the lab machine's kernel.
 *
 * Write one line to /dev/vtxprobe, read the answer on the same file. It shares no code with the
 * module under test, so that both cannot be wrong in the same way.
 */
#ifndef VTXPROBE_H
#define VTXPROBE_H

#include <linux/types.h>

#define PROBE_ARGS 5
#define PROBE_ANSWER 12288

/** One question, taken apart: numbers after the command word, in C notation. */
struct probe_query {
	u64 arg[PROBE_ARGS];
	char *out; /**< PROBE_ANSWER bytes for the answer */
};

/** @return length of the answer in q->out, or a negative errno */
typedef int probe_fn(struct probe_query *q);

/** A line that vtxprobe understands. */
struct probe_command {
	const char *name;
	int args; /**< how many numbers it needs */
	probe_fn *run;
	const char *help; /**< names of the numbers, what comes back */
};

/** Run fn on a CPU, in its interrupt; @return -ERANGE for no such CPU, -ENXIO for one offline. */
int probe_on_cpu(u64 cpu, void (*fn)(void *arg), void *arg);

probe_fn probe_host, probe_cr0, probe_cr4, probe_cr4copy, probe_efer, probe_setcr0, probe_setcr4;
probe_fn probe_rdmsr, probe_wrmsr, probe_cpuid;
probe_fn probe_slept, probe_witness, probe_vmxop, probe_vmxon, probe_vmxoff, probe_vmxscrub;
probe_fn probe_vmcs, probe_switch, probe_call, probe_callout, probe_page, probe_set;
probe_fn probe_callpages;
probe_fn probe_phys, probe_poke, probe_pages, probe_names;
probe_fn probe_hang, probe_triplefault, probe_oops, probe_warn, probe_lockup;

/** Does a function of a module or of the kernel begin at this address? */
bool probe_is_function(u64 address);

/** Is this CPU in VMX operation? @p arg is a bool. Runs on the CPU in question. */
void probe_in_use(void *arg);

/**
 * Watch two moments that no test can see: at reboot, after everybody else's notifiers, write to the
 * console which CPUs are still in VMX operation; at suspend, after everybody who came later, note
 * whether the last CPU is.
 */
int probe_witness_start(void);
/** Stop watching. */
void probe_witness_stop(void);

/** Leave VMX operation wherever `vmxon` entered it, and free the regions. */
void probe_vmx_cleanup(void);

/** Free the pages that `page` has handed out. */
void probe_call_cleanup(void);

#endif
