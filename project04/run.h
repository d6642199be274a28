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

/** One call of VTXDRV_RUN_VCPU. */
struct vtx_turn {
	struct vtx_vcpu *vcpu; /**< that runs */
	bool every_exit; /**< VTX_RUN_EVERY_EXIT */
	int err; /**< with VTX_NEXT_USER: for the caller, 0 if there is an exit to look at */
	u64 deadline; /**< CLOCK_MONOTONIC in ns; U64_MAX: none */
	bool entered; /**< at least once */
	u64 exit_tsc; /**< TSC at the last exit */
	struct vtx_exit_count *counting; /**< where its cost is to be counted; NULL: it has been */
};

/**
 * The run loop (exercise 4.5): run the vCPU until user space has something to look at. May sleep.
 * vcpu->lock is held, and the task has the guest's FPU state.
 *
 * @return 0: see vcpu->exit; -EIO: see the log; -ENOSYS while an exercise is not done
 */
int vtx_run_loop(struct vtx_turn *turn);

/* ---- what the loop is made of: run_steps.c --------------------------------------------------- */

/**
 * Is there anything to do before the guest may be entered: a signal, the deadline, a visitor,
 * another task that wants the CPU, a CPU that has left VMX operation? Loaded, interrupts off.
 *
 * @return VTX_NEXT_GUEST: nothing; VTX_NEXT_USER: vcpu->exit has been filled in
 */
enum vtx_next vtx_before_entry(struct vtx_turn *turn);

/**
 * hv->vcpu_load() has failed. Not loaded.
 *
 * @return VTX_NEXT_ASIDE: this CPU is going offline, try another one; VTX_NEXT_USER
 */
enum vtx_next vtx_load_failed(struct vtx_turn *turn, int err);

/**
 * Enter once and decode the exit. Loaded, interrupts off, and off afterwards: nobody has come
 * between, so the control structure is still there for whoever answers the exit.
 *
 * @return 0: vcpu->exit is filled in; -EIO, -ENOSYS: there was none
 */
int vtx_enter_once(struct vtx_turn *turn);

/** The last exit's cost ends here. */
void vtx_count_cost(struct vtx_turn *turn);

/**
 * Interrupts on: the host serves what has taken the guest out, and the time that this takes, the
 * tick for example, counts as the guest's. Interrupts off before.
 */
void vtx_host_turn(void);

/** Say in the log what is the matter with an exit that nobody can handle. Loaded. */
void vtx_log_exit(struct vtx_vcpu *vcpu);

/**
 * Let other tasks, and visitors of the vCPU, go first. Not loaded; may sleep. vcpu->lock is held
 * before and after, not throughout.
 */
void vtx_step_aside(struct vtx_vcpu *vcpu);

/** Make up an exit that was none of the guest's: a signal, a timeout, a shutdown. Any context. */
void vtx_exit_set(struct vtx_vcpu *vcpu, enum vtx_exit_kind kind);

/**
 * For an answer that has to sleep: have it called when the vCPU is not loaded any more, before the
 * next entry. It returns VTX_NEXT_GUEST, or VTX_NEXT_USER with vcpu->exit filled in. vcpu->lock is
 * held; a visitor may come between two calls.
 *
 * @return what the handler of the exit returns: VTX_NEXT_ASIDE
 */
enum vtx_next vtx_sleep_on(struct vtx_vcpu *vcpu, enum vtx_next (*work)(struct vtx_vcpu *vcpu));

/** Do what vtx_sleep_on() has left, if anything. Not loaded; may sleep. */
void vtx_do_work(struct vtx_vcpu *vcpu);

/* ---- exit_handlers.c ------------------------------------------------------------------------- */

/** The exits that this project answers. */
extern const struct vtx_exit_answer run_exits[];

/** Note who answers which kind: the last unit that knows it. At the module's start. */
void vtx_collect_answers(void);

/** The instruction that has caused the exit is done: go on behind it. Loaded. */
enum vtx_next vtx_answered(struct vtx_vcpu *vcpu);

/**
 * Have the unit that knows this kind answer vcpu->exit, or leave it to user space; exit.handled is
 * set accordingly. Loaded, interrupts off.
 *
 * @return VTX_NEXT_GUEST; VTX_NEXT_ASIDE: see vtx_sleep_on(); VTX_NEXT_USER
 */
enum vtx_next vtx_handle_exit(struct vtx_vcpu *vcpu);

/* ---- run_vcpu.c ------------------------------------------------------------------------------ */

/** A vCPU that is being created: its timer for VTXDRV_RUN_VCPU's timeout. */
void vtx_deadline_init(struct vtx_vcpu *vcpu);

/* ---- the ioctls: run_vcpu.c, run_regs.c ------------------------------------------------------ */

/** VTXDRV_RUN_VCPU. */
long vtx_ioctl_run(struct vtx_file *file, void __user *arg);
/** VTXDRV_INIT_VCPU. */
long vtx_ioctl_init(struct vtx_file *file, void __user *arg);
/** VTXDRV_GET_REGS. */
long vtx_ioctl_get_regs(struct vtx_file *file, void __user *arg);
/** VTXDRV_SET_REGS. */
long vtx_ioctl_set_regs(struct vtx_file *file, void __user *arg);
/** VTXDRV_GET_SREGS. */
long vtx_ioctl_get_sregs(struct vtx_file *file, void __user *arg);
/** VTXDRV_SET_SREGS. */
long vtx_ioctl_set_sregs(struct vtx_file *file, void __user *arg);
/** VTXDRV_GET_STATS. */
long vtx_ioctl_get_stats(struct vtx_file *file, void __user *arg);

/** The ioctl VTXDRV_TRY_ENTRY. */
long vtx_ioctl_try_entry(struct vtx_file *file, void __user *arg);

#endif
