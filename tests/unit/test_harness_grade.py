# SPDX-License-Identifier: GPL-2.0
"""The grader's parts by themselves: marks, submissions, builds, results, writers."""

import json
import os
import time
from pathlib import Path

import grade_fakes
import pytest
from harness import build, exercises, submit
from harness.grade import Unmet, check, check_run, clean, excerpt, kernel_log, one_of, pick
from harness.kmsg import KmsgRecord
from harness.results import ExerciseResult, Outcome, TestResult, worst
from made_up_run import make_run

# ---- marks ---------------------------------------------------------------------------------------


def parse(text):
    return exercises.parse_source(text, "project01/logic.c")


def test_a_mark_is_read_with_all_its_parts():
    text = grade_fakes.mark("1.2", 15, "A title\n * that goes on").replace(
        " * Read: README.md", " * Read: README.md,\n *       section 2\n * Hint: none")
    (found,) = parse(text).exercises
    assert (found.number, found.points, found.line) == ("1.2", 15, 2)
    assert found.title == "A title that goes on"
    assert found.read == "README.md, section 2"
    assert found.hint == "none"
    assert parse(text).problems == []


@pytest.mark.parametrize(("given", "complaint"), [
    ("/* EXERCISE 1.1: no points */\n", "expected `EXERCISE"),
    ("#ifdef TODO_1_1\n#else\n#endif\n", "write `#ifndef TODO_1_1`"),
    ("#ifndef TODO_1_1\n#ifndef TODO_1_2\n#endif\n#endif\n", "inside an exercise"),
    ("#endif\n", "#endif without #if"),
])
def test_a_wrong_mark_is_named(given, complaint):
    assert complaint in "\n".join(parse(given).problems)


def stage_of(tmp_path, *marks, listed="logic.c\n"):
    directory = tmp_path / "project01"
    directory.mkdir()
    (directory / "logic.c").write_text("".join(marks))
    (directory / "student.files").write_text(listed)
    return exercises.load_stage(directory)


def test_a_good_stage_has_no_problems(tmp_path):
    stage = stage_of(tmp_path, grade_fakes.mark("1.1", 60), grade_fakes.mark("1.2", 40))
    assert stage.problems == []
    assert exercises.check_student_files(stage) == []
    assert stage.points == 100


@pytest.mark.parametrize(("marks", "complaint"), [
    ([grade_fakes.mark("1.1", 60)], "add up to 60"),
    ([grade_fakes.mark("1.1", 60), grade_fakes.mark("1.3", 40)], "without a gap"),
    ([grade_fakes.mark("1.1", 100).replace("TODO_1_1", "TODO_1_7")], "no `#ifndef TODO_1_1`"),
    ([grade_fakes.mark("1.1", 100).replace('TODO("1.1"', 'TODO("1.2"')], "names 1.2 inside"),
    ([grade_fakes.mark("1.1", 100).replace("#else\n", "")], "#ifndef without #else"),
    ([grade_fakes.mark("1.1", 100).replace(" * Do:   write it\n", "")], "has no `Do:`"),
    ([], "no exercise is marked"),
])
def test_a_bad_stage_is_explained(tmp_path, marks, complaint):
    assert complaint in "\n".join(stage_of(tmp_path, *marks).problems)


def test_a_marked_file_must_be_the_students(tmp_path):
    stage = stage_of(tmp_path, grade_fakes.mark("1.1", 100), listed="other.c\n../x.c\n")
    text = "\n".join(exercises.check_student_files(stage))
    assert "logic.c holds an exercise and is not listed" in text
    assert "other.c does not exist" in text
    assert "`../x.c` must be a plain file name" in text


@pytest.mark.parametrize("given", [1, "1", "01", "project1", "project01"])
def test_a_stage_has_many_names(given):
    assert exercises.stage_name(given) == "project01"


# ---- submissions ---------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    return grade_fakes.repository(tmp_path / "tree")


def take(tree, directory):
    return submit.take(directory, tree, "project01", tree / "private" / directory.name)


@pytest.mark.parametrize("inner", ["", "project01"])
def test_flat_directories_and_trees_are_both_taken(tree, tmp_path, inner):
    (tmp_path / "hand" / inner).mkdir(parents=True)
    (tmp_path / "hand" / inner / "logic.c").write_text("int x;\n")
    (tmp_path / "hand" / inner / "stage.c").write_text("not the student's\n")
    taken = take(tree, tmp_path / "hand")
    assert taken.complete
    assert [p.name for p in taken.folder.iterdir()] == ["logic.c"]


def _link(path):
    path.symlink_to("/etc/passwd")


def _huge(path):
    path.write_bytes(b"\n" * (submit.SIZE_LIMIT + 1))


@pytest.mark.parametrize(("make", "why"), [
    (_link, "symbolic link"),
    (os.mkfifo, "not a regular file"),
    (Path.mkdir, "not a regular file"),
    (_huge, "larger than 256 KiB"),
    (lambda p: p.write_bytes(b"int x;\0"), "NUL bytes"),
    (lambda p: p.write_text('#include "../../../project01/logic.c"\n'), "can be included"),
    (lambda p: p.write_text("#  include </etc/passwd>\n"), "can be included"),
    (lambda p: p.write_text("#include <linux/../../x.h>\n"), "can be included"),
    (lambda p: p.write_text("#in\\\nclude SOLUTION\n"), "can be included"),
    (lambda p: p.write_text('%:include "solution.c"\n'), "can be included"),
    (lambda p: p.write_text('/* */ # /* */ include "logic.c"\n'), "can be included"),
    (lambda p: p.write_text('asm(".incbin \\"/etc/passwd\\"");\n'), "incbin"),
])
def test_tricks_are_refused_with_a_reason(tree, tmp_path, make, why):
    (tmp_path / "hand").mkdir()
    make(tmp_path / "hand" / "logic.c")
    taken = take(tree, tmp_path / "hand")
    assert not taken.complete and not list(taken.folder.iterdir())
    assert why in taken.explain()


def test_ordinary_includes_are_fine():
    submit.check_includes('#include "vtxdrv.h"\n#include <linux/slab.h> /* kmalloc */\n'
                          '#include "vmx_ctls.def"\n// #include "x.c"\n')


def test_a_missing_file_is_named(tree, tmp_path):
    (tmp_path / "hand").mkdir()
    assert "logic.c: missing; looked for" in take(tree, tmp_path / "hand").explain()


def test_a_linked_stage_directory_is_refused(tree, tmp_path):
    (tmp_path / "hand").mkdir()
    (tmp_path / "hand" / "project01").symlink_to(tree / "project01")
    assert "is a symbolic link" in take(tree, tmp_path / "hand").explain()


# ---- builds --------------------------------------------------------------------------------------


def test_a_build_is_done_once_in_a_run(tree):
    first = build.build_stage(tree, "project01", tree / "out", run_id="a")
    assert first.ok and not first.reused, first.log
    assert build.build_stage(tree, "project01", tree / "out", run_id="a").reused
    assert not build.build_stage(tree, "project01", tree / "out", run_id="b").reused


def test_bad_code_and_a_bad_host_are_told_apart(tree):
    source = tree / "project01" / "logic.c"
    source.write_text("SYNTAX")
    problem = build.build_stage(tree, "project01", tree / "out").problem()
    assert problem.outcome is Outcome.FAILED
    assert "logic.c:3:7: error: expected ';'" in problem.log
    source.write_text("NOTOOLS")
    problem = build.build_stage(tree, "project01", tree / "out").problem()
    assert problem.outcome is Outcome.COULD_NOT_RUN
    assert "no headers here" in problem.log


def test_a_build_that_hangs_is_killed_with_its_children(tmp_path):
    script = f"sleep 300 & echo $! > {tmp_path}/pid; wait"
    started = time.monotonic()
    status, _ = build.run_limited(["sh", "-c", script], tmp_path, timeout=0.5)
    assert status is None and time.monotonic() - started < 5
    time.sleep(0.1)
    stat = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_a_flood_of_output_is_cut(tmp_path):
    status, log = build.run_limited(["sh", "-c", "yes | head -c 9000000"], tmp_path)
    assert status == 0 and len(log) == build.MIB


def test_the_outer_make_is_not_inherited(monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", "-n")
    monkeypatch.setenv("SUBMIT", "/elsewhere")
    assert not {"MAKEFLAGS", "SUBMIT"} & set(build.clean_environment())


# ---- checks --------------------------------------------------------------------------------------


def test_a_failed_check_says_everything():
    with pytest.raises(Unmet) as caught:
        check(0x2020, 0x20, "CR4 of CPU 1", read="README.md#x", log="a\nb")
    text = str(caught.value)
    assert "CR4 of CPU 1" in text and "0x20 (32)" in text and "0x2020 (8224)" in text
    assert "README.md#x" in text and "b" in text


def test_patterns_and_alternatives():
    import re
    check("abc", re.compile("b"), "a pattern")
    check(b"abc", re.compile("b"), "a pattern in bytes")
    check(3, one_of(1, 3), "an alternative")
    with pytest.raises(Unmet, match="1 or 3"):
        check(2, one_of(1, 3), "an alternative")


def test_a_missing_key_and_a_timeout_are_failures():
    with pytest.raises(Unmet, match=r"`cpus\.1` in the output"):
        pick({"cpus": [0]}, "cpus", 1)
    with pytest.raises(Unmet, match="did not end in time"):
        check_run(grade_fakes.FakeMachine().run(["hang"]))


@pytest.mark.parametrize(("expected", "seen", "told"), [
    ({"a": 1, "b": 2}, {"a": 1, "b": 3}, ('{"b": 2}', '{"b": 3}')),
    ({"a": 1}, {"a": 1, "c": True}, ("{}", '{"c": true}')),
    ({"a": 1}, None, ('{"a": 1}', "nothing")),
    (1 << 40, 255, ("0x10000000000", "0xff (255)")),
])
def test_of_two_objects_the_difference_is_shown(expected, seen, told):
    with pytest.raises(Unmet) as caught:
        check(seen, expected, "a thing")
    assert (caught.value.problem.expected, caught.value.problem.seen) == told


def test_a_command_that_fails_is_told_with_its_status():
    with pytest.raises(Unmet) as caught:
        check_run(grade_fakes.FakeMachine().run(["status", "3"]), what="a thing")
    assert caught.value.problem.parts[:3] == [
        ("looked at", "a thing"), ("expected", "exit status 0"), ("seen", "exit status 3")]


def test_logs_are_tamed():
    assert clean("a\x1b[2Jb\x00") == "a?[2Jb?"
    assert excerpt("x" * 300) == "x" * 240 + " …"


def test_the_kernels_log_says_each_thing_once():
    records = [KmsgRecord(6, i, text) for i, text in
               enumerate(["same", "other ", "tsc: Refined", "same"])]
    assert kernel_log(records) == "same (2 times)\nother"


def test_kernel_log_without_fields():
    """A VMCS does not push out what was said before it."""
    lines = ["vtxdrv: exit 30 has no handler", "vtxdrv:  GUEST_CR0=0x11 GUEST_RIP=0x1000f",
             "vtxdrv:  HOST_RIP=0xffffffffc021a940", "vtxdrv: the end"]
    assert kernel_log([KmsgRecord(6, 0, line) for line in lines]).splitlines() == [
        lines[0], "vtxdrv: … the fields of a VMCS, in the log (2 lines)", lines[3]]
    assert excerpt("\n".join(map(str, range(100)))).startswith("… 88 lines before\n88")


# ---- results -------------------------------------------------------------------------------------


def test_a_test_that_never_began_is_not_counted_as_time():
    run, _ = make_run(Outcome.PASSED, Outcome.PASSED)
    run.tests[0].started = 0.0
    (part,) = run.parts()
    assert part.tests == 2 and part.wall == 1.0


def test_points_are_all_or_nothing_and_never_guessed():
    assert worst([Outcome.PASSED, Outcome.COULD_NOT_RUN]) is Outcome.COULD_NOT_RUN
    assert worst([Outcome.GRADER_BROKE, Outcome.FAILED]) is Outcome.FAILED
    _, stage = make_run(Outcome.PASSED, Outcome.FAILED)
    assert (stage.score, stage.max_score) == (20, 40)
    _, stage = make_run(Outcome.PASSED, Outcome.COULD_NOT_RUN)
    assert (stage.score, stage.earned) == (None, 20)


@pytest.mark.parametrize(("outcomes", "status"), [
    ([Outcome.PASSED], 0), ([Outcome.PASSED, Outcome.FAILED], 1),
    ([Outcome.FAILED, Outcome.COULD_NOT_RUN], 3), ([Outcome.GRADER_BROKE], 3),
])
def test_exit_status(outcomes, status):
    assert make_run(*outcomes)[0].exit_status() == status


def test_an_exercise_without_a_test_is_the_graders_fault():
    assert ExerciseResult(exercises.Exercise("1.1", 20, "x")).outcome is Outcome.GRADER_BROKE


def test_results_travel_between_processes():
    for test in make_run(Outcome.FAILED)[0].tests:
        assert TestResult.from_dict(json.loads(json.dumps(test.to_dict()))) == test
