# SPDX-License-Identifier: GPL-2.0
"""Do the rules of VMRUN predict what a machine does? Thousands of entries tell.

    python3 -m entry.svm_campaign --stage-dir build/project07 [--accel tcg] [--seed N] [--sample N]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

from entry import deviations, svm_cases
from entry.campaign import OUTPUT, PARAMETER, SEED, TOOL, Tally, describe, load
from entry.checker import pack_facts
from entry.svm import FIELDS, IDENTS, Checker, outcome_of
from entry.svm_cases import MODES
from entry.trial import REFUSED
from harness import kernel as kernels
from harness import lab
from harness.errors import LabError

DOCUMENT = deviations.DOCUMENT.with_name("vmrun-checks.md")
ACCELERATORS = ("tcg", "bochs")
HLT = "78"  # exit code of the guest that is run for real at the end
# Another guest has other addresses: cases flip bits of these.
RELATIVE = {"IOPM_BASE_PA", "MSRPM_BASE_PA", "TSC_OFFSET", "N_CR3"}


def line_of(case: dict[str, int], base: dict[str, int]) -> str:
    """Return a case as entrytool reads it."""
    return " ".join(f"{FIELDS[name][0]:x}^{value ^ base[name]:x}" if name in RELATIVE else
                    f"{FIELDS[name][0]:x}={value:x}" for name, value in case.items())


def moved(case: dict[str, int], base: dict[str, int], to: dict[str, int]) -> dict[str, int]:
    """Return the case in another guest."""
    return {name: value ^ base[name] ^ to[name] if name in RELATIVE else value
            for name, value in case.items()}


class Trials:
    """A machine that tries entries: vtxdrv.ko is loaded, and entrytool at hand."""

    def __init__(self, machine) -> None:
        self.machine = machine
        allowed = machine.sh(f"echo 1 > {PARAMETER}")
        if allowed.status:
            raise LabError(f"{PARAMETER} cannot be set: {allowed.err}")
        detected = machine.run(["vtxctl", "detect", "--json"], cap=OUTPUT)
        self.facts = pack_facts(json.loads(detected.out)["raw"]["cpus"][0])

    def done(self) -> None:
        """Forbid it again: others use the machine."""
        self.machine.sh(f"echo 0 > {PARAMETER}")

    def run(self, mode: str, batch: list[dict[str, int]],
            of: dict[str, int] | None = None) -> tuple[dict, list, list[str]]:
        """Try cases: the state that they change, (errno, reason) of each, what was left changed.

        `of`: the state that they were made for.
        """
        text = "".join(line_of(case, of) + "\n" for case in batch)
        done = self.machine.run([TOOL, str(MODES[mode])], stdin=text.encode(), timeout=600,
                                cap=OUTPUT)
        lines = done.out.splitlines()
        if done.status or not lines or lines[-1] != f"after {HLT}":
            raise LabError(f"entrytool: status {done.status}, its last lines: {lines[-3:]}; the"
                           f" guest should have ended with HLT, exit code {HLT}")
        split = [line.split() for line in lines]
        base = {IDENTS[int(words[1], 16)]: int(words[3], 16)
                for words in split if words[0] == "state"}
        results = [(int(words[1]), int(words[3], 16)) for words in split if words[0].isdigit()]
        if len(results) != len(batch):
            raise LabError(f"entrytool answered {len(results)} of {len(batch)} cases")
        return base, results, [line for line in lines if line.startswith("differs")]


def judge(tally: Tally, known: list, base: dict, case: dict, prediction, result) -> None:
    """Count one case."""
    errno, reason = result
    seen = outcome_of(reason)
    tally.cases += 1
    if errno:
        tally.skipped[REFUSED.get(errno, f"errno {errno}")] += 1
    elif not prediction.outcomes and seen in ("invalid", "entered"):
        tally.skipped["a rule cannot be decided"] += 1
    elif seen in prediction.outcomes:
        tally.agreed[seen] += 1
    elif found := deviations.explain(known, prediction, seen, case, base):
        for one in found:
            one.occurred += 1
            tally.deviating[one.name] += 1
    else:
        tally.wrong.append((case, prediction, seen))


def split_off(tally: Tally, known: list, base: dict, predicted: list) -> list:
    """Leave out what would end the emulator."""
    left = []
    for case, prediction in predicted:
        if one := (deviations.ends(known, prediction)
                   or deviations.ends_by_state(known, prediction, {**base, **case})):
            one.occurred += 1
            tally.cases += 1
            tally.skipped[f"it would end the emulator ({one.name})"] += 1
        else:
            left.append(case)
    return left


def campaign(trials: Trials, checker: Checker, accel: str, seed: int, sample: int) -> Tally:
    """Run all cases, or a sample, in one machine."""
    tally = Tally()
    known = [one for one in deviations.read(DOCUMENT) if not one.models or accel in one.models]
    for mode in MODES:
        base = trials.run(mode, [])[0]
        tried = svm_cases.generate(seed, mode, base)
        if sample:
            tried = random.Random(seed).sample(tried, min(sample // len(MODES), len(tried)))
        predicted = [(case, checker.predict(trials.facts, base, case)) for case in tried]
        tried = split_off(tally, known, base, predicted)
        now, results, left = trials.run(mode, tried, base)
        tally.left += [f"{mode}: {line}" for line in left]
        for case, result in zip(tried, results, strict=True):
            case = moved(case, base, now)
            judge(tally, known, now, case, checker.predict(trials.facts, now, case), result)
    if not sample:
        tally.left += [f"deviation {one.name} does not occur any more: take it off the list"
                       for one in known if not one.occurred]
    return tally


def boot(stage_dir: Path, accel: str, artefacts: Path, kver: str | None):
    """Start a machine with the driver inside."""
    return lab.boot_stage(stage_dir, vendor="svm", accel=accel, kernel=kernels.resolve(kver),
                          artefacts=artefacts)


def main() -> int:
    """Run the campaign on every accelerator."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage-dir", type=Path, required=True)
    parser.add_argument("--accel", action="append", choices=ACCELERATORS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--sample", type=int, default=0, help="so many cases instead of all")
    parser.add_argument("--kver")
    parser.add_argument("--artefacts", type=Path, default=Path("build/entry"))
    options = parser.parse_args()
    options.artefacts.mkdir(parents=True, exist_ok=True)
    checker = Checker(options.artefacts)
    bad = 0
    for accel in options.accel or ACCELERATORS:
        started = time.monotonic()
        with boot(options.stage_dir, accel, options.artefacts / accel, options.kver) as machine:
            load(machine)
            tally = campaign(Trials(machine), checker, accel, options.seed, options.sample)
        print(tally.summary(accel), f"  seed {options.seed}, {time.monotonic() - started:.0f} s",
              sep="\n", flush=True)
        (options.artefacts / f"{accel}.wrong").write_text("".join(
            f"{seen}\t{'/'.join(sorted(prediction.outcomes))}\t{' '.join(sorted(prediction.rules))}"
            f"\t{describe(case)}\n" for case, prediction, seen in tally.wrong), encoding="utf-8")
        bad += len(tally.wrong) + len(tally.left)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
