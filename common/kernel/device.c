// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/vtxdrv: who may open it, and which unit answers an ioctl.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "device.h"
#include "unit.h"
#include "vtxdrv.h"

/*
 * The device's mode is 0600, but a mode is easily changed. Who may put CPUs into another mode of
 * operation decides over the whole machine, so it takes the capability as well.
 */
static int device_open(struct inode *inode, struct file *file)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	return nonseekable_open(inode, file);
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct vtx_ioctl *entry = vtx_units_ioctl(cmd);

	if (!entry) {
		pr_notice_ratelimited("ioctl %#x is not known to stage %d\n", cmd, VTX_STAGE);
		return -ENOTTY;
	}
	return entry->handle((void __user *)arg);
}

/* No compat_ioctl: a 32-bit caller gets -ENOTTY. */
static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.unlocked_ioctl = device_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &device_fops,
	.mode = 0600,
};

int vtx_device_register(void)
{
	return misc_register(&device);
}

void vtx_device_unregister(void)
{
	misc_deregister(&device);
}
