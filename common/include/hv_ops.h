/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file hv_ops.h
 * @brief The vendor interface as a table of functions, made from hv_ops.def.
 */
#ifndef HV_OPS_H
#define HV_OPS_H

#include "vtx_types.h"
#include "vtxdrv.h"

struct vtx_event_state;
struct vtx_injection;
struct vtx_vcpu;
struct vtx_vm;

/** One implementation of the operations that hv_ops.def lists for this stage. */
struct hv_ops {
#define HV_OP(ret, name, args) ret(*name) args;
#include "hv_ops.def"
#undef HV_OP
};

#define HV_OP(ret, name, args) ret vmx_##name args;
#include "hv_ops.def"
#undef HV_OP

#if VTX_STAGE >= 7
#define HV_OP(ret, name, args) ret svm_##name args;
#include "hv_ops.def"
#undef HV_OP
#endif

/** Set hv, before anybody uses it. At the module's start. */
void vtx_choose_vendor(void);

/** VTX_FEATURE_SVM, or 0: which extension hv stands for. Any context. */
u64 vtx_vendor_features(void);

/** The vendor of the processor that the module was loaded on; never NULL. */
extern const struct hv_ops *hv;

#endif
