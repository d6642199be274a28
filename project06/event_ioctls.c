// SPDX-License-Identifier: GPL-2.0
/*
 * VTXDRV_EVENT and VTXDRV_GET_EVENTS.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/uaccess.h>

#include "events.h"
#include "vm.h"
#include "x86_exceptions.h"

/* Vectors below are those of exceptions, and no interrupt controller sends them. */
#define FIRST_VECTOR 16U
#define LAST_VECTOR 255U
/* SDM vol. 3, "VM-Entry Controls for Event Injection": bits 31:16 must be 0. */
#define ERROR_CODE_MAX U16_MAX

struct vtx_vcpu *vtx_events_vcpu(struct vtx_file *file, u32 id, const char *what, int *err)
{
	struct vtx_vm *vm = vtx_file_vm(file);

	if (!vm) {
		pr_notice("%s: this file has no VM\n", what);
		*err = -ENOENT;
		return NULL;
	}
	if (id >= vm->nr_vcpus) {
		pr_notice("%s: vCPU %u of VM %u, must be below %u\n", what, id, vm->id,
			  vm->nr_vcpus);
		*err = -ERANGE;
		return NULL;
	}
	return vm->vcpus[id];
}

/* ---- VTXDRV_EVENT ---------------------------------------------------------------------------- */

/* What a kind does not name has to be 0; true if it is. */
static bool only(const struct vtx_event *event, bool vector, bool value, bool code_and_address)
{
	if ((vector || !event->vector) && (value || !event->value) && !event->pad &&
	    (code_and_address || (!event->error_code && !event->address)))
		return true;
	pr_notice("event: kind %u: vector %u, value %u, error_code %#x, address %#llx, pad %u: "
		  "what this kind does not use must be 0\n",
		  event->kind, event->vector, event->value, event->error_code, event->address,
		  event->pad);
	return false;
}

static void raise_line(struct event_queue *queue, u8 level)
{
	queue->line = level;
}

static void add_nmi(struct event_queue *queue, u8 vector)
{
	event_nmi(queue);
}

static int send_interrupt(struct vtx_vcpu *vcpu, const struct vtx_event *event)
{
	if (!only(event, true, false, false))
		return -EINVAL;
	if (event->vector < FIRST_VECTOR || event->vector > LAST_VECTOR) {
		pr_notice("event: interrupt %u, must be from %u to %u\n", event->vector,
			  FIRST_VECTOR, LAST_VECTOR);
		return -EINVAL;
	}
	vtx_events_add(vcpu, event_interrupt, event->vector);
	return 0;
}

static int set_line(struct vtx_vcpu *vcpu, const struct vtx_event *event)
{
	if (!only(event, false, true, false))
		return -EINVAL;
	if (event->value > 1) {
		pr_notice("event: line %u, must be 0 or 1\n", event->value);
		return -EINVAL;
	}
	vtx_events_add(vcpu, raise_line, event->value);
	return 0;
}

static int send_nmi(struct vtx_vcpu *vcpu, const struct vtx_event *event)
{
	if (!only(event, false, false, false))
		return -EINVAL;
	vtx_events_add(vcpu, add_nmi, 0);
	return 0;
}

static int check_exception(const struct vtx_event *event)
{
	bool address = event->vector == X86_EXCEPTION_PF;

	if (!only(event, true, true, true))
		return -EINVAL;
	/* #VE and #CP are of features that no guest has: not every processor delivers them. */
	if (event->vector > X86_EXCEPTION_XM || !event_is_exception(event->vector)) {
		pr_notice("event: vector %u is that of no exception\n", event->vector);
		return -EINVAL;
	}
	if (event->value != event_has_error_code(event->vector)) {
		pr_notice("event: exception %u with value %u, must be %u: has it an error code?\n",
			  event->vector, event->value, event_has_error_code(event->vector));
		return -EINVAL;
	}
	if (event->error_code > (event->value ? ERROR_CODE_MAX : 0) ||
	    (event->address && !address)) {
		pr_notice("event: exception %u: error_code %#x, must be at most %#x; address only "
			  "of exception %u\n",
			  event->vector, event->error_code, event->value ? ERROR_CODE_MAX : 0,
			  X86_EXCEPTION_PF);
		return -EINVAL;
	}
	return 0;
}

static int raise(struct vtx_vcpu *vcpu, const struct vtx_injection *exception)
{
	unsigned long flags;
	int err;

	raw_spin_lock_irqsave(&vcpu->events.lock, flags);
	/* Nobody begins to run it and has entered before the lock is free again. */
	err = READ_ONCE(vcpu->runner) ? -EBUSY : event_raise(&vcpu->events.queue, exception);
	vtx_events_changed(vcpu);
	raw_spin_unlock_irqrestore(&vcpu->events.lock, flags);
	return err;
}

static int send_exception(struct vtx_vcpu *vcpu, const struct vtx_event *event)
{
	const struct vtx_injection exception = {
		.type = VTX_INJECT_EXCEPTION,
		.vector = event->vector,
		.has_error_code = event->value,
		.error_code = event->error_code,
		.has_address = event->vector == X86_EXCEPTION_PF,
		.address = event->address,
	};
	int err = check_exception(event) ?: raise(vcpu, &exception);

	if (err == -EBUSY)
		pr_notice_ratelimited("event: exception %u: a thread runs vCPU %u of VM %u, or it "
				      "has an exception already\n",
				      event->vector, vcpu->id, vcpu->vm->id);
	return err;
}

static int send(struct vtx_vcpu *vcpu, const struct vtx_event *event)
{
	switch (event->kind) {
	case VTX_EVENT_INTERRUPT:
		return send_interrupt(vcpu, event);
	case VTX_EVENT_LINE:
		return set_line(vcpu, event);
	case VTX_EVENT_NMI:
		return send_nmi(vcpu, event);
	case VTX_EVENT_EXCEPTION:
		return send_exception(vcpu, event);
	default:
		pr_notice("event: kind %u, must be at most %u\n", event->kind, VTX_EVENT_EXCEPTION);
		return -EINVAL;
	}
}

long vtx_ioctl_event(struct vtx_file *file, void __user *arg)
{
	struct vtx_event event;
	struct vtx_vcpu *vcpu;
	int err;

	if (copy_from_user(&event, arg, sizeof(event)))
		return -EFAULT;
	vcpu = vtx_events_vcpu(file, event.vcpu, "event", &err);
	if (!vcpu)
		return err;
	if (!READ_ONCE(vcpu->initialised)) {
		pr_notice("event: vCPU %u of VM %u was never initialised\n", vcpu->id,
			  vcpu->vm->id);
		return -ENODATA;
	}
	return send(vcpu, &event);
}

/* ---- VTXDRV_GET_EVENTS ----------------------------------------------------------------------- */

static u32 present(const struct vtx_injection *event)
{
	return event->type ? VTX_EVENT_PRESENT | event->vector : 0;
}

static void tell(struct vtx_vcpu *vcpu, struct vtx_vcpu_events *answer)
{
	struct event_queue queue;
	unsigned long flags;

	raw_spin_lock_irqsave(&vcpu->events.lock, flags);
	queue = vcpu->events.queue;
	raw_spin_unlock_irqrestore(&vcpu->events.lock, flags);
	/* The vector that user space has named for its line is an interrupt as others are. */
	if (queue.acknowledged.type)
		event_interrupt(&queue, queue.acknowledged.vector);
	memcpy(answer->interrupts, queue.interrupts, sizeof(answer->interrupts));
	answer->line = queue.line;
	answer->nmis = queue.nmis;
	answer->again = present(&queue.again);
	answer->exception = present(&queue.exception);
	answer->halted = queue.halted;
}

static int find_and_tell(struct vtx_file *file, struct vtx_vcpu_events *answer)
{
	struct vtx_vm *vm = vtx_vm_find(file, answer->vm);
	int err = 0;

	if (!vm)
		return -ENOENT;
	if (answer->vcpu < vm->nr_vcpus) {
		tell(vm->vcpus[answer->vcpu], answer);
	} else {
		pr_notice("events: vCPU %u of VM %u, must be below %u\n", answer->vcpu, vm->id,
			  vm->nr_vcpus);
		err = -ERANGE;
	}
	vtx_vm_put(vm);
	return err;
}

long vtx_ioctl_get_events(struct vtx_file *file, void __user *arg)
{
	struct vtx_vcpu_events answer;
	int err;

	if (copy_from_user(&answer, arg, sizeof(answer)))
		return -EFAULT;
	if (answer.pad[0] || answer.pad[1] || answer.pad[2]) {
		pr_notice("events: pad must be 0\n");
		return -EINVAL;
	}
	err = find_and_tell(file, &answer);
	if (err)
		return err;
	return copy_to_user(arg, &answer, sizeof(answer)) ? -EFAULT : 0;
}
