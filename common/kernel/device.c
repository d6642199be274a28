// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/vtxdrv: who may open it, and which unit answers an ioctl.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "device.h"
#include "mem.h"
#include "unit.h"
#include "vtxdrv.h"

/*
 * The device's mode is 0600, but a mode is easily changed. Who may put CPUs into another mode of
 * operation decides over the whole machine, so it takes the capability as well.
 */
static int device_open(struct inode *inode, struct file *file)
{
	struct vtx_file *own;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	own = vtx_zalloc(NULL, sizeof(*own));
	if (!own)
		return -ENOMEM;
	mutex_init(&own->lock);
	file->private_data = own;
	return nonseekable_open(inode, file);
}

/* The last close of a file: no ioctl and no mapping is left that could still use it. */
static int device_release(struct inode *inode, struct file *file)
{
	vtx_units_file_closes(file->private_data);
	vtx_free(file->private_data);
	return 0;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct vtx_ioctl *entry = vtx_units_ioctl(cmd);

	if (!entry) {
		pr_notice_ratelimited("ioctl %#x is not known to stage %d\n", cmd, VTX_STAGE);
		return -ENOTTY;
	}
	return entry->handle(file->private_data, (void __user *)arg);
}

/* struct vtx_vm_config has another layout there; without this the caller would get -ENOTTY. */
static long device_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	pr_notice_ratelimited("ioctl %#x from a 32-bit program, expected a 64-bit one\n", cmd);
	return -EOPNOTSUPP;
}

static int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	int err = vtx_units_mmap(file->private_data, vma);

	if (err == -ENXIO)
		pr_notice_ratelimited("mmap of offset %#llx: nothing to map there in stage %d\n",
				      (u64)vma->vm_pgoff << PAGE_SHIFT, VTX_STAGE);
	return err;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = device_compat_ioctl,
	.mmap = device_mmap,
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
