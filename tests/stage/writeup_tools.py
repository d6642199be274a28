# SPDX-License-Identifier: GPL-2.0
"""Compare the transcripts of a write-up with what the tools print in the lab machine.

    <!-- run: vtxctl detect -->      above a fenced block; <!-- run (svm): … --> for that machine
    <!-- run (host): vtxctl … -->    needs no machine: run at the top of this repository

The commands of a page run in their order. Numbers may differ from the page's, blanks are squeezed,
a line with an ellipsis leaves lines out, and everything else must be the same.
"""

import os
import re
import subprocess

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


def blocks(readme, where):
    """The transcripts of a page that are from there."""
    text = readme.read_text(encoding="utf-8")
    return [b for b in markdown.fences(text) if b.kind == "run" and (b.where or "vmx") == where]


def compare(block, readme, printed):
    """Fail if a line of the transcript was not printed."""
    missing = first_missing(block.lines, printed.splitlines())
    if missing is not None:
        fail(f"transcript of `{block.origin}` in {readme.parent.name}/README.md, line"
             f" {block.line}", missing.strip(), "the output below", log=printed)


def compare_transcripts(driver, readme, vendor):
    """Run what the page shows for this vendor's machine; fail at the first difference."""
    for block in blocks(readme, vendor):
        result = driver.sh(block.origin.removeprefix("sudo "), timeout=60)
        compare(block, readme, result.out + result.err)


def compare_host_transcripts(build, readme):
    """The same for what runs outside: with the stage's tool first on the PATH."""
    path = f"{build.directory}:{os.environ['PATH']}"
    for block in blocks(readme, "host"):
        done = subprocess.run(["sh", "-c", block.origin], cwd=readme.parents[1], check=False,
                              env=os.environ | {"PATH": path}, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        compare(block, readme, done.stdout)
