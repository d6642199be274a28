// SPDX-License-Identifier: GPL-2.0
/*
 * Why a VM could not be created, in words.
 */
#include <errno.h>
#include <string.h>

#include "cmd_create.h"
#include "ctl.h"
#include "ctl_vendor.h"

static void explain_name(const char *command, int err)
{
	switch (err) {
	case ENODATA:
		ctl_error("%s: the name is empty; expected 1 to %d characters.", command,
			  VTX_NAME_SIZE - 1);
		break;
	case ENAMETOOLONG:
		ctl_error("%s: the name is too long; expected at most %d characters.", command,
			  VTX_NAME_SIZE - 1);
		break;
	default:
		ctl_error("%s: the name has a character that is not printable ASCII (a control "
			  "character, or one beyond '~'): it would go to logs and terminals.",
			  command);
	}
}

static void explain_memory(const char *command, unsigned long size, int err)
{
	switch (err) {
	case EDOM:
		ctl_error("%s: memory of 0 bytes; expected at least 4096.", command);
		break;
	case EINVAL:
		ctl_error("%s: memory of %lu bytes; expected a multiple of 4096.", command, size);
		break;
	case EOVERFLOW:
		ctl_error("%s: memory of %lu bytes is more than this processor's addresses reach.",
			  command, size);
		break;
	case EFBIG:
		ctl_error("%s: memory of %lu bytes is above the limit: half of the machine's, or "
			  "what the module parameter max_guest_mem says, in MiB. dmesg has the "
			  "number.", command, size);
		break;
	default:
		ctl_error("%s: no memory for a VM of %lu bytes: take a smaller one, or free some; "
			  "a memory cgroup may set a limit as well.", command, size);
	}
}

/* Those that VTXDRV_ENABLE has, too: a VM is a user of VMX, or of SVM. */
static void explain_extension(const char *command, int err)
{
	switch (err) {
	case EBUSY:
		ctl_error("%s: another hypervisor holds %s. vtxctl detect shows where, vtxctl "
			  "enable says what to do.", command, ctl_vendor->name);
		break;
	case ENODEV:
		ctl_error("%s: this processor cannot be used, or lacks a control that a vCPU "
			  "needs. vtxctl detect and vtxctl controls say which.", command);
		break;
	case EACCES:
	case ERANGE:
	case EPROTO:
	case EIO:
		ctl_error("%s: the CPUs cannot be put into %s, or a %s cannot be "
			  "used (%s). vtxctl enable explains, or dmesg.", command,
			  ctl_vendor->operation, ctl_vendor->control, strerror(err));
		break;
	case ESHUTDOWN:
		ctl_error("%s: the machine is going down.", command);
		break;
	case ENOSYS:
		ctl_error("%s: an exercise that this needs is not done yet; dmesg names it.",
			  command);
		break;
	default:
		ctl_error("%s failed: %s. dmesg may say more.", command, strerror(err));
	}
}

void create_explain(const char *command, const struct vtx_vm_config *config, int err)
{
	switch (err) {
	case ENODATA:
	case ENAMETOOLONG:
	case EILSEQ:
		explain_name(command, err);
		break;
	case EDOM:
	case EINVAL:
	case EOVERFLOW:
	case EFBIG:
	case ENOMEM:
		explain_memory(command, config->guest_mem_size, err);
		break;
	case E2BIG:
		ctl_error("%s: %d vCPUs are above the limit: %d, or what the module parameter "
			  "max_vcpus says.", command, config->num_vcpus, VTX_MAX_VCPUS);
		break;
	case ERANGE:
		if (config->num_vcpus < 1) {
			ctl_error("%s: %d vCPUs; expected at least 1.", command,
				  config->num_vcpus);
			break;
		}
		/* fall through */
	default:
		explain_extension(command, err);
	}
}
