// SPDX-License-Identifier: GPL-2.0
/*
 * Read the parts of a lab machine's disk image into memory and prepare the jump into the kernel.
 * Runs in 32-bit protected mode without paging, interrupts off; every address is physical.
 *
 * The disk is the first ATA channel's master, read by programmed I/O: no driver can be simpler, and
 * Bochs copies a whole sector for each `rep insl`.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SECTOR 512

/* ATA: task-file registers, status bits and commands (ATA/ATAPI-6, chapters 7 and 8). */
enum {
	ATA_DATA = 0x1f0, ATA_COUNT = 0x1f2, ATA_LBA_LOW = 0x1f3, ATA_LBA_MID = 0x1f4,
	ATA_LBA_HIGH = 0x1f5, ATA_DEVICE = 0x1f6, ATA_COMMAND = 0x1f7, ATA_CONTROL = 0x3f6,
};

#define ATA_BUSY         0x80
#define ATA_DATA_REQUEST 0x08
#define ATA_ERROR        0x01
#define ATA_DEVICE_LBA   0x40
#define ATA_NO_INTERRUPT 0x02
#define ATA_READ_EXT     0x24
#define ATA_MOST_SECTORS 0x8000

/* Offsets in struct boot_params: Linux, arch/x86/include/uapi/asm/bootparam.h. */
#define BP_E820_ENTRIES 0x1e8
#define BP_E820_TABLE   0x2d0

/* Page table entries: Intel SDM vol. 3, section 4.5. */
#define PTE_PRESENT  0x01
#define PTE_WRITE    0x02
#define PTE_BIG_PAGE 0x80
#define BIG_PAGE     0x200000u
#define TABLE_SIZE   4096
#define TABLE_SLOTS  512
#define DIRECTORIES  4 /* of 1 GiB each: the first 4 GiB are mapped */

/* The start record in sector LAYOUT_LBA; bochs_image.py writes it. */
struct part {
	u32 first_sector;
	u32 sectors;
	u32 address;
};

struct start_record {
	u32 entry;
	u32 boot_params;
	u32 magic;
	u32 parts;
	struct part part[(LAYOUT_SECTORS * SECTOR - 16) / sizeof(struct part)];
};

extern u8 memory_ranges[];
extern u16 memory_range_count;
static struct start_record record;

static inline void outb(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void copy(void *to, const void *from, u32 length)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
}

/* Nothing can go on without the disk: say so on the console's serial line, and stop. */
static void __attribute__((noreturn)) fail(const char *message)
{
	for (; *message; message++)
		outb(0x3f8, *message);
	for (;;)
		asm volatile("cli; hlt");
}

static void wait_for_data(void)
{
	u8 status;

	do {
		status = inb(ATA_COMMAND);
	} while (status & ATA_BUSY);
	if ((status & ATA_ERROR) || !(status & ATA_DATA_REQUEST))
		fail("vtxdrv loader: disk read error\n");
}

/* LBA48: each register takes its high byte first, then its low byte. */
static void start_read(u32 sector, u32 count)
{
	outb(ATA_DEVICE, ATA_DEVICE_LBA);
	outb(ATA_COUNT, count >> 8);
	outb(ATA_LBA_LOW, sector >> 24);
	outb(ATA_LBA_MID, 0);
	outb(ATA_LBA_HIGH, 0);
	outb(ATA_COUNT, count);
	outb(ATA_LBA_LOW, sector);
	outb(ATA_LBA_MID, sector >> 8);
	outb(ATA_LBA_HIGH, sector >> 16);
	outb(ATA_COMMAND, ATA_READ_EXT);
}

static void read_sectors(u32 sector, u32 count, void *to)
{
	while (count) {
		u32 now = count < ATA_MOST_SECTORS ? count : ATA_MOST_SECTORS;

		start_read(sector, now);
		sector += now;
		count -= now;
		while (now--) {
			u32 words = SECTOR / 4;

			wait_for_data();
			asm volatile("rep insl" : "+D"(to), "+c"(words) : "d"(ATA_DATA) : "memory");
		}
	}
}

static void map_identity(void)
{
	u64 *top = (u64 *)PAGE_TABLES;
	u64 *pointers = (u64 *)(PAGE_TABLES + TABLE_SIZE);
	u64 *directory = (u64 *)(PAGE_TABLES + 2 * TABLE_SIZE);
	u32 i;

	for (i = 0; i < TABLE_SLOTS; i++)
		top[i] = pointers[i] = 0;
	top[0] = (u32)pointers | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < DIRECTORIES; i++)
		pointers[i] = (u32)(directory + i * TABLE_SLOTS) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < DIRECTORIES * TABLE_SLOTS; i++)
		directory[i] = (u64)i * BIG_PAGE | PTE_PRESENT | PTE_WRITE | PTE_BIG_PAGE;
}

/* Load everything; returns the record that says where the kernel starts. */
struct start_record *load_parts(void)
{
	u8 *params;
	u32 i;

	outb(ATA_CONTROL, ATA_NO_INTERRUPT);
	read_sectors(LAYOUT_LBA, LAYOUT_SECTORS, &record);
	if (record.magic != LAYOUT_MAGIC)
		fail("vtxdrv loader: the disk image has no start record\n");
	for (i = 0; i < record.parts; i++)
		read_sectors(record.part[i].first_sector, record.part[i].sectors,
			     (void *)record.part[i].address);

	params = (u8 *)record.boot_params;
	params[BP_E820_ENTRIES] = memory_range_count;
	copy(params + BP_E820_TABLE, memory_ranges, memory_range_count * 20);
	map_identity();
	return &record;
}
