# SPDX-License-Identifier: GPL-2.0
"""Starters: what is in them, what is refused, and their history."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import exercises, solution
from harness.errors import LabError
from harness.starter import __main__ as command
from harness.starter import history

from repo import traces

ROOT = exercises.REPOSITORY
STAGES = [d.name for d in exercises.stage_directories(ROOT) if d.name.startswith("project")]
FIRST, LAST = STAGES[0], STAGES[-1]


def make(out, **options):
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    assert command.main(["--out", str(out), *words]) == 0
    return out


def names(out, pattern):
    return sorted(path.name for path in out.glob(pattern))


def git(directory, *words):
    return subprocess.run(["git", *words], cwd=directory, check=True, text=True,
                          capture_output=True).stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Every stage, nothing solved."""
    return make(tmp_path_factory.mktemp("whole") / "out")


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """The first stage given solved."""
    return make(tmp_path_factory.mktemp("late") / "out", solved="1")


def test_what_is_in_it(whole):
    """The student's files are there, the course's own are not."""
    for name in ("Makefile", "README.md", "LICENSE", ".gitignore", ".clang-format", "common/mk",
                 ".github/workflows/classroom.yml", "tests/harness/submit.py",
                 *(f"{stage}/{name}" for stage in STAGES for name in (
                     "README.md", "Makefile", "student.files", "exercises.json"))):
        assert (whole / name).exists(), name
    for name in ("tests/repo", "tests/mutants", "tests/cheats", "tests/grader", ".ci",
                 "common/mk/course.mk", "docs/instructors.md", "docs/starter",
                 "tests/harness/starter", "tests/harness/solution.py"):
        assert not (whole / name).exists(), name
    assert not names(whole, "tests/unit/test_*")
    assert "@" not in (whole / "README.md").read_text(encoding="utf-8")


def test_files_are_as_executable_as_here(whole):
    """Scripts stay scripts."""
    for script in ROOT.glob("common/mk/*.sh"):
        copy = whole / script.relative_to(ROOT)
        assert os.access(copy, os.X_OK) == os.access(script, os.X_OK), script


def test_help_names_no_target_of_instructors(whole):
    """make help lists what this tree can do."""
    done = subprocess.run(["make", "help"], cwd=whole, text=True, capture_output=True, check=True,
                          env={k: v for k, v in os.environ.items() if "MAKE" not in k})
    assert "hand-in" in done.stdout
    for target in ("starter", "solution-diff", "check-grader", "grade-class"):
        assert target not in done.stdout


def test_sources_have_stubs(whole):
    """No conditional is left, every mark is, and each exercise has its stub."""
    for stage in exercises.stage_directories(ROOT):
        texts = [(whole / stage.name / f).read_text("utf-8")
                 for f in exercises.student_files(stage)]
        assert not any("#ifndef TODO_" in text for text in texts)
        for exercise in exercises.load_stage(stage).exercises:
            assert any(f"EXERCISE {exercise.number} (" in text for text in texts)
            assert any(f'VTX_TODO("{exercise.number}"' in text for text in texts)


def test_tests_about_the_course_are_left_out(whole):
    """No test marked `reference` is in a starter, nor a helper that only such tests need."""
    assert f"test_{FIRST}.py" in names(whole, "tests/stage/*")
    assert f"test_{FIRST}_writeup.py" not in names(whole, "tests/stage/*")
    assert "writeup_tools.py" not in names(whole, "tests/stage/*")
    assert not any("mark.reference" in p.read_text("utf-8") for p in whole.glob("tests/stage/*"))


def test_upto(tmp_path):
    """UPTO=1 has the first stage, its tests, and nothing of the second."""
    out = make(tmp_path / "out", upto=FIRST)
    assert names(out, "project*") == [FIRST]
    assert not names(out, f"tests/stage/test_{LAST}*")
    assert "vmxon_tools.py" not in names(out, "tests/stage/*")
    assert LAST not in (out / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["1", "01", "project1", "project01"])
def test_names_of_stages(tmp_path, text):
    """A stage has one meaning, however it is written."""
    assert names(make(tmp_path / "out", upto=text), "project*") == [FIRST]


def test_solved(late):
    """A solved stage has the solutions and the marks; the next one has its stubs."""
    for file in exercises.student_files(ROOT / FIRST):
        text = (late / FIRST / file).read_text("utf-8")
        assert "EXERCISE 1." in text and "VTX_TODO(" not in text and "TODO_" not in text
    lines = traces.distinctive(ROOT)
    found = {row.split(" of ")[1].split("/")[0] for row in traces.find(lines, late)}
    assert found == {FIRST}
    readme = (late / "README.md").read_text("utf-8")
    assert "given solved" in readme and f"make check-{STAGES[1]}" in readme


def test_the_rule_finds_a_planted_line(whole, tmp_path):
    """tests/repo's rule fails for one line in a page, reflowed, and for one in git's store only."""
    lines = traces.distinctive(ROOT)
    planted = next(iter(lines))
    spoilt = tmp_path / "spoilt"
    shutil.copytree(whole, spoilt)
    assert traces.find(lines, spoilt) == []
    (spoilt / "docs/hint.md").write_text(f"Try {planted.replace(' ', chr(10) + chr(9))}\n", "utf-8")
    assert any(row.startswith("docs/hint.md has") for row in traces.find(lines, spoilt))
    git(spoilt, "hash-object", "-w", "docs/hint.md")
    (spoilt / "docs/hint.md").unlink()
    assert [row.split()[0] for row in traces.find(lines, spoilt)] == ["git"]


# ---- history ------------------------------------------------------------------------------------


def test_history_is_one_commit(whole):
    """One commit on main, nothing left over, no remote, by nobody in particular."""
    assert git(whole, "rev-list", "--all", "--count").strip() == "1"
    assert git(whole, "branch", "--show-current").strip() == "main"
    assert git(whole, "status", "--porcelain", "--ignored") == ""
    assert git(whole, "remote") == ""
    assert git(whole, "log", "--format=%an").strip() == "vtxdrv"


def test_same_reference_same_commit(whole, tmp_path):
    """Who makes it again gets the same: students may be told its hash."""
    hashes = set()
    for name in ("one", "other"):
        shutil.copytree(whole, tmp_path / name, ignore=shutil.ignore_patterns(".git"))
        history.commit(tmp_path / name, whole, "title")
        hashes.add(git(tmp_path / name, "rev-parse", "HEAD"))
    assert len(hashes) == 1


def test_nothing_of_the_users_git_is_used(tmp_path, monkeypatch):
    """No identity, a failing hook, a template and forced signing: one commit all the same."""
    home = tmp_path / "home"
    (home / "template/hooks").mkdir(parents=True)
    hook = home / "template/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\ntouch {home}/ran\nexit 1\n", "ascii")
    hook.chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[init]\n templateDir = {home}/template\n defaultBranch = trunk\n"
        f"[core]\n hooksPath = {home}/template/hooks\n[commit]\n gpgSign = true\n", "ascii")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(home / "template"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("text\n", "ascii")
    history.commit(tree, tmp_path, "title")
    monkeypatch.delenv("GIT_DIR")
    assert git(tree, "log", "--format=%s").strip() == "title"
    assert not (home / "ran").exists() and not (tree / ".git/hooks").exists()


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "says"), [
    ({}, "OUT= is missing"),
    ({"out": "inside"}, "inside this repository"),
    ({"out": "."}, "inside this repository"),
    ({"out": "{tmp}/full"}, "is not empty"),
    ({"out": "{tmp}/file"}, "is a file"),
    ({"out": "{tmp}/new", "upto": "99"}, "UPTO=99: there is no such stage; expected one of"),
    ({"out": "{tmp}/new", "solved": "x"}, "SOLVED=x: there is no such stage"),
    ({"out": "{tmp}/new", "upto": "1", "solved": "2"}, "SOLVED=2 is beyond UPTO=1"),
    ({"out": "{tmp}/new", "hide": "test_typo"}, "test_typo is no test of this starter"),
    ({"out": "{tmp}/new", "hide": "test_project01"}, "would have no test left"),
])
def test_refused(tmp_path, capsys, options, says):
    """What makes no sense is refused with what was expected, and nothing is written."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    (tmp_path / "file").touch()
    words = [w for key, value in options.items() for w in (f"--{key}", value.format(tmp=tmp_path))]
    assert command.main([*words, "--caller", str(ROOT)]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_out_is_relative_to_the_caller(tmp_path):
    """OUT=x means x where make was called."""
    make(Path("x"), caller=str(tmp_path), upto="1")
    assert (tmp_path / "x/README.md").is_file()


def test_an_empty_directory_will_do(tmp_path):
    """OUT may be there, if nothing is in it."""
    assert (make(tmp_path, upto="1") / "README.md").is_file()


# ---- exercises.json and solutions ---------------------------------------------------------------


def test_marks_may_be_broken(late, tmp_path):
    """Numbers, points and titles come from exercises.json; lines from the file as it is now."""
    stage = tmp_path / FIRST
    shutil.copytree(late / FIRST, stage)
    before = exercises.load_stage(stage).exercises
    source = stage / Path(before[0].file).name
    source.write_text("\n" + source.read_text("utf-8").replace(
        f"EXERCISE {before[0].number} (", f"EXERCISE {before[0].number} (9"), "utf-8")
    after = exercises.load_stage(stage).exercises
    assert (after[0].points, after[0].line) == (before[0].points, before[0].line + 1)
    source.write_text("/* all gone */\n", "utf-8")
    assert exercises.load_stage(stage).exercises[0].place == before[0].file
    source.unlink()
    assert exercises.load_stage(stage).exercises[0].place == before[0].file


def test_given_holds_digests(whole):
    """Each of the student's files has its digest, so that hand-in knows what is unchanged."""
    given = json.loads((whole / FIRST / exercises.GIVEN).read_text("utf-8"))["given"]
    assert sorted(given) == sorted(exercises.student_files(ROOT / FIRST))


def test_solution_diff_applies(whole, late, tmp_path):
    """What solution-diff prints turns the starter's files into the solved ones."""
    tree = tmp_path / "tree"
    shutil.copytree(whole / FIRST, tree / FIRST)
    patch = "".join(solution.stage_diff(ROOT / FIRST, FIRST))
    subprocess.run(["git", "apply", "-"], cwd=tree, input=patch, text=True, check=True,
                   env=os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    for file in exercises.student_files(ROOT / FIRST):
        assert (tree / FIRST / file).read_bytes() == (late / FIRST / file).read_bytes()


def test_unifdef_errors_are_told(tmp_path):
    """A file that unifdef cannot follow is named."""
    source = tmp_path / "bad.c"
    source.write_text("#ifndef TODO_1_1\nint x;\n", "ascii")
    with pytest.raises(LabError, match="unifdef cannot read .*bad.c"):
        solution.unsolved(source, ["1.1"])
