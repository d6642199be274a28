/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file ctl_vendor.h
 * @brief The words of the processor's extension: VMX's, or from project07 on SVM's.
 *
 * What commands say of the same thing on both is a word of this table; what they do differently is
 * a function of struct vendor_ops (cmd_vendor.h).
 */
#ifndef CTL_VENDOR_H
#define CTL_VENDOR_H

#include "vtx_types.h"
#include "vtxdrv.h"

/** One extension, as its manual calls its parts. */
struct ctl_vendor {
	const char *key; /**< in JSON: "vmx", "svm" */
	const char *name; /**< for people */
	const char *operation; /**< what enable brings about */
	const char *control; /**< the control structure of a vCPU */
	const char *entry; /**< what brings a vCPU into its guest */
	const char *manual; /**< where its rules are */
	const char *tables; /**< the command that shows the tables of guest memory */
	const char *root; /**< what names their top */
	const char *tag; /**< what tells the guests' translations apart */
	const char *kvm; /**< the module of the kernel that uses it, too */
};

/** Intel's. */
extern const struct ctl_vendor ctl_vmx;
/** AMD's. */
extern const struct ctl_vendor ctl_svm;
/** The one that commands are about: ctl_open() chooses, or who reads a file. VMX at the start. */
extern const struct ctl_vendor *ctl_vendor;

/** Choose by vtx_info.features. */
void ctl_vendor_by_features(__u64 features);

/** Choose by the key in a file. @return false if there is no such extension in this project */
bool ctl_vendor_by_key(const char *key);

#if VTX_STAGE >= 7
/** For lists of commands and options, which are there before anything was asked. */
#define CTL_OPERATION "VMX or SVM operation"
#define CTL_CONTROL "VMCS or VMCB"
#define CTL_ENTRY "VM entry or VMRUN"
#else
#define CTL_OPERATION "VMX operation"
#define CTL_CONTROL "VMCS"
#define CTL_ENTRY "VM entry"
#endif

#endif
