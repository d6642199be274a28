/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file run.h
 * @brief Unit `run`: vCPUs execute.
 */
#ifndef RUN_H
#define RUN_H

#include "unit.h"
#include "vm.h"

/** VTXDRV_RUN_VCPU, and the registers of a vCPU. */
extern const struct vtx_unit run_unit;

/** What the run loop does next. */
enum vtx_next {
	VTX_NEXT_GUEST, /**< enter the guest again */
	VTX_NEXT_ASIDE, /**< put the vCPU, let others have CPU and vCPU, and come back */
	VTX_NEXT_USER, /**< return to user space: vcpu->exit says why */
};

/** One call of VTXDRV_RUN_VCPU. */
struct vtx_turn {
	struct vtx_vcpu *vcpu;
	u64 deadline; /**< CLOCK_MONOTONIC in ns; U64_MAX: none */
	bool every_exit; /**< VTX_RUN_EVERY_EXIT */
	int err; /**< for the caller, with VTX_NEXT_USER */
	u64 exit_tsc; /**< when the last exit was; 0: it is accounted for */
};

/**
 * The run loop (exercise 4.5): run the vCPU until user space has something to look at. May sleep.
 * vcpu->lock is held, the guest's FPU state is the task's.
 *
 * @return 0: see vcpu->exit; -EIO: see the log; -ENOSYS while an exercise is not done
 */
int vtx_run_loop(struct vtx_turn *turn);

/**
 * What has to be done before the guest may be entered: a signal, a deadline, a visitor, another
 * task, a CPU that is not in VMX operation? Loaded, interrupts off. Fills in vcpu->exit where the
 * answer is VTX_NEXT_USER.
 */
enum vtx_next vtx_before_entry(struct vtx_turn *turn);

/**
 * Enter once and note the exit: guest time, statistics and decoding. Loaded, interrupts off, and
 * off afterwards, so that nobody has come between.
 *
 * @return 0: vcpu->exit is filled in; -EIO, -ENOSYS as of hv->enter
 */
int vtx_enter_once(struct vtx_turn *turn);

/**
 * Answer vcpu->exit, or leave it to user space. Loaded, interrupts off. vcpu->exit.handled tells
 * user space which of the two it was.
 */
enum vtx_next vtx_handle_exit(struct vtx_vcpu *vcpu);

/** Dump and explain what nobody could handle, into the log. Loaded; interrupts on. */
void vtx_log_exit(struct vtx_vcpu *vcpu);

/**
 * Let visitors of the vCPU and other tasks go first. Not loaded; may sleep. vcpu->lock is held
 * before and after, but not throughout.
 */
void vtx_step_aside(struct vtx_vcpu *vcpu);

/**
 * The vCPU's exit was none of the processor's: kind, with the guest's RIP and the time. Any context.
 */
void vtx_exit_set(struct vtx_vcpu *vcpu, enum vtx_exit_kind kind);

/** The ioctl VTXDRV_RUN_VCPU. */
long vtx_ioctl_run(struct vtx_file *file, void __user *arg);

/** The ioctls about registers and statistics, ends with cmd 0. */
extern const struct vtx_ioctl vtx_run_ioctls[];

#endif
