# SPDX-License-Identifier: GPL-2.0
"""make doctor: name each thing that stops people here, with its fix.

A `problem` stops the lab machine, and with it the course; a `warn` is something that is slower, or
that only matters to somebody who wants vtxdrv.ko on this computer itself. Nothing is changed, built
or downloaded. The exit status is 0 when the lab machine can run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path

from harness import doctor_host, doctor_lab
from harness.doctor_item import PROBLEM, WARN, Item
from harness.host import Host

SECTIONS = (("The lab machine", doctor_lab.CHECKS),
            ("Loading vtxdrv.ko on this computer itself: not needed, the lab machine is enough",
             doctor_host.CHECKS))
WIDTH = 100


def examine(host: Host) -> dict[str, list[Item]]:
    """Return the answers to all checks, by section."""
    return {title: [check(host) for check in checks] for title, checks in SECTIONS}


def wrapped(label: str, text: str) -> str:
    """Return a text in lines that are not too long, indented below its label."""
    return textwrap.fill(text, WIDTH, initial_indent=label, subsequent_indent=" " * len(label),
                         break_on_hyphens=False, break_long_words=False)


def as_text(answers: dict[str, list[Item]]) -> str:
    """Return the report for people."""
    lines = []
    for title, items in answers.items():
        lines += [title]
        for item in items:
            lines.append(wrapped(f"  {item.verdict:7}  {item.name:17} ", item.detail))
            if item.fix:
                lines.append(wrapped(f"{'fix:':>27}  ", item.fix))
        lines.append("")
    return "\n".join([*lines, conclusion(answers)])


def conclusion(answers: dict[str, list[Item]]) -> str:
    """Return the one line that people look for."""
    items = [item for section in answers.values() for item in section]
    problems = [item.name for item in items if item.verdict == PROBLEM]
    warnings = sum(item.verdict == WARN for item in items)
    if problems:
        return f"The lab machine cannot run yet: see {', '.join(problems)}."
    plural = "" if warnings == 1 else "s"
    return f"The lab machine can run ({warnings} warning{plural}). Try: make demo"


def as_json(answers: dict[str, list[Item]]) -> str:
    """Return the report for programs."""
    items = [asdict(item) for section in answers.values() for item in section]
    usable = all(item["verdict"] != PROBLEM for item in items)
    return json.dumps({"usable": usable, "items": items}, indent=2)


def cache_folder() -> Path:
    """Return where downloads go, without making the folder."""
    return Path(os.environ.get("VTX_CACHE") or Path.home() / ".cache" / "vtxdrv")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make doctor", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="for programs: {usable, items: [...]}")
    parser.add_argument("--build", type=Path, default=Path("build"), help="the build folder (O=)")
    parser.add_argument("--kver", help="the kernel asked for (KVER=)")
    options = parser.parse_args(arguments)
    answers = examine(Host(build=options.build, cache=cache_folder(), kver=options.kver))
    print(as_json(answers) if options.json else as_text(answers))
    return int(any(item.verdict == PROBLEM for items in answers.values() for item in items))


if __name__ == "__main__":
    sys.exit(main())
