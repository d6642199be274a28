// SPDX-License-Identifier: GPL-2.0
/*
 * Reads what vtxctl's "raw" wants to know out of a bare emulated processor and prints it on COM1.
 *
 * Every MSR is tried, with a handler for #GP behind it: a recording also tells which ones exist, so
 * it checks the rules of the driver, which never tries.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

int read_msr(u32 index, u32 value[2]);
void general_protection(void);
void record(void);

#define COM1 0x3f8
#define GP_VECTOR 13

struct gate {
	u16 low, selector, type, high;
};

static struct gate idt[GP_VECTOR + 1];

static void outb(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static u8 inb(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void put(char c)
{
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(COM1, c);
}

static void print(const char *text)
{
	while (*text)
		put(*text++);
}

static void print_hex(u32 value)
{
	int shift;

	for (shift = 28; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}

static void print_pair(const char *key, u32 high, u32 low)
{
	print(key);
	put(' ');
	print_hex(high);
	print_hex(low);
	put('\n');
}

static void print_leaf(u32 leaf)
{
	u32 a = leaf, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	print("cpuid ");
	print_hex(leaf);
	put(' ');
	print_hex(a);
	put(' ');
	print_hex(b);
	put(' ');
	print_hex(c);
	put(' ');
	print_hex(d);
	put('\n');
}

static void print_msr(u32 index)
{
	u32 value[2];

	print("msr ");
	print_hex(index);
	put(' ');
	if (read_msr(index, value)) {
		print("fault\n");
		return;
	}
	print_hex(value[1]);
	print_hex(value[0]);
	put('\n');
}

static void catch_faults(void)
{
	struct {
		u16 limit;
		u32 base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (u32)idt };
	u32 handler = (u32)general_protection;

	idt[GP_VECTOR] = (struct gate){ handler & 0xffff, 0x08, 0x8e00, handler >> 16 };
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

void record(void)
{
	static const u32 leaves[] = { 0, 1, 0x40000000, 0x80000000, 0x80000001, 0x80000008,
				      0x8000000a };
	static const u32 msrs[] = { 0x3a, 0xc0000080, 0xc0010114 };
	u32 cr0, cr4;
	u32 i;

	outb(COM1 + 3, 0x03);
	catch_faults();
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	print_pair("cr0", 0, cr0);
	print_pair("cr4", 0, cr4);
	for (i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		print_leaf(leaves[i]);
	for (i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		print_msr(msrs[i]);
	for (i = 0x480; i <= 0x493; i++)
		print_msr(i);
	print("end\n");
}
