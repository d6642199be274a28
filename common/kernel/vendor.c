// SPDX-License-Identifier: GPL-2.0
/*
 * Which implementation of hv_ops.def serves this processor. Until project07 there is one.
 */
#include <linux/percpu.h>

#include "host_cpu.h"
#include "hv_ops.h"

#define HV_OP(ret, name, args) .name = vmx_##name,
static const struct hv_ops vmx_ops = {
#include "hv_ops.def"
};
#undef HV_OP

const struct hv_ops *hv = &vmx_ops;

DEFINE_PER_CPU(bool, vtx_cpu_ours);
