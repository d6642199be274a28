// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of an entry in words and as JSON: what check, explain and a failed run print.
 */
#include <inttypes.h>

#include "cmd_dump.h"
#include "cmd_entry_explain.h"
#include "cmd_vendor.h"
#include "ctl_json.h"
#include "ctl_vendor.h"

/* ---- for people ------------------------------------------------------------------------------ */

struct printer {
	FILE *out;
	bool violated; /* which findings are wanted */
	u32 printed;
};

/* The rule's other fields: the value that is wrong may be one of these. */
static void print_others(const struct printer *p, const struct entry_finding *f)
{
	const char *before = "   with ";
	u32 i;

	for (i = 0; i < f->count; i++) {
		if (f->fields[i].ident == f->field || !f->fields[i].present)
			continue;
		fprintf(p->out, "%s%s 0x%" PRIx64, before, f->fields[i].ident,
			(u64)f->fields[i].value);
		before = ", ";
	}
	if (*before == ',')
		fputc('\n', p->out);
}

static void print_violation(const struct printer *p, const struct entry_finding *f)
{
	fprintf(p->out, "%s (%s)\n", f->id, f->reported);
	fprintf(p->out, "   %s is 0x%" PRIx64, f->field, (u64)f->seen);
	if (f->wrong)
		fprintf(p->out, ", wrong in the bits 0x%" PRIx64, (u64)f->wrong);
	if (f->has_right)
		fprintf(p->out, "; 0x%" PRIx64 " would do", (u64)f->right);
	fputc('\n', p->out);
	print_others(p, f);
	fprintf(p->out, "   %s\n   %s, \"%s\"\n", f->text, ctl_vendor->manual, f->section);
}

static void print_finding(void *ctx, const struct entry_finding *f)
{
	struct printer *p = ctx;

	if (f->violated != p->violated)
		return;
	if (f->violated)
		print_violation(p, f);
	else if (!p->printed)
		fprintf(p->out, "Not decided, for a field, a fact or memory is missing:\n");
	if (!f->violated)
		fprintf(p->out, "   %s: %s\n", f->id, f->text);
	p->printed++;
}

u32 entry_print_rules(FILE *out, const struct dump *dump)
{
	struct printer p = { .out = out, .violated = true };
	u32 violated = vendor_ops()->check(dump, print_finding, &p);

	p.violated = false;
	p.printed = 0;
	vendor_ops()->check(dump, print_finding, &p);
	if (violated)
		fprintf(out, "%u of %u rules of a %s %s violated, %u not decided.\n", violated,
			vendor_ops()->rules(), ctl_vendor->entry, violated == 1 ? "is" : "are",
			p.printed);
	else
		fprintf(out, "No rule of a %s is violated (%u rules, %u not decided).\n",
			ctl_vendor->entry, vendor_ops()->rules(), p.printed);
	return violated;
}

/* ---- as JSON --------------------------------------------------------------------------------- */

struct lists {
	struct json_object *violated;
	struct json_object *undecided;
};

static struct json_object *fields_json(const struct entry_finding *f)
{
	struct json_object *fields = json_object_new_object();
	u32 i;

	for (i = 0; i < f->count; i++) {
		if (f->fields[i].present)
			ctl_json_put_hex(fields, f->fields[i].ident, f->fields[i].value);
		else
			ctl_json_put_null(fields, f->fields[i].ident);
	}
	return fields;
}

static struct json_object *rule_json(const struct entry_finding *f)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_text(object, "rule", f->id);
	ctl_json_put_text(object, "kind", f->kind);
	ctl_json_put_text(object, "section", f->section);
	ctl_json_put_text(object, "text", f->text);
	json_object_object_add(object, "fields", fields_json(f));
	return object;
}

static void put_finding(struct json_object *object, const struct entry_finding *f)
{
	ctl_json_put_text(object, "field", f->field);
	ctl_json_put_hex(object, "seen", f->seen);
	ctl_json_put_hex(object, "wrong", f->wrong);
	if (f->has_right)
		ctl_json_put_hex(object, "right", f->right);
	else
		ctl_json_put_null(object, "right");
}

static void list_finding(void *ctx, const struct entry_finding *f)
{
	struct lists *lists = ctx;
	struct json_object *object = rule_json(f);

	if (f->violated) {
		put_finding(object, f);
		json_object_array_add(lists->violated, object);
	} else {
		json_object_array_add(lists->undecided, object);
	}
}

struct json_object *entry_rules_json(const struct dump *dump)
{
	struct json_object *object = json_object_new_object();
	struct lists lists = { json_object_new_array(), json_object_new_array() };

	vendor_ops()->check(dump, list_finding, &lists);
	ctl_json_put_int(object, "rules", vendor_ops()->rules());
	json_object_object_add(object, "violated", lists.violated);
	json_object_object_add(object, "undecided", lists.undecided);
	return object;
}
