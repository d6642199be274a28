# SPDX-License-Identifier: GPL-2.0
"""The points policy of a class: one small TOML file, all of it optional.

    deadline = 2026-11-20T23:59:00+01:00
    timezone = "Europe/Berlin"   # of times that do not say it themselves
    resubmissions = "best"       # or "last"
    minimum = 5                  # least that complete files get, whatever is deducted

    [late]
    grace = "15 min"             # costs nothing
    per_day = 10                 # points for each day begun, or "10%" of what was earned
    most = 50                    # most that lateness costs: points, or a part such as "50%"
    cut_off = "3 days"           # later ones are not accepted

    [points]                     # instead of the exercise's own
    "2.3" = 20

    [extra_credit]
    exercises = ["2.6"]          # not part of what the stage is worth
    cap = 5                      # most that they add

    [extensions]                 # a student's own deadline: how much later, or when
    alice = "2 days"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from harness.klass.attempts import parse_time
from harness.klass.errors import BadClass

LIMIT = 1000  # points; more is a slip of the finger
LONGEST = timedelta(days=366)
_UNITS = {"s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400,
          "day": 86400, "week": 604800}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+?)s?")


@dataclass(frozen=True)
class Amount:
    """Points, or a part of the points that were earned."""

    value: float
    percent: bool = False

    def of(self, earned: float) -> float:
        """In points."""
        return earned * self.value / 100 if self.percent else self.value

    def __str__(self) -> str:
        return f"{self.value:g}{'%' if self.percent else ' points'}"


@dataclass
class Policy:
    """What the file says; each default deducts nothing."""

    deadline: datetime | None = None
    zone: tzinfo | None = None
    resubmissions: str = "best"
    minimum: float = 0
    grace: timedelta = timedelta()
    per_day: Amount = Amount(0)
    most: Amount = Amount(100, percent=True)
    cut_off: timedelta | None = None
    points: dict[str, float] = field(default_factory=dict)
    extra: list[str] = field(default_factory=list)
    cap: float = LIMIT
    extensions: dict[str, datetime | timedelta] = field(default_factory=dict)

    def deadline_of(self, student: str) -> datetime | None:
        """The deadline with the student's extension."""
        extension = self.extensions.get(student)
        if isinstance(extension, datetime):
            return extension
        return self.deadline + extension if self.deadline and extension else self.deadline

    def too_late(self, student: str, submitted: datetime) -> bool:
        """Whether it came after the cut-off."""
        deadline = self.deadline_of(student)
        return bool(deadline and self.cut_off is not None and submitted > deadline + self.cut_off)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LIMIT:
        raise ValueError(f"a number from 0 to {LIMIT} is expected")
    return value


def _amount(value: Any) -> Amount:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value.strip())):
        if float(match.group(1)) <= 100:
            return Amount(float(match.group(1)), percent=True)
    elif not isinstance(value, str):
        return Amount(_number(value))
    raise ValueError('points such as 10, or a part such as "10%" up to "100%", are expected')


def _span(value: Any) -> timedelta:
    match = _SPAN.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if not match or match.group(2) not in _UNITS:
        raise ValueError('a span of time is expected: "30 min", "12 hours", "2 days"')
    if len(match.group(1)) > 6 or (
            span := timedelta(seconds=float(match.group(1)) * _UNITS[match.group(2)])) > LONGEST:
        raise ValueError("this is longer than a year")
    return span


def _time(value: Any, zone: tzinfo | None) -> datetime:
    if isinstance(value, str):
        value = parse_time(value, zone)
    elif isinstance(value, date) and not isinstance(value, datetime):
        raise ValueError("give the hour too: midnight of a day is its beginning")
    if not isinstance(value, datetime):
        raise ValueError("a time is expected: 2026-11-20T23:59:00+01:00")
    if value.tzinfo:
        return value
    return value.replace(tzinfo=zone) if zone else value.astimezone()


def _zone(value: Any) -> tzinfo:
    try:
        return ZoneInfo(value)
    except (TypeError, ValueError, OSError, KeyError) as error:
        raise ValueError('a time zone is expected, such as "Europe/Berlin"') from error


def _choice(value: Any) -> str:
    if value not in ("best", "last"):
        raise ValueError('"best" or "last" is expected')
    return value


def _exercise_list(known: list[str]) -> Callable[[Any], list[str]]:
    def check(value: Any) -> list[str]:
        if not isinstance(value, list) or any(number not in known for number in value):
            raise ValueError(f"a list of exercises is expected, of {', '.join(known)}")
        return value
    return check


def _points(known: list[str]) -> Callable[[Any], dict[str, float]]:
    def check(value: Any) -> dict[str, float]:
        table = _table(value)
        for number in table:
            if number not in known:
                raise ValueError(f'there is no exercise "{number}"; there are {", ".join(known)}')
        return {number: _number(points) for number, points in table.items()}
    return check


def _extensions(zone: tzinfo | None) -> Callable[[Any], dict]:
    def one(value: Any) -> datetime | timedelta:
        spans = isinstance(value, str) and _SPAN.fullmatch(value.strip().lower())
        return _span(value) if spans else _time(value, zone)
    return lambda value: {name: one(item) for name, item in _table(value).items()}


def _table(value: Any) -> dict:
    if not isinstance(value, dict):
        raise ValueError("a table is expected")
    return value


def _keys(known: list[str], zone: tzinfo | None) -> dict[str, tuple[str, Callable]]:
    """Every key of the file: the field that it sets, and what checks and converts it."""
    return {
        "deadline": ("deadline", lambda value: _time(value, zone)),
        "timezone": ("zone", _zone),
        "resubmissions": ("resubmissions", _choice),
        "minimum": ("minimum", _number),
        "late.grace": ("grace", _span),
        "late.per_day": ("per_day", _amount),
        "late.most": ("most", _amount),
        "late.cut_off": ("cut_off", _span),
        "points": ("points", _points(known)),
        "extra_credit.exercises": ("extra", _exercise_list(known)),
        "extra_credit.cap": ("cap", _number),
        "extensions": ("extensions", _extensions(zone)),
    }


def _flat(data: dict[str, Any]) -> dict[str, Any]:
    """[late] and [extra_credit] as late.grace and so on; the other tables are values."""
    flat = {}
    for key, value in data.items():
        if key in ("late", "extra_credit") and isinstance(value, dict):
            flat |= {f"{key}.{inner}": item for inner, item in value.items()}
        else:
            flat[key] = value
    return flat


def parse(text: str, exercises: list[str], where: str = "policy") -> Policy:
    """Read a policy; BadClass names the key, its value and what is expected."""
    try:
        given = _flat(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadClass(f"{where}: this is no TOML: {error}") from error
    policy = Policy()
    known = _keys(exercises, None)
    for key in sorted(given, key=lambda key: key != "timezone"):  # the zone is needed for others
        if key not in known:
            raise BadClass(f"{where}: {key}: there is no such key; there are {', '.join(known)}")
        name, convert = known[key]
        try:
            setattr(policy, name, convert(given[key]))
        except ValueError as error:
            raise BadClass(f"{where}: {key} = {given[key]!r}: {error}") from error
        if key == "timezone":
            known = _keys(exercises, policy.zone)
    return policy


def load(path: Path | None, exercises: list[str], deadline: str = "") -> Policy:
    """The policy of a class; `deadline`, from the command line, is stronger than the file."""
    try:
        text = path.read_text(encoding="utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadClass(f"POLICY={path}: {error}") from error
    policy = parse(text, exercises, str(path))
    if deadline:
        try:
            policy.deadline = _time(deadline, policy.zone)
        except ValueError as error:
            raise BadClass(f"DEADLINE={deadline}: {error}") from error
    if policy.cut_off is not None and policy.cut_off < policy.grace:
        raise BadClass(f"{path}: late.cut_off is shorter than late.grace")
    return policy
