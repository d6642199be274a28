/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_exit_text.h
 * @brief A VM exit in words. No device and no system call: tested on the host.
 */
#ifndef CMD_EXIT_TEXT_H
#define CMD_EXIT_TEXT_H

#include <stddef.h>

#include "vtx_types.h"
#include "vtxdrv.h"

/** Room for exit_describe() and page_fault_text(), the terminating zero included. */
#define EXIT_TEXT_SIZE 160

/** How one vendor calls its exits. */
struct exit_words {
	/** The manual's name of an exit reason or exit code, never NULL. */
	const char *(*reason_name)(u32 reason);
	/** As exit_describe(), for what is an exit; text is "" before. */
	void (*describe)(const struct vtx_exit *exit, char *text);
	/** The reason that an element of vtx_vcpu_stats.exits counts; NULL: the same number. */
	u32 (*counted_as)(u32 index);
};

/** VMX's. */
extern const struct exit_words exit_words_vmx;
#if VTX_STAGE >= 7
/** SVM's. */
extern const struct exit_words exit_words_svm;
#endif

/** The reason or exit code that an element of vtx_vcpu_stats.exits counts. */
u32 exit_counted_as(u32 index);

/**
 * The SDM's name of a basic exit reason (bits 31:16 are ignored), "reserved exit reason"; the APM's
 * of an exit code.
 */
const char *exit_reason_name(u32 reason);

/** The same of an exit: its reason, or where it had none, what has happened. */
const char *exit_name(const struct vtx_exit *exit);

/** "hlt", "hypercall", "triple-fault", …: the key of a kind in JSON. */
const char *exit_kind_name(u32 kind);

/** No VM exit: the guest was interrupted and is intact, and the fields of an exit mean nothing. */
bool exit_is_interruption(u32 kind);

/** "#PF"; "#?" for a reserved vector. */
const char *exception_mnemonic(u32 vector);

/** "page fault". */
const char *exception_name(u32 vector);

/** Does this exception push an error code? */
bool exception_has_code(u32 vector);

/** "write", … of VTX_CALL_WRITE; "unknown". */
const char *hypercall_name(u64 number);

/** "RAX" … "R15" of the number that an exit qualification has. */
const char *gpr_name(u32 number);

/**
 * What a page fault's error code says: "write of 0x10, page not present".
 *
 * @param text out: at least EXIT_TEXT_SIZE bytes
 * @param error_code as the processor gives it
 * @param address that was accessed
 */
void page_fault_text(char *text, u32 error_code, u64 address);

/** What every vendor's exits of a kind say; @p text as for exit_describe(). */
void exit_describe_exception(const struct vtx_exit *exit, char *text);
void exit_describe_hypercall(const struct vtx_exit *exit, char *text);
void exit_describe_memory(const struct vtx_exit *exit, char *text);

/**
 * What an exit was about, beyond its reason: the qualification, decoded as the reason demands.
 *
 * @param exit as the driver gave it
 * @param text out: at least EXIT_TEXT_SIZE bytes; empty if there is nothing more to say
 */
void exit_describe(const struct vtx_exit *exit, char *text);

#endif
