// SPDX-License-Identifier: GPL-2.0
/*
 * Which values VTXDRV_TRY_ENTRY enters with, and which it refuses: those that the host or the
 * driver could not survive.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>

#include "vmx_ctls.h"
#include "vmx_entry_bits.h"
#include "vmx_try.h"

/* Bits of controls that do no harm while the guest does not execute anything. */
static const struct {
	u16 number;
	u64 bits;
} harmless[] = {
	{ VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION, U32_MAX },
	{ VMCS_NR_VM_ENTRY_EXCEPTION_ERROR_CODE, U32_MAX },
	{ VMCS_NR_VM_ENTRY_INSTRUCTION_LENGTH, U32_MAX },
	{ VMCS_NR_VM_ENTRY_CONTROLS, VMX_ENTRY_IA32E_MODE_GUEST | VMX_ENTRY_LOAD_DEBUG_CONTROLS |
					     VMX_ENTRY_LOAD_IA32_PAT | VMX_ENTRY_LOAD_IA32_EFER },
	{ VMCS_NR_PIN_BASED_VM_EXECUTION_CONTROLS, VMX_PIN_VIRTUAL_NMIS },
	{ VMCS_NR_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
	  VMX_PRIMARY_ACTIVATE_SECONDARY_CONTROLS },
	{ VMCS_NR_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
	  VMX_SECONDARY_ENABLE_EPT | VMX_SECONDARY_UNRESTRICTED_GUEST },
};

/* Host fields that nobody needs before they are put back: by vcpu_put, or by undo_host(). */
static const u16 undone[] = {
	VMCS_NR_HOST_DS_SELECTOR,	VMCS_NR_HOST_ES_SELECTOR,
	VMCS_NR_HOST_FS_SELECTOR,	VMCS_NR_HOST_GS_SELECTOR,
	VMCS_NR_HOST_FS_BASE,		VMCS_NR_HOST_IA32_SYSENTER_CS,
	VMCS_NR_HOST_IA32_SYSENTER_ESP, VMCS_NR_HOST_IA32_SYSENTER_EIP,
};

/*
 * Exit controls that change the host by what the VMCS, or nothing, holds for it. The guest's
 * IA32_EFER and IA32_PAT may have been loaded before an entry fails, and have to go again.
 */
#define UNSAFE_EXIT                                                                           \
	(VMX_EXIT_LOAD_IA32_EFER | VMX_EXIT_LOAD_IA32_PAT |                                   \
	 VMX_EXIT_LOAD_IA32_PERF_GLOBAL_CTRL | VMX_EXIT_LOAD_CET_STATE | VMX_EXIT_LOAD_PKRS | \
	 VMX_EXIT_CLEAR_IA32_RTIT_CTL | VMX_EXIT_CLEAR_IA32_LBR_CTL | VMX_EXIT_CLEAR_UINV |   \
	 VMX_EXIT_ACTIVATE_SECONDARY_CONTROLS)

static u64 changed_bits(const struct trial *t, u16 number)
{
	return t->state.value[number] ^ t->before[number].value;
}

static u64 harmless_bits(u16 number)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(harmless); i++) {
		if (harmless[i].number == number)
			return harmless[i].bits;
	}
	return 0;
}

static bool can_be_undone(u16 number)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(undone); i++) {
		if (undone[i] == number)
			return true;
	}
	return false;
}

bool vmx_try_is_harmless(const struct trial *t)
{
	u16 i;

	for (i = 0; i < VMCS_FIELDS; i++) {
		if (VMCS_FIELD_TYPE(vmcs_table[i].encoding) != VMCS_TYPE_GUEST &&
		    (changed_bits(t, i) & ~harmless_bits(i)))
			return false;
	}
	return true;
}

static int refuse(const struct trial *t, u16 number, const char *why)
{
	pr_notice_ratelimited("try_entry: %s 0x%llx is not tried: %s\n", vmcs_table[number].ident,
			      t->state.value[number], why);
	return -EINVAL;
}

/* The host state will be loaded: can we go on with it? */
static int host_survives(const struct trial *t)
{
	u16 i;

	for (i = 0; i < VMCS_FIELDS; i++) {
		if (VMCS_FIELD_TYPE(vmcs_table[i].encoding) == VMCS_TYPE_HOST &&
		    changed_bits(t, i) && !can_be_undone(i))
			return refuse(t, i, "the host would go on with it");
	}
	if (changed_bits(t, VMCS_NR_PRIMARY_VM_EXIT_CONTROLS) & UNSAFE_EXIT)
		return refuse(t, VMCS_NR_PRIMARY_VM_EXIT_CONTROLS, "the host would change");
	if (t->state.value[VMCS_NR_VM_EXIT_MSR_LOAD_COUNT])
		return refuse(t, VMCS_NR_VM_EXIT_MSR_LOAD_COUNT, "the host's MSRs would change");
	return 0;
}

static bool injects(const struct trial *t)
{
	return t->state.value[VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION] & INTERRUPTION_VALID;
}

static bool ept_is_on(u64 primary, u64 secondary)
{
	return primary & VMX_PRIMARY_ACTIVATE_SECONDARY_CONTROLS &&
	       secondary & VMX_SECONDARY_ENABLE_EPT;
}

bool vmx_try_uses_ept(const struct trial *t)
{
	const u64 *value = t->state.value;

	return ept_is_on(value[VMCS_NR_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS],
			 value[VMCS_NR_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS]);
}

static bool used_ept(const struct trial *t)
{
	const struct vtx_field *before = t->before;

	return ept_is_on(before[VMCS_NR_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS].value,
			 before[VMCS_NR_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS].value);
}

/*
 * To deliver an event takes stack and IDT, by whatever the tables make of their addresses. Where
 * EPT is switched off for the trial, tables that named guest-physical ones name the host's.
 */
static bool other_paging(const struct trial *t)
{
	return used_ept(t) || changed_bits(t, VMCS_NR_GUEST_CR0) ||
	       changed_bits(t, VMCS_NR_GUEST_CR3) || changed_bits(t, VMCS_NR_GUEST_CR4) ||
	       changed_bits(t, VMCS_NR_GUEST_IA32_EFER) ||
	       changed_bits(t, VMCS_NR_VM_ENTRY_CONTROLS);
}

/* The guest will be entered: does it come back, and has it touched nothing but its own? */
static int guest_returns(const struct trial *t)
{
	if (t->state.value[VMCS_NR_GUEST_ACTIVITY_STATE] == ACTIVITY_WAIT_FOR_SIPI)
		return refuse(t, VMCS_NR_GUEST_ACTIVITY_STATE, "nothing would end it");
	if (injects(t) && !vmx_try_uses_ept(t) && other_paging(t))
		return refuse(t, VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION,
			      "the event would be delivered by page tables that are not ours");
	return 0;
}

int vmx_try_survives(const struct trial *t)
{
	int err = 0;

	if (t->violated[VMX_RULE_CONTROL] || t->violated[VMX_RULE_HOST])
		return 0;
	err = host_survives(t);
	if (!err && t->live && !t->violated[VMX_RULE_GUEST])
		err = guest_returns(t);
	return err;
}
