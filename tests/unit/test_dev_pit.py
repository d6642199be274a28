# SPDX-License-Identifier: GPL-2.0
"""The 8254 of vtxctl run, against a model that goes through Intel's diagrams clock by clock."""
import random

import pytest

from unit import devices
from unit.devices import time

CONTROL = 3
LATCH, LOW, HIGH, BOTH = range(4)
COUNT, ONE_SHOT, RATE, SQUARE, STROBE, TRIGGERED = range(6)
NEVER = 2 ** 64 - 1


class Model:
    """One counter; clock() is one period of CLK. The counting element counts in plain numbers."""

    def __init__(self, mode, gate=True):
        self.mode, self.gate = mode, gate
        self.out = mode != COUNT
        self.register = None  # what was written last
        self.element = None
        self.load_next = False  # with the next clock
        self.one_shot_over = True
        self.low_half = False

    def write(self, count):
        """A whole count."""
        fresh = self.register is None
        self.register = count
        if self.mode in (COUNT, STROBE) or (self.mode in (RATE, SQUARE) and fresh):
            self.load_next = True
            if self.mode == COUNT:
                self.out = False

    def set_gate(self, high):
        """The GATE pin."""
        rises = high and not self.gate
        self.gate = high
        if self.mode in (RATE, SQUARE) and not high:
            self.out = True
        if rises and self.register and self.mode not in (COUNT, STROBE):
            self.load_next = True

    def load(self):
        """The counting element gets what was written."""
        self.load_next = False
        self.element = self.register
        self.one_shot_over = False
        if self.mode == ONE_SHOT:
            self.out = False
        elif self.mode != COUNT:
            self.out = True
        if self.mode == SQUARE:
            self.low_half = False
            self.element &= ~1
            self.odd = self.register & 1

    def clock(self):
        """One falling edge of CLK."""
        if self.mode in (STROBE, TRIGGERED):
            self.out = True
        if self.load_next and (self.gate or self.mode not in (RATE, SQUARE)):
            self.load()
            return
        counts = self.gate or self.mode in (ONE_SHOT, TRIGGERED)
        if self.element is None or not counts:
            return
        if self.mode == SQUARE:
            self.square()
            return
        self.element = (self.element - 1) % 0x10000
        if self.mode == RATE:
            self.out = self.element != 1
            if self.element == 0:
                self.element = self.register
        elif self.element == 0 and not self.one_shot_over:
            self.one_shot_over = True
            self.out = self.mode in (COUNT, ONE_SHOT)

    def square(self):
        """Mode 3: by two. An odd count is one clock longer while OUT is high."""
        self.element -= 2
        over = self.element == 0 and (not self.odd or self.low_half)
        over |= self.element < 0
        if not over:
            return
        self.out = not self.out
        self.low_half = not self.out
        if self.out:
            self.odd = self.register & 1
            self.element = self.register & ~1
        else:
            self.element = self.register & ~1


@pytest.fixture(name="pit")
def fixture_pit(tmp_path_factory):
    """The device."""
    library = devices.library(tmp_path_factory)
    library.dev_pit_reset()
    return library


def control(pit, counter, mode, now, access=BOTH, bcd=0):
    """Write a control word."""
    pit.dev_pit_write(CONTROL, counter << 6 | access << 4 | mode << 1 | bcd, time(now))


def write(pit, counter, count, now):
    """Both bytes."""
    pit.dev_pit_write(counter, count & 0xff, time(now))
    pit.dev_pit_write(counter, count >> 8 & 0xff, time(now))


def read(pit, counter, now):
    """Both bytes, latched."""
    pit.dev_pit_write(CONTROL, counter << 6, time(now))
    return pit.dev_pit_read(counter, time(now)) | pit.dev_pit_read(counter, time(now)) << 8


@pytest.mark.parametrize("mode", range(6))
@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 9, 100])
def test_diagrams(pit, mode, count):
    """OUT and count, clock by clock, over several periods, for a gate that rises at 5."""
    control(pit, 2, mode, 0)
    write(pit, 2, count, 0)
    model = Model(mode, gate=False)
    model.write(count)
    for now in range(1, 5 * count + 20):
        if now == 6:
            pit.dev_pit_gate(2, True, time(5))
            model.set_gate(True)
        model.clock()
        where = f"mode {mode}, count {count}, clock {now}"
        assert pit.dev_pit_out(2, time(now)) == model.out, where
        if model.element is not None and now > 6:
            assert read(pit, 2, now) == model.element, where


@pytest.mark.parametrize("mode", [COUNT, STROBE, RATE, SQUARE])
@pytest.mark.parametrize("seed", range(15))
def test_random(pit, mode, seed):
    """Gates that come and go: OUT and rises are those of the model."""
    draw = random.Random(seed)
    control(pit, 2, mode, 0)
    write(pit, 2, 7, 0)
    model = Model(mode, gate=False)
    model.write(7)
    rises = 0
    pit.dev_pit_rise(2, time(0))
    for now in range(1, 400):
        if draw.random() < .1:
            gate = draw.random() < .7
            pit.dev_pit_gate(2, gate, time(now - 1))
            before = model.out
            model.set_gate(gate)
            rises += model.out and not before
        before = model.out
        model.clock()
        rises += model.out and not before
        assert pit.dev_pit_out(2, time(now)) == model.out, f"clock {now}"
        if draw.random() < .3:
            assert pit.dev_pit_rise(2, time(now)) == (rises > 0), f"clock {now}"
            rises = 0


@pytest.mark.parametrize("mode, count, first, period", [
    (COUNT, 10, 11, None), (RATE, 10, 11, 10), (SQUARE, 10, 11, 10), (SQUARE, 11, 12, 11),
    (STROBE, 10, 12, None), (RATE, 0x10000, 0x10001, 0x10000)])
def test_rises(pit, mode, count, first, period):
    """When OUT rises: what next_rise() announces is what happens, and not earlier."""
    control(pit, 0, mode, 0)
    write(pit, 0, count & 0xffff, 0)
    now = 0
    pit.dev_pit_rise(0, time(now))
    for n in range(4):
        expected = first + n * (period or 0) if period or not n else NEVER
        assert pit.dev_pit_next(0, time(now)) == expected
        if expected == NEVER:
            break
        assert not pit.dev_pit_rise(0, time(expected - 1))
        assert pit.dev_pit_rise(0, time(expected))
        assert not pit.dev_pit_rise(0, time(expected))
        now = expected


def test_new_count(pit):
    """Modes 2 and 3 end their period before they take a new count; mode 0 takes it at once."""
    control(pit, 0, RATE, 0)
    write(pit, 0, 100, 0)
    write(pit, 0, 10, 350)
    assert pit.dev_pit_next(0, time(351)) == 401
    assert pit.dev_pit_next(0, time(401)) == 411
    control(pit, 0, COUNT, 1000)
    write(pit, 0, 100, 1000)
    write(pit, 0, 10, 1050)
    assert pit.dev_pit_next(0, time(1051)) == 1061


def test_mode_0_first_byte_stops(pit):
    """Writing the first of two bytes stops counting in mode 0."""
    control(pit, 0, COUNT, 0)
    write(pit, 0, 10, 0)
    pit.dev_pit_write(0, 20, time(5))
    assert not pit.dev_pit_out(0, time(100))
    pit.dev_pit_write(0, 0, time(100))
    assert not pit.dev_pit_out(0, time(120))
    assert pit.dev_pit_out(0, time(121))


def test_access(pit):
    """One byte of two: the other is 0; both alternate, also for reading."""
    control(pit, 0, RATE, 0, access=LOW)
    pit.dev_pit_write(0, 50, time(0))
    assert pit.dev_pit_read(0, time(11)) == 40
    assert pit.dev_pit_read(0, time(12)) == 39
    control(pit, 0, RATE, 100, access=HIGH)
    pit.dev_pit_write(0, 2, time(100))
    assert pit.dev_pit_read(0, time(101)) == 2
    assert pit.dev_pit_read(0, time(102)) == 1
    control(pit, 0, RATE, 2000)
    write(pit, 0, 0x1234, 2000)
    assert [pit.dev_pit_read(0, time(2001)) for _ in range(2)] == [0x34, 0x12]


def test_bcd(pit):
    """Decimal digits; 0 is 10000."""
    control(pit, 0, RATE, 0, bcd=1)
    write(pit, 0, 0x1000, 0)
    assert read(pit, 0, 2) == 0x999
    assert pit.dev_pit_next(0, time(0)) == 1001
    control(pit, 0, COUNT, 5000, bcd=1)
    write(pit, 0, 0, 5000)
    assert pit.dev_pit_next(0, time(5000)) == 15001


def test_latch(pit):
    """A latched count stays until it is read, and a second latch does not change it."""
    control(pit, 0, RATE, 0)
    write(pit, 0, 1000, 0)
    pit.dev_pit_write(CONTROL, 0, time(101))
    pit.dev_pit_write(CONTROL, 0, time(201))
    assert pit.dev_pit_read(0, time(301)) | pit.dev_pit_read(0, time(302)) << 8 == 900
    assert read(pit, 0, 401) == 600


def test_read_back(pit):
    """The read-back command: status, then count, of several counters."""
    control(pit, 0, SQUARE, 0)
    control(pit, 2, COUNT, 0)
    pit.dev_pit_write(CONTROL, 0xc0 | 1 << 1 | 1 << 3, time(10))
    assert pit.dev_pit_read(0, time(20)) == 0x80 | 0x40 | BOTH << 4 | SQUARE << 1
    assert pit.dev_pit_read(2, time(20)) == 0x40 | BOTH << 4 | COUNT << 1
    control(pit, 0, SQUARE, 30)
    write(pit, 0, 100, 30)
    pit.dev_pit_write(CONTROL, 0xe0 | 1 << 1, time(30))
    assert pit.dev_pit_read(0, time(31)) & 0x40, "the count is in the element one clock later"
    pit.dev_pit_write(CONTROL, 0xe0 | 1 << 1, time(90))
    assert pit.dev_pit_read(0, time(91)) == BOTH << 4 | SQUARE << 1
    pit.dev_pit_write(CONTROL, 0xd0 | 1 << 1, time(131))
    assert pit.dev_pit_read(0, time(140)) | pit.dev_pit_read(0, time(140)) << 8 == 100
    assert pit.dev_pit_read(CONTROL, time(1)) == 0xff


def test_mode_aliases(pit):
    """Modes 6 and 7 are 2 and 3."""
    for mode in (6, 7):
        control(pit, 0, mode, 0)
        pit.dev_pit_write(CONTROL, 0xe2, time(0))
        assert pit.dev_pit_read(0, time(0)) >> 1 & 7 == mode - 4
