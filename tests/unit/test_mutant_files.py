# SPDX-License-Identifier: GPL-2.0
"""Mutants: what is wrong with a file of them, how one is written, and when it is caught."""
import re
from pathlib import Path

import pytest

from grader.conftest import table
from harness import mutants
from harness.regrade import Grading

SOURCE = """\
/*
 * EXERCISE 1.1 (100 points): Count
 * Do:   count
 * Read: README.md
 */
#ifndef TODO_1_1
int count(int a)
{
	return a + 1;
}
#else
int count(int a)
{
	return VTX_TODO("1.1", "nothing is counted");
}
#endif
"""
GOOD = """
[off-by-one]
mistake = "Counts from 2"
breaks = ["1.1"]
says = "count"
sample = true
file = "count_logic.c"
old = "return a + 1;"
new = "return a + 2;"
"""
EXPLANATION = """Exercise 1.1: failed.

Counting works (svm)
count of 3
  expected  4
  seen      5
  read      project01/README.md#count"""


@pytest.fixture
def root(tmp_path):
    """A tree with one stage of one exercise."""
    stage = tmp_path / "project01"
    stage.mkdir()
    (stage / "stage.c").write_text("")
    (stage / "count_logic.c").write_text(SOURCE)
    (stage / "given.c").write_text("int given;\n")
    (stage / "student.files").write_text("count_logic.c\n")
    (tmp_path / mutants.FOLDER).mkdir(parents=True)
    return tmp_path


def load(root: Path, text: str):
    (root / mutants.FOLDER / "project01.toml").write_text(text)
    return mutants.load_all(root)


def test_a_mutant_is_a_submission(root, tmp_path):
    """The student's files, with the edit, and nothing else."""
    (mutant,) = load(root, GOOD)
    assert (mutant.name, mutant.stage, mutant.breaks, mutant.sample) == (
        "off-by-one", "project01", ("1.1",), True)
    out = mutants.write(mutant, root, tmp_path / "out")
    assert [p.name for p in out.iterdir()] == ["count_logic.c"]
    assert (out / "count_logic.c").read_text() == SOURCE.replace("a + 1", "a + 2")


def test_several_edits(root, tmp_path):
    """All edits of a mutant are made."""
    edits = "".join(f'[[off-by-one.edit]]\nfile = "count_logic.c"\nold = "{old}"\nnew = "b"\n'
                    for old in ("a + 1", '\\"1.1\\"'))
    (mutant,) = load(root, GOOD[:GOOD.index("file")] + edits)
    text = (mutants.write(mutant, root, tmp_path / "out") / "count_logic.c").read_text()
    assert "return b;" in text and "VTX_TODO(b," in text


@pytest.mark.parametrize("old, new, told", [
    ('"1.1"', '"1.2"', r"exercise 1.2 is not marked in this stage \(1.1\)"),
    ('["1.1"]', '[]', "names no exercise"),
    ('["1.1"]', '"1.1"', "are lists of exercises"),
    ('["1.1"]', '["1.1"]\nalso = ["1.1"]', "in `breaks` and in `also`"),
    ('old = "return a + 1;"', 'old = "return a + 7;"', "must occur once in .*, it occurs 0 times"),
    ('old = "return a + 1;"', 'old = "int count"', "it occurs 2 times"),
    ('old = "return a + 1;"', 'old = ""', "it occurs 0 times"),
    ('old = "return a + 1;"', 'old = "return a + 2;"', "are the same"),
    ('old = "return a + 1;"', "", "exactly the keys file, new, old"),
    ('"count_logic.c"', '"given.c"', "`given.c` is not in project01/student.files"),
    ('says = "count"', "", "`says` is missing"),
    ('says = "count"', 'says = "("', "no regular expression"),
    ('mistake = "Counts from 2"', 'mistake = ""', "`mistake` is missing"),
    ("sample", "simple", "unknown key `simple`"),
    ("true", '"yes"', "`sample` must be true or false"),
    ("off-by-one", "OffByOne", "words-with-hyphens"),
    ("[off-by-one]", "[off-by-one", "project01.toml"),
])
def test_what_is_wrong_is_named(root, old, new, told):
    """Each mistake in a file is told with the mutant's name."""
    assert old in GOOD
    with pytest.raises(mutants.MutantError, match=told) as error:
        load(root, GOOD.replace(old, new))
    assert "project01.toml" in str(error.value)


def graded(tmp_path, lost=True, explanation=EXPLANATION, status=1, other=0):
    """A grading of a stage of two exercises."""
    earned = {"1.1": (0 if lost else 60, 60), "1.2": (40 - other, 40)}
    tests = [{"number": number, "output": explanation if number == "1.1" else EXPLANATION,
              "extra_data": {"score": score, "points": points}}
             for number, (score, points) in earned.items()]
    return Grading("project01", status, 1.0, "", tmp_path,
                   {"score": sum(score for score, _ in earned.values()), "tests": tests})


@pytest.mark.parametrize("change, told", [
    ({}, []),
    ({"lost": False}, ["1.1 keeps its points"]),
    ({"other": 40}, ["1.2 loses its points"]),
    ({"status": 3}, ["no score"]),
    ({"explanation": EXPLANATION.replace("count of", "size of")}, ["does not match /count of/"]),
    ({"explanation": EXPLANATION.replace("  seen      5\n", "")}, ["has no `seen`"]),
    ({"explanation": EXPLANATION.replace("  read  ", "  text  ")}, ["has no `read`"]),
])
def test_verdict(root, tmp_path, change, told):
    """A mutant is well caught by its exercise alone, with a message that helps."""
    (mutant,) = load(root, GOOD.replace('says = "count"', 'says = "count of"'))
    verdict = mutants.judge(mutant, graded(tmp_path, **change))
    assert len(verdict.problems) == len(told)
    assert all(re.search(re.escape(t), p) for t, p in zip(told, verdict.problems, strict=True))
    assert verdict.survived == (change in ({"lost": False}, {"status": 3}))
    if not change:
        assert verdict.killed_by == (("1.1", 60),)
        assert verdict.message == "count of 3: expected 4, seen 5"


def test_table():
    """Survivors are named in their rows and in the closing line."""
    rows = [
        {"name": "p/caught", "killed_by": [["1.1", 60]], "message": "count of 3", "problems": [],
         "decided": True},
        {"name": "p/lives", "killed_by": [], "message": "", "problems": ["1.1 keeps its points"],
         "decided": True},
        {"name": "p/broke", "killed_by": [], "message": "", "problems": ["no score"],
         "decided": False},
    ]
    text = table(rows)
    assert re.search(r"^p/caught +1.1 \(-60\) +count of 3$", text, re.M)
    assert re.search(r"^p/lives +SURVIVED$", text, re.M)
    assert re.search(r"^p/broke +NO RESULT$", text, re.M)
    assert text.endswith("1 of 3 mutants caught, by the exercise that they break;"
                         " survived: p/lives; not well caught: p/broke")
