# SPDX-License-Identifier: GPL-2.0
"""Grading in a process of its own: whatever becomes of that process, it is a result."""
import json
import sys
import time

import pytest
from harness import regrade



def entry(number, score, output):
    return {"number": number, "output": output, "extra_data": {"score": score}}


WHOLE = {"score": 85, "tests": [entry("2.1", 15, "All 2 tests passed."),
                                entry("2.2", 0, "expected ready"),
                                entry("2.3", None, "no emulator here")]}


@pytest.fixture
def grading(tmp_path, monkeypatch):
    """grade() with a script in the place of the grader."""
    def run(script, **how):
        text = f"results = {str(tmp_path / 'results')!r}\nimport json, sys, time\n{script}"
        monkeypatch.setattr(regrade, "command", lambda *_, **__: [sys.executable, "-c", text])
        return regrade.grade("2", build=tmp_path, results=tmp_path / "results", **how)
    return run


def test_a_whole_result(grading):
    """Points, losses and explanations come from results.json."""
    write = f"open(results + '/results.json', 'w').write({json.dumps(WHOLE)!r}); sys.exit(1)"
    seen = grading(write)
    assert (seen.stage, seen.score, seen.status) == ("project02", 85, 1)
    assert seen.points == {"2.1": 15, "2.2": 0, "2.3": None}
    assert seen.lost() == ["2.2"]
    assert seen.explanation("2.2") == "expected ready"
    assert not seen.explanation("2.1") and not seen.explanation("2.3")


@pytest.mark.parametrize("status", [2, 3, 4, 139])
def test_a_score_needs_a_status(grading, status):
    """A grader that did not come to an end has no score, whatever lies in its folder."""
    write = f"open(results + '/results.json', 'w').write({json.dumps(WHOLE)!r}); "
    assert grading(f"{write} sys.exit({status})").score is None


def test_an_older_result_is_not_this_one(grading, tmp_path):
    """What an earlier grading left in the folder is removed first."""
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("results.json", "rubric.txt"):
        (folder / name).write_text(json.dumps(WHOLE))
    seen = grading("print('it broke'); sys.exit(0)")
    assert seen.score is None and not seen.points
    assert seen.rubric == "it broke\n"


def test_half_a_result(grading):
    """A file that is cut in its middle is no result."""
    seen = grading("open(results + '/results.json', 'w').write('{\"score\": 1'); sys.exit(0)")
    assert seen.score is None and seen.data == {}


def test_a_timeout_ends_it(grading, tmp_path):
    """A grader that does not end is told to, and has no score."""
    started = time.monotonic()
    seen = grading("time.sleep(60)", timeout=0.5)
    assert seen.status is None and seen.score is None
    assert time.monotonic() - started < 20


def test_the_command_names_the_stage_files():
    """Only the stage's own test files: another one that cannot be read costs nothing here."""
    argv = regrade.command("1", regrade.REPOSITORY, "b", "r", 2, submit="/s", todo="")
    files = [word for word in argv if word.endswith(".py")]
    assert files and all("/test_project01" in name for name in files)
    assert argv[argv.index("--submit") + 1] == "/s" and "--todo" not in argv
