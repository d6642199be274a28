// SPDX-License-Identifier: GPL-2.0
/*
 * A made-up guest for check_emul_world.c.
 */
#include "emul_world.h"

#include <stdarg.h>

u8 memory[RAM_SIZE];
u8 device[2 * PAGE];
struct vtx_regs regs;
struct vtx_sregs sregs;
static char log_text[4096];
unsigned int failures;
const char *name;

void expect(const char *what, u64 seen, u64 wanted)
{
	if (seen == wanted)
		return;
	failures++;
	printf("%s: %s is %#" PRIx64 ", expected %#" PRIx64 "\n", name, what, seen, wanted);
}

static void note(const char *format, ...)
{
	size_t used = strlen(log_text);
	va_list values;

	va_start(values, format);
	vsnprintf(log_text + used, sizeof(log_text) - used, format, values);
	va_end(values);
}

void expect_log(const char *wanted)
{
	if (strcmp(log_text, wanted)) {
		failures++;
		printf("%s: the device saw '%s', expected '%s'\n", name, log_text, wanted);
	}
	*log_text = '\0';
}

/* ---- the world ------------------------------------------------------------------------------- */

u8 *ram(void *opaque, u64 gpa, u32 size, bool write)
{
	return gpa < RAM_SIZE && RAM_SIZE - gpa >= size ? memory + gpa : NULL;
}

static enum emul_translated translate(void *opaque, u64 linear, u32 access, u64 *gpa, u32 *error)
{
	struct guest_paging paging = {
		.sregs = &sregs,
		.ac = regs.rflags & RFLAGS_AC,
		.width = WIDTH,
		.ram = ram,
	};
	struct guest_walk walk = { 0 };
	enum guest_walk_result result = guest_walk(&paging, linear, access, &walk);

	*gpa = walk.gpa;
	*error = walk.error_code;
	return result == GUEST_WALK_MAPPED ? EMUL_MAPPED :
	       result == GUEST_WALK_FAULT  ? EMUL_PAGE_FAULT :
					     EMUL_NO_TABLE;
}

static u64 device_read(void *opaque, u64 gpa, u32 size)
{
	u64 value = 0;

	note("r%u@%" PRIx64 " ", size, gpa - DEVICE_GPA);
	if (gpa >= DEVICE_GPA && gpa + size <= DEVICE_GPA + sizeof(device))
		memcpy(&value, device + (gpa - DEVICE_GPA), size);
	return value;
}

static void device_write(void *opaque, u64 gpa, u32 size, u64 value)
{
	note("w%u@%" PRIx64 "=%" PRIx64 " ", size, gpa - DEVICE_GPA, value);
	if (gpa >= DEVICE_GPA && gpa + size <= DEVICE_GPA + sizeof(device))
		memcpy(device + (gpa - DEVICE_GPA), &value, size);
}

static u64 port_read(void *opaque, u32 port, u32 size)
{
	static u64 next = 0xa0;

	note("in%u@%x ", size, port);
	return next++;
}

static void port_write(void *opaque, u32 port, u32 size, u64 value)
{
	note("out%u@%x=%" PRIx64 " ", size, port, value);
}

const struct emul_ops ops = {
	.translate = translate,
	.ram = ram,
	.read = device_read,
	.write = device_write,
	.port_read = port_read,
	.port_write = port_write,
};

void set64(u64 at, u64 value)
{
	memcpy(memory + at, &value, sizeof(value));
}

void map_page(u64 linear, u64 gpa, u64 flags)
{
	set64(PT + linear / PAGE * sizeof(u64), gpa | flags);
}

static void make_tables(void)
{
	u64 all = PAGING_P | PAGING_RW;

	set64(PML4, PDPT | all | PAGING_US);
	set64(PDPT, PD | all | PAGING_US);
	set64(PD, PT | all | PAGING_US);
	map_page(CODE, CODE, all | PAGING_US);
	map_page(CODE + PAGE, CODE + PAGE, all | PAGING_US);
	map_page(DATA, DATA, all);
	map_page(DATA + PAGE, DATA + PAGE, all);
	map_page(DEVICE, DEVICE_GPA, all);
	map_page(DEVICE + PAGE, DEVICE_GPA + PAGE, all);
	map_page(READ_ONLY, READ_ONLY, PAGING_P);
	map_page(USER_PAGE, USER_PAGE, all | PAGING_US);
	map_page(NO_EXECUTE, NO_EXECUTE, all | PAGING_XD);
}

static void flat_segments(u32 extra, u32 limit)
{
	struct vtx_segment data = { .limit = limit };
	u32 i;

	data.access = ACCESS_RIGHTS_P | ACCESS_RIGHTS_S | SEGMENT_TYPE_DATA_RW | extra;
	for (i = 0; i < 6; i++)
		(&sregs.es)[i] = data;
	sregs.cs.access |= SEGMENT_TYPE_CODE_XR;
}

/* A fresh world: bits of the code, and what is at CODE. */
void begin(const char *case_name, u32 bits, const char *code, size_t length)
{
	name = case_name;
	memset(memory, 0, sizeof(memory));
	memset(device, 0, sizeof(device));
	memset(&regs, 0, sizeof(regs));
	memset(&sregs, 0, sizeof(sregs));
	*log_text = '\0';
	make_tables();
	memcpy(memory + CODE, code, length);
	regs.rip = CODE;
	regs.rflags = RFLAGS_RESERVED_1;
	sregs.cr0 = CR0_PE | CR0_PG | CR0_WP;
	sregs.cr3 = PML4;
	sregs.cr4 = CR4_PAE;
	sregs.efer = IA32_EFER_LMA | IA32_EFER_NXE;
	flat_segments(bits == 32 ? ACCESS_RIGHTS_DB : 0, bits == 16 ? UINT16_MAX : UINT32_MAX);
	if (bits == 64)
		sregs.cs.access |= ACCESS_RIGHTS_L;
	if (bits == 16) { /* real mode */
		sregs.cr0 = 0;
		sregs.efer = 0;
		sregs.cs.base = CODE;
		regs.rip = 0;
	}
}
