# SPDX-License-Identifier: GPL-2.0
"""What the tests of project04 have in common: VMs that the grader itself makes, runs and looks at.

vmtool does what a test asks for in one command of the lab machine, and vtxctl takes no part in it.
What really happened is asked of the emulator and of vtxprobe, in which no code of the stage runs.
"""
from __future__ import annotations

import re
import subprocess

from harness import guests, paging
from harness.evidence import NoMemory
from harness.grade import check, fail, how_it_ended, require, run_log

README = "project04/README.md"
MIB = 1 << 20
PAGE = 4096
CPUS = (0, 1)
SIZE = "1M"
# Where a verb of vmtool ends in the driver.
IOCTLS = {"create": "VTXDRV_CREATE_VM", "init": "VTXDRV_INIT_VCPU", "run": "VTXDRV_RUN_VCPU",
          "guest": "VTXDRV_RUN_VCPU", "guests": "VTXDRV_RUN_VCPU", "regs": "VTXDRV_GET_REGS",
          "setreg": "VTXDRV_SET_REGS", "sregs": "VTXDRV_GET_SREGS", "setsreg": "VTXDRV_SET_SREGS",
          "state": "VTXDRV_GET_STATE", "stats": "VTXDRV_GET_STATS"}
# SDM vol. 3, appendix B: natural-width host state, and the selectors.
HOST = {"es": 0x0c00, "cs": 0x0c02, "ss": 0x0c04, "ds": 0x0c06, "fs": 0x0c08, "gs": 0x0c0a,
        "tr": 0x0c0c, "pat": 0x2c00, "efer": 0x2c02, "sysenter_cs": 0x4c00, "cr0": 0x6c00,
        "cr3": 0x6c02, "cr4": 0x6c04, "fs_base": 0x6c06, "gs_base": 0x6c08, "tr_base": 0x6c0a,
        "gdtr": 0x6c0c, "idtr": 0x6c0e, "sysenter_esp": 0x6c10, "sysenter_eip": 0x6c12,
        "rip": 0x6c16}
# SDM vol. 3, "Exception and interrupt vectors".
EXCEPTIONS = {0: "#DE", 1: "#DB", 3: "#BP", 6: "#UD", 7: "#NM", 8: "#DF", 11: "#NP", 12: "#SS",
              13: "#GP", 14: "#PF", 17: "#AC", 18: "#MC"}
ACCESS = {1: "READ", 2: "WRITE", 4: "EXECUTE", 8: "LINEAR", 16: "WALK", 32: "EVENT"}  # VTX_ACCESS_*
# What exit_in_words() tells otherwise, or what does not help.
QUIET = ("vcpu", "kind", "rip", "vector", "handled", "exits", "time", "ms")

FIELD = re.compile(r" ([0-9a-f]+):([0-9a-f]+)")


class Line(dict):
    """A line of vmtool's: what it is about, and its values as numbers where they are some."""

    def __init__(self, text):
        self.text = text
        self.what, *words = text.split(" ")
        pairs = (word.partition("=") for word in words)
        super().__init__((key, _value(key, text)) for key, _, text in pairs)

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            fail(f"vmtool's line `{self.what}`", f"{name}=…", dict(self))


def _value(key, text):
    if key == "data":
        return bytes.fromhex(text)
    if re.fullmatch(r"-?\d+|0x[0-9a-f]+", text):
        return int(text, 0)
    return text


def vmtool(lab, *words, status=0, what="", late="", read=None, **how):
    """Run vmtool; its lines. A verb that is refused fails the test with the ioctl's name.

    late: what should have ended it, for a failure that says that nothing has
    """
    __tracebackhide__ = True
    result = lab.run(["vmtool", *words], **how)
    lines = [Line(text) for text in result.out.splitlines() if text]
    failed = [line for line in lines if line.what == "error"]
    if result.status != status or result.timed_out:
        seen = f"{failed[-1]['errno']}" if failed else how_it_ended(result)
        expected = "it succeeds"
        if result.timed_out:
            seen, expected = "it did not end in time", late or expected
        fail(what or where_it_stopped(lines, failed), expected, seen, read, run_log(result))
    return lines


def where_it_stopped(lines, failed):
    """What vmtool was at when it ended: the ioctl that was refused, or what it answered last."""
    if failed:
        verb = failed[-1]["verb"]
        return IOCTLS.get(verb, f"vmtool {verb}")
    last = lines[-1].what if lines else ""
    return f"the grader's vmtool, behind its answer to `{last}`" if last else "the grader's vmtool"


def only(lines, what, **wanted):
    """The one line, or the last one, of a kind."""
    __tracebackhide__ = True
    found = [line for line in lines if line.what == what
             and all(line.get(key) == value for key, value in wanted.items())]
    require(found, expected=f"a line `{what}`", seen=[line.what for line in lines], what="vmtool")
    return found[-1]


def guest(image, argument=0, *, size=SIZE, vcpus=1):
    """The words that make a VM with a guest in it, ready to run."""
    words = ["create", size, vcpus, "code", image.hex()]
    for vcpu in range(vcpus):
        words += ["init", vcpu, f"{argument:#x}"]
    return words


def exit_in_words(line):
    """An exit: its kind, the exception, where the guest was, and whatever is not 0 of the rest."""
    kind = line.kind
    if kind == "exception":
        kind += f" {EXCEPTIONS.get(line.vector, f'with vector {line.vector}')}"
    rest = [word for word in line.text.split()[1:] for key, _, value in [word.partition("=")]
            if key not in QUIET and value.strip("0,x")]
    rest = [f"reason={line.reason}" if word.startswith("reason=") else word for word in rest]
    if line.kind == "timeout":  # many: it comes back again and again; few: it waits, or spins
        kind += f" after {line.exits} exits"
    return f"{kind} at RIP {line.rip:#x}{f' ({chr(32).join(rest)})' if rest else ''}"


def check_exit(line, kind, what, *, read=None, log=None, **values):
    """The exit is of this kind, and has these values."""
    __tracebackhide__ = True
    require(line.kind == kind, expected=kind, seen=exit_in_words(line), read=read, log=log,
            what=f"kind of the exit: {what}")
    for key, value in values.items():
        told = access_in_words if key == "memory" else lambda number: number
        check(told(line[key]), told(value), f"`{key}` of the exit: {what}", read=read, log=log)


def access_in_words(flags):
    """The kind of an access to memory, as the header names it."""
    names = [name for bit, name in ACCESS.items() if flags & bit]
    other = flags & ~sum(ACCESS)
    return " | ".join([*names, *([f"{other:#x}"] if other else [])]) or "none"


def code_of(line):
    """What a guest ended with, in words."""
    return "no exit code" if line.code < 0 else f"exit code {line.code}"


def kept(lines, what, *, read=None, vcpu=0):
    """The guest keep.S has found all its registers as it had left them."""
    __tracebackhide__ = True
    line = only(lines, "output", vcpu=vcpu)
    end = only(lines, "exit", vcpu=vcpu)
    require(line.code >= 0, expected="the guest ends by itself", what=what, read=read,
            seen=f"an exit of kind {end.kind} at RIP {end.rip:#x}, reason {end.reason:#x}")
    require(line.code == 0, expected="every register as the guest had left it", what=what,
            read=read, seen=f"{guests.LOST.get(line.code, f'code {line.code}')} lost")


# ---- from vtxprobe ---------------------------------------------------------------------------


def function_address(lab, build, name):
    """Where a function of the module under test begins, for vtxprobe to call.

    /proc/kallsyms tells it as well, and takes seconds under an emulator.
    """
    __tracebackhide__ = True
    listed = subprocess.run(["objdump", "-t", build.module], capture_output=True, text=True,
                            check=False).stdout
    found = re.search(rf"^([0-9a-f]+) .* (\.\S+)\t[0-9a-f]+ {re.escape(name)}$", listed, re.M)
    require(found, expected="a function of this name", seen="none", what=f"{name} in vtxdrv.ko",
            read=README)
    return int(lab.get(f"/sys/module/vtxdrv/sections/{found[2]}"), 0) + int(found[1], 16)


def host_line(lines):
    """The answer to `host`: selectors, bases, tables."""
    return only([line for line in lines if "gdtr" in line], "probe")


def vmcs_fields(lines):
    """The answer to `vmcs`, value by encoding; empty where no VMCS is current."""
    for line in lines:
        if line.what == "probe" and (found := FIELD.findall(line.text)):
            return {int(encoding, 16): int(value, 16) for encoding, value in found}
    return {}


# ---- from outside -------------------------------------------------------------------------------


def in_guest(lab, cpu, tries=60):
    """The emulator's view of a CPU at a moment when it is in the guest; None if it never was.

    A machine stands still while nobody runs a command in it, so each try lets it run a little.
    """
    for _ in range(tries):
        state = lab.machine.outside.cpu(cpu)
        if state.in_guest or state.in_guest is None:
            return state
        lab.machine.ping()
    return None


def number_at(lab, root, address, what, read=None):
    """A number of the guest's memory as the emulator has it, through the guest's own tables."""
    __tracebackhide__ = True
    try:
        return int.from_bytes(lab.machine.outside.linear(root, address, 8), "little")
    except (paging.NotMapped, NoMemory) as error:
        fail(what, "memory that the guest's tables lead to", str(error), read)


# ---- page tables --------------------------------------------------------------------------------

TABLES = f"{README}#page-tables-that-name-host-frames"


def frame_of(lines):
    """Guest address -> the host's frame, by what /proc/self/pagemap says."""
    runs = [(line["address"], line["frame"], line["count"]) for line in lines
            if line.what == "frames"]

    def frame(address):
        for first, at, count in runs:
            if first <= address < first + count * PAGE:
                return at + address - first
        return None
    return frame


def find_roots(lab, read, frame):
    """Every PML4 table that leads to the guest's first pages.

    Who knows CR3 is code of the stage, and the owner cannot touch the tables; so they are found by
    what has to be in them. Memory that other VMs have given back may still hold theirs: where one
    root leads to all that the owner has, those that do not are not this guest's.
    """
    tables = _named_by(lab, frame(PAGE), 1)
    if frame(2 * PAGE) is not None:
        tables &= _named_by(lab, frame(2 * PAGE), 2)
    for _ in paging.LEVELS[1:]:
        tables = set().union(*(_named_by(lab, table, 0) for table in tables))
    whole = [table for table in sorted(tables) if _leads_to_all(read, table, frame)]
    return whole or [table for table in sorted(tables) if _leads_to(read, table, table)]


def _named_by(lab, frame, index):
    return {int(word, 0) for word in lab.probe("names", f"{frame:#x}", index).split()}


def _pages(read, root):
    """Linear address -> frame of every page that is mapped; nothing where tables lead nowhere."""
    try:
        return {leaf.linear + offset: leaf.frame + offset for leaf in paging.walk(read, root)
                if isinstance(leaf, paging.Leaf) for offset in range(0, leaf.size, PAGE)}
    except (NoMemory, paging.Endless):
        return {}


def _leads_to(read, root, frame):
    return frame in _pages(read, root).values()


def _leads_to_all(read, root, frame):
    """Is each page that the owner can touch where it belongs, page 0 left out?"""
    pages, address = _pages(read, root), PAGE
    while (wanted := frame(address)) is not None:
        if pages.get(address) != wanted:
            return False
        address += PAGE
    return True


def check_tables(read, root, frame, size):
    """Guest-linear x is byte x of guest memory; nothing else can be reached or changed.

    Returns the address that tables begin at, and the pages that are mapped. Where the owner can map
    no memory are the tables, so their frames are known by what the guest can read there.
    """
    __tracebackhide__ = True
    try:
        found = list(paging.walk(read, root))
    except (NoMemory, paging.Endless) as error:
        fail("the tables, from CR3 on", "tables in guest memory", str(error), TABLES)
    tables = {t.frame for t in found if isinstance(t, paging.Table)}
    leaves = [leaf for leaf in found if isinstance(leaf, paging.Leaf)]
    _check_leaves(leaves, frame, size)
    at = {leaf.frame + offset: leaf.linear + offset for leaf in leaves
          for offset in range(0, leaf.size, PAGE)}
    for table in tables:
        require(table in at, expected="a frame of guest memory", seen=f"{table:#x}",
                what="frame of a page table", read=TABLES)
    lowest = min(at[table] for table in tables)
    _check_rights(leaves, tables, lowest)
    return lowest, leaves


def _check_frame(seen, address, frame, taken):
    __tracebackhide__ = True
    what = f"host frame that linear address {address:#x} is mapped to"
    if frame(address) is not None:
        check(seen, frame(address), f"{what}: it has to be the guest's own at that address",
              read=TABLES)
    require(seen not in taken, expected="a frame of its own", seen=f"{seen:#x} twice", what=what,
            read=TABLES)
    taken.add(seen)


def _check_leaves(leaves, frame, size):
    __tracebackhide__ = True
    at, taken = PAGE, set()
    require(leaves, expected="an entry", seen="none", what="pages that the tables map", read=TABLES)
    check(leaves[0].linear, PAGE, "first linear address that is mapped: page 0 is not there",
          read=TABLES)
    for leaf in leaves:
        check(leaf.linear, at, "next linear address that is mapped: no gap, no other place",
              read=TABLES)
        for offset in range(0, leaf.size, PAGE):
            _check_frame(leaf.frame + offset, at + offset, frame, taken)
        at += leaf.size
    check(at, size, "end of what is mapped: nothing beyond guest memory", read=TABLES)


def _check_rights(leaves, tables, lowest):
    __tracebackhide__ = True
    for leaf in leaves:
        what = f"linear address {leaf.linear:#x}"
        holds = {leaf.frame + offset for offset in range(0, leaf.size, PAGE)} & tables
        require(not (holds and leaf.writable), expected="read-only", seen="writable",
                what=f"{what}, where a page table is", read=TABLES)
        require(leaf.writable or leaf.linear >= lowest, expected="writable", seen="read-only",
                what=f"{what}, below the tables", read=TABLES)
        require(not leaf.user, expected="supervisor", seen="user", what=what, read=TABLES)
        require(leaf.executable, expected="executable", seen="NX", what=what, read=TABLES)


def huge_regions(frame, usable):
    """Regions of 2 MiB that are one aligned piece, without page 0 and below the tables."""
    return [region for region in range(2 * MIB, usable - 2 * MIB + 1, 2 * MIB)
            if frame(region) % (2 * MIB) == 0
            and all(frame(region + offset) == frame(region) + offset
                    for offset in range(0, 2 * MIB, PAGE))]


def check_huge(leaves, regions):
    """One entry for each of these regions."""
    __tracebackhide__ = True
    sizes = {leaf.linear: leaf.size for leaf in leaves}
    for region in regions:
        check(sizes.get(region), 2 * MIB, f"bytes that one entry maps at {region:#x}, where the"
              " host has one piece of 2 MiB", read=TABLES)


def remembered(read):
    """The same memory, each page asked for once: nobody writes it meanwhile."""
    pages = {}

    def remembering(address, length):
        at = address & ~(PAGE - 1)
        if at not in pages:
            pages[at] = read(at, PAGE)
        return pages[at][address - at:address - at + length]
    return remembering


# ---- a guest that runs ---------------------------------------------------------------------------

LOOP = f"{README}#the-run-loop"


class Spinning:
    """A guest that runs in the background on one CPU."""

    def __init__(self, lab, rng, nonce, cpu=1):
        image, self.function = guests.spin(rng)
        self.lab, self.cpu, self.end = lab, cpu, guests.LOAD + len(image)
        if lab.nested:
            self._start_nested(image, nonce)
            return
        lines = vmtool(lab, "cpu", cpu, "create", "4M", 1, "frames", "code",
                       image.hex(), "init", 0, nonce, "info", "spin", 0)
        self.id, self.pid = only(lines, "info").id, only(lines, "spin").pid
        read = remembered(lab.machine.outside.phys)
        self.roots = find_roots(lab, read, frame_of(lines))
        require(self.roots, expected="page tables that lead to guest memory", seen="none",
                what="the machine's memory", read=LOOP)
        self.root = self.roots[0]

    def _start_nested(self, image, nonce):
        """From project05 on tables have guest-physical addresses, and memory a frame when it is
        touched: `read` does."""
        lines = vmtool(self.lab, "cpu", self.cpu, "create", "4M", 1, "code", image.hex(), "read",
                       f"{guests.RESULT:#x}", 8, "init", 0, nonce, "sregs", 0, "frames", "info",
                       "spin", 0)
        self.id, self.pid = only(lines, "info").id, only(lines, "spin").pid
        self.roots = [only(lines, "sregs").cr3]
        self._frame = frame_of(lines)

    def number(self, address):
        if self.lab.nested:
            return int.from_bytes(self.lab.machine.outside.phys(self._frame(address), 8), "little")
        return number_at(self.lab, self.root, address, "memory of a guest that runs", LOOP)
