# SPDX-License-Identifier: GPL-2.0
"""project05's pure C, driven in a process of its own and held against a model.

The driver (tests/harness/memtool) is the grader's, the objects linked to it are what the stage's
build has made for vtxctl. It never runs on the host that grades, but for the reference's.
"""
from __future__ import annotations

import errno
import itertools
import random
import subprocess
from dataclasses import dataclass

from harness import ept
from harness.grade import check, fail, require
from harness.paging import PAGE
from stage import npt_model
from stage.npt_model import GIB, MIB, Model

README = "project05/README.md"
TABLES = f"{README}#the-tables"
ENTRIES = f"{README}#entries"
SLOTS = f"{README}#slots"
TOP = 1 << 48


class Driver:
    """Runs scripts; `run` takes the text of one and gives what came out."""

    def __init__(self, run):
        self.run = run

    @classmethod
    def in_lab(cls, lab):
        """In the lab machine, with what a stage's build has made of a submission."""
        def run(script):
            lab.put("/tmp/steps", script.encode())
            result = lab.sh("memtool < /tmp/steps", cap=8 << 20)
            return result.status, result.out
        return cls(run)

    @classmethod
    def on_host(cls, tool):
        """On this computer, for code of the course's own."""
        def run(script):
            done = subprocess.run([tool], input=script, capture_output=True, text=True, check=False,
                                  timeout=60)
            return done.returncode, done.stdout
        return cls(run)

    def lines(self, steps, read):
        """What came of each step, as words."""
        __tracebackhide__ = True
        status, out = self.run("".join(" ".join(map(str, step)) + "\n" for step in steps))
        if out.rpartition("broken")[1] or status:
            seen = out.rpartition("broken ")[2].strip() if "broken" in out else \
                f"it ended with status {status}"
            fail("tables: what was done to them, step by step", "no table is used or freed twice,"
                 " and the steps come to an end", seen[:200], read)
        lines, known = [], {}
        for words in map(str.split, out.splitlines()):
            if words[0] == "D":
                words = Dump(words, known)
                known |= words.tables
            lines.append(words)
        return lines


# ---- formats -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Format:
    """As struct npt_format has it."""

    present: int
    read: int
    write: int
    execute: int
    no_execute: int
    table: int
    large: int
    address: int
    write_back: int
    uncacheable: int
    type_mask: int
    accessed: int
    dirty: int
    largest: int
    width: int

    def words(self):
        return tuple(self.__dict__.values())

    @property
    def largest_page(self):
        """Bytes of the largest leaf."""
        return (PAGE, 2 * MIB, GIB)[self.largest - 1]

    def access(self, entry):
        """VTX_PROT_* of an entry."""
        runs = not entry & self.no_execute if self.no_execute else bool(entry & self.execute)
        return bool(entry & self.read) | bool(entry & self.write) << 1 | runs << 2


R, W, X = ept.READ, ept.WRITE, ept.EXECUTE
EPT = Format(R | W | X, R, W, X, 0, R | W | X, 1 << 7, ((1 << 52) - 1) & ~(PAGE - 1), 6 << 3, 0,
             0x78, 1 << 8, 1 << 9, 3, 48)
# Everything is somewhere else here; a processor like that was never built.
ADDRESS = ((1 << 52) - 1) & ~(PAGE - 1)


def made_up(rng: random.Random) -> Format:
    """A format that nobody knows: bits anywhere, execution allowed or forbidden by a bit."""
    bits = rng.sample([*range(0, 12), *range(52, 64)], 11)
    present, read, write, execute, large, accessed, dirty, extra, first, second, user = (
        1 << bit for bit in bits)
    allows = rng.random() < 0.5
    return Format(present, present | read, write, execute if allows else 0,
                  0 if allows else execute, present | read | write | user | (
                      execute if allows else 0), large, ADDRESS, first, second | extra,
                  first | second | extra, rng.choice((0, accessed)), rng.choice((0, dirty)),
                  rng.choice((1, 2, 3, 3)), 48)


# ---- 5.1 -----------------------------------------------------------------------------------------


def dumped(words):
    """(root, how many tables the code counts, table -> entries) of a line D."""
    return int(words[1]), int(words[2]), words.tables


class Dump(list):
    """The words of a line D, and what they mean together with those before."""

    def __init__(self, words, before):
        super().__init__(words)
        self.tables = _tables(words, before)


def _tables(words, before):
    tables, at = {}, None
    for word in words[3:]:
        if word[0] == "s":  # the same as when it was last told
            tables[int(word[1:])] = before[int(word[1:])]
        elif word[0] == "t":
            at = tables.setdefault(int(word[1:]), {})
        else:
            index, _, run = word.partition("=")
            value, count, step = map(int, run.split(":"))
            for n in range(count):
                at[int(index) + n] = (value + n * step) % (1 << 64)
    return tables


def leaves_of(root, tables, form, what):
    """Every leaf, as the processor of this format would find it, and the tables on the way."""
    __tracebackhide__ = True
    found, seen = [], set()

    def visit(table, level, gpa):
        require(table in tables, expected="a table that is in use", seen=f"{table:#x}", read=TABLES,
                what=f"address in an entry of level {level + 1}, {what}")
        require(table not in seen, expected="once", seen="twice", read=TABLES,
                what=f"the table {table:#x} among the entries, {what}")
        seen.add(table)
        size = PAGE << 9 * (level - 1)
        for index, entry in sorted(tables[table].items()):
            if not entry & form.present:
                continue
            at, frame = gpa + index * size, entry & form.address
            if level > 1 and not entry & form.large:
                check(entry, frame | form.table, f"entry for {at:#x} that leads to a table, {what}",
                      read=TABLES)
                visit(frame, level - 1, at)
                continue
            require(level <= form.largest, expected=f"none above level {form.largest}",
                    seen=f"one of level {level}", what=f"leaf for {at:#x}, {what}", read=TABLES)
            require(level > 1 or not entry & form.large or form.large & form.type_mask,
                    expected="clear", seen="set", read=TABLES,
                    what=f"the bit `large` in a leaf of level 1, for {at:#x}, {what}")
            require(not frame % size, expected=f"a multiple of {size:#x}", seen=f"{frame:#x}",
                    what=f"host-physical address in the leaf for {at:#x}, {what}", read=TABLES)
            found.append((at, size, frame, entry))
    visit(root, 4, 0)
    require(seen == set(tables), expected="0", seen=len(set(tables) - seen), read=TABLES,
            what=f"tables that were not given back and that no entry leads to, {what}")
    return found


def meaning(found, form):
    """Leaves as the model has them."""
    kinds = {form.write_back: ept.WB, form.uncacheable: ept.UC}
    return npt_model.joined((gpa, size, hpa, form.access(entry),
                             kinds.get(entry & form.type_mask, "a type of nobody's"))
                            for gpa, size, hpa, entry in found)


def in_words(step):
    names = {"map": ("gpa", "hpa", "size", "access", "type"), "unmap": ("gpa", "size"),
             "protect": ("gpa", "size", "access")}[step[0]]
    return f"{step[0]} " + ", ".join(f"{n} {v:#x}" for n, v in zip(names, step[1:]))


def script_of(steps):
    """One line for each step, and the tables after it."""
    for what, *words in steps:
        if what == "map":
            words[-1] = 0 if words[-1] == ept.WB else 1
        yield {"map": "M", "unmap": "U", "protect": "P"}[what], *words
        yield ("D",)


def check_result(words, expected, what):
    __tracebackhide__ = True
    check(int(words[1]), expected, f"what the function returns: {what}", read=TABLES)


def check_sequence(driver, rng, count=40):
    """A random sequence against the model, after each step, in a format drawn for it."""
    __tracebackhide__ = True
    form = made_up(rng)
    steps = npt_model.steps(rng, count, TOP, 46, form.largest_page)
    lines = driver.lines([("F", *form.words()), *script_of(steps), ("U", 0, TOP), ("D",), ("X",)],
                         TABLES)
    check_result(lines[0], 0, "npt_create()")
    model, before = Model(), "at the beginning"
    for step, (result, dump) in zip(steps, zip(lines[1::2], lines[2::2])):
        what = f"after `{in_words(step)}`, {before}"
        check_result(result, 0, what)
        getattr(model, step[0])(*step[1:])
        root, counted, tables = dumped(dump)
        check(counted, len(tables), f"tables as npt.tables counts them, {what}", read=TABLES)
        ours = meaning(leaves_of(root, tables, form, what), form)
        check(ours, model.ranges, f"what is mapped {what}: gpa, bytes, hpa, access, type",
              read=TABLES)
        before = f"which followed `{in_words(step)}`"
    _, _, tables = dumped(lines[-2])
    check(len(tables), 1, "tables when everything is unmapped: the root alone", read=TABLES)
    check(len(dumped(lines[-1])[2]), 0, "tables after npt_destroy()", read=TABLES)


def counted(values):
    """[how often, value] of what comes again and again: a thousand numbers tell nobody anything."""
    return [[len(list(same)), value] for value, same in itertools.groupby(values)]


def check_page_sizes(driver, rng):
    """As few entries as alignment and format allow, for each largest leaf that there can be."""
    __tracebackhide__ = True
    cases = []
    for largest, slip in itertools.product((1, 2, 3), (0, 2 * MIB, PAGE)):
        form = Format(*made_up(rng).words()[:13], largest, 48)
        gpa = rng.randrange(1, 200) * GIB - rng.randrange(4) * 2 * MIB - rng.randrange(600) * PAGE
        size = {1: 8 * MIB, 2: GIB, 3: 3 * GIB}[largest] + rng.randrange(4 * MIB) // PAGE * PAGE
        if slip == PAGE and largest > 1:
            size = 6 * MIB
        cases.append((form, gpa, gpa + 64 * GIB + slip, size))
    lines = driver.lines([step for form, gpa, hpa, size in cases for step in (
        ("F", *form.words()), ("M", gpa, hpa, size, R | W, 0), ("D",))], TABLES)
    for (form, gpa, hpa, size), dump in zip(cases, lines[2::3]):
        sizes = [PAGE, 2 * MIB, GIB][:form.largest]
        root, _, tables = dumped(dump)
        found = leaves_of(root, tables, form, f"{size:#x} bytes from {gpa:#x} on")
        check(counted(leaf[1] for leaf in found),
              counted(npt_model.best_pages(gpa, hpa, size, sizes)), "how many leaves in turn, and"
              f" bytes that each leaf maps: {size:#x} from {gpa:#x} on to {hpa:#x}, the largest"
              f" leaf being {sizes[-1]:#x}", read=TABLES)


def flagged(rng):
    """A format with accessed and dirty flags, and 1-GiB leaves."""
    while not ((form := made_up(rng)).accessed and form.dirty):
        pass
    return Format(*form.words()[:13], 3, 48)


def check_splits(driver, rng):
    """A large leaf that is cut keeps its flags, type and rights in every piece."""
    __tracebackhide__ = True
    for accessed, dirty in ((1, 1), (1, 0), (0, 0)):
        form = flagged(rng)
        bits = (form.accessed if accessed else 0) | (form.dirty if dirty else 0)
        gpa, cut = 5 * GIB, 5 * GIB + rng.randrange(1, GIB // PAGE - 9) * PAGE
        steps = [("F", *form.words()), ("M", gpa, 7 * GIB, GIB, R | W | X, rng.randrange(2)),
                 ("B", gpa, bits), ("P", cut, 3 * PAGE, R), ("D",)]
        root, _, tables = dumped(driver.lines(steps, TABLES)[-1])
        found = leaves_of(root, tables, form, "after a cut")
        flags = form.accessed | form.dirty
        lost = [f"{at:#x}" for at, _, _, entry in found if entry & flags != bits]
        check(lost[:4], [], "pieces of a large leaf that has been cut whose accessed and dirty"
              " flags are not the leaf's", read=TABLES)
        wrong = [f"{at:#x}" for at, _, _, entry in found
                 if form.access(entry) != (R if cut <= at < cut + 3 * PAGE else R | W | X)]
        check(wrong[:4], [], "pieces with other rights than the leaf had, or than were asked for",
              read=TABLES)


def check_no_memory(driver, rng):
    """Each allocation fails once: -ENOMEM, and the guest has what it had."""
    __tracebackhide__ = True
    form = Format(*made_up(rng).words()[:13], 3, 48)
    before = [("map", 4 * GIB, 16 * GIB, 2 * GIB, R | W | X, ept.WB),
              ("map", GIB, 9 * GIB, 6 * MIB, R | W, ept.UC)]
    tries = [("map", 4 * GIB - PAGE, 64 * GIB, 3 * PAGE, R, ept.WB),
             ("protect", 5 * GIB - 5 * PAGE, GIB, R), ("unmap", 4 * GIB + PAGE, GIB),
             ("map", 1 << 40, 1 << 41, GIB + 5 * PAGE, R | W, ept.WB),
             ("unmap", GIB + 2 * MIB, 2 * MIB), ("protect", GIB + PAGE, PAGE, R)]
    cases = list(itertools.product(tries, range(1, 9)))
    lines = driver.lines([line for step, nth in cases for line in (
        ("F", *form.words()), *script_of(before), ("A", nth), *script_of([step]), ("A", 0),
        *script_of([step]))], TABLES)
    each = len(lines) // len(cases)
    failed = sum(check_failure(form, before, step, nth, lines[n * each:(n + 1) * each])
                 for n, (step, nth) in enumerate(cases))
    require(failed >= 8, expected="at least 8", seen=failed, what="tries that met a failure",
            read=TABLES)


def check_failure(form, before, step, nth, lines):
    """One try whose nth allocation fails, and the next. Did it meet the failure?"""
    __tracebackhide__ = True
    what, model = f"`{in_words(step)}` whose allocation {nth} fails", Model()
    for earlier in before:
        getattr(model, earlier[0])(*earlier[1:])
    first, dump, second, after = lines[-4:]
    root, counted, tables = dumped(dump)
    ours = meaning(leaves_of(root, tables, form, what), form)
    check(counted, len(tables), f"tables as npt.tables counts them after {what}", read=TABLES)
    if int(first[1]):
        check_result(first, -errno.ENOMEM, what)
        check(ours, model.ranges, f"what is mapped after {what}: it has to be as before",
              read=TABLES)
    getattr(model, step[0])(*step[1:])
    check_result(second, 0, f"{what}, tried again with memory")
    root, _, tables = dumped(after)
    check(meaning(leaves_of(root, tables, form, what), form), model.ranges,
          f"what is mapped when {what} has been tried again", read=TABLES)
    return bool(int(first[1]))


def check_walks(driver, rng):
    """npt_walk() gives the entries on the way, down to a leaf or to what is not present."""
    __tracebackhide__ = True
    form = made_up(rng)
    steps = npt_model.steps(rng, 25, TOP, 46, form.largest_page)
    model = Model()
    for step in steps:
        getattr(model, step[0])(*step[1:])
    places = [gpa + rng.randrange(size) for gpa, size, *_ in model.ranges]
    places += [rng.randrange(TOP) for _ in range(6)] + [0, TOP - 1]
    lines = driver.lines([("F", *form.words()), *(s for s in script_of(steps) if s[0] != "D"),
                          ("D",), *(("W", at) for at in places)], TABLES)
    root, _, tables = dumped(next(line for line in lines if line[0] == "D"))
    walks = [line for line in lines if line[0] == "W"]
    for at, line in zip(places, walks):
        numbers = list(map(int, line[2:]))
        told = list(zip(numbers[::2], numbers[1::2]))
        check(told, real_walk(root, tables, form, at), f"npt_walk() of {at:#x}: table and entry of"
              " each level, from the root on", read=TABLES)
        check(int(line[1]), len(told), f"what npt_walk() of {at:#x} returns", read=TABLES)


def real_walk(root, tables, form, gpa):
    made, table = [], root
    for level in (4, 3, 2, 1):
        entry = tables[table].get(gpa >> 12 + 9 * (level - 1) & 511, 0)
        made.append((table, entry))
        if not entry & form.present or entry & form.large:
            break
        table = entry & form.address
    return made
