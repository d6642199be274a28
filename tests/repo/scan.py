# SPDX-License-Identifier: GPL-2.0
"""A light reading of the repository's files, enough for its rules: no compiler is needed."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

C_SUFFIXES = (".c", ".h", ".S", ".def")
CODE_SUFFIXES = (*C_SUFFIXES, ".py", ".sh", ".mk", ".ld")
CODE_NAMES = ("Makefile", "Kbuild", ".clang-format")
_BLANKED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


@dataclass
class Function:
    """Where a function is, and how long."""

    file: str
    name: str
    line: int
    length: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.name}() has {self.length} lines"


def files(root: Path) -> list[Path]:
    """Every file that is or could be committed, without what git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if done.returncode:  # a tarball: no git, and nothing built yet
        found = [p for p in root.rglob("*") if "build" not in p.relative_to(root).parts]
    else:
        found = [root / name for name in done.stdout.decode().split("\0") if name]
    return sorted(p for p in set(found) if p.is_file() and not p.is_symlink())


def is_code(path: Path) -> bool:
    """Source of any language, as opposed to text and data."""
    return path.suffix in CODE_SUFFIXES or path.name in CODE_NAMES


def code_files(root: Path, *suffixes: str) -> list[Path]:
    """The source files, all of them or those with one of these suffixes."""
    return [p for p in files(root) if (p.suffix in suffixes if suffixes else is_code(p))]


def text_of(path: Path) -> str:
    """A file's text; bytes that are no UTF-8 are somebody else's rule."""
    return path.read_text(encoding="utf-8", errors="replace")


def without_comments(source: str) -> str:
    """C source with comments and literals blanked out, its lines where they were."""
    return _BLANKED.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), source)


def c_functions(path: Path, name: str) -> list[Function]:
    """Functions in kernel style: the body's braces stand alone in the first column."""
    found = []
    lines = without_comments(text_of(path)).splitlines()
    opened = None
    for i, line in enumerate(lines):
        if line.rstrip() == "{" and i and ")" in lines[i - 1]:
            opened = i
        elif line.startswith("}") and opened is not None:
            head = _signature_start(lines, opened)
            called = re.search(r"(\w+)\s*\(", " ".join(lines[head:opened]))
            found.append(Function(name, called.group(1) if called else "?", head + 1, i - head + 1))
            opened = None
    return found


def _signature_start(lines: list[str], opened: int) -> int:
    start = opened
    while start and re.search(r"\S", lines[start - 1]) and not re.search(r"[;}]\s*$|^#",
                                                                         lines[start - 1]):
        start -= 1
    return start


def python_functions(path: Path, name: str) -> list[Function]:
    """Every function of a Python file, its docstring not counted."""
    found = []
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = node.body[0] if ast.get_docstring(node) else None
            spoken = doc.end_lineno - doc.lineno + 1 if doc else 0
            length = node.end_lineno - node.lineno + 1 - spoken
            found.append(Function(name, node.name, node.lineno, length))
    return found


def string_lines(path: Path) -> set[int]:
    """The lines that a string of several lines goes on to."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(range(node.lineno + 1, node.end_lineno + 1))
    return found


def functions(root: Path) -> list[Function]:
    """Every C and Python function of the repository."""
    found = []
    for path in code_files(root, ".c", ".h"):
        found += c_functions(path, str(path.relative_to(root)))
    for path in code_files(root, ".py"):
        found += python_functions(path, str(path.relative_to(root)))
    return found


def report(problems: list[str], rule: str) -> None:
    """Fail with every place that breaks a rule."""
    __tracebackhide__ = True
    if problems:
        text = "\n".join(f"  {problem}" for problem in problems)
        raise AssertionError(f"{rule}: {len(problems)} places\n{text}")
