# SPDX-License-Identifier: GPL-2.0
"""Compare the transcripts of a write-up with what the tools print in the lab machine.

    <!-- run: vtxctl detect -->      above a fenced block; <!-- run (svm): … --> for that machine

The commands of a page run in their order. Numbers may differ from the page's, blanks are squeezed,
a line with an ellipsis leaves lines out, and everything else must be the same.
"""

import re

from harness.grade import fail
from repo import markdown

ELLIPSIS = re.compile(r"^\s*(?:…|\.\.\.)\s*$")
PROMPT = re.compile(r"^(?:\$|#)\s")
NUMBER = re.compile(r"0x[0-9a-f]+|\b\d+(?:\.\d+)*\b", re.I)


def shape(line):
    """A line with its numbers and its blanks made alike."""
    return re.sub(r"\s+", " ", NUMBER.sub("N", line)).strip()


def first_missing(shown, printed):
    """The first line of the transcript that was not printed, in order; None when all were."""
    rows = iter([row for row in map(shape, printed) if row])
    gap = False
    for line in shown:
        if ELLIPSIS.match(line):
            gap = True
        elif line.strip() and not PROMPT.match(line):
            wanted = shape(line)
            row = next((r for r in rows if r == wanted or not gap), None)
            if row != wanted:
                return line
            gap = False
    return None


def compare_transcripts(driver, readme, vendor):
    """Run what the page shows for this vendor's machine; fail at the first difference."""
    text = readme.read_text(encoding="utf-8")
    for block in markdown.fences(text):
        if block.kind != "run" or (block.where or "vmx") != vendor:
            continue
        result = driver.sh(block.origin.removeprefix("sudo "), timeout=60)
        printed = result.out + result.err
        missing = first_missing(block.lines, printed.splitlines())
        if missing is not None:
            fail(f"transcript of `{block.origin}` in {readme.parent.name}/README.md, line"
                 f" {block.line}", missing.strip(), "the output below", log=printed)
