# SPDX-License-Identifier: GPL-2.0
"""The MC146818A of vtxctl run, against Motorola's data sheet and Python's calendar; on the host."""
import calendar
import random
from datetime import datetime, timedelta, timezone

import pytest

from unit import devices
from unit.devices import time

S = 10 ** 9
START = 1000 * S  # of the clock that the caller brings
A, B, C, D = 0x0a, 0x0b, 0x0c, 0x0d
SET, PIE, AIE, UIE, BINARY, H24 = 0x80, 0x40, 0x20, 0x10, 0x04, 0x02
TIME = {"second": 0, "minute": 2, "hour": 4, "weekday": 6, "day": 7, "month": 8, "year": 9,
        "century": 0x32}
NEVER = 2 ** 64 - 1
MOMENT = datetime(2026, 11, 22, 21, 9, 43, tzinfo=timezone.utc)


class Clock:
    """The device, with its time in seconds since it was set."""

    def __init__(self, library, moment=MOMENT):
        self.chip = library
        library.dev_rtc_reset(ctypes_s64(calendar.timegm(moment.timetuple())), time(START))

    def read(self, index, at=0.0):
        """A byte."""
        return self.chip.dev_rtc_read(index, moment_at(at))

    def write(self, index, value, at=0.0):
        """A byte."""
        self.chip.dev_rtc_write(index, value, moment_at(at))

    def date(self, at=0.0, decode=lambda value: (value >> 4) * 10 + (value & 15)):
        """What it shows, in BCD and 24 hours if not told otherwise."""
        part = {name: decode(self.read(index, at)) for name, index in TIME.items()}
        assert part["weekday"] in range(1, 8)
        return datetime(part["century"] * 100 + part["year"], part["month"], part["day"],
                        part["hour"], part["minute"], part["second"], tzinfo=timezone.utc)

    def interrupt(self, at=0.0):
        """Its pin."""
        return self.chip.dev_rtc_interrupt(moment_at(at))

    def next(self, at=0.0):
        """When it comes next, in seconds."""
        answer = self.chip.dev_rtc_next(moment_at(at))
        return None if answer == NEVER else (answer - START) / S


def ctypes_s64(value):
    """As time(); it is not negative here."""
    return time(value)


def moment_at(seconds):
    """An argument for a time."""
    return time(START + round(seconds * S))


@pytest.fixture(name="clock")
def fixture_clock(tmp_path_factory):
    """Set to MOMENT."""
    return Clock(devices.library(tmp_path_factory))


@pytest.mark.parametrize("seed", range(300))
def test_dates(tmp_path_factory, seed):
    """Any date from 1970 to 2399, and the day of the week."""
    draw = random.Random(seed)
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(
        seconds=draw.randrange(430 * 365 * 86400))
    clock = Clock(devices.library(tmp_path_factory), moment)
    assert clock.date() == moment
    assert clock.read(TIME["weekday"]) == moment.isoweekday() % 7 + 1
    later = draw.randrange(400 * 86400)
    assert clock.date(later) == moment + timedelta(seconds=later)


def test_leap_days(tmp_path_factory):
    """Where calendars go wrong."""
    library = devices.library(tmp_path_factory)
    for text in ("2000-02-28", "2000-02-29", "2024-02-29", "2026-02-28", "2100-02-28",
                 "2099-12-31"):
        moment = datetime.fromisoformat(text + "T23:59:59+00:00")
        assert Clock(library, moment).date(1) == moment + timedelta(seconds=1)


def test_formats(clock):
    """BCD or binary, 24 or 12 hours with PM in bit 7."""
    hours = TIME["hour"]
    assert clock.read(hours) == 0x21
    clock.write(B, H24 | BINARY)
    assert clock.read(hours) == 21
    clock.write(B, 0)
    assert clock.read(hours) == 0x89
    clock.write(B, BINARY)
    assert [clock.read(hours, 3600 * n) for n in range(5)] == [0x89, 0x8a, 0x8b, 0x0c, 0x01]


def test_set_time(clock):
    """SET stops the clock; what is written then is the time that it goes on from."""
    clock.write(B, SET | H24)
    for index, value in ((0, 0x59), (2, 0x59), (4, 0x23), (7, 0x31), (8, 0x12), (9, 0x99),
                         (0x32, 0x19), (6, 6)):
        clock.write(index, value)
    assert clock.date(100) == datetime(1999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    clock.write(B, H24, 100)
    assert clock.date(101) == datetime(2000, 1, 1, tzinfo=timezone.utc)
    assert clock.read(TIME["weekday"], 101) == 7, "Saturday"


def test_set_while_it_runs(clock):
    """A single byte can be changed without SET."""
    clock.write(TIME["minute"], 0x30, 0.5)
    assert clock.date(0.5) == MOMENT.replace(minute=30)
    assert clock.date(1.0) == MOMENT.replace(minute=30) + timedelta(seconds=1)


def test_nonsense(clock):
    """A time that is none does no harm."""
    for value in (0x00, 0xff, 0x9a):
        clock.write(B, SET)
        for index in TIME.values():
            clock.write(index, value)
        clock.write(B, 0)
        assert [clock.read(index, 5) for index in range(128)]


def test_update_in_progress(clock):
    """UIP is up for 244 + 1984 us before each second, and not while SET holds the clock."""
    for at, up in ((0.5, 0), (0.99, 0), (0.997, 0), (0.9978, 0x80), (0.9999, 0x80), (1.0, 0)):
        assert clock.read(A, at) & 0x80 == up, at
    clock.write(B, SET | H24, 1.2)
    assert not clock.read(A, 1.9999) & 0x80


def test_update_interrupt(clock):
    """Once a second; reading C ends it and shows why."""
    assert not clock.interrupt(5)
    assert clock.read(C, 5) & ~0x40 == 0x10, "the flag is set without the interrupt"
    clock.write(B, H24 | UIE, 5.5)
    assert clock.next(5.5) == 6
    assert not clock.interrupt(5.9)
    assert clock.interrupt(6)
    assert clock.read(C, 6.1) & ~0x40 == 0x90
    assert not clock.interrupt(6.2)
    assert not clock.read(C, 6.2) & ~0x40
    clock.write(B, SET | H24 | UIE, 6.5)
    assert not clock.read(B, 6.5) & UIE, "SET clears UIE"
    assert clock.next(6.5) is None


@pytest.mark.parametrize("rate, hertz", [(1, 256), (2, 128), (3, 8192), (6, 1024), (8, 256),
                                         (15, 2)])
def test_periodic(clock, rate, hertz):
    """Table "Periodic Interrupt Rate", with a 32.768 kHz crystal."""
    clock.write(A, 0x20 | rate)
    clock.write(B, H24 | PIE)
    clock.read(C)
    at, count = 0.0, 0
    while (at := clock.next(at)) <= 1:
        assert clock.interrupt(at + 2e-9), at
        assert clock.read(C, at + 2e-9) & 0xc0 == 0xc0
        count += 1
        at += 2e-9
    assert abs(count - hertz) <= 1
    clock.write(A, 0x20, 2)
    assert clock.next(2) is None


def test_alarm(clock):
    """At a time of day, or where bits 7:6 are 1 at any; once a day at most 86400 s ahead."""
    for index, value in ((1, 0x00), (3, 0x10), (5, 0x21)):
        clock.write(index, value)
    clock.write(B, H24 | AIE)
    assert clock.next(0.25) == 17
    assert not clock.interrupt(16.99)
    assert clock.interrupt(17)
    assert clock.read(C, 17) & 0xa0 == 0xa0
    assert clock.next(17) == 17 + 86400
    clock.write(5, 0xff, 17)
    assert clock.next(17) == 17 + 3600
    clock.write(3, 0xc0, 17)
    assert clock.next(17) == 17 + 60
    clock.write(1, 0xc5, 17)
    assert clock.next(17) == 18


def test_late_look(clock):
    """Whoever looks hours later finds the flags of what has been."""
    for index, value in ((1, 0x00), (3, 0x10), (5, 0x21)):
        clock.write(index, value)
    clock.write(B, H24 | AIE)
    assert clock.interrupt(10 ** 6)


def test_memory(clock):
    """What is no time keeps what is written; C and D do not; bit 7 of the index does not count."""
    for index in range(0x0e, 0x80):
        if index != TIME["century"]:
            clock.write(index, index ^ 0x5a)
    for index in range(0x0e, 0x80):
        if index != TIME["century"]:
            assert clock.read(index | 0x80, 3) == index ^ 0x5a
    clock.write(D, 0, 3)
    assert clock.read(D, 3) == 0x80
    clock.read(C, 3)
    clock.write(C, 0xff, 3)
    assert clock.read(C, 3) == 0
    clock.write(A, 0xff, 3)
    assert clock.read(A, 3) == 0x7f, "UIP cannot be written"


def test_divider(clock):
    """A divider that is held stops the time; released, the first second comes after a half."""
    clock.write(A, 0x70)
    held = clock.date(50)
    clock.write(A, 0x26, 100)
    assert clock.date(100.4) == held
    assert clock.date(100.6) == held + timedelta(seconds=1)
