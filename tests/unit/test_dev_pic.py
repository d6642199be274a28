# SPDX-License-Identifier: GPL-2.0
"""The two 8259A of vtxctl run, against what Intel's data sheet says; on the host."""
import random

import pytest

from unit import devices

MASTER, SLAVE = 0, 1
FIRST, SECOND = 0, 1
EOI, SPECIFIC_EOI, ROTATE_EOI = 0x20, 0x60, 0xa0
READ_IRR, READ_ISR, POLL = 0x0a, 0x0b, 0x0c


class Pair:
    """Both chips, initialised as a PC does: vectors 20H and 28H."""

    def __init__(self, library, icw4=0x01, master_icw4=None):
        self.chip = library
        library.dev_pic_reset()
        for slave, base, cascade in ((MASTER, 0x20, 0x04), (SLAVE, 0x28, 0x02)):
            mode = master_icw4 if master_icw4 is not None and not slave else icw4
            for second, value in ((FIRST, 0x11), (SECOND, base), (SECOND, cascade), (SECOND, mode)):
                library.dev_pic_write(slave, second, value)

    def pulse(self, irq):
        """An edge."""
        self.chip.dev_pic_input(irq, False)
        self.chip.dev_pic_input(irq, True)

    def take(self):
        """The vector, or None without an interrupt."""
        return self.chip.dev_pic_acknowledge() if self.chip.dev_pic_output() else None

    def command(self, value, slave=MASTER):
        """OCW2 or OCW3."""
        self.chip.dev_pic_write(slave, FIRST, value)

    def mask(self, value, slave=MASTER):
        """OCW1."""
        self.chip.dev_pic_write(slave, SECOND, value)

    def read(self, command, slave=MASTER):
        """IRR or ISR."""
        self.command(command, slave)
        return self.chip.dev_pic_read(slave, FIRST)


@pytest.fixture(name="pics")
def fixture_pics(tmp_path_factory):
    """Initialised chips."""
    return Pair(devices.library(tmp_path_factory))


def test_raw(tmp_path_factory):
    """Without ICW1 there is no interrupt and no vector."""
    chip = devices.library(tmp_path_factory)
    chip.dev_pic_reset()
    for irq in range(16):
        chip.dev_pic_input(irq, True)
    assert not chip.dev_pic_output()
    assert chip.dev_pic_acknowledge() == -1
    assert chip.dev_pic_read(MASTER, SECOND) == 0xff


@pytest.mark.parametrize("irq", [0, 1, 3, 4, 5, 6, 7, *range(8, 16)])
def test_vectors(pics, irq):
    """Each input has its vector, is in service until its EOI, and keeps the same out."""
    pics.pulse(irq)
    assert pics.take() == 0x20 + irq
    slave, number = divmod(irq, 8)
    assert pics.read(READ_ISR, slave) == 1 << number
    assert pics.read(READ_ISR) == (0x04 if slave else 1 << number)
    pics.pulse(irq)
    assert pics.take() is None
    if slave:
        pics.command(EOI, SLAVE)
    pics.command(EOI)
    assert pics.take() == 0x20 + irq


def test_priorities(pics):
    """0 is the highest, the slave's come between 1 and 3; higher ones interrupt, lower wait."""
    for irq in (7, 3, 8, 1):
        pics.pulse(irq)
    assert pics.take() == 0x21
    assert pics.take() is None
    pics.pulse(0)
    assert pics.take() == 0x20
    pics.command(EOI)
    assert pics.read(READ_ISR) == 0x02, "a non-specific EOI ends the highest in service"
    pics.command(EOI)
    assert pics.take() == 0x28
    pics.command(EOI, SLAVE)
    pics.command(EOI)
    assert [pics.take(), pics.command(EOI), pics.take()] == [0x23, None, 0x27]


def test_mask(pics):
    """A masked request waits in IRR."""
    pics.mask(0x10)
    pics.pulse(4)
    assert pics.take() is None
    assert pics.read(READ_IRR) == 0x10
    assert pics.chip.dev_pic_read(MASTER, SECOND) == 0x10
    pics.mask(0)
    assert pics.take() == 0x24


def test_edge_and_level(pics):
    """An edge counts once; a level as long as it lasts; some inputs cannot be level triggered."""
    pics.chip.dev_pic_input(5, True)
    assert pics.take() == 0x25
    pics.command(EOI)
    assert pics.take() is None
    pics.chip.dev_pic_input(5, False)
    for slave, possible in ((MASTER, 0xf8), (SLAVE, 0xde)):
        pics.chip.dev_pic_write_trigger(slave, 0xff)
        assert pics.chip.dev_pic_read_trigger(slave) == possible
    pics.chip.dev_pic_input(5, True)
    for _ in range(3):
        assert pics.take() == 0x25
        pics.command(EOI)
    pics.chip.dev_pic_input(5, False)
    assert pics.take() is None


def test_spurious(pics):
    """A request that goes before INTA: vector 7, and nothing is in service."""
    pics.pulse(4)
    pics.chip.dev_pic_input(4, False)
    assert not pics.chip.dev_pic_output()
    assert pics.chip.dev_pic_acknowledge() == 0x27
    assert pics.read(READ_ISR) == 0
    pics.pulse(12)
    pics.chip.dev_pic_write(SLAVE, SECOND, 0xff)
    assert pics.take() is None


def test_specific_eoi_and_rotation(pics):
    """OCW2 in all forms."""
    pics.pulse(6)
    pics.take()
    pics.pulse(3)
    pics.take()
    pics.command(SPECIFIC_EOI | 6)
    assert pics.read(READ_ISR) == 0x08
    pics.command(ROTATE_EOI)  # 3 has the lowest priority now, 4 the highest
    for irq in (3, 4, 1):
        pics.pulse(irq)
    order = []
    for _ in range(3):
        order.append(pics.take())
        pics.command(EOI)
    assert order == [0x24, 0x21, 0x23]
    pics.command(0xc0 | 7)  # set priority: 7 is the lowest, as at first
    pics.pulse(7)
    pics.pulse(0)
    assert pics.take() == 0x20


def test_automatic_eoi(tmp_path_factory):
    """ICW4's AEOI: nothing stays in service; with rotation everybody comes in turn."""
    pics = Pair(devices.library(tmp_path_factory), icw4=0x03)
    pics.pulse(1)
    assert pics.take() == 0x21
    assert pics.read(READ_ISR) == 0
    pics.command(0x80)  # rotate in automatic EOI mode
    pics.pulse(1)
    assert pics.take() == 0x21
    pics.pulse(1)
    pics.pulse(5)
    assert [pics.take(), pics.take()] == [0x25, 0x21]


def test_special_mask(pics):
    """In special mask mode a masked level in service lets lower ones through."""
    pics.pulse(1)
    pics.take()
    pics.pulse(6)
    pics.mask(0x02)
    assert pics.take() is None
    pics.command(0x68)
    assert pics.take() == 0x26
    pics.command(EOI)
    assert pics.read(READ_ISR) == 0x02, "a non-specific EOI does not clear a masked level"
    pics.command(0x48)
    pics.command(SPECIFIC_EOI | 1)
    assert pics.read(READ_ISR) == 0


def test_special_fully_nested(tmp_path_factory):
    """A higher input of the slave interrupts a lower one only if the master allows it."""
    for mode, expected in ((0x01, None), (0x11, 0x29)):
        pics = Pair(devices.library(tmp_path_factory), master_icw4=mode)
        pics.pulse(12)
        assert pics.take() == 0x2c
        pics.pulse(9)
        assert pics.take() == expected


def test_poll(pics):
    """A poll acknowledges, and says which one it was."""
    pics.command(POLL)
    assert pics.chip.dev_pic_read(MASTER, FIRST) == 0
    pics.pulse(4)
    pics.command(POLL)
    assert pics.chip.dev_pic_read(MASTER, FIRST) == 0x84
    assert pics.read(READ_ISR) == 0x10


def test_initialisation(pics):
    """ICW1 clears mask, service and requests; an input that is high has to rise again."""
    pics.mask(0xff)
    pics.chip.dev_pic_input(4, True)
    for second, value in ((FIRST, 0x11), (SECOND, 0x47), (SECOND, 4), (SECOND, 1)):
        pics.chip.dev_pic_write(MASTER, second, value)
    assert pics.chip.dev_pic_read(MASTER, SECOND) == 0
    assert pics.take() is None
    pics.pulse(4)
    assert pics.take() == 0x44, "ICW2 gives bits 7:3 of the vector only"


@pytest.mark.parametrize("seed", range(20))
def test_random(pics, seed):
    """Anything goes: a vector is always that of an input that was raised, unmasked, and highest."""
    draw = random.Random(seed)
    for _ in range(2000):
        irq = draw.choice([0, 1, *range(3, 16)])
        act = draw.randrange(5)
        if act < 2:
            pics.chip.dev_pic_input(irq, act)
        elif act == 2:
            pics.mask(draw.randrange(256), draw.randrange(2))
        elif act == 3:
            pics.command(EOI, SLAVE)
            pics.command(EOI)
        else:
            check_taken(pics)


def check_taken(pics):
    """Take what there is; model: the highest request that is neither masked nor held back."""
    served = pics.read(READ_ISR)
    slave_wants = highest(pics.read(READ_IRR, SLAVE) & ~pics.chip.dev_pic_read(SLAVE, SECOND),
                          pics.read(READ_ISR, SLAVE))
    wants = highest(pics.read(READ_IRR) & ~pics.chip.dev_pic_read(MASTER, SECOND), served)
    expected = None if wants is None else 0x28 + slave_wants if wants == 2 else 0x20 + wants
    assert pics.take() == expected


def highest(requests, served):
    """Fully nested mode: the lowest number wins, unless one below it or itself is served."""
    for number in range(8):
        if served >> number & 1:
            return None
        if requests >> number & 1:
            return number
    return None
