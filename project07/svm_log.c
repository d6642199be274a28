// SPDX-License-Identifier: GPL-2.0
/*
 * The VMCB in the kernel's log, for an exit that nobody can handle.
 */
#include "hv_ops.h"
#include "log_line.h"
#include "svm_dump.h"
#include "svm_run.h"

void svm_state_log(struct vtx_vcpu *vcpu)
{
	struct log_line line = {};
	u64 value;
	u32 i;

	svm_dump_refresh(vcpu);
	for (i = 0; i < SVM_DUMP_FIELDS; i++) {
		value = 0;
		memcpy(&value, (void *)vmcb_of(vcpu) + svm_dump_fields[i].offset,
		       svm_dump_fields[i].bytes);
		if (value)
			log_line_add(&line, svm_dump_fields[i].ident, value);
	}
	log_line_flush(&line);
}
