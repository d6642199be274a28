/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file guest_modes.h
 * @brief What guests that do not start with 64 bits, and those that use the board, agree on with
 *        vtxctl. Read by the assembler and by the C compiler.
 *
 * vtxctl run --mode protected or paged: as in guest.h, with the lower halves of the registers.
 * --mode real: DI, SI and DX, SS:SP; all segments begin at 0.
 */
#ifndef GUEST_MODES_H
#define GUEST_MODES_H

/** Where --mode real loads the image, and where every vCPU starts. */
#define VTX_GUEST_LOAD_REAL 0x1000
/** The stack of its first vCPU, downwards. */
#define VTX_GUEST_STACK_REAL 0xfff0
/** Bytes of it; that of the next vCPU lies below. */
#define VTX_GUEST_STACK_REAL_SIZE 0x800

/** The board: a device of vtxctl run that a guest finds at this guest-physical address. */
#define VTX_BOARD 0xd0000000
/** Bytes of its window. */
#define VTX_BOARD_SIZE 0x1000
/** Read: VTX_BOARD_NAME, whatever was written. */
#define VTX_BOARD_ID 0x000
/** "VTX5". */
#define VTX_BOARD_NAME 0x35585456
/** Write: the lowest byte goes to the console. Read: 0. */
#define VTX_BOARD_CONSOLE 0x008
/** Read: how often it was read since it was written. Write: the next value. 8 bytes. */
#define VTX_BOARD_COUNTER 0x010
/** Bytes that keep what was written to them, in pieces of any size. */
#define VTX_BOARD_SCRATCH 0x100
/** How many of them. */
#define VTX_BOARD_SCRATCH_SIZE 0x100

#endif
