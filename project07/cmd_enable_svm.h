/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_enable_svm.h
 * @brief What vtxctl enable and status say of SVM alone, beside cmd_enable.h.
 */
#ifndef CMD_ENABLE_SVM_H
#define CMD_ENABLE_SVM_H

#include <json-c/json.h>
#include <stdbool.h>

#include "vtxdrv.h"

/**
 * Say on stderr why VTXDRV_ENABLE failed on a processor with SVM.
 *
 * @param answer as the driver filled it in
 * @return false: this cause means the same on every processor, and nothing was said
 */
bool enable_explain_svm(const struct vtx_enable *answer);

/** Further keys of a CPU in vtxctl status --json. */
void status_put_svm(struct json_object *object, const struct vtx_cpu_status *cpu);

#endif
