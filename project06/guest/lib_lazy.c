// SPDX-License-Identifier: GPL-2.0
/*
 * For guests in C: page tables of their own, and pages that come when they are touched.
 */
#include "pc.h"

#define PAGE 4096UL
#define TABLE_ENTRIES 512
#define LARGE_PAGE (2UL << 20)
#define LAZY_PAGES 32
/* SDM vol. 3, "4-Level Paging": bits of an entry. */
#define ENTRY_PRESENT 0x01UL
#define ENTRY_WRITE 0x02UL
#define ENTRY_LARGE 0x80UL

typedef u64 table_t[TABLE_ENTRIES] __attribute__((aligned(PAGE)));

static table_t root, directory_pointers, low, lazy_directory, lazy_tables[2];
static u8 lazy_pages[LAZY_PAGES][PAGE] __attribute__((aligned(PAGE)));
static u32 lazy_used;

/* The image and all other memory one to one, in large pages; nothing else, until it is touched. */
void build_tables(u64 memory_size)
{
	u64 at;

	root[0] = (u64)directory_pointers | ENTRY_PRESENT | ENTRY_WRITE;
	directory_pointers[0] = (u64)low | ENTRY_PRESENT | ENTRY_WRITE;
	directory_pointers[PC_LAZY_START >> 30] = (u64)lazy_directory | ENTRY_PRESENT | ENTRY_WRITE;
	for (at = 0; at < memory_size && at < PC_LAZY_START; at += LARGE_PAGE)
		low[at / LARGE_PAGE] = at | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_LARGE;
	__asm__ volatile("mov %0, %%cr3" : : "r"((u64)root) : "memory");
}

u64 read_cr2(void)
{
	u64 value;

	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

/* The table of this large page: one that has it already, or a new one. */
static u64 *lazy_table(u64 address)
{
	u64 *entry = &lazy_directory[(address - PC_LAZY_START) / LARGE_PAGE];
	u32 i;

	for (i = 0; !*entry && i < sizeof(lazy_tables) / sizeof(*lazy_tables); i++) {
		static u32 used;

		if (i < used)
			continue;
		used++;
		*entry = (u64)lazy_tables[i] | ENTRY_PRESENT | ENTRY_WRITE;
	}
	return (u64 *)(*entry & ~(PAGE - 1));
}

int map_page(u64 address)
{
	u64 *table;

	if (address < PC_LAZY_START || address >= PC_LAZY_END || lazy_used == LAZY_PAGES)
		return 0;
	table = lazy_table(address);
	if (!table)
		return 0;
	table[address / PAGE % TABLE_ENTRIES] = (u64)lazy_pages[lazy_used++] | ENTRY_PRESENT |
						ENTRY_WRITE;
	put("[page fault at 0x");
	put_hex(address, 8);
	put(": page ");
	put_decimal(lazy_used, 1);
	put(" of ");
	put_decimal(LAZY_PAGES, 1);
	put(" goes there]\n");
	return 1;
}
