/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file host_cpu.h
 * @brief What the driver has done to each CPU of the host.
 */
#ifndef HOST_CPU_H
#define HOST_CPU_H

#include <linux/percpu.h>

/**
 * True while this module holds the CPU: it has put it into VMX operation (or set EFER.SVME) and will
 * take it out again. Written only on the CPU itself; others read it as a hint.
 */
DECLARE_PER_CPU(bool, vtx_cpu_ours);

#endif
