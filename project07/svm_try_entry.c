// SPDX-License-Identifier: GPL-2.0
/* Being written: hv->try_entry for SVM. */
#include "hv_ops.h"

int svm_try_entry(struct vtx_vcpu *vcpu, struct vtx_try_entry *try)
{
	return -EOPNOTSUPP;
}
