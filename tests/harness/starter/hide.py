# SPDX-License-Identifier: GPL-2.0
"""Which of the stages' tests a starter has: none about the course itself, none that is hidden.

Tests are taken out by the lines that their syntax tree names, decorators and the comment above
them included; everything else in a file stays as it was.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from harness.errors import LabError
from harness.exercises import load_stage

INSTRUCTOR = "instructor"
_COURSE = "reference"
_FROM_STAGE = re.compile(r"^from stage import (\([^)]*\)|.*)$", re.M)
Sources = dict[str, str]  # file name in tests/stage: text


@dataclass(frozen=True)
class Test:
    """One test function."""

    file: str
    name: str
    first: int  # lines, from 1
    last: int
    marks: frozenset[str]
    exercises: frozenset[str]


def _names(node: ast.expr | None, known: dict[str, ast.expr]) -> set[str]:
    """The marks in an expression: pytest.mark.NAME, its call, a list of them, or a name for it."""
    if isinstance(node, ast.List | ast.Tuple):
        return {name for part in node.elts for name in _names(part, known)}
    if isinstance(node, ast.Name) and node.id in known:
        return _names(known[node.id], {})
    target = node.func if isinstance(node, ast.Call) else node
    return {target.attr} if isinstance(target, ast.Attribute) else set()


def _exercises(decorators: list[ast.expr]) -> set[str]:
    return {call.args[0].value for call in decorators
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "exercise"
            and call.args and isinstance(call.args[0], ast.Constant)}


def _first_line(node: ast.FunctionDef, lines: list[str]) -> int:
    """Where a function begins: with its first decorator, or with the comment above that."""
    first = min([node.lineno] + [d.lineno for d in node.decorator_list])
    while first > 1 and lines[first - 2].startswith("#"):
        first -= 1
    return first


def tests_of(file: str, text: str) -> list[Test]:
    """Every test function of a file, with the marks of its module."""
    tree, lines = ast.parse(text), text.splitlines()
    known = {target.id: node.value for node in tree.body if isinstance(node, ast.Assign)
             for target in node.targets if isinstance(target, ast.Name)}
    of_all = _names(known.get("pytestmark"), known)
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = of_all.union(*(_names(d, known) for d in node.decorator_list))
            found.append(Test(file, node.name, _first_line(node, lines), node.end_lineno,
                              frozenset(marks), frozenset(_exercises(node.decorator_list))))
    return found


def without(sources: Sources, unwanted: Callable[[Test], bool]) -> Sources:
    """The files without these tests; a file that has none left is gone."""
    kept = {}
    for file, text in sources.items():
        tests = tests_of(file, text)
        gone = [test for test in tests if unwanted(test)]
        if not tests or len(gone) < len(tests):
            kept[file] = _cut(text, gone)
    return kept


def _cut(text: str, tests: list[Test]) -> str:
    """The text without these tests' lines, and without the blank lines after them."""
    lines = text.splitlines(keepends=True)
    for test in sorted(tests, key=lambda t: t.first, reverse=True):
        last = test.last
        while last < len(lines) and not lines[last].strip():
            last += 1
        del lines[test.first - 1:last]
    return "".join(lines).rstrip("\n") + "\n" if tests else text


def drop_unused(sources: Sources) -> Sources:
    """The files without the helpers that no test needs any more."""
    wanted, waiting = set(), [file for file in sources if file.startswith("test_")]
    while waiting:
        file = waiting.pop()
        wanted.add(file)
        names = re.findall(r"\bstage\.(\w+)", sources[file])
        for listed in _FROM_STAGE.findall(sources[file]):
            names += re.findall(r"\w+", listed)
        helpers = {f"{name}.py" for name in names}
        waiting += (helpers & set(sources)) - wanted
    return {file: text for file, text in sources.items() if file in wanted}


def _matches(test: Test, word: str) -> bool:
    if word == INSTRUCTOR:
        return INSTRUCTOR in test.marks
    return any(fnmatchcase(name, word)
               for name in (test.name, test.file, test.file.removesuffix(".py")))


def _check_words(tests: list[Test], words: Iterable[str]) -> None:
    """Each word must mean something: a misspelt one would leave a hidden test in the open."""
    names = sorted({test.name for test in tests})
    files = sorted({test.file for test in tests})
    for word in words:
        if not any(_matches(test, word) for test in tests):
            raise LabError(
                f"HIDE: {word} is no test of this starter. Expected `{INSTRUCTOR}` (marked tests),"
                " a file, a test, or a pattern of them (quoted):\n  "
                + "\n  ".join(files + names))


def _check_exercises(tests: list[Test], stages: Iterable[Path]) -> None:
    """A student without a test for an exercise could not know when it is done."""
    tested = set().union(*(test.exercises for test in tests))
    bare = [e.number for s in stages for e in load_stage(s).exercises if e.number not in tested]
    if bare:
        raise LabError(f"HIDE: exercise {', '.join(bare)} would have no test left in the starter;"
                       " leave it at least one")


def starter_tests(sources: Sources, hide: Iterable[str], stages: Iterable[Path]) -> Sources:
    """The tests that go into a starter."""
    sources = without(sources, lambda test: _COURSE in test.marks)
    tests = [test for file, text in sources.items() for test in tests_of(file, text)]
    _check_words(tests, hide)
    sources = without(sources, lambda test: any(_matches(test, word) for word in hide))
    _check_exercises([t for f, text in sources.items() for t in tests_of(f, text)], stages)
    return drop_unused(sources)
