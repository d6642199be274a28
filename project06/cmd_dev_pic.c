// SPDX-License-Identifier: GPL-2.0
/*
 * Intel 8259A, as a PC AT has two of them. Names of modes and bits are those of the data sheet.
 */
#include "cmd_dev_pic.h"

#define INPUTS 8
/* Timer, keyboard and the slave are edge triggered always; so are RTC and coprocessor. */
#define MASTER_CAN_LEVEL 0xf8
#define SLAVE_CAN_LEVEL 0xde
/* "Spurious" in the data sheet: whose request has gone before INTA gets this one. */
#define SPURIOUS 7
#define ALL 0xff
#define SLAVE_ID 0x07
#define NONE (-1)

static u8 bit(u32 input)
{
	return 1U << input;
}

/* ---- who is next ----------------------------------------------------------------------------- */

/* Of these inputs the one of the highest priority: the one behind the lowest is the highest. */
static int highest(const struct pic_chip *chip, u8 inputs)
{
	u32 i;

	for (i = 1; i <= INPUTS; i++) {
		u32 input = (chip->lowest + i) % INPUTS;

		if (inputs & bit(input))
			return input;
	}
	return NONE;
}

static u32 rank(const struct pic_chip *chip, u32 input)
{
	return (input + INPUTS - chip->lowest - 1) % INPUTS;
}

static bool is_level(const struct pic_chip *chip, u32 input)
{
	return chip->icw1 & PIC_ICW1_LEVEL || chip->level & bit(input);
}

/*
 * The input that INT stands for. What is in service holds back its own and lower priorities; in
 * special mask mode not if it is masked. In special fully nested mode the master lets a slave in
 * service through: a higher priority of the slave's may wait.
 */
static int winner(const struct pic_chip *chip)
{
	u8 holds = chip->special_mask ? chip->isr & ~chip->imr : chip->isr;
	int input;
	int served;

	if (chip->init != PIC_READY)
		return NONE;
	input = highest(chip, chip->irr & ~chip->imr);
	if (input == NONE)
		return NONE;
	if (chip->nested && chip->icw3 & bit(input))
		holds &= ~bit(input);
	served = highest(chip, holds);
	return served == NONE || rank(chip, input) < rank(chip, served) ? input : NONE;
}

static void set_input(struct pic_chip *chip, u32 input, bool high)
{
	bool rises = high && !(chip->inputs & bit(input));

	if (high)
		chip->inputs |= bit(input);
	else
		chip->inputs &= ~bit(input);
	/* The request has to stay high until INTA, edge triggered or not. */
	if (!high)
		chip->irr &= ~bit(input);
	else if (rises || is_level(chip, input))
		chip->irr |= bit(input);
}

/* The INT output of the slave is an input of the master. */
static void update_slave(struct pic *pic)
{
	set_input(&pic->master, PC_IRQ_SLAVE, winner(&pic->slave) != NONE);
}

void pic_set_input(struct pic *pic, u32 irq, bool high)
{
	if (irq == PC_IRQ_SLAVE)
		return;
	set_input(irq < INPUTS ? &pic->master : &pic->slave, irq % INPUTS, high);
	update_slave(pic);
}

bool pic_output(const struct pic *pic)
{
	return winner(&pic->master) != NONE;
}

/* ---- acknowledge, end of interrupt ----------------------------------------------------------- */

static void end(struct pic_chip *chip, int input, bool rotate)
{
	if (input == NONE)
		return;
	chip->isr &= ~bit(input);
	if (rotate)
		chip->lowest = input;
}

/* The input whose service begins; SPURIOUS without service if its request has gone. */
static int take(struct pic_chip *chip)
{
	int input = winner(chip);

	if (input == NONE)
		return NONE;
	if (!is_level(chip, input))
		chip->irr &= ~bit(input);
	chip->isr |= bit(input);
	if (chip->auto_eoi)
		end(chip, input, chip->rotate);
	return input;
}

static int vector(const struct pic_chip *chip, int input)
{
	return chip->base | (input == NONE ? SPURIOUS : input);
}

int pic_acknowledge(struct pic *pic)
{
	int input;
	int answer;

	if (pic->master.init != PIC_READY)
		return NONE;
	input = take(&pic->master);
	answer = vector(&pic->master, input);
	if (input == PC_IRQ_SLAVE && pic->master.icw3 & bit(PC_IRQ_SLAVE))
		answer = vector(&pic->slave, take(&pic->slave));
	/* INT of the slave drops with INTA, and rises again if somebody else waits. */
	if (input == PC_IRQ_SLAVE)
		set_input(&pic->master, PC_IRQ_SLAVE, false);
	update_slave(pic);
	return answer;
}

/* ---- what is written ------------------------------------------------------------------------- */

static void write_icw1(struct pic_chip *chip, u8 value)
{
	chip->icw1 = value;
	chip->init = PIC_AWAITS_ICW2;
	chip->imr = 0;
	chip->isr = 0;
	chip->lowest = INPUTS - 1;
	chip->icw3 = value & PIC_ICW1_SINGLE ? 0 : chip->icw3;
	chip->special_mask = false;
	chip->read_isr = false;
	chip->poll = false;
	chip->nested = false;
	chip->auto_eoi = false;
	chip->rotate = false;
	/* "The edge sense circuit is reset": what is high has to go low first. */
	chip->irr = 0;
	if (value & PIC_ICW1_LEVEL)
		chip->irr = chip->inputs;
}

static void after_icw3(struct pic_chip *chip)
{
	chip->init = chip->icw1 & PIC_ICW1_ICW4 ? PIC_AWAITS_ICW4 : PIC_READY;
}

/* The port with A0 = 1: the rest of the initialisation, or the mask. */
static void write_second(struct pic_chip *chip, u8 value)
{
	switch (chip->init) {
	case PIC_AWAITS_ICW2:
		chip->base = value & PIC_ICW2_VECTOR;
		chip->init = PIC_AWAITS_ICW3;
		if (chip->icw1 & PIC_ICW1_SINGLE)
			after_icw3(chip);
		break;
	case PIC_AWAITS_ICW3:
		chip->icw3 = value;
		after_icw3(chip);
		break;
	case PIC_AWAITS_ICW4:
		chip->nested = value & PIC_ICW4_NESTED;
		chip->auto_eoi = value & PIC_ICW4_AUTO_EOI;
		chip->init = PIC_READY;
		break;
	default:
		chip->imr = value;
	}
}

/* OCW2: end of interrupt and rotation, of the highest in service or of a named input. */
static void write_ocw2(struct pic_chip *chip, u8 value)
{
	bool rotate = value & PIC_OCW2_ROTATE;
	u8 named = value & PIC_LEVEL;
	u8 served = chip->isr;

	if (chip->special_mask)
		served &= ~chip->imr; /* a non-specific EOI does not see masked levels */
	if (value & PIC_OCW2_EOI)
		end(chip, value & PIC_OCW2_SPECIFIC ? named : highest(chip, served), rotate);
	else if (value & PIC_OCW2_SPECIFIC && rotate)
		chip->lowest = named;
	else if (!(value & PIC_OCW2_SPECIFIC))
		chip->rotate = rotate;
}

static void write_ocw3(struct pic_chip *chip, u8 value)
{
	if (value & PIC_OCW3_SPECIAL)
		chip->special_mask = value & PIC_OCW3_MASK_MODE;
	chip->poll = value & PIC_OCW3_POLL;
	/* A poll command overrules the read command that comes with it. */
	if (!chip->poll && value & PIC_OCW3_READ)
		chip->read_isr = value & PIC_OCW3_IN_SERVICE;
}

void pic_write(struct pic *pic, bool slave, bool second, u8 value)
{
	struct pic_chip *chip = slave ? &pic->slave : &pic->master;

	if (second)
		write_second(chip, value);
	else if (value & PIC_ICW1)
		write_icw1(chip, value);
	else if (value & PIC_OCW3)
		write_ocw3(chip, value);
	else
		write_ocw2(chip, value);
	update_slave(pic);
}

/* ---- what is read ---------------------------------------------------------------------------- */

/* "Poll Command": the read is the acknowledgement. */
static u8 poll(struct pic_chip *chip)
{
	int input = take(chip);

	chip->poll = false;
	return input == NONE ? 0 : PIC_POLLED | input;
}

u8 pic_read(struct pic *pic, bool slave, bool second)
{
	struct pic_chip *chip = slave ? &pic->slave : &pic->master;
	u8 value;

	if (chip->poll)
		value = poll(chip);
	else if (second)
		value = chip->imr;
	else
		value = chip->read_isr ? chip->isr : chip->irr;
	update_slave(pic);
	return value;
}

u8 pic_read_trigger(const struct pic *pic, bool slave)
{
	return slave ? pic->slave.level : pic->master.level;
}

void pic_write_trigger(struct pic *pic, bool slave, u8 value)
{
	if (slave)
		pic->slave.level = value & SLAVE_CAN_LEVEL;
	else
		pic->master.level = value & MASTER_CAN_LEVEL;
}

void pic_reset(struct pic *pic)
{
	*pic = (struct pic){
		.master = { .imr = ALL, .lowest = INPUTS - 1, .icw3 = bit(PC_IRQ_SLAVE) },
		.slave = { .imr = ALL, .lowest = INPUTS - 1, .icw3 = PC_IRQ_SLAVE & SLAVE_ID },
	};
}
