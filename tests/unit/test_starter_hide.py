# SPDX-License-Identifier: GPL-2.0
"""HIDE= and the tests about the course: what is cut out of the stages' tests."""

import pytest
from harness.errors import LabError
from harness.starter import hide

TESTS = '''"""A module."""
import pytest
from stage.some_tools import thing

HARD = pytest.mark.instructor


@exercise("1.1")
def test_one():
    """First."""
    thing()


# This comment is about the next test.
@exercise("1.1")
@pytest.mark.instructor
def test_two():
    """Second."""


def helper():
    return 1


@HARD
def test_three():
    """Third."""


@pytest.mark.reference
def test_course():
    """About the course."""
'''
WRITEUP = '''import pytest
from stage.other_tools import compare

pytestmark = [pytest.mark.reference, pytest.mark.lab(vendor="vmx")]


def test_transcripts():
    """Everything in this file is about the course."""
'''
SOURCES = {"test_project01.py": TESTS, "test_project01_writeup.py": WRITEUP,
           "some_tools.py": "from stage.base_tools import x\n", "base_tools.py": "x = 1\n",
           "other_tools.py": "compare = None\n"}


def cut(*words):
    """The starter's tests with these words in HIDE=."""
    return hide.starter_tests(SOURCES, words, [])


def test_tests_about_the_course_go():
    """Marked functions and files go, and helpers that only they needed."""
    left = cut()
    assert sorted(left) == ["base_tools.py", "some_tools.py", "test_project01.py"]
    assert "test_course" not in left["test_project01.py"]
    assert "def test_three" in left["test_project01.py"]


@pytest.mark.parametrize(("word", "gone"), [
    ("instructor", {"test_two", "test_three"}),
    ("test_t*", {"test_two", "test_three"}),
    ("test_one", {"test_one"}),
])
def test_words(word, gone):
    """A mark, also by a name for it; a pattern; a function."""
    text = cut(word)["test_project01.py"]
    for name in ("test_one", "test_two", "test_three"):
        assert (f"def {name}(" in text) == (name not in gone)
    assert "def helper" in text


def test_decorators_and_comments_go_with_their_test():
    """Nothing of a test stays behind, and the rest is as it was."""
    text = cut("test_two")["test_project01.py"]
    assert "This comment" not in text
    assert TESTS.startswith(text.split("def helper")[0])
    compile(text, "test", "exec")


@pytest.mark.parametrize("word", ["test_project01", "test_project01.py", "test_project0*"])
def test_files(word):
    """A file by its name or a pattern; its helpers go too."""
    assert cut(word) == {}


def test_a_word_that_means_nothing_is_refused():
    """A misspelt word would leave the test in the open: the candidates are listed."""
    with pytest.raises(LabError, match=r"(?s)test_tow is no test.*test_project01.py.*test_two"):
        cut("test_tow")
    with pytest.raises(LabError, match="test_transcripts is no test"):
        cut("test_transcripts")  # left out of starters in any case


def test_an_exercise_keeps_a_test():
    """Whoever has an exercise to do can try it."""
    tests = hide.tests_of("f", TESTS)
    assert {t.name for t in tests if "1.1" in t.exercises} == {"test_one", "test_two"}
