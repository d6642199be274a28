# SPDX-License-Identifier: GPL-2.0
"""project05: what the capability MSR offers, and slots, against models; see memory_logic.py."""
from __future__ import annotations

import errno

from harness.grade import check, require
from harness.paging import PAGE
from stage.memory_logic import ADDRESS, ENTRIES, SLOTS, Format, R, W, X

ENOTSUPP = 524  # the kernel's own

# ---- 5.2 -----------------------------------------------------------------------------------------

CAPS = {"execute-only": 0, "walk-4": 6, "uc": 8, "wb": 14, "2m": 16, "1g": 17, "invept": 20,
        "ad": 21, "invept-single": 25, "invept-all": 26, "invvpid": 32, "invvpid-address": 40,
        "invvpid-single": 41, "invvpid-all": 42, "invvpid-globals": 43}


def capabilities(rng):
    """MSRs of processors that were built, and of some that were not."""
    names = list(CAPS)
    full = set(names)
    yield full
    for name in names:
        yield full - {name}
    yield full - {"2m", "1g"}
    yield full - {"invept-single", "invept-all"}
    yield full - {"invvpid-single", "invvpid-all"}
    for _ in range(12):
        yield {"walk-4", "wb", "invept", "invept-all"} | set(rng.sample(names, 6))


def narrowest(have, name):
    if name not in have:
        return 0
    return 1 if f"{name}-single" in have else 2 if f"{name}-all" in have else 0


def check_caps(driver, rng):
    """The format of the entries, EPTP and what can be invalidated, for each of these processors."""
    __tracebackhide__ = True
    cases = list(capabilities(rng))
    lines = driver.lines([("C", sum(1 << CAPS[n] for n in have)) for have in cases], ENTRIES)
    require(len(lines) == len(cases), expected=f"{len(cases)} answers", seen=len(lines),
            what="vmx_ept_caps()", read=ENTRIES)
    for have, line in zip(cases, lines):
        err, pointer, invept, invvpid, *words = map(int, line[1:])
        lacks = ", ".join(sorted(set(CAPS) - have))
        what = f"of a processor without {lacks}" if lacks else "of a processor that has it all"
        able = {"walk-4", "wb"} <= have and narrowest(have, "invept")
        check(err, 0 if able else -ENOTSUPP, f"what vmx_ept_caps() says {what}", read=ENTRIES)
        if not able:
            continue
        check_format(Format(*words), have, what)
        check(pointer, 6 | 3 << 3 | (1 << 6 if "ad" in have else 0), "EPTP without an address,"
              f" {what}: write-back, four levels, bit 6 for accessed and dirty flags", read=ENTRIES)
        check(invept, narrowest(have, "invept"), f"narrowest type of INVEPT {what}", read=ENTRIES)
        check(invvpid, narrowest(have, "invvpid"), f"narrowest type of INVVPID, 0 for none, {what}",
              read=ENTRIES)


def check_format(form, have, what):
    __tracebackhide__ = True
    check((form.read, form.write, form.execute, form.no_execute), (R, W, X, 0), "bits for reading,"
          f" writing, executing, and against executing, {what}", read=ENTRIES)
    check(form.present, R | W | X, f"bits of which a present entry has one, {what}", read=ENTRIES)
    check(form.table, R | W | X, f"bits of an entry that leads to a table, {what}", read=ENTRIES)
    check(form.large, 1 << 7, f"bit of a large leaf, {what}", read=ENTRIES)
    check(form.write_back & 0x78, 6 << 3, "memory type of memory: 6, write-back, and the guest's"
          f" PAT counts, {what}", read=ENTRIES)
    check(form.uncacheable & 0x38, 0, f"memory type of a device's window: 0, uncacheable, {what}",
          read=ENTRIES)
    check(form.type_mask & 0x38, 0x38, f"bits of the memory type, {what}", read=ENTRIES)
    flags = (1 << 8, 1 << 9) if "ad" in have else (0, 0)
    check((form.accessed, form.dirty), flags, f"accessed and dirty flag, {what}", read=ENTRIES)
    largest = 1 if "2m" not in have else 3 if "1g" in have else 2
    check(form.largest, largest, f"largest leaf: 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB, {what}",
          read=ENTRIES)
    check(form.address, ADDRESS, f"bits of an address, {what}", read=ENTRIES)


# ---- 5.3 -----------------------------------------------------------------------------------------


class Slots:
    """The model."""

    def __init__(self, memory, end):
        self.memory, self.end, self.there = memory, end, {}

    def errno_of(self, slot, flags, gpa, size, offset, pad):
        """What VTXDRV_SET_SLOT says, and does if it says 0."""
        if slot >= 32 or flags & ~7 or pad or (gpa | size | offset) % PAGE:
            return "EINVAL"
        if not size:
            return "" if self.there.pop(slot, None) else "ENOENT"
        if gpa + size > self.end or offset + size > self.memory:
            return "ERANGE"
        for number, (at, length, *_) in self.there.items():
            if number != slot and gpa < at + length and at < gpa + size:
                return "EEXIST"
        self.there[slot] = (gpa, size, offset, flags)
        return ""

    def find(self, gpa):
        """(slot, gpa, size, offset, flags), or None."""
        for number, (at, size, *rest) in self.there.items():
            if at <= gpa < at + size:
                return number, at, size, *rest
        return None


def slot_wishes(rng, memory, end):
    """Mostly good ones, around each other; and each kind of evil."""
    last = None
    some = [rng.randrange(end // PAGE) * PAGE for _ in range(6)] + [0, end - 16 * PAGE]
    for _ in range(160):
        slot = rng.choice((rng.randrange(32), rng.randrange(4), rng.randrange(28, 32)))
        gpa = (rng.choice(some) + rng.randrange(-9, 9) * PAGE) % (1 << 64)
        size = rng.choice((0, 1, 3, 8, 16)) * PAGE
        wish = [slot, rng.randrange(8), gpa, size, rng.randrange(memory // PAGE - 16) * PAGE, 0]
        if last and rng.random() < 0.2:  # the same slot, moved a little
            wish = [*last[:2], max(last[2] - PAGE, 0), *last[3:5], 0]
        last = wish
        if rng.random() < 0.3:
            wish = list(wish)
            at, value = rng.choice((
                (0, 32), (0, (1 << 32) - 1), (1, 8), (1, 1 << 31), (2, gpa + 512), (2, end),
                (2, (1 << 64) - PAGE), (3, size + 1), (3, (1 << 64) - PAGE), (4, memory),
                (4, memory - PAGE), (4, (1 << 64) - PAGE), (4, 100), (5, 1)))
            wish[at] = value % (1 << 64)
        yield tuple(wish)


def check_slots(driver, rng):
    """A random sequence of wishes, each answered as the model answers; and who is where."""
    __tracebackhide__ = True
    memory, end = rng.randrange(64, 4096) * PAGE, 1 << rng.choice((36, 39, 46))
    model, script, wanted = Slots(memory, end), [], []
    for wish in slot_wishes(rng, memory, end):
        script.append(("S", *wish, memory, end))
        wanted.append(("S", wish, model.errno_of(*wish)))
        for at, size, *_ in list(model.there.values())[:3]:
            for gpa in (at, at + size - 1, at + size, max(at, 1) - 1):
                script.append(("G", gpa))
                wanted.append(("G", gpa, model.find(gpa)))
    lines = driver.lines(script, SLOTS)
    for line, (what, asked, expected) in zip(lines, wanted):
        if what == "S":
            seen = errno.errorcode.get(-int(line[1]), line[1]) if int(line[1]) else "0"
            names = ("slot", "flags", "gpa", "size", "offset", "pad")
            text = ", ".join(f"{n} {v:#x}" for n, v in zip(names, asked))
            check(seen, expected or "0", f"slot_check() of {text}; the VM has {memory:#x} bytes,"
                  f" addresses end at {end:#x}", read=SLOTS)
        else:
            seen = tuple(map(int, line[1:])) or None
            check(seen, expected, f"slot_find() of {asked:#x}: slot, gpa, size, offset, flags",
                  read=SLOTS)
