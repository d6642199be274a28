# SPDX-License-Identifier: GPL-2.0
"""The figures that somebody committed: history.jsonl, one JSON object a line, the newest last.

Lines are compared that were measured alike: same kernel, emulator and processor model. A row that
has become worse on purpose is named in its line, with the reason: "accepted": {"create": "…"}. From
that line on its figure is the one to compare with.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench.rows import NAMES, SIDES
from harness.errors import LabError

PATH = Path(__file__).with_name("history.jsonl")
WORSE = 1.10
LAST = 10
TEXTS = {"date": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "commit": r"[0-9a-f]{40}",
         "kernel": r"\S+", "emulator": r"\S.*", "cpu": r"\S+"}
ALIKE = ("kernel", "emulator", "cpu")
ACCEPTED = "accepted"  # the one key that a line need not have
REASON = 20  # characters at least: a reason is a sentence


class BadHistory(LabError):
    """A line that is none of ours."""


def problem_of(line: object) -> str:
    """What is wrong with one line; "" if nothing is."""
    if not isinstance(line, dict) or set(line) - {ACCEPTED} != {*TEXTS, *SIDES}:
        return f"expected the keys {', '.join((*TEXTS, *SIDES))}, and {ACCEPTED} or not"
    for key, pattern in TEXTS.items():
        if not isinstance(line[key], str) or not re.fullmatch(pattern, line[key]):
            return f"{key}: expected {pattern}, saw {line[key]!r}"
    for side in SIDES:
        figures = line[side]
        if not isinstance(figures, dict) or not figures:
            return f"{side}: expected an object with a figure for each row"
        for name, value in figures.items():
            if type(value) is not int or value <= 0:
                return f"{side}, {name}: expected a whole number above 0, saw {value!r}"
    return problem_of_accepted(line)


def problem_of_accepted(line: dict) -> str:
    """What is wrong with the rows that a line accepts as worse; "" if nothing is."""
    accepted = line.get(ACCEPTED, {})
    if not isinstance(accepted, dict) or (ACCEPTED in line and not accepted):
        return f"{ACCEPTED}: expected an object with a reason for each row"
    for name, why in accepted.items():
        if name not in line["vtxdrv"]:
            return f"{ACCEPTED}, {name}: expected a row of vtxdrv's figures"
        if not isinstance(why, str) or len(why.strip()) < REASON:
            return f"{ACCEPTED}, {name}: expected a reason of {REASON} characters, saw {why!r}"
    return ""


def parse(text: str) -> tuple[list[dict], list[str]]:
    """Return the lines, and what is wrong: a line that cannot be read, a newest without a row."""
    lines, problems = [], []
    for number, words in enumerate(text.splitlines(), 1):
        try:
            line = json.loads(words)
        except ValueError as error:
            problems.append(f"line {number}: no JSON: {error}")
            continue
        if problem := problem_of(line):
            problems.append(f"line {number}: {problem}")
        else:
            lines.append(line)
    for side in SIDES if lines and not problems else ():
        if set(lines[-1][side]) != set(NAMES):
            odd = sorted(set(lines[-1][side]) ^ set(NAMES))
            problems.append(f"newest line, {side}: missing or unknown rows: {', '.join(odd)}")
    return lines, problems


def compared_with(lines: list[dict], name: str) -> list[dict]:
    """The lines before the newest that a row is compared with, the oldest first."""
    new, found = lines[-1], []
    for line in reversed(lines[:-1]):
        if any(line[key] != new[key] for key in ALIKE) or name not in line["vtxdrv"]:
            continue
        found.insert(0, line)
        if name in line.get(ACCEPTED, {}) or len(found) == LAST:
            break
    return found


def worse_than_before(lines: list[dict], name: str) -> list[str]:
    """In what way a row of the newest line is more than 10 % worse than the last, or the best."""
    new, having = lines[-1], compared_with(lines, name)
    if not having:
        return []
    value, problems = new["vtxdrv"][name], []
    best = min(having, key=lambda line: line["vtxdrv"][name])
    for what, old in (("the one before", having[-1]), (f"the best of {len(having)}", best)):
        was = old["vtxdrv"][name]
        if value > was * WORSE:
            problems.append(
                f"{name}: {value} at {new['commit'][:12]} is {value / was - 1:.1%} worse than"
                f" {what}, {was} at {old['commit'][:12]} of {old['date']}")
    return problems


def worse_of_each(lines: list[dict]) -> list[str]:
    """The same for each processor model's newest line."""
    models = {line["cpu"]: None for line in lines}
    return [problem for cpu in models
            for problem in worse([line for line in lines if line["cpu"] == cpu])]


def worse(lines: list[dict]) -> list[str]:
    """Rows of the newest line that are worse and not accepted, or accepted and not worse."""
    problems = []
    for name in lines[-1]["vtxdrv"] if lines else ():
        found = worse_than_before(lines, name)
        if name not in lines[-1].get(ACCEPTED, {}):
            problems += found
        elif not found:
            problems.append(f"{name}: {ACCEPTED} as worse, but {lines[-1]['vtxdrv'][name]} is not"
                            f" more than {WORSE - 1:.0%} worse than before: take it out")
    return problems


def accepted(lines: list[dict]) -> list[str]:
    """What is accepted as worse in the last lines, for people."""
    return [f"{name}: {line['vtxdrv'][name]:,} since {line['commit'][:12]} of {line['date']},"
            f" accepted as worse: {why}"
            for line in lines[-LAST:] for name, why in line.get(ACCEPTED, {}).items()]


def check(text: str) -> list[str]:
    """All that the rule of tests/repo has to say about a history."""
    lines, problems = parse(text)
    return problems or worse_of_each(lines)


def read(path: Path = PATH) -> list[dict]:
    """The lines that there are."""
    return parse(path.read_text(encoding="utf-8"))[0] if path.exists() else []


def append(line: dict, path: Path = PATH) -> None:
    """Add a line; refuse one that could not be read again, and a history that cannot be read."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    new = json.dumps(line) + "\n"
    if problems := parse(text + new)[1]:
        raise BadHistory(f"{path}: not saved: {'; '.join(problems)}")
    with path.open("a", encoding="utf-8") as file:
        file.write(new)
