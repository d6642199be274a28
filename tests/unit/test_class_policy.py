# SPDX-License-Identifier: GPL-2.0
"""Whose a submission is, when it came, and what the policy makes of its points."""

from __future__ import annotations

import textwrap
from datetime import datetime, timedelta, timezone

import pytest
from harness.klass import attempts, marks, policy
from harness.klass.errors import BadClass
from harness.klass.marks import Graded
from harness.klass.policy import Policy

UTC = timezone.utc
DEADLINE = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
FULL = {"1.1": 40, "1.2": 60}
HOUR = timedelta(hours=1)


def graded(one=40, two=60, after=-HOUR, entry="a", **more):
    return Graded(entry, DEADLINE + after, {"1.1": one, "1.2": two}, **more)


def parsed(text):
    return policy.parse(text, list(FULL))


def marked(text, *gradeds, student="alice"):
    rules = parsed(f"deadline = 2026-11-20T23:59:00Z\n{text}")
    return marks.student_marks(student, list(gradeds), FULL, rules)


@pytest.mark.parametrize(("name", "student", "time"), [
    ("alice", "alice", None),
    ("alice.tar.gz", "alice", None),
    ("project01-alice.tgz", "alice", None),
    ("project01-alice@2026-11-20T2359.zip", "alice", (20, 23, 59)),
    ("alice@2026-11-20T23:59:30+00:00.bundle", "alice", (20, 23, 59)),
    ("alice@2026-11-20_08-15", "alice", (20, 8, 15)),
    ("alice@2026-11-20", "alice", (20, 0, 0)),
    ("a@uni.example@2026-11-20T0815Z.tar.zst", "a@uni.example", (20, 8, 15)),
    ("a@uni.example", "a@uni.example", None),
    ("alice@2026-13-45", "alice@2026-13-45", None),
    ("project01-.zip", "project01-", None),
])
def test_names(name, student, time):
    """`projectNN-NAME@TIME.ext`; an @ that no time follows belongs to the name."""
    who, when = attempts.student_and_time(name, UTC)
    assert who == student
    assert (when and (when.day, when.hour, when.minute)) == time
    assert when is None or when.tzinfo


def test_zones():
    """A time without a zone is in the policy's; one with a zone is where it says."""
    rules = parsed('timezone = "Europe/Berlin"\ndeadline = "2026-07-01 12:00"')
    assert rules.deadline == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert parsed("deadline = 2026-07-01T12:00:00+02:00").deadline == rules.deadline
    _, when = attempts.student_and_time("a@2026-07-01T1200", rules.zone)
    assert when == rules.deadline


@pytest.mark.parametrize("name", ["..", "a/b", "-rf", "<script>", "ü" * 300, "a b", ".x", "a\nb",
                                  "feedback.html"])
def test_slugs(name):
    """Any name becomes a plain one, and different ones different ones."""
    slug = attempts.slug(name)
    assert slug.isascii() and slug[0] not in ".-" and len(slug) < 100
    assert not set(slug) & set("/ <>\n") and slug != attempts.slug(name + "x")


def test_finding(tmp_path):
    """Every entry but hidden ones; by student and time; the newest file of a folder counts."""
    for name in ("bob", "alice@2026-11-20T2359", "alice@2026-11-19T2359", ".DS_Store"):
        (tmp_path / name).mkdir()
    (tmp_path / "bob/detect.c").write_text("x")
    found = attempts.find(tmp_path, UTC)
    assert [(a.student, a.clock) for a in found] == [
        ("alice", "name"), ("alice", "name"), ("bob", "file")]
    assert found[0].submitted < found[1].submitted
    with pytest.raises(BadClass, match="no such directory"):
        attempts.find(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadClass, match="nothing in it"):
        attempts.find(tmp_path / "empty")


def test_no_policy_deducts_nothing():
    """raw and final are what the grader gave."""
    found = marks.student_marks("a", [graded(two=0, after=99 * HOUR)], FULL, Policy())
    assert (found.raw, found.final, found.reasons) == (40, 40, [])


@pytest.mark.parametrize(("after", "final"), [
    (-HOUR, 100), (timedelta(0), 100), (timedelta(minutes=15), 100), (timedelta(minutes=16), 90),
    (24 * HOUR, 90), (25 * HOUR, 80), (60 * HOUR, 70), (70 * HOUR, 70)])
def test_points_a_day(after, final):
    """Each day begun costs, the grace nothing."""
    found = marked('[late]\ngrace = "15 min"\nper_day = 10', graded(after=after))
    assert (found.raw, found.final) == (100, final)
    assert bool(found.reasons) == (final < 100)


def test_percent_a_day_and_the_most():
    """A part of what was earned; and not more than the most."""
    text = '[late]\nper_day = "10%"\nmost = "25%"'
    assert marked(text, graded(one=0, after=HOUR)).final == 54
    assert marked(text, graded(after=99 * HOUR)).final == 75
    assert marked("[late]\nper_day = 30", graded(one=40, two=0, after=49 * HOUR)).final == 0


def test_cut_off():
    """What comes later is not accepted; an earlier submission still counts."""
    text = '[late]\ncut_off = "1 day"'
    late = graded(after=25 * HOUR, entry="late")
    found = marked(text, late)
    assert (found.final, found.raw, found.accepted) == (0, None, False)
    assert "not accepted: late by 1 d 1 h" in found.reasons[0]
    assert marked(text + '\n', graded(two=0), late).final == 40


def test_extensions():
    """A span or a time of the student's own moves deadline and cut-off."""
    text = '[late]\nper_day = 10\n[extensions]\nalice = "2 days"\nbob = 2026-11-25T12:00:00Z\n'
    late = graded(after=47 * HOUR)
    assert marked(text, late).final == 100
    assert marked(text, late, student="bob").final == 100
    assert marked(text, late, student="carol").final == 80


def test_points_and_extra_credit():
    """Other points for an exercise; extra credit up to its cap, not in what the stage is worth."""
    text = '[points]\n"1.1" = 10\n"1.2" = 20\n[extra_credit]\nexercises = ["1.2"]\ncap = 5'
    found = marked(text, graded())
    assert (found.raw, found.points) == (15, {"1.1": 10, "1.2": 20})
    assert "extra credit" in found.reasons[0]
    assert marks.out_of(FULL, parsed(text)) == 10


def test_minimum():
    """Complete files get something, whatever is deducted; incomplete ones do not."""
    text = "minimum = 5\n[late]\nper_day = 100"
    assert marked(text, graded(after=HOUR)).final == 5
    assert marked(text, graded(0, 0, after=HOUR, complete=False)).final == 0


def test_best_and_last():
    """best is by final points, the earlier of equals; last is by time."""
    first, second = graded(two=0, entry="1"), graded(after=HOUR, one=0, entry="2")
    rules = '[late]\nper_day = 30\n'
    assert marked(rules, first, second).entry == "1"
    assert marked("", second, first).entry == "2"
    assert marked('resubmissions = "last"\n', second, first).entry == "2"
    assert marked("", graded(entry="1"), graded(entry="2", after=HOUR)).entry == "1"


def test_undecided_is_no_zero():
    """Nothing is known of the whole when an exercise is undecided."""
    found = marked("", graded(two=None, why="the grader broke"))
    assert (found.final, found.raw, found.decided) == (None, None, False)
    assert found.reasons == ["the grader broke"]


def test_undecided_among_several():
    """It matters only if it could be the one that counts."""
    unknown = graded(None, None, entry="u", after=HOUR)
    assert not marked("", graded(two=0), unknown).decided
    assert marked("", graded(), unknown).final == 100
    assert marked("[late]\nper_day = 70", graded(two=0), unknown).final == 40
    assert not marked('resubmissions = "last"\n', graded(), unknown).decided
    assert not marked("", Graded("u", DEADLINE, {}, why="not graded yet")).decided


@pytest.mark.parametrize(("text", "says"), [
    ("deadlin = 3", "there is no such key"),
    ("deadline = 3", "a time is expected"),
    ("deadline = 2026-11-20", "give the hour"),
    ('deadline = "tomorrow"', "a time is expected"),
    ('timezone = "Europe/Atlantis"', "Europe/Berlin"),
    ('timezone = "../../etc/passwd"', "Europe/Berlin"),
    ('resubmissions = "first"', '"best" or "last"'),
    ("minimum = -1", "from 0 to 1000"),
    ("minimum = true", "from 0 to 1000"),
    ("minimum = nan", "from 0 to 1000"),
    ('[late]\nper_day = "110%"', "100%"),
    ('[late]\ngrace = "2 fortnights"', "30 min"),
    ('[late]\ncut_off = "9999 days"', "longer than a year"),
    ("late = 3", "there is no such key"),
    ('[late]\nfoo = 3', "late.foo"),
    ('[points]\n"9.9" = 3', 'no exercise "9.9"; there are 1.1, 1.2'),
    ('[points]\n"1.1" = "x"', "from 0 to 1000"),
    ('[extra_credit]\nexercises = ["1.3"]', "1.1, 1.2"),
    ('[extensions]\nalice = "soon"', "a time is expected"),
    ("deadline = = 3", "no TOML"),
])
def test_bad_policies(text, says):
    """The message has the key, its value and what is expected."""
    with pytest.raises(BadClass) as error:
        parsed(text)
    assert says in str(error.value)


def test_files_and_the_command_line(tmp_path):
    """DEADLINE= is stronger than the file; a missing file and a bad time are named."""
    path = tmp_path / "policy.toml"
    path.write_text("deadline = 2026-11-20T23:59:00Z\n", encoding="utf-8")
    assert policy.load(path, list(FULL)).deadline == DEADLINE
    assert policy.load(path, list(FULL), "2026-12-01T00:00Z").deadline.month == 12
    with pytest.raises(BadClass, match="DEADLINE=soon"):
        policy.load(None, list(FULL), "soon")
    with pytest.raises(BadClass, match="No such file"):
        policy.load(tmp_path / "none.toml", list(FULL))
    path.write_text('[late]\ngrace = "2 days"\ncut_off = "1 day"\n', encoding="utf-8")
    with pytest.raises(BadClass, match="shorter than"):
        policy.load(path, list(FULL))


def test_the_documented_policy():
    """The example at the head of the module is a policy."""
    example = policy.__doc__.split("\n\n", 1)[1]
    rules = policy.parse(textwrap.dedent(example), ["2.3", "2.6"])
    assert (rules.minimum, rules.cap, rules.extensions) == (5, 5, {"alice": timedelta(days=2)})
