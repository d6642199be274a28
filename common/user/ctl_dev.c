// SPDX-License-Identifier: GPL-2.0
/*
 * Opening /dev/vtxdrv, and what to do when that fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_vendor.h"

static int explain_open(int err)
{
	switch (err) {
	case ENOENT:
		ctl_error("%s does not exist: the module is not loaded. Load it: insmod vtxdrv.ko "
			  "(as root); dmesg says why if that fails.", VTXDRV_DEVICE);
		return CTL_NO_DEVICE;
	case ENXIO:
	case ENODEV:
		ctl_error("%s is there, but nobody is behind it: the module was unloaded, or the "
			  "file is left over. Load the module: insmod vtxdrv.ko.", VTXDRV_DEVICE);
		return CTL_NO_DEVICE;
	case EACCES:
	case EPERM:
		ctl_error("%s may be opened by root only (CAP_SYS_ADMIN): a hypervisor owns the "
			  "machine. Run vtxctl as root, with sudo for example.", VTXDRV_DEVICE);
		return CTL_NO;
	default:
		ctl_error("opening %s failed: %s", VTXDRV_DEVICE, strerror(err));
		return CTL_NO;
	}
}

static int check_module(int fd, struct vtx_info *info, __u64 features)
{
	if (ioctl(fd, VTXDRV_GET_INFO, info)) {
		ctl_error("%s does not answer VTXDRV_GET_INFO (%m): it is not vtxdrv's. Build "
			  "module and vtxctl from the same tree.", VTXDRV_DEVICE);
		return CTL_NO;
	}
	if (info->abi_version != VTXDRV_ABI_VERSION) {
		ctl_error("the loaded module speaks ABI version %u, this vtxctl %d: unload the "
			  "module and load the one that was built with this vtxctl.",
			  info->abi_version, VTXDRV_ABI_VERSION);
		return CTL_NO;
	}
	if (features & ~info->features) {
		ctl_error("the loaded module is project%02u, which cannot do this yet; this vtxctl "
			  "is of project%02d. Unload the module and load this project's vtxdrv.ko.",
			  info->stage, VTX_STAGE);
		return CTL_NO;
	}
	ctl_vendor_by_features(info->features);
	return CTL_DONE;
}

int ctl_open(int *fd, struct vtx_info *info, __u64 features)
{
	int status;

	*fd = open(VTXDRV_DEVICE, O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		return explain_open(errno);
	status = check_module(*fd, info, features);
	if (status != CTL_DONE)
		close(*fd);
	return status;
}
