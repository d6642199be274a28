/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_vendor.h
 * @brief What vtxctl knows of a control structure: its fields, and the rules of an entry with it.
 *
 * There is one table for each vendor; whoever shows or judges a dump asks vendor_ops() and no more.
 * Exits have a table of their own, struct exit_words.
 */
#ifndef CMD_VENDOR_H
#define CMD_VENDOR_H

#include <stdbool.h>

#include "vtx_types.h"
#include "vtxdrv.h"

struct dump;

/** One field of the control structure. */
struct vendor_field {
	__u32 encoding; /**< as in struct vtx_field */
	const char *ident; /**< as in dumps */
	unsigned int bits; /**< how wide it is */
};

/** Most fields that one rule names. */
#define ENTRY_FIELDS 5

/** A rule of an entry that does not hold, or of which nobody knows. */
struct entry_finding {
	const char *id; /**< of the rule: "guest.cr0.fixed" */
	const char *kind; /**< in JSON: "guest" */
	const char *reported; /**< what the rule is about, and how a processor reports it */
	const char *section; /**< of ctl_vendor->manual */
	const char *text; /**< what is right */
	bool violated; /**< else: not decided */
	const char *field; /**< to blame */
	__u64 seen; /**< its value */
	__u64 wrong; /**< bits of it; 0: the value as a whole */
	__u64 right; /**< a value that would do, if has_right */
	bool has_right; /**< right means something */
	unsigned int count; /**< of fields */
	struct {
		const char *ident; /**< that the rule looks at */
		bool present; /**< it is in the dump */
		__u64 value; /**< if it is */
	} fields[ENTRY_FIELDS]; /**< the one to blame among them */
};

/** Called for each such rule. */
typedef void entry_report(void *ctx, const struct entry_finding *finding);

/** One vendor's control structure. */
struct vendor_ops {
	/** Titles of its parts, in the order in which dumps have them; the last is NULL. */
	const char *const *areas;
	/** Columns that the longest identifier takes, and two. */
	int width;
	/** The part that a field belongs to: an index of areas. */
	unsigned int (*area_of)(__u32 encoding);
	/** The field with this encoding. @return false if there is none */
	bool (*field)(__u32 encoding, struct vendor_field *field);
	/** The field with this identifier. @return false if there is none */
	bool (*field_by_ident)(const char *ident, struct vendor_field *field);
	/** See dump_decode(). */
	void (*decode)(__u32 encoding, __u64 value, char *text);

	/** Run the rules; @p report may be NULL. @return how many are violated */
	__u32 (*check)(const struct dump *dump, entry_report *report, void *ctx);
	/** How many rules there are. */
	__u32 (*rules)(void);
	/** What the processor has said of a failed entry; @p text has EXIT_TEXT_SIZE bytes. */
	void (*name_error)(const struct vtx_exit *exit, char *text);
	/** What it has said beyond that; "" if nothing. */
	const char *(*error_detail)(const struct vtx_exit *exit);
	/** No rule is violated all the same: what else it may be. */
	const char *(*not_found)(const struct vtx_exit *exit);
	/** Where a page explains all of this. */
	const char *read_on;
	/** If the last entry with this structure has failed, say so on stdout. */
	void (*print_last)(const struct dump *dump);
};

/** VMX's. */
extern const struct vendor_ops vendor_ops_vmx;
#if VTX_STAGE >= 7
/** SVM's. */
extern const struct vendor_ops vendor_ops_svm;
#endif

/** The one of ctl_vendor. */
const struct vendor_ops *vendor_ops(void);

/** Identifier of a field, "unknown field" for an encoding that is none's. */
const char *vendor_field_ident(__u32 encoding);

#endif
