// SPDX-License-Identifier: GPL-2.0
/*
 * The list of all VMs, and who holds one.
 *
 * The list has no reference of its own: a VM leaves it before the owner's file gives its reference
 * back, so whoever finds it under the lock finds it alive.
 */
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include "vm_unit.h"

static DEFINE_MUTEX(list_lock);
static LIST_HEAD(vms); /* by ascending id */
static u32 last_id;

int vm_list_add(struct vtx_vm *vm)
{
	int err = -ENOSPC;

	mutex_lock(&list_lock);
	if (last_id != U32_MAX) {
		vm->id = ++last_id;
		list_add_tail(&vm->link, &vms);
		err = 0;
	}
	mutex_unlock(&list_lock);
	return err;
}

void vm_list_remove(struct vtx_vm *vm)
{
	mutex_lock(&list_lock);
	list_del(&vm->link);
	mutex_unlock(&list_lock);
}

struct vtx_vm *vm_list_from(u32 id)
{
	struct vtx_vm *found = NULL;
	struct vtx_vm *vm;

	mutex_lock(&list_lock);
	list_for_each_entry(vm, &vms, link) {
		if (vm->id >= id) {
			kref_get(&vm->refs);
			found = vm;
			break;
		}
	}
	mutex_unlock(&list_lock);
	return found;
}

struct vtx_vm *vtx_vm_find(struct vtx_file *file, u32 id)
{
	struct vtx_vm *vm = id ? vm_list_from(id) : vtx_file_vm(file);

	if (vm && id == 0) {
		kref_get(&vm->refs);
	} else if (vm && vm->id != id) {
		vtx_vm_put(vm);
		vm = NULL;
	}
	return vm;
}

static void last_put(struct kref *refs)
{
	vm_free(container_of(refs, struct vtx_vm, refs));
}

void vtx_vm_put(struct vtx_vm *vm)
{
	kref_put(&vm->refs, last_put);
}
