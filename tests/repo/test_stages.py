# SPDX-License-Identifier: GPL-2.0
"""Rules for stages: each is the difference to the one before, and its exercises are consistent."""

import ast
import re

import scan
from harness import exercises

COMPOSED = (".c", ".h", ".S", ".def")
COMMON = ("include", "arch", "kernel", "logic", "user")
READING = re.compile(r"^[\w./-]+\.md(?:#([\w-]+))?$")


def composed_names(directory):
    return {p.name for p in directory.glob("*") if p.suffix in COMPOSED}


def test_only_stage_c_shadows(repository):
    """A later directory replaces no file of an earlier one, except stage.c."""
    owners, problems = {}, []
    layers = [repository / "common" / name for name in COMMON]
    layers += exercises.stage_directories(repository)
    for directory in layers:
        for name in sorted(composed_names(directory) - {"stage.c"}):
            if name in owners:
                problems.append(f"{directory.relative_to(repository)}/{name} hides"
                                f" {owners[name].relative_to(repository)}/{name}")
            owners.setdefault(name, directory)
    scan.report(problems, "only stage.c may have the name of an earlier file")


def test_exercise_marks(repository):
    """Every mark is complete, numbers have no gap, and each stage is worth 100 points."""
    problems = []
    for directory in exercises.stage_directories(repository):
        problems += exercises.load_stage(directory).problems
    scan.report(problems, "exercise marks")


def test_student_files(repository):
    """student.files lists every file that has an exercise."""
    problems = []
    for directory in exercises.stage_directories(repository):
        problems += exercises.check_student_files(exercises.load_stage(directory))
    scan.report(problems, "student.files")


def literal_text(node, names):
    """The text of a string or f-string whose parts are constants of the module."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.JoinedStr):
        parts = [literal_text(v.value if isinstance(v, ast.FormattedValue) else v, names)
                 for v in node.values]
        return None if None in parts else "".join(parts)
    return None


def constants_of(tree, names):
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = literal_text(node.value, names)
            if text is not None:
                names[node.targets[0].id] = text


def imported_from(tree, trees):
    """The helpers beside a test module that it imports, and the names that it takes from each."""
    wanted = {node.module.split(".")[-1]: {alias.name for alias in node.names}
              for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
    return [(other, wanted[path.stem]) for path, other in trees.items() if path.stem in wanted]


def imported_constants(tree, trees):
    """The constants of all helpers; of two with one name the one that is imported by it."""
    found, taken = {}, {}
    for other, names in imported_from(tree, trees):
        constants = {}
        constants_of(other, constants)
        found |= constants
        taken |= {name: text for name, text in constants.items() if name in names}
    return found | taken


def marked_tests(root):
    """(file:line, exercise number, reading) of every @exercise in the stage tests."""
    found = []
    trees = {p: ast.parse(scan.text_of(p)) for p in sorted((root / "tests/stage").glob("*.py"))}
    for path, tree in trees.items():
        names = imported_constants(tree, trees)
        constants_of(tree, names)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "exercise":
                reading = next((k.value for k in node.keywords if k.arg == "read"), None)
                found.append((f"{path.relative_to(root)}:{node.lineno}",
                              literal_text(node.args[0], names),
                              literal_text(reading, names) if reading else None))
    return found


def test_every_exercise_has_a_test(repository):
    """Every exercise is tested, and every test's exercise is marked in its stage."""
    marked = {e.number for d in exercises.stage_directories(repository)
              for e in exercises.load_stage(d).exercises}
    tested = {}
    for place, number, _ in marked_tests(repository):
        tested.setdefault(number, place)
    problems = [f"exercise {n}: no test" for n in sorted(marked - set(tested))]
    problems += [f"{p}: exercise {n} is not marked" for n, p in tested.items() if n not in marked]
    scan.report(problems, "exercises and their tests")


def test_reading_hints_resolve(repository):
    """Where a test or a mark says `read`, there is such a file with such a heading."""
    problems = []
    for place, number, reading in marked_tests(repository):
        match = READING.match(reading or "")
        if not match:
            problems.append(f"{place}: exercise {number}: read={reading!r} is no file.md#heading")
            continue
        path = repository / reading.partition("#")[0]
        if not path.is_file():
            problems.append(f"{place}: {path.relative_to(repository)} does not exist")
        elif match.group(1) and match.group(1) not in scan_headings(path):
            problems.append(f"{place}: no heading #{match.group(1)} in"
                            f" {path.relative_to(repository)}")
    scan.report(problems, "reading hints")


def scan_headings(path):
    from markdown import anchors
    return anchors(scan.text_of(path))
