# SPDX-License-Identifier: GPL-2.0
"""Show a stage's main job, step by step, and verify each step.

The steps of a stage are in demo-steps/NN.txt, one a line:

    machine VENDOR                         whose processor it is about; vmx without such a line
    == TITLE                               a heading
    run COMMAND …                          runs in the machine, is shown, has to exit with 0
    probe WORD CPU [& MASK] = VALUE | TEXT ask vtxprobe; CPU may be *: every CPU
    guest COMMAND … | TEXT                 as run, with a guest made now for {guest} and a number
                                           drawn now for {nonce}; its output has to be what this
                                           program computes of the number as well
    type COMMAND … | LINE; LINE; …         as run, with these lines typed at it one after the other;
                                           each of them has to be echoed
"""

from __future__ import annotations

import random
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import guests
from harness.errors import LabError
from harness.kmsg import check_kmsg, check_taint
from harness.machine import Machine

STEPS = Path(__file__).resolve().parent / "demo-steps"
PROBE = re.compile(
    r"(?P<word>\w+) (?P<cpu>\*|\d+)( & (?P<mask>\w+))? = (?P<value>\w+) \| (?P<text>.+)"
)
TIMEOUT = 60  # guest seconds for one command


class DemoFailed(LabError):
    """A step did not do what it should."""


@dataclass(frozen=True)
class Step:
    kind: str  # one of HANDLERS
    text: str
    where: str  # file and line, for messages


def load(stage: int) -> list[Step]:
    path = STEPS / f"{stage:02d}.txt"
    if not path.exists():
        raise DemoFailed(f"stage {stage} has no demo: {path} is missing")
    steps = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        kind, _, text = line.strip().partition(" ")
        if not kind or kind.startswith("#"):
            continue
        if kind not in HANDLERS:
            raise DemoFailed(f"{path}:{number}: {kind!r} is none of {', '.join(HANDLERS)}")
        steps.append(Step(kind, text.strip(), f"{path.name}:{number}"))
    return steps


def vendor(stage: int) -> str:
    """Whose processor a stage's demo needs."""
    return next((step.text for step in load(stage) if step.kind == "machine"), "vmx")


def known(machine: Machine, step: Step, say: Callable[[str], None]) -> None:
    """The machine's line: it was read before there was a machine."""


def heading(machine: Machine, step: Step, say: Callable[[str], None]) -> None:
    say(f"\n== {step.text} " + "=" * max(0, 73 - len(step.text)))


def run(machine: Machine, step: Step, say: Callable[[str], None]) -> None:
    say(f"# {step.text}")
    result = machine.run(shlex.split(step.text), timeout=TIMEOUT)
    for line in (result.out + result.err).splitlines():
        say(f"  {line}")
    if result.status:
        raise DemoFailed(f"{step.where}: {result}\nexpected status 0, saw {result.status}")


def probe(machine: Machine, step: Step, say: Callable[[str], None]) -> None:
    rule = PROBE.fullmatch(step.text)
    if not rule:
        raise DemoFailed(f"{step.where}: cannot read {step.text!r}")
    cpus = range(machine.spec.cpus) if rule["cpu"] == "*" else [int(rule["cpu"])]
    mask = int(rule["mask"], 0) if rule["mask"] else -1
    for cpu in cpus:
        seen = int(machine.probe(rule["word"], cpu), 0) & mask
        if seen != int(rule["value"], 0):
            raise DemoFailed(
                f"{step.where}: CPU {cpu}, {rule['word']}: expected {rule['value']}"
                f" ({rule['text']}), saw {seen:#x}"
            )
        say(f"  verified on CPU {cpu}: {rule['text']}")


def guest(machine: Machine, step: Step, say: Callable[[str], None]) -> None:
    draw = random.SystemRandom()
    image, function = guests.answer(random.Random(draw.getrandbits(64)))
    nonce = draw.getrandbits(64)
    command, _, text = step.text.partition(" | ")
    machine.put(GUEST, image)
    words = [word.format(guest=GUEST, nonce=f"{nonce:#x}") for word in shlex.split(command)]
    say(f"# {' '.join(words)}")
    result = machine.run(words, timeout=TIMEOUT)
    say(f"  {result.out.strip()}{result.err}")
    expected = f"{function(nonce):#018x}"
    if result.status or result.out.strip() != expected:
        raise DemoFailed(f"{step.where}: {result}\nexpected {expected} ({text}), saw"
                         f" {result.out.strip()!r} and status {result.status}")
    say(f"  verified: {text}")


def type_lines(machine: Machine, step: Step, say: Callable[[str], None]) -> None:
    command, _, text = step.text.partition(" | ")
    lines = [line.strip() for line in text.split(";")]
    typing = "; ".join(f"sleep {PAUSE}; echo {shlex.quote(line)}" for line in lines)
    say(f"# {command}")
    result = machine.run(["sh", "-c", f"({typing}) | {command}"], timeout=TIMEOUT)
    shown = (result.out + result.err).replace("\r", "").splitlines()
    for line in shown:
        say(f"  {line}")
    missing = [line for line in lines if not any(seen.endswith(f"> {line}") for seen in shown)]
    if result.status or missing:
        raise DemoFailed(f"{step.where}: {result}\nexpected status 0 and an echo of each line,"
                         f" saw {result.status} and none of {missing}")


PAUSE = 0.2  # guest seconds between two lines
GUEST = "/tmp/drawn-now.bin"
HANDLERS = {"machine": known, "==": heading, "run": run, "probe": probe, "guest": guest,
            "type": type_lines}
NO_CHECKS = ("machine", "==")


def show(machine: Machine, stage: int, say: Callable[[str], None] = print) -> int:
    """Run all steps; return how many checks passed. Raises DemoFailed at the first that fails."""
    passed = 0
    for step in load(stage):
        HANDLERS[step.kind](machine, step, say)
        passed += step.kind not in NO_CHECKS
    problems = check_kmsg(machine.records) + check_taint(machine.taint)
    if problems:
        raise DemoFailed("the kernel complained:\n" + "\n".join(f"  {p}" for p in problems))
    return passed
