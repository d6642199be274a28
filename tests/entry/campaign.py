# SPDX-License-Identifier: GPL-2.0
"""Do the rules of a VM entry predict what a machine does? Thousands of entries tell.

    python3 -m entry.campaign --stage-dir build/project04 [--model NAME] [--seed N] [--sample N]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from entry import cases, deviations
from entry.checker import FIELDS, IDENTS, Checker, pack_facts
from entry.trial import REFUSED, Prediction, outcome_of, predict
from harness import kernel as kernels
from harness import lab
from harness.errors import LabError

TOOL = "entrytool"  # the harness builds it into each machine
SEED = 20261122
MODELS = ("corei7_haswell_4770", "broadwell_ult")
PARAMETER = "/sys/module/vtxdrv/parameters/allow_try_entry"
BATCH = 4000
OUTPUT = 1 << 22
SHOWN = 12  # disagreements that are printed in full


@dataclass
class Tally:
    """What came out."""

    cases: int = 0
    agreed: Counter = field(default_factory=Counter)  # by outcome
    deviating: Counter = field(default_factory=Counter)  # by deviation
    skipped: Counter = field(default_factory=Counter)  # by reason
    wrong: list = field(default_factory=list)  # (case, prediction, seen)
    left: list = field(default_factory=list)  # what the cases have changed for good

    def summary(self, model: str) -> str:
        """Return the lines that people read."""
        agreed, deviating = sum(self.agreed.values()), sum(self.deviating.values())
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.agreed.items()))
        lines = [f"{model}: {self.cases} cases: {agreed} agree ({kinds}),"
                 f" {len(self.wrong)} disagree, {deviating} deviate as documented,"
                 f" {sum(self.skipped.values())} skipped"]
        lines += [f"  skipped, {reason}: {count}" for reason, count in self.skipped.most_common()]
        lines += [f"  deviation {name}: {count}" for name, count in self.deviating.most_common()]
        lines += [f"  left changed: {line}" for line in self.left]
        for case, prediction, seen in self.wrong[:SHOWN]:
            lines.append(f"  DISAGREE {describe(case)}: predicted "
                         f"{'/'.join(sorted(prediction.outcomes))}"
                         f" ({', '.join(sorted(prediction.rules)) or 'no rule violated'}),"
                         f" seen {seen}")
        return "\n".join(lines)


def describe(case: dict[str, int]) -> str:
    """Return a case as text."""
    return " ".join(f"{name}={value:#x}" for name, value in case.items())


def line_of(case: dict[str, int]) -> str:
    """Return a case as entrytool reads it."""
    return " ".join(f"{FIELDS[name]:x}={value:x}" for name, value in case.items())


class Trials:
    """A machine that tries entries: vtxdrv.ko is loaded, and entrytool at hand."""

    def __init__(self, machine) -> None:
        self.machine = machine
        allowed = machine.sh(f"echo 1 > {PARAMETER}")
        if allowed.status:
            raise LabError(f"{PARAMETER} cannot be set: {allowed.err}")
        detected = machine.run(["vtxctl", "detect", "--json"], cap=OUTPUT)
        self.facts = json.loads(detected.out)["raw"]["cpus"][0]
        self.base: dict[str, int] = {}
        self.run([])

    def done(self) -> None:
        """Forbid it again: others use the machine."""
        self.machine.sh(f"echo 0 > {PARAMETER}")

    def run(self, batch: list[dict[str, int]]) -> tuple[list[tuple[int, int, int]], list[str]]:
        """Try cases: (errno, instruction error, reason) of each, and what was left changed."""
        text = "".join(line_of(case) + "\n" for case in batch)
        done = self.machine.run([TOOL], stdin=text.encode(), timeout=600, cap=OUTPUT)
        lines = done.out.splitlines()
        if done.status or not lines or lines[-1] != "after c":
            raise LabError(f"entrytool: status {done.status}, its last lines: {lines[-3:]}; the"
                           " guest should have ended with HLT, exit reason c")
        self.base = {IDENTS[int(words[1], 16)]: int(words[3], 16)
                     for words in map(str.split, lines) if words[0] == "state" and words[2] == "0"}
        results = [tuple((int(words[1]), int(words[2]), int(words[3], 16)))
                   for words in map(str.split, lines) if words[0].isdigit()]
        if len(results) != len(batch):
            raise LabError(f"entrytool answered {len(results)} of {len(batch)} cases")
        return results, [line for line in lines if line.startswith("differs")]


def judge(tally: Tally, known: list, base: dict[str, int], case: dict[str, int],
          prediction: Prediction, result: tuple[int, int, int]) -> None:
    """Count one case."""
    errno, error, reason = result
    seen = outcome_of(error, reason)
    tally.cases += 1
    if errno:
        tally.skipped[REFUSED.get(errno, f"errno {errno}")] += 1
    elif not prediction.outcomes:
        tally.skipped["a rule cannot be decided"] += 1
    elif seen in prediction.outcomes or (not prediction.live and seen == "guest"
                                         and prediction.outcomes == {"none"}):
        tally.agreed[seen] += 1
    elif found := deviations.explain(known, prediction, seen, case, base):
        for one in found:
            one.occurred += 1
            tally.deviating[one.name] += 1
    else:
        tally.wrong.append((case, prediction, seen))


def campaign(trials: Trials, checker: Checker, model: str, seed: int, sample: int) -> Tally:
    """Run all cases, or a sample, in one machine."""
    facts = pack_facts(trials.facts)
    tally = Tally()
    tried = cases.generate(seed, trials.base, trials.facts, checker.rules())
    if sample:
        tried = random.Random(seed).sample(tried, min(sample, len(tried)))
    known = [one for one in deviations.read() if not one.models or model in one.models]
    predicted = [(case, predict(checker, facts, trials.base, case)) for case in tried]
    tried = []
    for case, prediction in predicted:
        if one := deviations.ends(known, prediction):
            one.occurred += 1
            tally.cases += 1
            tally.skipped[f"it would end the emulator ({one.name})"] += 1
        else:
            tried.append((case, prediction))
    for start in range(0, len(tried), BATCH):
        batch = tried[start:start + BATCH]
        results, left = trials.run([case for case, _ in batch])
        tally.left += left
        # Each batch is a process of its own, and so has another HOST_CR3.
        for (case, _), result in zip(batch, results, strict=True):
            prediction = predict(checker, facts, trials.base, case)
            judge(tally, known, trials.base, case, prediction, result)
    if not sample:
        tally.left += [f"deviation {one.name} does not occur any more: take it off the list"
                       for one in known if not one.occurred]
    return tally


def boot(stage_dir: Path, model: str, artefacts: Path, kver: str | None):
    """Start a machine with the driver inside."""
    return lab.boot_stage(stage_dir, vendor="vmx", accel="bochs", kernel=kernels.resolve(kver),
                          artefacts=artefacts, cpu_model=model)


def load(machine) -> None:
    """Load the driver."""
    loaded = machine.sh("insmod /lab/vtxdrv.ko 2>&1", timeout=60)
    if loaded.status:
        raise LabError(f"the module does not load: {loaded.out}")


def main() -> int:
    """Run the campaign on every model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage-dir", type=Path, required=True)
    parser.add_argument("--model", action="append", help=f"Bochs's name; default: {MODELS}")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--sample", type=int, default=0, help="so many cases instead of all")
    parser.add_argument("--kver")
    parser.add_argument("--artefacts", type=Path, default=Path("build/entry"))
    options = parser.parse_args()
    options.artefacts.mkdir(parents=True, exist_ok=True)
    checker = Checker(options.artefacts)
    bad = 0
    for model in options.model or MODELS:
        started = time.monotonic()
        with boot(options.stage_dir, model, options.artefacts / model, options.kver) as machine:
            load(machine)
            tally = campaign(Trials(machine), checker, model, options.seed, options.sample)
        print(tally.summary(model), f"  seed {options.seed}, {time.monotonic() - started:.0f} s",
              sep="\n", flush=True)
        (options.artefacts / f"{model}.wrong").write_text("".join(
            f"{seen}\t{'/'.join(sorted(prediction.outcomes))}\t{' '.join(sorted(prediction.rules))}"
            f"\t{describe(case)}\n" for case, prediction, seen in tally.wrong), encoding="utf-8")
        bad += len(tally.wrong) + len(tally.left)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
