# SPDX-License-Identifier: GPL-2.0
"""Rules for cheats: each can be written, and docs/cheating.md shows each with what it earns."""

import re

import scan

from harness import cheats

PAGE = "docs/cheating.md"
ROW = re.compile(r"^\| `[a-z0-9-]+` \|.*$", re.M)


def test_the_page_shows_every_cheat(repository):
    """The tables are those that `python3 -m harness.cheats` prints, in their order."""
    shown = ROW.findall((repository / PAGE).read_text(encoding="utf-8"))
    wanted = [cheats.row(cheat) for cheat in cheats.load_all(repository)]
    problems = [f"missing: {row}" for row in wanted if row not in shown]
    problems += [f"no such cheat, or not these words: {row}" for row in shown if row not in wanted]
    if not problems and shown != wanted:
        problems.append("another order than in tests/cheats")
    scan.report(problems, f"{PAGE} has the tables of `python3 -m harness.cheats` from tests/")


def test_every_cheat_can_be_written(repository, tmp_path):
    """The text that a cheat replaces is there, and its trick is a function of tricks.py."""
    problems, known = [], cheats.tricks(repository)
    for cheat in cheats.load_all(repository):
        if cheat.trick and not hasattr(known, cheat.trick):
            problems.append(f"{cheat.stage}: {cheat.name}: no trick {cheat.trick}")
        try:
            cheats.texts_of(cheat, repository)
        except (cheats.CheatError, KeyError) as error:
            problems.append(f"{cheat.stage}: {cheat.name}: {error}")
    scan.report(problems, "cheats that can be made of the reference's files")
