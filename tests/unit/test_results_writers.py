# SPDX-License-Identifier: GPL-2.0
"""The files of a result: complete, of the format that their reader wants, and safe to open."""

import base64
import json
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import pytest
from harness.grade_files import WRITERS
from harness.plain import clean, plain
from harness.results import Outcome, Problem, Run
from harness.writers import github, gradescope, junit, markdown, terminal
from made_up_run import CARRIED, FLOOD, HOSTILE, make_run

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
COULD_NOT_RUN, GRADER_BROKE = Outcome.COULD_NOT_RUN, Outcome.GRADER_BROKE
READERS = [name for name in WRITERS if name != "run.json"]  # run.json is for ourselves


def unescaped(text):
    """A file as its reader sees it: rubric.md escapes what XML and JSON escape otherwise."""
    return re.sub(r"\\([^\w\s])", r"\1", text.replace("\u200b", ""))


@pytest.mark.parametrize("name", WRITERS)
def test_a_failed_check_carries_everything(name):
    text = unescaped(WRITERS[name].text(*make_run(PASSED, FAILED)))
    for part in [*CARRIED.values(), "does it", "vmx"]:
        assert part in text, f"{name} does not show {part}"


@pytest.mark.parametrize("name", READERS)
def test_three_kinds_of_outcome_stay_apart(name):
    texts = [WRITERS[name].text(*make_run(PASSED, outcome)).lower()
             for outcome in (FAILED, COULD_NOT_RUN, GRADER_BROKE)]
    for text, word in zip(texts, ("failed", "could not run", "grader broke"), strict=True):
        assert word in text
    assert "could not run" not in texts[0] and "grader broke" not in texts[0]
    assert "grader broke" not in texts[1] and "could not run" not in texts[2]
    for text in texts[1:]:
        assert re.search(r"\bnot a zero|no zeros", text), text


@pytest.mark.parametrize("name", WRITERS)
def test_the_graders_own_trouble_is_in_every_file(name):
    run, stage = make_run(PASSED, PASSED)
    run.blame("the grader itself failed", "a-broken-module", "ImportError-somewhere")
    text = unescaped(WRITERS[name].text(run, stage))
    assert "a-broken-module" in text and "ImportError-somewhere" in text


@pytest.mark.parametrize("name", WRITERS)
def test_what_a_student_printed_is_harmless_everywhere(name):
    said = dict.fromkeys(CARRIED, HOSTILE)
    text = WRITERS[name].text(*make_run(PASSED, FAILED, GRADER_BROKE, **said))
    text.encode("utf-8")
    assert text.replace("\u200b", "") == clean(text.replace("\u200b", ""))
    assert not re.search(r"::notice|##\[", text)
    if name.endswith(".json"):
        everything = json.dumps(json.loads(text), ensure_ascii=False)
        assert not re.search(r"\\u00[01]|\\b|\\f", everything), "escaped control characters"


@pytest.mark.parametrize("name", WRITERS)
def test_a_flood_is_cut(name):
    said = dict.fromkeys(CARRIED, FLOOD)
    text = WRITERS[name].text(*make_run(*[FAILED] * 10, **said))
    assert len(text.encode()) < 300_000
    assert "characters more" in text


def test_plain_text():
    assert plain("a\x1b\r\nb\u202ec", 100) == "a?\nb?c"
    assert plain("é€".encode() + b"\xff\x00", 10) == "é€\ufffd?"
    assert plain("::add-mask::x ##[debug]", 100) == ": :add-mask::x ## [debug]"
    assert plain("abc", 2) == "ab … (1 characters more)"


# ---- run.json ------------------------------------------------------------------------------------


def test_the_model_can_be_loaded_again():
    run, stage = make_run(PASSED, FAILED, COULD_NOT_RUN)
    run.blame("the grader itself failed", "a module")
    stage.advice = ["next: 1.2"]
    again = Run.from_dict(json.loads(json.dumps(run.to_dict())))
    assert again == run
    assert again.stages[0].exercises[1].tests[0] is again.tests[1]
    for name, writer in WRITERS.items():
        assert writer.text(again, again.stages[0]) == writer.text(run, stage), name


def test_a_newer_file_can_still_be_read():
    data = make_run(FAILED)[0].to_dict() | {"invented": 1}
    data["tests"][0] |= {"invented": 1}
    data["tests"][0]["problem"]["invented"] = 1
    assert Run.from_dict(data).exit_status() == 1


def test_the_files_can_be_written_again(tmp_path):
    run, stage = make_run(PASSED, FAILED)
    for name, writer in WRITERS.items():
        (tmp_path / name).write_text(writer.text(run, stage))
    before = {name: (tmp_path / name).read_text() for name in WRITERS}
    for name in READERS:
        (tmp_path / name).unlink()
    command = [sys.executable, "-m", "harness.writers", str(tmp_path / "run.json")]
    subprocess.run(command, check=True, capture_output=True)
    assert {name: (tmp_path / name).read_text() for name in WRITERS} == before
    printed = subprocess.run([*command, "--only", "rubric.md"], check=True, capture_output=True)
    assert printed.stdout.decode() == before["rubric.md"]


# ---- fields of the JSON formats ------------------------------------------------------------------


NUMBER, TEXT = (int, float), str
VISIBLE = {"hidden", "after_due_date", "after_published", "visible"}
FORMAT = {"text", "html", "simple_format", "md", "ansi"}
# Gradescope's documentation, "Autograder Specifications", the fields that it knows: a type, a
# list's entries, or the allowed words. What is not here is not in the format.
GRADESCOPE = {
    "score": NUMBER, "execution_time": NUMBER, "output": TEXT, "output_format": FORMAT,
    "test_output_format": FORMAT, "test_name_format": FORMAT, "visibility": VISIBLE,
    "stdout_visibility": VISIBLE, "extra_data": dict,
    "tests": [{"score": NUMBER, "max_score": NUMBER, "status": {"passed", "failed"}, "name": TEXT,
               "name_format": FORMAT, "number": TEXT, "output": TEXT, "output_format": FORMAT,
               "tags": [TEXT], "visibility": VISIBLE, "extra_data": dict}],
    "leaderboard": [{"name": TEXT, "value": (int, float, str), "order": {"asc", "desc"}}],
}
# What autograding-grading-reporter and the runners of GitHub's own write and read.
CLASSROOM = {
    "version": int, "status": {"pass", "fail", "error"}, "message": TEXT,
    "max_score": (int, type(None)),
    "tests": [{"name": TEXT, "status": {"pass", "fail", "error"}, "score": (int, type(None)),
               "max_score": int, "message": TEXT, "test_code": TEXT, "filename": TEXT,
               "line_no": int, "duration": NUMBER}],
}


def wrong(data, form, at="result"):
    """Where JSON data is not of a form."""
    if isinstance(form, dict):
        strange = [f"{at}.{key} is unknown" for key in data.keys() - form.keys()]
        return strange + [w for key in data.keys() & form.keys()
                          for w in wrong(data[key], form[key], f"{at}.{key}")]
    if isinstance(form, list):
        return [w for i, entry in enumerate(data) for w in wrong(entry, form[0], f"{at}[{i}]")]
    good = data in form if isinstance(form, set) else isinstance(data, form)
    return [] if good and not (isinstance(data, bool)) else [f"{at} is {data!r}"]


CASES = [(PASSED, PASSED), (PASSED, FAILED), (PASSED, COULD_NOT_RUN), (FAILED, GRADER_BROKE), ()]


@pytest.mark.parametrize(("writer", "form"), [(gradescope, GRADESCOPE), (github, CLASSROOM)])
@pytest.mark.parametrize("outcomes", CASES)
def test_json_has_the_fields_of_its_format(writer, form, outcomes):
    assert wrong(json.loads(writer.text(*make_run(*outcomes))), form) == []


def test_a_wrong_field_is_found():
    bad = {"scores": 1, "score": True, "visibility": "no", "tests": [{"number": 1}]}
    assert sorted(wrong(bad, GRADESCOPE)) == [
        "result.score is True", "result.scores is unknown", "result.tests[0].number is 1",
        "result.visibility is 'no'"]


# ---- Gradescope ----------------------------------------------------------------------------------


def test_gradescope_scores():
    data = gradescope.results(*make_run(PASSED, FAILED))
    assert data["score"] == 20 and data["execution_time"] == 12.5
    assert data["extra_data"]["run_id"] == "0102-030405-abcd"
    assert [(t["number"], t["score"], t["max_score"], t["status"]) for t in data["tests"]] == [
        ("1.1", 20, 20, "passed"), ("1.2", 0, 20, "failed")]


@pytest.mark.parametrize("outcomes", [(PASSED, COULD_NOT_RUN), (FAILED, GRADER_BROKE)])
def test_gradescope_gets_nothing_to_add_up_where_nobody_knows(outcomes):
    data = gradescope.results(*make_run(*outcomes))
    assert not any("score" in part or "max_score" in part for part in [data, *data["tests"]])
    assert "status" not in data["tests"][1]
    assert "could not finish" in data["output"] and "not a zero" in data["tests"][1]["output"]


def test_a_trouble_of_the_graders_leaves_no_score():
    run, stage = make_run(FAILED, FAILED)
    run.blame("the grader itself failed", "a module")
    data = gradescope.results(run, stage)
    assert not any("score" in part for part in [data, *data["tests"]])
    assert github.results(run, stage)["max_score"] is None
    assert "no score" in terminal.total(run, stage) and run.exit_status() == 3


# ---- GitHub Classroom ----------------------------------------------------------------------------


def reported(data):
    """What autograding-grading-reporter tells GitHub Classroom (notify-classroom.js)."""
    if not data["max_score"]:
        return None
    return sum(test["score"] or 0 for test in data["tests"]), data["max_score"]


@pytest.mark.parametrize(("outcomes", "status", "statuses", "points"), [
    ((PASSED, PASSED), "pass", ["pass", "pass"], (40, 40)),
    ((PASSED, FAILED), "fail", ["pass", "fail"], (20, 40)),
    ((PASSED, COULD_NOT_RUN), "error", ["pass", "error"], None),
    ((FAILED, GRADER_BROKE), "error", ["fail", "error"], None),
])
def test_classroom(outcomes, status, statuses, points):
    data = github.results(*make_run(*outcomes))
    assert data["status"] == status and reported(data) == points
    assert [t["status"] for t in data["tests"]] == statuses
    assert all(t["score"] is None for t in data["tests"] if t["status"] == "error")
    assert (data["tests"][0]["filename"], data["tests"][0]["line_no"]) == ("project01/logic.c", 10)


def test_the_reporter_prints_the_reason_of_a_failure():
    """It shows `message` of errors and `test_code` of everything."""
    failed, broke = github.results(*make_run(FAILED, GRADER_BROKE))["tests"]
    assert CARRIED["seen"] in failed["test_code"]
    assert CARRIED["seen"] in broke["message"] and not broke["test_code"]


def test_classroom_fits_into_an_environment_variable():
    text = github.text(*make_run(*[FAILED] * 20, **dict.fromkeys(CARRIED, "é\u20ac" * 10_000)))
    assert len(base64.b64encode(text.encode())) < 128 << 10
    assert all(t["test_code"] for t in json.loads(text)["tests"])


# ---- JUnit ---------------------------------------------------------------------------------------


# junit-10.xsd of Jenkins' xUnit plugin: attributes that must and may be there, children, text.
JUNIT = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}, False),
    "testsuite": ({"name", "tests", "failures", "errors"},
                  {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file",
                   "log", "url"},
                  {"testsuite", "properties", "testcase", "system-out", "system-err"}, False),
    "properties": (set(), set(), {"property"}, False),
    "property": ({"name", "value"}, set(), set(), False),
    "testcase": ({"name"}, {"time", "classname", "group"},
                 {"skipped", "error", "failure", "system-out", "system-err"}, False),
    **dict.fromkeys(("skipped", "error", "failure"), (set(), {"type", "message"}, set(), True)),
    **dict.fromkeys(("system-out", "system-err"), (set(), set(), set(), True)),
}


def against_the_schema(element):
    """What of an element and those in it the schema does not allow."""
    must, may, children, text = JUNIT[element.tag]
    given = set(element.attrib)
    bad = [f"{element.tag}: {name}" for name in (must - given) | (given - must - may)]
    bad += [f"{child.tag} in {element.tag}" for child in element if child.tag not in children]
    if not text and (element.text or "").strip():
        bad.append(f"text in {element.tag}")
    if "time" in given and not re.fullmatch(r"\d*\.?\d*", element.get("time")):
        bad.append(f"{element.tag}: time {element.get('time')}")
    return bad + [b for child in element for b in against_the_schema(child)]


@pytest.mark.parametrize("outcomes", CASES)
def test_junit_is_of_the_schema(outcomes):
    run, stage = make_run(*outcomes, seen=HOSTILE)
    run.blame("the grader itself failed", "a module")
    root = ET.fromstring(junit.text(run, stage).split("\n", 1)[1])
    assert against_the_schema(root) == []


def test_what_the_schema_does_not_allow_is_found():
    bad = ET.fromstring("<testsuite name='x' tests='1' failures='0' time='long'>text<testcase>"
                        "<properties/></testcase></testsuite>")
    assert sorted(against_the_schema(bad)) == [
        "properties in testcase", "testcase: name", "testsuite: errors", "testsuite: time long",
        "text in testsuite"]


def test_junit_counts_what_it_contains():
    run, stage = make_run(PASSED, FAILED, GRADER_BROKE, COULD_NOT_RUN)
    run.blame("the grader itself failed", "a module")
    suite = ET.fromstring(junit.text(run, stage).split("\n", 1)[1])[0]
    for attribute, tag in (("tests", "testcase"), ("failures", "testcase/failure"),
                           ("errors", "testcase/error"), ("skipped", "testcase/skipped")):
        assert int(suite.get(attribute)) == len(suite.findall(tag)) > 0
    points = {p.get("name"): p.get("value") for p in suite.find("properties")}
    assert (points["exercise 1.2"], points["score"]) == ("0/20 failed", "undecided")
    assert suite.findall("testcase")[1].get("group") == "1.2"


# ---- Markdown ------------------------------------------------------------------------------------


def outside_code(text):
    """The lines of a Markdown text that are not in a fenced block, as CommonMark fences them."""
    fence, rows = "", []
    for row in text.splitlines():
        mark = re.match(r" {0,3}(`{3,})([^`]*)$", row)
        if fence:
            if mark and len(mark[1]) >= len(fence) and not mark[2].strip():
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            rows.append(row)
    assert not fence, "a block is never closed"
    return rows


def test_nothing_that_was_printed_breaks_out_of_its_block():
    hostile = make_run(FAILED, GRADER_BROKE, **dict.fromkeys(("what", "expected", "seen", "log"),
                                                             HOSTILE))
    hostile[0].notes = [HOSTILE]
    quiet = make_run(FAILED, GRADER_BROKE)
    assert outside_code(markdown.text(*hostile)) == outside_code(markdown.text(*quiet))


def test_a_fence_is_longer_than_any_in_its_text():
    assert list(markdown.fenced("a\n`````\nb"))[0] == "``````text"
    assert list(markdown.fenced("a"))[0] == "```text"


@pytest.mark.parametrize("text", ["<b>", "@octocat", "[a](b)", "a|b", "`x`", "![i](j)", "www.x.y",
                                  "http://x.y", "#1", "*a*", "_a_", "~a~", "\\", "a\nb", "&lt;"])
def test_a_line_has_no_markup(text):
    line = markdown.inline(text)
    assert not re.search(r"(?<!\\)[<>\[\]|`*_~#&]", line) and "\n" not in line
    assert not re.search(r"@\w|://\w|www\.", line)


def test_markdown_links_to_the_write_up():
    text = markdown.text(*make_run(PASSED, FAILED))
    assert "](project01/README.md#cr4)" in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert "| 1.2 | Title 2 | 0/20 | **failed** |" in text
    assert markdown.link("javascript:alert(1)") == "javascript:alert(1)"  # no link


# ---- the terminal --------------------------------------------------------------------------------


def test_rubric_text():
    text = terminal.text(*make_run(PASSED, FAILED))
    for part in ("20/20  passed", "0/20  FAILED", "looked at", "expected  the-exp", "read      pro",
                 "20 of 40 points", "ready after 9.8 s", "2 tests (1 failed)"):
        assert part in text, text
    text = terminal.text(*make_run(PASSED, COULD_NOT_RUN))
    assert "?/20  COULD NOT RUN" in text and "no score: 20 of 40" in text


def test_a_long_log_line_is_indented_where_it_goes_on():
    rows = terminal.text(*make_run(FAILED, log="word " * 60 + "\nnext")).splitlines()
    first = next(i for i, row in enumerate(rows) if "log       word" in row)
    assert rows[first + 1].startswith(" " * 19 + "word") and max(map(len, rows)) <= 110
    assert " " * 17 + "next" in rows


def test_many_tests_of_one_exercise_are_counted():
    run, stage = make_run(FAILED)
    first = stage.exercises[0].tests[0]
    for i in range(5):
        problem = Problem(FAILED, f"thing {i}", "1", "2")
        stage.exercises[0].tests.append(type(first)(f"t::x{i}", f"test {i}", outcome=FAILED,
                                                    problem=problem))
    assert "and       3 more tests of this exercise" in terminal.text(run, stage)


@pytest.mark.parametrize("before", [0, 1, 60, 61, 62, 63, 91, 92, 93, 94])
def test_wrapping_makes_no_command_for_githubs_runner(before):
    """A long word is parted, and its rest could begin a line."""
    for width in (80, 110):
        run, _ = make_run(FAILED, seen="x" * before + "::notice title=Autograding report::{}")
        assert not [row for row in terminal.lines(run, width) if row.text.lstrip()[:2] == "::"]


def test_writers_are_quick():
    started = time.monotonic()
    run, stage = make_run(*[FAILED] * 10, **dict.fromkeys(CARRIED, HOSTILE * 50))
    for writer in WRITERS.values():
        writer.text(run, stage)
    assert time.monotonic() - started < 2
