// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run: the world of the emulator: the guest's page tables, its memory, and the buses.
 */
#include "cmd_run_emul.h"

#include <cpuid.h>
#include <stdlib.h>

#include "cmd_bus.h"
#include "guest_walk_logic.h"
#include "cmd_run_slots.h"
#include "x86_bits.h"

#define PAGE_MASK 0xfffULL
/* SDM vol. 2, CPUID leaf 8000_0008H: EAX bits 7:0. */
#define WIDTH_MASK 0xffU
#define DEFAULT_WIDTH 36

static struct run_emul *emuls[VTX_MAX_VCPUS];

static u8 physical_width(void)
{
	static u8 width;
	u32 eax = DEFAULT_WIDTH;
	u32 ebx;
	u32 ecx;
	u32 edx;

	if (!width) {
		if (!__get_cpuid(CPUID_LEAF_8000_0008, &eax, &ebx, &ecx, &edx))
			eax = DEFAULT_WIDTH;
		width = eax & WIDTH_MASK;
	}
	return width;
}

static u8 *ram(void *opaque, u64 gpa, u32 size, bool write)
{
	const struct run_emul *emul = opaque;

	return run_ram(emul->run, gpa, size, write);
}

/* What the exit says of its page is what the processor has used, and need not be found again. */
static bool is_known(const struct run_emul *emul, u64 linear, u32 access)
{
	return !((linear ^ emul->linear) & ~PAGE_MASK) &&
	       !(access & ~(emul->proven | GUEST_ACCESS_USER));
}

/* ---- translation ----------------------------------------------------------------------------- */

/* The guest may have changed an entry at any time, and need not say so: each is read again. */
static bool still_holds(const struct run_walk *known, const struct vtx_sregs *sregs, u64 page,
			u32 access)
{
	const struct guest_walk *walk = &known->walk;
	u32 i;

	if (!known->valid || known->page != page || known->access != access ||
	    known->cr3 != sregs->cr3 || known->cr0 != sregs->cr0 || known->cr4 != sregs->cr4 ||
	    known->efer != sregs->efer)
		return false;
	for (i = 0; i < walk->levels; i++) {
		u64 differ = *(const u32 *)walk->at[i] ^ (u32)walk->entries[i];

		if (walk->entry_size == sizeof(u64))
			differ = *(const u64 *)walk->at[i] ^ walk->entries[i];
		if (differ)
			return false;
	}
	return true;
}

/* A walk may have set flags, so the first one of an entry does not hold, but the second one. */
static void remember(struct run_walk *known, const struct vtx_sregs *sregs, u64 page, u32 access,
		     const struct guest_walk *walk)
{
	known->valid = true;
	known->page = page;
	known->access = access;
	known->cr0 = sregs->cr0;
	known->cr3 = sregs->cr3;
	known->cr4 = sregs->cr4;
	known->efer = sregs->efer;
	known->walk = *walk;
}

static enum emul_translated walk_to(struct run_emul *emul, u64 linear, u32 access, u64 *gpa,
				    u32 *error_code)
{
	struct guest_paging paging = {
		.sregs = emul->emul.sregs,
		.ac = emul->emul.regs->rflags & RFLAGS_AC,
		.width = physical_width(),
		.ram = ram,
		.opaque = emul,
	};
	struct guest_walk walk;
	enum guest_walk_result result = guest_walk(&paging, linear, access, &walk);
	/* RFLAGS.AC decides as well, and is not among what is compared. */
	bool smap = emul->emul.sregs->cr4 & CR4_SMAP;
	u32 kind = !(access & VTX_ACCESS_EXECUTE);

	*gpa = walk.gpa;
	*error_code = walk.error_code;
	if (result == GUEST_WALK_FAULT)
		return EMUL_PAGE_FAULT;
	if (result != GUEST_WALK_MAPPED)
		return EMUL_NO_TABLE;
	if (!smap || !kind)
		remember(&emul->walks[kind], emul->emul.sregs, linear & ~PAGE_MASK, access, &walk);
	return EMUL_MAPPED;
}

static enum emul_translated translate(void *opaque, u64 linear, u32 access, u64 *gpa,
				      u32 *error_code)
{
	struct run_emul *emul = opaque;
	const struct run_walk *known = &emul->walks[!(access & VTX_ACCESS_EXECUTE)];

	if (is_known(emul, linear, access))
		*gpa = (emul->gpa & ~PAGE_MASK) | (linear & PAGE_MASK);
	else if (still_holds(known, emul->emul.sregs, linear & ~PAGE_MASK, access))
		*gpa = (known->walk.gpa & ~PAGE_MASK) | (linear & PAGE_MASK);
	else
		return walk_to(emul, linear, access, gpa, error_code);
	return EMUL_MAPPED;
}

/* ---- memory and devices ---------------------------------------------------------------------- */

static void note_stray(struct run_emul *emul, const struct run_stray *stray)
{
	if (!emul->is_stray)
		emul->stray = *stray;
	emul->is_stray = true;
}

static u64 mmio_read(void *opaque, u64 gpa, u32 size)
{
	struct run_stray stray = { .address = gpa, .size = size };
	u64 value;

	if (!bus_mmio_read(gpa, size, &value))
		note_stray(opaque, &stray);
	return value;
}

static void mmio_write(void *opaque, u64 gpa, u32 size, u64 value)
{
	struct run_stray stray = { .write = true, .address = gpa, .size = size, .value = value };

	if (!bus_mmio_write(gpa, size, value))
		note_stray(opaque, &stray);
}

/* A port that nobody has is no mistake of the guest: PCs are searched that way. */
static u64 port_read(void *opaque, u32 port, u32 size)
{
	u64 value;

	bus_port_read(port, size, &value);
	return value;
}

static void port_write(void *opaque, u32 port, u32 size, u64 value)
{
	bus_port_write(port, size, value);
}

static const struct emul_ops ops = {
	.translate = translate,
	.ram = ram,
	.read = mmio_read,
	.write = mmio_write,
	.port_read = port_read,
	.port_write = port_write,
};

static struct run_emul *make(struct run *run)
{
	struct run_emul *emul = calloc(1, sizeof(*emul));

	if (!emul)
		return NULL;
	emul->run = run;
	emul->emul.ops = &ops;
	emul->emul.opaque = emul;
	emul->emul.decoder = emul_decoder_new();
	if (emul->emul.decoder)
		return emul;
	free(emul);
	return NULL;
}

struct run_emul *run_emul_of(struct run *run, u32 vcpu, struct vtx_regs *regs,
			     const struct vtx_sregs *sregs)
{
	struct run_emul *emul = emuls[vcpu];

	if (!emul)
		emul = emuls[vcpu] = make(run);
	if (!emul)
		return NULL;
	emul->emul.regs = regs;
	emul->emul.sregs = sregs;
	emul->proven = 0;
	emul->is_stray = false;
	return emul;
}

void run_emul_release(void)
{
	u32 i;

	for (i = 0; i < VTX_MAX_VCPUS; i++) {
		if (!emuls[i])
			continue;
		emul_decoder_free(emuls[i]->emul.decoder);
		free(emuls[i]);
		emuls[i] = NULL;
	}
}
