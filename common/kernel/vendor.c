// SPDX-License-Identifier: GPL-2.0
/*
 * Which implementation of hv_ops.def serves this processor. Until project07 there is one.
 */
#include <linux/cache.h>
#include <linux/percpu.h>

#include "host_cpu.h"
#include "hv_ops.h"

#define HV_OP(ret, name, args) .name = vmx_##name,
static const struct hv_ops vmx_ops = {
#include "hv_ops.def"
};
#undef HV_OP

const struct hv_ops *hv __ro_after_init = &vmx_ops;

#if VTX_STAGE >= 7
#define HV_OP(ret, name, args) .name = svm_##name,
static const struct hv_ops svm_ops = {
#include "hv_ops.def"
};
#undef HV_OP

/* A processor that shows neither is VMX's to explain. */
void __init vtx_choose_vendor(void)
{
	if (host_cpu_shows_svm())
		hv = &svm_ops;
}
u64 vtx_vendor_features(void)
{
	return hv == &svm_ops ? VTX_FEATURE_SVM : 0;
}
#else
void __init vtx_choose_vendor(void)
{
}

u64 vtx_vendor_features(void)
{
	return 0;
}
#endif

DEFINE_PER_CPU(bool, vtx_cpu_ours);
