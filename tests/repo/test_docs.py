# SPDX-License-Identifier: GPL-2.0
"""Rules for documentation: links resolve, and what looks like the tree's code is the tree's code.

A block of C in a write-up says where it is from, in the line above it:

    <!-- from: project02/vmx_cpu.c -->       is found there, white space aside; … leaves lines out
    <!-- run: vtxctl detect -->              tests/stage/test_transcripts.py runs it and compares
    <!-- sketch -->                          no code of the tree: an idea, an extract of a manual
"""

import re

import markdown
import scan

ELLIPSIS = re.compile(r"^\s*(?:/\*\s*)?(?:…|\.\.\.)(?:\s*\*/)?\s*$")


def pages(root):
    return [p for p in scan.files(root) if p.suffix == ".md"]


def squeezed(lines):
    return [re.sub(r"\s+", " ", line).strip() for line in lines if line.strip()]


def pieces(lines):
    """The block, cut where it leaves something out."""
    piece = []
    for line in lines:
        if ELLIPSIS.match(line):
            yield squeezed(piece)
            piece = []
        else:
            piece.append(line)
    yield squeezed(piece)


def missing_from(source, lines):
    """The first line of the block that does not follow in the source; "" when all do."""
    have, start = squeezed(source.splitlines()), 0
    for piece in pieces(lines):
        fits = [i for i in range(start, len(have) - len(piece) + 1)
                if have[i:i + len(piece)] == piece]
        if not fits:
            return next((row for row in piece if row not in have), piece[0])
        start = fits[0] + len(piece)
    return ""


def test_links_resolve(repository):
    """Every link to a file of the tree has a target, and the heading in it."""
    problems = []
    for page in pages(repository):
        for line, target in markdown.links(scan.text_of(page)):
            if re.match(r"[a-z]+:", target) or target.startswith("@"):
                continue
            name, _, anchor = target.partition("#")
            path = (page.parent / name).resolve() if name else page
            at = f"{page.relative_to(repository)}:{line}: {target}"
            if not path.exists():
                problems.append(f"{at}: no such file")
            elif anchor and path.suffix == ".md" and anchor not in markdown.anchors(
                    scan.text_of(path)):
                problems.append(f"{at}: no such heading")
    scan.report(problems, "links")


def write_up_of(path, text):
    """Where `{README}#…` of a file of tests/stage leads: its own README, or that of its project."""
    own = re.search(r'^README = "(\S+)"', text, re.M)
    project = re.search(r"project\d+", path.name)
    return own[1] if own else f"{project[0]}/README.md" if project else "README.md"


def test_sections_that_failures_name(repository):
    """What a failed test says to read is there: "{README}#ports" leads to a heading."""
    problems, named = [], 0
    for path in sorted((repository / "tests/stage").glob("*.py")):
        text = scan.text_of(path)
        for words in re.finditer(r"(\{README\}|project\d+/README\.md)#([\w-]+)", text):
            page = write_up_of(path, text) if words[1] == "{README}" else words[1]
            named += 1
            if words[2] not in markdown.anchors(scan.text_of(repository / page)):
                problems.append(f"{path.name}: {page}#{words[2]}")
    assert named, "this rule has not found what it is about"
    scan.report(problems, "sections that are not in the write-up")


def test_snippets_are_the_trees_code(repository):
    """A block that says `from: file` is found in that file."""
    problems = []
    for page in pages(repository):
        for fence in markdown.fences(scan.text_of(page)):
            if fence.kind != "from":
                continue
            at = f"{page.relative_to(repository)}:{fence.line}"
            path = repository / fence.origin
            if not path.is_file():
                problems.append(f"{at}: {fence.origin} does not exist")
            elif missing := missing_from(scan.text_of(path), fence.lines):
                problems.append(f"{at}: not in {fence.origin}: {missing}")
    scan.report(problems, "snippets that are not in the file they name")


def test_code_in_write_ups_names_its_origin(repository):
    """A block of C or assembler in a write-up says from which file it is."""
    problems = []
    for page in pages(repository):
        if not page.parent.name.startswith("project"):
            continue
        for fence in markdown.fences(scan.text_of(page)):
            if fence.language in ("c", "asm") and fence.kind not in ("from", "sketch"):
                problems.append(f"{page.relative_to(repository)}:{fence.line}")
    scan.report(problems, "`<!-- from: file -->` or `<!-- sketch -->` is expected above the block")
