// SPDX-License-Identifier: GPL-2.0
/*
 * Module entry: start the units of the stage, then let users in; the other way round at unload.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "device.h"
#include "hv_ops.h"
#include "mem.h"
#include "unit.h"

static void report_leaks(void)
{
	if (vtx_mem_alive())
		pr_err("leak: %d allocations were not freed\n", vtx_mem_alive());
}

static int __init vtxdrv_init(void)
{
	int err;

	vtx_choose_vendor();
	err = vtx_units_init();
	if (err)
		goto err_leaks;
	err = vtx_device_register();
	if (err)
		goto err_units;
	pr_info("project%02d loaded, device %s\n", VTX_STAGE, VTXDRV_DEVICE);
	return 0;

err_units:
	vtx_units_exit();
err_leaks:
	report_leaks();
	return err;
}

static void __exit vtxdrv_exit(void)
{
	vtx_device_unregister();
	vtx_units_exit();
	report_leaks();
	pr_info("unloaded\n");
}

module_init(vtxdrv_init);
module_exit(vtxdrv_exit);

MODULE_DESCRIPTION("A hypervisor built in seven projects");
MODULE_AUTHOR("The vtxdrv course");
MODULE_LICENSE("GPL");
