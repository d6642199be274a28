// SPDX-License-Identifier: GPL-2.0
/*
 * Random instructions: those that exit, or that others wish they did not, far more often than
 * chance would have them; and bytes that are anything.
 */
#include <string.h>

#include "torture.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* splitmix64: any seed is a good one. */
uint64_t draw(struct draw *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

uint32_t draw_below(struct draw *d, uint32_t limit)
{
	return (uint32_t)(draw(d) >> 32) % limit;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static const uint32_t msrs[] = {
	0x10,	    0x1b,	0x3a,	    0x3b,	0x8b,	    0xc1,	0xfe,	    0x174,
	0x175,	    0x176,	0x179,	    0x17a,	0x186,	    0x198,	0x1a0,	    0x1d9,
	0x200,	    0x250,	0x277,	    0x2ff,	0x345,	    0x38f,	0x400,	    0x480,
	0x486,	    0x48c,	0x491,	    0x600,	0x6e0,	    0x802,	0x80b,	    0x830,
	0xda0,	    0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
	0xc0000101, 0xc0000102, 0xc0000103, 0xc0010114, 0x40000000, 0x4b564d00,
};

static const uint16_t ports[] = {
	0x20, 0x21, 0x40, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x80, 0x92, 0xa0, 0xa1,
	0xcf8, 0xcfc, 0x3f8, 0x3f9, 0x3fa, 0x3fd, 0xfffe, 0xffff,
};

static uint64_t address(struct draw *d)
{
	static const uint64_t near[] = {
		0, TORTURE_CODE, TORTURE_HANDLERS, TORTURE_GDT, TORTURE_IDT64, TORTURE_CR3,
		TORTURE_STACK, TORTURE_HOLE, TORTURE_MEMORY - 8, TORTURE_MEMORY, TORTURE_PD,
		TORTURE_ALIAS + TORTURE_CODE, TORTURE_LARGE, TORTURE_LARGE + 0x1ffff8, 0xfee00000,
		0xfec00000, 0xfffffff0, 0x100000000, 0x7ffffffffff8, 0x800000000000,
		0xffff800000000000, 0xffffffff81000000,
	};

	return near[draw_below(d, COUNT(near))] + (draw_below(d, 4) ? 0 : draw(d) & 0xfff);
}

uint64_t draw_value(struct draw *d)
{
	switch (draw_below(d, 8)) {
	case 0:
		return draw_below(d, 256);
	case 1:
		return msrs[draw_below(d, COUNT(msrs))];
	case 2:
		return ports[draw_below(d, COUNT(ports))];
	case 3:
		return 1ULL << draw_below(d, 64);
	case 4:
		return (uint32_t)draw(d);
	case 5:
		return draw(d);
	default:
		return address(d);
	}
}

/* ---- instructions --------------------------------------------------------------------------- */

/* What follows the opcode. */
enum tail {
	NOTHING,
	BYTE,
	LONG, /* four bytes that draw_value() gives */
	FIELD, /* a ModRM byte that names registers, its reg field from the opcode's extra */
	MEMORY, /* a ModRM byte that names memory, the same */
	ANY, /* a ModRM byte of any kind, and what it needs or not */
};

struct form {
	uint8_t length;
	uint8_t opcode[4];
	uint8_t tail;
	int8_t field; /* of the ModRM byte; -1: any */
};

/* clang-format off */
static const struct form forms[] = {
	/* answered by the driver */
	{ 2, { 0x0f, 0xa2 }, NOTHING, 0 }, { 1, { 0xf4 }, NOTHING, 0 },
	{ 2, { 0xf3, 0x90 }, NOTHING, 0 }, { 3, { 0x0f, 0x01, 0xc1 }, NOTHING, 0 },
	{ 3, { 0x0f, 0x01, 0xc8 }, NOTHING, 0 }, { 3, { 0x0f, 0x01, 0xc9 }, NOTHING, 0 },
	{ 2, { 0x0f, 0x33 }, NOTHING, 0 }, { 2, { 0x0f, 0x31 }, NOTHING, 0 },
	{ 3, { 0x0f, 0x01, 0xf9 }, NOTHING, 0 }, { 2, { 0x0f, 0x32 }, NOTHING, 0 },
	{ 2, { 0x0f, 0x30 }, NOTHING, 0 }, { 3, { 0x0f, 0x01, 0xd1 }, NOTHING, 0 },
	{ 3, { 0x0f, 0x01, 0xd0 }, NOTHING, 0 }, { 2, { 0x0f, 0x08 }, NOTHING, 0 },
	{ 2, { 0x0f, 0x09 }, NOTHING, 0 }, { 2, { 0x0f, 0x06 }, NOTHING, 0 },
	/* control, debug and table registers */
	{ 2, { 0x0f, 0x20 }, FIELD, -1 }, { 2, { 0x0f, 0x22 }, FIELD, -1 },
	{ 3, { 0x44, 0x0f, 0x22 }, FIELD, 0 }, { 3, { 0x44, 0x0f, 0x20 }, FIELD, 0 },
	{ 2, { 0x0f, 0x22 }, FIELD, 0 }, { 2, { 0x0f, 0x22 }, FIELD, 3 },
	{ 2, { 0x0f, 0x22 }, FIELD, 4 }, { 2, { 0x0f, 0x21 }, FIELD, -1 },
	{ 2, { 0x0f, 0x23 }, FIELD, -1 }, { 2, { 0x0f, 0x01 }, FIELD, 6 },
	{ 2, { 0x0f, 0x01 }, ANY, 6 }, { 2, { 0x0f, 0x01 }, ANY, 4 },
	{ 2, { 0x0f, 0x01 }, MEMORY, 0 }, { 2, { 0x0f, 0x01 }, MEMORY, 1 },
	{ 2, { 0x0f, 0x01 }, MEMORY, 2 }, { 2, { 0x0f, 0x01 }, MEMORY, 3 },
	{ 2, { 0x0f, 0x01 }, MEMORY, 7 }, { 2, { 0x0f, 0x00 }, ANY, -1 },
	{ 3, { 0x0f, 0x01, 0xf8 }, NOTHING, 0 }, { 2, { 0x0f, 0x01 }, ANY, -1 },
	/* ports */
	{ 1, { 0xe4 }, BYTE, 0 }, { 1, { 0xe5 }, BYTE, 0 }, { 1, { 0xe6 }, BYTE, 0 },
	{ 1, { 0xe7 }, BYTE, 0 }, { 1, { 0xec }, NOTHING, 0 }, { 1, { 0xed }, NOTHING, 0 },
	{ 1, { 0xee }, NOTHING, 0 }, { 1, { 0xef }, NOTHING, 0 }, { 2, { 0x66, 0xed }, NOTHING, 0 },
	{ 2, { 0x66, 0xef }, NOTHING, 0 }, { 2, { 0xf3, 0x6c }, NOTHING, 0 },
	{ 2, { 0xf3, 0x6e }, NOTHING, 0 }, { 3, { 0xf3, 0x67, 0x6d }, NOTHING, 0 },
	{ 3, { 0x66, 0xf2, 0x6f }, NOTHING, 0 }, { 1, { 0x6d }, NOTHING, 0 },
	/* events */
	{ 1, { 0xcd }, BYTE, 0 }, { 1, { 0xcc }, NOTHING, 0 }, { 1, { 0xf1 }, NOTHING, 0 },
	{ 2, { 0x0f, 0x0b }, NOTHING, 0 }, { 1, { 0xfb }, NOTHING, 0 }, { 1, { 0xfa }, NOTHING, 0 },
	{ 1, { 0x9d }, NOTHING, 0 }, { 1, { 0xcf }, NOTHING, 0 }, { 2, { 0x48, 0xcf }, NOTHING, 0 },
	{ 1, { 0x8e }, FIELD, 2 }, { 1, { 0x8e }, ANY, -1 }, { 1, { 0x17 }, NOTHING, 0 },
	{ 2, { 0x0f, 0xb2 }, MEMORY, -1 }, { 1, { 0xce }, NOTHING, 0 },
	{ 2, { 0x0f, 0x05 }, NOTHING, 0 }, { 2, { 0x0f, 0x07 }, NOTHING, 0 },
	{ 2, { 0x0f, 0x34 }, NOTHING, 0 }, { 2, { 0x0f, 0x35 }, NOTHING, 0 },
	{ 1, { 0xff }, ANY, 5 }, { 1, { 0xff }, ANY, 3 }, { 1, { 0xff }, ANY, 6 },
	{ 1, { 0xea }, LONG, 0 }, { 1, { 0x9a }, LONG, 0 }, { 1, { 0xcb }, NOTHING, 0 },
	/* VMX and SMX, of which the guest has none; SVM's as well */
	{ 2, { 0x0f, 0xc7 }, MEMORY, 6 }, { 3, { 0x66, 0x0f, 0xc7 }, MEMORY, 6 },
	{ 3, { 0xf3, 0x0f, 0xc7 }, MEMORY, 6 }, { 2, { 0x0f, 0xc7 }, MEMORY, 7 },
	{ 3, { 0x0f, 0x01, 0xc2 }, NOTHING, 0 }, { 3, { 0x0f, 0x01, 0xc3 }, NOTHING, 0 },
	{ 3, { 0x0f, 0x01, 0xc4 }, NOTHING, 0 }, { 2, { 0x0f, 0x78 }, ANY, -1 },
	{ 2, { 0x0f, 0x79 }, ANY, -1 }, { 4, { 0x66, 0x0f, 0x38, 0x80 }, MEMORY, -1 },
	{ 4, { 0x66, 0x0f, 0x38, 0x81 }, MEMORY, -1 },
	{ 4, { 0x66, 0x0f, 0x38, 0x82 }, MEMORY, -1 },
	{ 3, { 0x0f, 0x01, 0xd4 }, NOTHING, 0 }, { 2, { 0x0f, 0x37 }, NOTHING, 0 },
	{ 3, { 0x0f, 0x01, 0xd8 }, NOTHING, 0 }, { 3, { 0x0f, 0x01, 0xd9 }, NOTHING, 0 },
	{ 2, { 0x0f, 0xaa }, NOTHING, 0 }, { 2, { 0x0f, 0xc7 }, ANY, -1 },
	/* memory, also where none is */
	{ 1, { 0x8b }, MEMORY, -1 }, { 1, { 0x89 }, MEMORY, -1 }, { 1, { 0x88 }, MEMORY, -1 },
	{ 2, { 0x48, 0x8b }, MEMORY, -1 }, { 2, { 0x48, 0x89 }, MEMORY, -1 },
	{ 1, { 0xc6 }, MEMORY, 0 }, { 1, { 0x81 }, MEMORY, -1 }, { 1, { 0x87 }, MEMORY, -1 },
	{ 2, { 0xf0, 0x01 }, MEMORY, -1 }, { 3, { 0xf0, 0x0f, 0xb1 }, MEMORY, -1 },
	{ 2, { 0x0f, 0xb6 }, MEMORY, -1 }, { 2, { 0x0f, 0xbe }, MEMORY, -1 },
	{ 2, { 0xf3, 0xa4 }, NOTHING, 0 }, { 2, { 0xf3, 0xab }, NOTHING, 0 },
	{ 2, { 0xf2, 0xae }, NOTHING, 0 }, { 1, { 0xa5 }, NOTHING, 0 }, { 1, { 0x50 }, NOTHING, 0 },
	{ 1, { 0x5c }, NOTHING, 0 }, { 1, { 0xc3 }, NOTHING, 0 }, { 1, { 0xe8 }, LONG, 0 },
	{ 2, { 0x0f, 0xae }, ANY, -1 }, { 3, { 0xf3, 0x0f, 0xae }, FIELD, -1 },
	{ 2, { 0x0f, 0x11 }, MEMORY, -1 }, { 1, { 0xd9 }, ANY, -1 }, { 1, { 0xdd }, ANY, -1 },
	{ 2, { 0x0f, 0x18 }, ANY, -1 }, { 3, { 0x0f, 0x01, 0xcb }, NOTHING, 0 },
};
/* clang-format on */

struct writer {
	struct draw *draw;
	uint8_t *at;
	unsigned int length, room;
};

static void put(struct writer *w, const void *from, unsigned int count)
{
	if (w->length + count > w->room)
		return;
	memcpy(w->at + w->length, from, count);
	w->length += count;
}

static void put_byte(struct writer *w, uint64_t value)
{
	uint8_t byte = (uint8_t)value;

	put(w, &byte, 1);
}

static void put_long(struct writer *w)
{
	uint32_t value = (uint32_t)draw_value(w->draw);

	put(w, &value, sizeof(value));
}

static uint8_t field_of(struct writer *w, int8_t field)
{
	return (uint8_t)((field < 0 ? draw_below(w->draw, 8) : (uint32_t)field) << 3);
}

/* [register], or [disp32] by a SIB byte: the same with 32- and with 64-bit addresses. */
static void put_memory(struct writer *w, int8_t field)
{
	if (draw_below(w->draw, 2)) {
		put_byte(w, field_of(w, field) | draw_below(w->draw, 4));
		return;
	}
	put_byte(w, field_of(w, field) | 4);
	put_byte(w, 0x25);
	put_long(w);
}

static void put_tail(struct writer *w, const struct form *form)
{
	switch (form->tail) {
	case BYTE:
		put_byte(w, draw_value(w->draw));
		break;
	case LONG:
		put_long(w);
		break;
	case FIELD:
		put_byte(w, 0xc0 | field_of(w, form->field) | draw_below(w->draw, 8));
		break;
	case MEMORY:
		put_memory(w, form->field);
		break;
	case ANY:
		put_byte(w, (draw(w->draw) & 0xc7) | field_of(w, form->field));
		break;
	}
}

/* mov $value, %register: ECX for MSRs, EDX for ports, EAX for both, any. */
static void put_operand(struct writer *w)
{
	put_byte(w, 0xb8 + draw_below(w->draw, 8));
	put_long(w);
}

/* A byte of the code that is about to run: movb $x, address. */
static void put_self_modifying(struct writer *w)
{
	uint32_t target = TORTURE_CODE + w->length + draw_below(w->draw, 24);

	put(w, "\xc6\x04\x25", 3);
	put(w, &target, sizeof(target));
	put_byte(w, draw(w->draw));
}

static void put_instruction(struct writer *w)
{
	const struct form *form;

	switch (draw_below(w->draw, 16)) {
	case 0:
		put_byte(w, draw(w->draw));
		return;
	case 1:
		put_self_modifying(w);
		return;
	case 2:
	case 3:
	case 4:
		put_operand(w);
		return;
	}
	form = &forms[draw_below(w->draw, COUNT(forms))];
	put(w, form->opcode, form->length);
	put_tail(w, form);
}

unsigned int draw_code(struct draw *d, uint8_t *at, unsigned int room, unsigned int count)
{
	struct writer w = { .draw = d, .at = at, .room = room };

	while (count--)
		put_instruction(&w);
	return w.length;
}

/* RDTSC, RDTSCP, RDMSR (of the TSC), RDRAND, RDSEED: what they give differs from time to time. */
bool torture_tells_time(const uint8_t *code, uint32_t length)
{
	for (uint32_t i = 0; i + 1 < length; i++) {
		uint8_t second = code[i + 1], third = i + 2 < length ? code[i + 2] : 0;

		if (code[i] == 0x0f && (second == 0x31 || second == 0x32 ||
					(second == 0x01 && third == 0xf9) ||
					(second == 0xc7 && third >= 0xf0)))
			return true;
	}
	return false;
}
