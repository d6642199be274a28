// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run --trace and --stats: which VM exits there were, when, and what they cost.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cmd_exit_text.h"
#include "cmd_run.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vendor.h"

#define NS_PER_SECOND 1000000000.0
#define NS_PER_MS 1000000.0

static double seconds_of(const struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	u64 start = vcpu->run->start_ns;

	return exit->time_ns > start ? (exit->time_ns - start) / NS_PER_SECOND : 0.0;
}

/* Between two entries the driver needs to know something: it is none of the processor's exits. */
static void trace_event(const struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	fprintf(stderr, "%12.6f vCPU %-2u RIP 0x%-8" PRIx64 " before the entry: %s -> vtxctl\n",
		seconds_of(vcpu, exit), vcpu->id, (uint64_t)exit->rip, exit_kind_name(exit->kind));
}

void run_trace(const struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	char text[EXIT_TEXT_SIZE];

	/* The guest was interrupted, and has not exited. */
	if (exit->kind == VTX_EXIT_SIGNAL || exit->kind == VTX_EXIT_TIMEOUT)
		return;
	if (exit->kind == VTX_EXIT_INTA || exit->kind == VTX_EXIT_TIMER) {
		trace_event(vcpu, exit);
		return;
	}
	exit_describe(exit, text);
	fprintf(stderr, "%12.6f vCPU %-2u RIP 0x%-8" PRIx64 " %s%s%s%s\n", seconds_of(vcpu, exit),
		vcpu->id, (uint64_t)exit->rip,
		exit->instruction_error ? "VM entry failed" : exit_name(exit),
		*text ? ": " : "", text, exit->handled ? "" : " -> vtxctl");
}

/* All vCPUs together. */
struct totals {
	u64 entries;
	u64 exits;
	u64 tsc_khz;
	struct vtx_exit_count reasons[VTX_EXIT_REASONS];
};

static bool read_totals(const struct run *run, struct totals *totals)
{
	struct vtx_vcpu_stats stats;
	u32 reason;
	u32 i;

	memset(totals, 0, sizeof(*totals));
	for (i = 0; i < run->info.vcpus; i++) {
		memset(&stats, 0, sizeof(stats));
		stats.vcpu = i;
		if (ioctl(run->fd, VTXDRV_GET_STATS, &stats)) {
			ctl_error("run: --stats: vCPU %u: %m. dmesg may say more.", i);
			return false;
		}
		totals->entries += stats.entries;
		totals->tsc_khz = stats.tsc_khz;
		for (reason = 0; reason < VTX_EXIT_REASONS; reason++) {
			totals->exits += stats.exits[reason].count;
			totals->reasons[reason].count += stats.exits[reason].count;
			totals->reasons[reason].cycles += stats.exits[reason].cycles;
		}
	}
	return true;
}

static double mean_cycles(const struct vtx_exit_count *count)
{
	return count->count ? (double)count->cycles / count->count : 0.0;
}

/* 0 where the kernel does not know how fast the TSC is. */
static double mean_ns(const struct totals *totals, const struct vtx_exit_count *count)
{
	return totals->tsc_khz ? mean_cycles(count) * NS_PER_MS / totals->tsc_khz : 0.0;
}

static void print_reason(const struct totals *totals, u32 reason)
{
	const struct vtx_exit_count *count = &totals->reasons[reason];

	fprintf(stderr, "  %-34s%10" PRIu64 "%16.0f%12.0f\n",
		exit_reason_name(exit_counted_as(reason)), (uint64_t)count->count,
		mean_cycles(count), mean_ns(totals, count));
}

void run_print_stats(const struct run *run)
{
	struct totals totals;
	u32 reason;

	if (!read_totals(run, &totals))
		return;
	fflush(stdout);
	fprintf(stderr,
		"%" PRIu64 " VM entries, %" PRIu64 " VM exits, %.6f s; cost is from the exit "
		"to the next entry\n  %-34s%10s%16s%12s\n",
		totals.entries, totals.exits, (run->end_ns - run->start_ns) / NS_PER_SECOND,
		"reason", "exits", "TSC ticks each", "ns each");
	for (reason = 0; reason < VTX_EXIT_REASONS; reason++) {
		if (totals.reasons[reason].count)
			print_reason(&totals, reason);
	}
}

static struct json_object *json_reason(const struct totals *totals, u32 reason)
{
	const struct vtx_exit_count *count = &totals->reasons[reason];
	struct json_object *object = json_object_new_object();

	ctl_json_put_int(object, "reason", exit_counted_as(reason));
	ctl_json_put_text(object, "name", exit_reason_name(exit_counted_as(reason)));
	ctl_json_put_int(object, "count", count->count);
	json_object_object_add(object, "mean_cycles", json_object_new_double(mean_cycles(count)));
	json_object_object_add(object, "mean_ns", json_object_new_double(mean_ns(totals, count)));
	return object;
}

struct json_object *run_json_stats(const struct run *run)
{
	struct json_object *object;
	struct json_object *reasons;
	struct totals totals;
	u32 reason;

	if (!read_totals(run, &totals))
		return NULL;
	object = json_object_new_object();
	reasons = json_object_new_array();
	ctl_json_put_int(object, "entries", totals.entries);
	ctl_json_put_int(object, "exits", totals.exits);
	ctl_json_put_int(object, "tsc_khz", totals.tsc_khz);
	for (reason = 0; reason < VTX_EXIT_REASONS; reason++) {
		if (totals.reasons[reason].count)
			json_object_array_add(reasons, json_reason(&totals, reason));
	}
	json_object_object_add(object, "reasons", reasons);
	return object;
}
