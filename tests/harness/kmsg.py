# SPDX-License-Identifier: GPL-2.0
"""Kernel messages: records of /dev/kmsg, what in them is a fault, and what a console log tells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

NOTICE = 5  # the kernel's levels: 0 emergency … 4 warning, 5 notice, 6 info, 7 debug

# Taint bits of /proc/sys/kernel/tainted (Documentation/admin-guide/tainted-kernels.rst).
TAINTS = {
    0: "proprietary module was loaded",
    1: "module was force loaded",
    2: "kernel running on an out of specification system",
    3: "module was force unloaded",
    4: "processor reported a machine check",
    5: "bad page referenced",
    6: "taint requested by user space",
    7: "kernel died recently (oops or BUG)",
    8: "ACPI table overridden",
    9: "kernel issued a warning (WARN)",
    10: "staging driver was loaded",
    11: "workaround for bug in platform firmware",
    12: "externally built module was loaded",
    13: "unsigned module was loaded",
    14: "soft lockup occurred",
    15: "kernel has been live patched",
    16: "auxiliary taint",
    17: "kernel was built with the struct randomization plugin",
    18: "an in-kernel test has been run",
}
EXPECTED_TAINT = 1 << 12 | 1 << 13  # every course module is out of tree and unsigned

# Signs of trouble, most serious first: (kind, what the kernel writes).
SIGNS = (
    ("panic", re.compile(r"Kernel panic - not syncing")),
    (
        "oops",
        re.compile(
            r"\bOops\b|\bBUG: (?!soft lockup|workqueue)|general protection fault"
            r"|invalid opcode: [0-9a-f]{4}|double fault:|stack segment:|kernel BUG at"
            r"|unable to handle (kernel|page fault)"
        ),
    ),
    (
        "lockup",
        re.compile(
            r"soft lockup|hard LOCKUP|rcu_\w+ (self-)?detected (expedited )?stall"
            r"|rcu_\w+ kthread starved"
            r"|blocked for more than \d+ seconds|BUG: workqueue lockup|rcu: INFO: .*stall"
        ),
    ),
    ("warn", re.compile(r"\bWARNING: (CPU|possible|inconsistent|bad|suspicious|held|at)\b")),
)

# Lines at warning level that say nothing about the module under test.
HARMLESS = (
    re.compile(r"loading out-of-tree module taints kernel"),
    re.compile(r"module verification failed: signature and/or required key missing"),
    re.compile(r"clocksource: .*(unstable|skew|watchdog|wd-|cs_|'tsc')"),  # emulated time
    re.compile(r"hrtimer: interrupt took \d+ ns"),  # the host took the CPU away
    re.compile(r"perf: interrupt took too long"),
    re.compile(r"sched: RT throttling activated"),
)


@dataclass(frozen=True)
class KmsgRecord:
    level: int
    seq: int
    text: str
    usec: int = 0  # since boot, guest time
    facility: int = 0  # 0: the kernel itself; others: somebody wrote to /dev/kmsg

    def __str__(self) -> str:
        return f"[{self.usec / 1e6:12.6f}] <{self.level}> {self.text}"


def parse_records(raw: bytes) -> list[KmsgRecord]:
    """Parse what reads of /dev/kmsg returned, one after another (Documentation/ABI/testing)."""
    records = []
    for line in raw.decode("utf-8", "replace").split("\n"):
        if not line or line.startswith(" "):  # a continuation: KEY=value of dev_printk
            continue
        head, separator, text = line.partition(";")
        fields = head.split(",")
        if not separator or len(fields) < 3 or not all(f.isdigit() for f in fields[:3]):
            continue
        prio, seq, usec = (int(field) for field in fields[:3])
        records.append(KmsgRecord(prio & 7, seq, unescape(text), usec, prio >> 3))
    return records


def unescape(text: str) -> str:
    """Undo \\xNN, with which the kernel writes control characters and backslashes."""
    if "\\x" not in text:
        return text
    raw = re.sub(
        rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode("utf-8", "replace")
    )
    return raw.decode("utf-8", "replace")


def sign_of(text: str) -> str | None:
    """Return "panic", "oops", "lockup" or "warn" if the line announces one."""
    for kind, pattern in SIGNS:
        if pattern.search(text):
            return kind
    return None


def check_kmsg(records: Iterable[KmsgRecord], allow: Iterable[str] = ()) -> list[str]:
    """Return what is wrong in these kernel messages, one readable line each; [] is a clean log.

    Wrong is everything more severe than notice, and every sign of trouble whatever its level,
    except lines that match one of the regular expressions in `allow`. A panic, oops or lockup
    cannot be allowed.
    """
    allowed = [re.compile(a) for a in allow]
    problems = []
    for record in records:
        kind = sign_of(record.text)
        if kind is None and (record.level >= NOTICE or matches(HARMLESS, record.text)):
            continue
        if kind in (None, "warn") and matches(allowed, record.text):
            continue
        problems.append(f"{kind or 'level ' + str(record.level)}: {record.text}")
    return problems


def matches(patterns: Iterable[re.Pattern[str]], text: str) -> bool:
    return any(pattern.search(text) for pattern in patterns)


def check_taint(mask: int, before: int = 0) -> list[str]:
    """Return what the taint mask says beyond an out-of-tree unsigned module and `before`."""
    new = mask & ~(EXPECTED_TAINT | before)
    return [
        f"taint bit {bit}: {TAINTS.get(bit, 'unknown')}" for bit in range(64) if new >> bit & 1
    ]
