/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmxon.h
 * @brief Unit `vmxon`: every CPU in VMX operation while somebody uses it, none otherwise.
 *
 * Locking: vmxon.lock orders the users; whoever changes vmxon.users also holds cpus_read_lock().
 * The hotplug callbacks run under the hotplug write lock and so see a settled count without the
 * mutex, which they must not take: the order is vmxon.lock, then cpus_read_lock().
 */
#ifndef VMXON_H
#define VMXON_H

#include <linux/mutex.h>

#include "unit.h"
#include "vtxdrv.h"

/** The unit, for stage.c. */
extern const struct vtx_unit vmxon_unit;

/** What is true for all CPUs together. */
struct vmxon_state {
	struct mutex lock; /**< held while users changes */
	unsigned int users; /**< every online CPU is in VMX operation while this is not 0 */
	unsigned int vms; /**< how many of the users are VMs; the others are vtxctl enable's */
	bool shutting_down; /**< reboot has begun: nobody enables any more */
};

/** The one state of this module. */
extern struct vmxon_state vmxon;

/**
 * One user more; the first one enables every online CPU (exercise 2.5).
 * May sleep; the caller holds vmxon.lock and cpus_read_lock().
 *
 * @param why what failed where, when the return value is not 0
 * @return 0, or an errno of enum vtx_enable_cause; then every CPU is as it was
 */
int vmxon_get(struct vtx_enable *why);

/**
 * One user less; the last one disables every online CPU (exercise 2.5).
 * May sleep; the caller holds vmxon.lock and cpus_read_lock().
 *
 * @return 0; -EALREADY if there is no user
 */
int vmxon_put(void);

/**
 * A VM begins to use VMX: enables every CPU if it is the first user. May sleep; takes vmxon.lock
 * and cpus_read_lock().
 *
 * @param why as for vmxon_get()
 * @return 0; -EOVERFLOW: too many users; an errno of enum vtx_enable_cause
 */
int vmxon_vm_get(struct vtx_enable *why);

/** The other way round. A reboot or unload has taken the users away before, maybe. May sleep. */
void vmxon_vm_put(void);

/**
 * Is VMX operation on, on every online CPU, and to stay? False from the begin of a reboot on. Any
 * context; a hint, for the answer may be old when the caller has it.
 */
static inline bool vmxon_is_on(void)
{
	return READ_ONCE(vmxon.users) && !READ_ONCE(vmxon.shutting_down);
}

/** Disable every CPU that is enabled, whoever uses it. Context as for vmxon_put(). */
void vmxon_disable_all(void);

/**
 * Follow CPU hotplug, suspend and reboot from now on (exercise 2.6). May sleep.
 * @return 0 or a negative errno; then nothing is registered
 */
int vmxon_events_register(void);
/** Stop following them; CPUs that are still enabled are disabled first. May sleep. */
void vmxon_events_unregister(void);

#endif
