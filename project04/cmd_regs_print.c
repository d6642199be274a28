// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of a vCPU in text and JSON, bits by name.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "cmd_regs.h"
#include "ctl_json.h"
#include "vmx_entry_bits.h"
#include "vtx_types.h"

#define COLUMNS 3
#define DEBUG_REGISTERS 8

/* A register in a structure, in the order in which people look for them. */
struct place {
	const char *key;
	const char *name;
	size_t offset;
};

#define REG(lower, upper)                                        \
	{                                                        \
#lower, #upper, offsetof(struct vtx_regs, lower) \
	}
static const struct place general[] = {
	REG(rax, RAX), REG(rbx, RBX), REG(rcx, RCX),	   REG(rdx, RDX), REG(rsi, RSI),
	REG(rdi, RDI), REG(rbp, RBP), REG(rsp, RSP),	   REG(r8, R8),	  REG(r9, R9),
	REG(r10, R10), REG(r11, R11), REG(r12, R12),	   REG(r13, R13), REG(r14, R14),
	REG(r15, R15), REG(rip, RIP), REG(rflags, RFLAGS),
};

#define SREG(lower, upper)                                        \
	{                                                         \
#lower, #upper, offsetof(struct vtx_sregs, lower) \
	}
static const struct place segments[] = {
	SREG(cs, CS), SREG(ss, SS), SREG(ds, DS),     SREG(es, ES),
	SREG(fs, FS), SREG(gs, GS), SREG(ldtr, LDTR), SREG(tr, TR),
};

static const struct place tables[] = { SREG(gdtr, GDTR), SREG(idtr, IDTR) };

static const struct place control[] = {
	SREG(cr0, CR0), SREG(cr2, CR2), SREG(cr3, CR3), SREG(cr4, CR4), SREG(efer, IA32_EFER),
};

static const struct {
	const char *reg;
	uint64_t mask;
	const char *name;
} bits[] = {
#define X86_BIT(reg, bit, ident, meaning) { #reg, 1ULL << (bit), #ident },
#include "x86_bits.def"
#undef X86_BIT
};

static uint64_t at(const void *structure, const struct place *place)
{
	uint64_t value;

	memcpy(&value, (const char *)structure + place->offset, sizeof(value));
	return value;
}

/* Bits that only say "always 1" are no news. */
static bool shown(size_t bit, const char *reg, uint64_t value)
{
	return (value & bits[bit].mask) && !strcmp(bits[bit].reg, reg) &&
	       strncmp(bits[bit].name, "RESERVED", strlen("RESERVED"));
}

static void print_bits(FILE *out, const char *reg, uint64_t value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (shown(i, reg, value))
			fprintf(out, " %s", bits[i].name);
	}
	fputc('\n', out);
}

static struct json_object *json_bits(const char *reg, uint64_t value)
{
	struct json_object *names = json_object_new_array();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (shown(i, reg, value))
			json_object_array_add(names, json_object_new_string(bits[i].name));
	}
	return names;
}

/* ---- general registers ----------------------------------------------------------------------- */

void regs_print(FILE *out, const struct vtx_regs *regs)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(general) - 1; i++)
		fprintf(out, "  %-4s0x%016" PRIx64 "%s", general[i].name, at(regs, &general[i]),
			i % COLUMNS == COLUMNS - 1 ? "\n" : "");
	fprintf(out, "\n  RFLAGS 0x%" PRIx64, (uint64_t)regs->rflags);
	print_bits(out, "RFLAGS", regs->rflags);
}

struct json_object *regs_json(const struct vtx_regs *regs)
{
	struct json_object *object = json_object_new_object();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(general); i++)
		ctl_json_put_hex(object, general[i].key, at(regs, &general[i]));
	json_object_object_add(object, "flags", json_bits("RFLAGS", regs->rflags));
	return object;
}

/* ---- special registers ----------------------------------------------------------------------- */

static const char *segment_kind(uint32_t access)
{
	if (access & ACCESS_RIGHTS_UNUSABLE)
		return "unusable";
	if (!(access & ACCESS_RIGHTS_S))
		return "system";
	if (!(access & ACCESS_RIGHTS_CODE))
		return access & ACCESS_RIGHTS_READ_WRITE ? "data, writable" : "data, read-only";
	if (access & ACCESS_RIGHTS_L)
		return "code, 64-bit";
	return access & ACCESS_RIGHTS_DB ? "code, 32-bit" : "code, 16-bit";
}

static void print_segment(FILE *out, const char *name, const struct vtx_segment *segment)
{
	fprintf(out, "  %-6s0x%04x    0x%016" PRIx64 "  0x%08" PRIx32 "  0x%05" PRIx32 "  %s", name,
		segment->selector, (uint64_t)segment->base, segment->limit, segment->access,
		segment_kind(segment->access));
	if (!(segment->access & ACCESS_RIGHTS_UNUSABLE))
		fprintf(out, ", DPL %u%s",
			(unsigned int)ENTRY_FIELD(segment->access, ACCESS_RIGHTS_DPL),
			segment->access & ACCESS_RIGHTS_P ? "" : ", not present");
	fputc('\n', out);
}

static void print_control(FILE *out, const struct vtx_sregs *sregs)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(control); i++) {
		uint64_t value = at(sregs, &control[i]);

		fprintf(out, "  %-10s0x%016" PRIx64, control[i].name, value);
		print_bits(out, control[i].name, value);
	}
	for (i = 0; i < DEBUG_REGISTERS; i++) {
		if (i != 4 && i != 5) /* these two are other names of DR6 and DR7 */
			fprintf(out, "  DR%zu       0x%016" PRIx64 "\n", i, (uint64_t)sregs->dr[i]);
	}
}

void sregs_print(FILE *out, const struct vtx_sregs *sregs)
{
	struct vtx_segment segment;
	struct vtx_table table;
	size_t i;

	fprintf(out, "  %-6s%-10s%-20s%-12s%s\n", "", "selector", "base", "limit", "access rights");
	for (i = 0; i < ARRAY_SIZE(segments); i++) {
		memcpy(&segment, (const char *)sregs + segments[i].offset, sizeof(segment));
		print_segment(out, segments[i].name, &segment);
	}
	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		memcpy(&table, (const char *)sregs + tables[i].offset, sizeof(table));
		fprintf(out, "  %-16s0x%016" PRIx64 "  0x%08" PRIx32 "\n", tables[i].name,
			(uint64_t)table.base, table.limit);
	}
	print_control(out, sregs);
}

static struct json_object *json_segment(const struct vtx_segment *segment)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_hex(object, "selector", segment->selector);
	ctl_json_put_hex(object, "base", segment->base);
	ctl_json_put_hex(object, "limit", segment->limit);
	ctl_json_put_hex(object, "access", segment->access);
	ctl_json_put_text(object, "kind", segment_kind(segment->access));
	return object;
}

static struct json_object *json_table(const struct vtx_table *table)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_hex(object, "base", table->base);
	ctl_json_put_hex(object, "limit", table->limit);
	return object;
}

struct json_object *sregs_json(const struct vtx_sregs *sregs)
{
	struct json_object *object = json_object_new_object();
	struct json_object *dr = json_object_new_array();
	struct vtx_segment segment;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(segments); i++) {
		memcpy(&segment, (const char *)sregs + segments[i].offset, sizeof(segment));
		json_object_object_add(object, segments[i].key, json_segment(&segment));
	}
	json_object_object_add(object, "gdtr", json_table(&sregs->gdtr));
	json_object_object_add(object, "idtr", json_table(&sregs->idtr));
	for (i = 0; i < ARRAY_SIZE(control); i++)
		ctl_json_put_hex(object, control[i].key, at(sregs, &control[i]));
	json_object_object_add(object, "cr0_bits", json_bits("CR0", sregs->cr0));
	json_object_object_add(object, "cr4_bits", json_bits("CR4", sregs->cr4));
	json_object_object_add(object, "efer_bits", json_bits("IA32_EFER", sregs->efer));
	for (i = 0; i < DEBUG_REGISTERS; i++)
		json_object_array_add(dr, ctl_json_hex(sregs->dr[i]));
	json_object_object_add(object, "dr", dr);
	return object;
}
