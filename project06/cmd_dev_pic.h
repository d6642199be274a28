/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_dev_pic.h
 * @brief Two Intel 8259A interrupt controllers, the slave at input 2 of the master.
 *
 * Pure C: no time, no driver. The caller sets inputs, looks at the INT output, and acknowledges.
 */
#ifndef CMD_DEV_PIC_H
#define CMD_DEV_PIC_H

#include "pc_devices.h"
#include "vtx_types.h"

/** How far ICW1 to ICW4 have come. */
enum pic_init {
	PIC_RAW, /**< nobody has written ICW1 yet: there is no interrupt */
	PIC_AWAITS_ICW2,
	PIC_AWAITS_ICW3,
	PIC_AWAITS_ICW4,
	PIC_READY,
};

/** One 8259A. */
struct pic_chip {
	u8 irr; /**< interrupt requests */
	u8 imr; /**< mask */
	u8 isr; /**< in service */
	u8 inputs; /**< levels of the eight inputs */
	u8 level; /**< inputs that are level triggered: ELCR */
	u8 base; /**< ICW2: vector of input 0 */
	u8 icw1; /**< as it was written */
	u8 icw3; /**< which inputs have a slave; number of the slave */
	u8 lowest; /**< the input of the lowest priority */
	enum pic_init init; /**< the word that comes next */
	bool nested; /**< ICW4: special fully nested mode */
	bool auto_eoi; /**< ICW4 */
	bool rotate; /**< in automatic EOI mode */
	bool special_mask; /**< OCW3 */
	bool poll; /**< OCW3: the next read is a poll */
	bool read_isr; /**< OCW3: reads return the ISR */
};

/** The pair. */
struct pic {
	struct pic_chip master; /**< IRQ 0 to 7 */
	struct pic_chip slave; /**< IRQ 8 to 15 */
};

/** As after power-on: not initialised, everything masked. */
void pic_reset(struct pic *pic);
/** An input, 0 to 15, becomes high or low. */
void pic_set_input(struct pic *pic, u32 irq, bool high);
/** The INT output of the master. */
bool pic_output(const struct pic *pic);
/** Both INTA pulses. @return the vector, or -1 if the master was never initialised */
int pic_acknowledge(struct pic *pic);
/** Read a port: @p second is the one with A0 = 1. */
u8 pic_read(struct pic *pic, bool slave, bool second);
/** Write a port. */
void pic_write(struct pic *pic, bool slave, bool second, u8 value);
/** ELCR: which inputs are level triggered; some cannot be. */
u8 pic_read_trigger(const struct pic *pic, bool slave);
/** The other way round. */
void pic_write_trigger(struct pic *pic, bool slave, u8 value);

#endif
