# SPDX-License-Identifier: GPL-2.0
"""Rules for starters: no trace of a solution, links that lead somewhere, tests that can be read."""

import ast
import re

import pytest
import scan
import traces
from harness import exercises
from harness.starter import __main__ as command

import test_docs


@pytest.fixture(scope="module")
def starter(tmp_path_factory):
    """A starter of all stages, none of them solved."""
    out = tmp_path_factory.mktemp("starter") / "repository"
    assert command.main(["--out", str(out)]) == 0
    return out


def test_no_trace_of_a_solution(repository, starter):
    """No distinctive line of a solution is in a file or in git's store of a starter."""
    lines = traces.distinctive(repository)
    guarded = {origin for origins in lines.values() for origin in origins}
    marked = [str(p.relative_to(repository)) for p, _ in traces.marked_files(repository)]
    unguarded = [name for name in marked if name not in guarded]
    scan.report(unguarded, "a file with exercises, and no line of its solutions is distinctive")
    scan.report(traces.find(lines, starter), "traces of solutions in a starter")


def test_links_of_a_starter_resolve(starter):
    """The student's README.md and the pages that he gets lead to files that he has."""
    test_docs.test_links_resolve(starter)


def test_snippets_of_a_starter(starter):
    """Code that a write-up shows is in the file that it names, as the student has it."""
    test_docs.test_snippets_are_the_trees_code(starter)


def paths_in(text):
    """Files of the tree that a page names in its text."""
    return set(re.findall(r"`((?:common|docs|tests|project\d\d)/[\w./-]+\.\w+)`", text))


def test_files_that_pages_name(starter):
    """A path in a page of a starter is a file of it; grading.md is about the course's own tree."""
    problems = [f"{page.relative_to(starter)}: {name}" for page in test_docs.pages(starter)
                for name in sorted(paths_in(scan.text_of(page)))
                if not (starter / name).exists() and page.name != "grading.md"]
    scan.report(problems, "named, and not in the starter")


def imported(tree):
    """The modules of this repository that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_imports_of_a_starter(repository, starter):
    """No Python file of a starter imports one that was left out."""
    problems = []
    for path in starter.rglob("*.py"):
        for module in imported(ast.parse(scan.text_of(path))):
            name = f"tests/{module.replace('.', '/')}"
            for file in (f"{name}.py", f"{name}/__init__.py"):
                if (repository / file).is_file() and not (starter / file).is_file():
                    problems.append(f"{path.relative_to(starter)}: {module}")
    scan.report(problems, "imports of what a starter does not have")


def test_exercises_of_a_starter(repository, starter):
    """Numbers, points and titles in a starter are those of the reference."""
    for directory in exercises.stage_directories(repository):
        theirs = exercises.load_stage(starter / directory.relative_to(repository))
        ours = exercises.load_stage(directory)
        assert [(e.number, e.points, e.title, e.stub) for e in theirs.exercises] == [
            (e.number, e.points, e.title, e.stub) for e in ours.exercises]
        assert all(e.line and e.stub for e in theirs.exercises)


def test_every_stage_has_something_to_hide(repository):
    """HIDE=instructor means something whatever the last stage of a starter is."""
    problems = []
    for stage in exercises.stage_directories(repository):
        texts = map(scan.text_of, repository.glob(f"tests/stage/test_*{stage.name}*.py"))
        if not any("pytest.mark.instructor" in text for text in texts):
            problems.append(f"tests/stage/test_{stage.name}*.py: no test is marked `instructor`")
    scan.report(problems, "at least one test of each stage can be kept from students")
