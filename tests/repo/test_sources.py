# SPDX-License-Identifier: GPL-2.0
"""Rules for every source file: licence, lengths, white space, no bare numbers, no open port."""

import re
import shutil
import statistics
import subprocess

import pytest
import scan

COLUMNS = 100
FILE_LINES = 400
FUNCTION_LINES = 80
LONG_FUNCTION = 40
LONG_SHARE = 0.03  # "hardly any over 40"
MEDIAN = 15
TAB = 8

UNFORMATTED = 0.02  # of all lines

LICENCE = re.compile(r"SPDX-License-Identifier: GPL-2\.0\b")
# MSRs and CPUID leaves that have a name in common/arch.
BARE_NUMBER = re.compile(
    r"\b0x(?:0*3a|48[0-9a-f]|49[0-3]|c000008[0-4]|c001011[47]|4000000[01]|8000000[018a])U?L*\b",
    re.I,
)
BARE_BIT = re.compile(r"\bBIT(?:_ULL)?\(\s*\d+\s*\)|\b1U?L*\s*<<\s*\d+\b")
LISTENS = re.compile(r"\bAF_INET6?\b|tcp::?\d|-vnc\b|\bhostfwd\b|create_server\(|library: rfb")
RECORDED = (".json", ".log", ".txt")  # what a machine has written stays as it is
STYLE = (
    (re.compile(r"\b(?:if|for|while|switch)\("), "a blank belongs after the keyword"),
    (re.compile(r"^\s*(?:if|for|while|switch|do|else)\b.*\)\{"), "a blank belongs before {"),
    (re.compile(r"\belse\{|\}else"), "} else { with blanks"),
    (re.compile(r"\b(?:char|int|long|void|u8|u16|u32|u64)\* \w"), "the * belongs to the name"),
    (re.compile(r"\bsizeof [^(]"), "sizeof with parentheses"),
)


def lines_of(path):
    return scan.text_of(path).splitlines()


def where(root, path, number):
    return f"{path.relative_to(root)}:{number}"


def test_licence_lines(repository):
    """The first line of a source file (the second below #!) has the SPDX licence."""
    problems = []
    for path in scan.code_files(repository):
        head = lines_of(path)[:2]
        first = head[1:] if head and head[0].startswith("#!") else head[:1]
        if not any(LICENCE.search(line) for line in first):
            problems.append(str(path.relative_to(repository)))
    scan.report(problems, "`SPDX-License-Identifier: GPL-2.0` is expected in the first line")


def test_file_lengths(repository):
    """No source file is longer than 400 lines."""
    sizes = {p: len(lines_of(p)) for p in scan.code_files(repository)}
    scan.report([f"{p.relative_to(repository)}: {n} lines" for p, n in sizes.items()
                 if n > FILE_LINES], f"at most {FILE_LINES} lines a file")


def test_function_lengths(repository):
    """Functions: median below 15 lines, hardly any over 40, none over 80."""
    found = scan.functions(repository)
    scan.report([str(f) for f in found if f.length > FUNCTION_LINES],
                f"at most {FUNCTION_LINES} lines a function")
    long = [str(f) for f in found if f.length > LONG_FUNCTION]
    if len(long) > LONG_SHARE * len(found):
        scan.report(long, f"hardly any function over {LONG_FUNCTION} lines")
    median = statistics.median(f.length for f in found)
    assert median < MEDIAN, f"median length of {len(found)} functions: {median} lines"


def test_white_space(repository):
    """No trailing blanks, a line end at the end, no carriage returns."""
    problems = []
    for path in scan.files(repository):
        data = path.read_bytes()
        if b"\0" in data or path.suffix in RECORDED:
            continue
        for i, line in enumerate(data.split(b"\n"), 1):
            if line != line.rstrip():
                problems.append(f"{where(repository, path, i)}: trailing white space")
        if data and not data.endswith(b"\n"):
            problems.append(f"{path.relative_to(repository)}: no line end at the end")
    scan.report(problems, "white space")


def test_c_is_indented_with_tabs(repository):
    """Tabs indent C; spaces only align what is below an opening parenthesis or in a comment."""
    problems = []
    for path in scan.code_files(repository, ".c", ".h"):
        text = scan.text_of(path)
        blanked = scan.without_comments(text).splitlines()
        for i, line in enumerate(text.splitlines(), 1):
            indent = re.match(r" {2,}(?=\S)|\t* {8,}(?=\S)", line)
            if indent and blanked[i - 1][indent.end():].strip():
                problems.append(where(repository, path, i))
    scan.report(problems, "spaces where a tab belongs")


def test_python_has_no_tabs(repository):
    """Python is indented with spaces; what is inside a long string is another language's."""
    problems = []
    for path in scan.code_files(repository, ".py"):
        inside = scan.string_lines(path)
        problems += [where(repository, path, i) for i, line in enumerate(lines_of(path), 1)
                     if re.match(r" *\t", line) and i not in inside]
    scan.report(problems, "tabs")


def test_line_lengths(repository):
    """At most 100 columns; a table in a .def file may be wider where it is a table."""
    problems = []
    for path in scan.code_files(repository, ".c", ".h", ".S", ".py", ".sh"):
        for i, line in enumerate(lines_of(path), 1):
            width = len(line.expandtabs(TAB))
            if width > COLUMNS:
                problems.append(f"{where(repository, path, i)}: {width} columns")
    scan.report(problems, f"at most {COLUMNS} columns")


def stage_code(root):
    """What the rule about bare numbers is about: the stages and the driver's own kernel part."""
    return [p for p in scan.code_files(root, ".c", ".h")
            if re.match(r"project\d\d/|common/(kernel|logic)/|labs/", str(p.relative_to(root)))]


@pytest.mark.parametrize(("pattern", "what"), [
    (BARE_NUMBER, "an MSR or a CPUID leaf by its number; common/arch has its name"),
    (BARE_BIT, "a bit by its number; common/arch has its name"),
], ids=["numbers", "bits"])
def test_no_bare_numbers(repository, pattern, what):
    """MSRs, CPUID leaves and bits are called by the names in common/arch."""
    problems = []
    for path in stage_code(repository):
        for i, line in enumerate(scan.without_comments(scan.text_of(path)).splitlines(), 1):
            if found := pattern.search(line):
                problems.append(f"{where(repository, path, i)}: {found.group()}")
    scan.report(problems, what)


def test_harness_listens_nowhere(repository):
    """Nothing in the lab machine's harness opens a network port."""
    problems = []
    for path in scan.code_files(repository, ".py", ".sh", ".c"):
        if "harness" in path.parts or "mk" in path.parts:
            problems += [f"{where(repository, path, i)}: {line.strip()}"
                         for i, line in enumerate(lines_of(path), 1) if LISTENS.search(line)]
    scan.report(problems, "an open network port")


def test_kernel_style(repository):
    """What checkpatch is strictest about: blanks around keywords and braces, pointers."""
    problems = []
    for path in scan.code_files(repository, ".c", ".h"):
        for i, line in enumerate(scan.without_comments(scan.text_of(path)).splitlines(), 1):
            problems += [f"{where(repository, path, i)}: {what}" for pattern, what in STYLE
                         if pattern.search(line)]
    scan.report(problems, "kernel style")


def test_clang_format(repository):
    """Nearly all C is as .clang-format would have it; people lay out asm and tables better."""
    if not shutil.which("clang-format"):
        pytest.skip("clang-format is not installed")
    paths = scan.code_files(repository, ".c", ".h")
    done = subprocess.run(["clang-format", "--dry-run", "--style=file", *paths], cwd=repository,
                          capture_output=True, text=True, check=False)
    places = re.findall(r"^(\S+:\d+):\d+: (?:warning|error)", done.stderr, re.M)
    if len(set(places)) > UNFORMATTED * sum(len(lines_of(p)) for p in paths):
        scan.report(sorted(set(places)), "clang-format -i would change this")
