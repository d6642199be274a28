# SPDX-License-Identifier: GPL-2.0
"""What a stage test is written with: its marks, and checks whose failure a student can read.

    @exercise("2.4", expected="every CPU in VMX operation", read="project02/README.md#vmxon")
    def test_enable(driver):
        check_run(driver.vtxctl("enable"))
        check(driver.probe("vmxop", 1), "1", "VMPTRST on CPU 1 after enable")
"""

from __future__ import annotations

import json
import re
import signal
from collections import Counter
from typing import Any

import pytest

from harness.plain import clean, cut
from harness.results import Outcome, Problem

exercise = pytest.mark.exercise
expect_kmsg = pytest.mark.expect_kmsg
only_on = pytest.mark.only_on
replaced = pytest.mark.replaced

LOG_LINES = 12
LOG_COLUMNS = 240
VALUE_LENGTH = 400
_NOISE = re.compile(r"tsc: |clocksource: ")  # Linux sets its clocks while our tests begin
# Fields of a VMCS that the driver shows.
_FIELDS = re.compile(r"vtxdrv:(?: +[A-Z][A-Z0-9_]*=0x[0-9a-f]+)+")


class Unmet(AssertionError):
    """A test found something else than it expected: points are lost, and the reason is readable."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem_text(problem))
        self.problem = problem


class CouldNotRun(Exception):
    """Something that the grader needs is not here (an emulator, headers): no result, no zero."""


class one_of:  # noqa: N801 (reads as a word in check())
    """An expectation that several values meet."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __contains__(self, seen: Any) -> bool:
        return seen in self.values


def kernel_log(records: list[Any]) -> str:
    """What a student needs of the kernel's messages: no times, and each text once."""
    texts = Counter(r.text.rstrip() for r in records if not _NOISE.match(r.text))
    fields = [text for text in texts if _FIELDS.fullmatch(text)]
    for text in fields[1:]:
        del texts[text]
    if fields:  # dozens of lines, behind which what was said before would not be seen
        texts = {f"vtxdrv: … the fields of a VMCS, in the log ({len(fields)} lines)"
                 if text == fields[0] else text: n for text, n in texts.items()}
    return "\n".join(text if n == 1 else f"{text} ({n} times)" for text, n in texts.items())


def excerpt(log: str | bytes | list[str] | None, lines: int = LOG_LINES) -> str:
    """The last lines of a log, each cut to a sensible width."""
    if not log:
        return ""
    text = clean("\n".join(log) if isinstance(log, list) else log).rstrip()
    rows = [row if len(row) <= LOG_COLUMNS else row[:LOG_COLUMNS] + " …"
            for row in map(str.rstrip, text.splitlines())]
    left_out = len(rows) - lines
    return "\n".join(([f"… {left_out} lines before"] if left_out > 0 else []) + rows[-lines:])


def describe(value: Any) -> str:
    """A value in the words of a failure: integers also in hexadecimal, texts as they are, JSON as
    JSON."""
    if value is None:
        return "nothing"
    if isinstance(value, int) and not isinstance(value, bool):
        decimal = f" ({value})" if abs(value) < 1 << 32 else ""
        return str(value) if -10 < value < 10 else f"{value:#x}{decimal}"
    if isinstance(value, re.Pattern):
        return f"something that matches /{value.pattern}/"
    if isinstance(value, one_of):
        return " or ".join(describe(v) for v in value.values)
    if isinstance(value, str | bytes):
        return cut(clean(value), VALUE_LENGTH)
    return cut(clean(json.dumps(value, ensure_ascii=False, default=repr)), VALUE_LENGTH)


def _differing(expected: Any, seen: Any) -> tuple[Any, Any]:
    """Of two JSON objects the members that differ; anything else whole."""
    if not (isinstance(expected, dict) and isinstance(seen, dict)):
        return expected, seen
    keys = [k for k in expected | seen if k not in expected or k not in seen
            or expected[k] != seen[k]]
    return ({k: expected[k] for k in keys if k in expected},
            {k: seen[k] for k in keys if k in seen})


def problem_text(problem: Problem) -> str:
    """The readable form of a problem, one labelled line after the other."""
    rows = [problem.what] if problem.what else []
    rows += [f"  {word:<9} " + text.replace("\n", "\n" + " " * 12)
             for word, text in problem.parts if text is not problem.what]
    return "\n".join(rows)


def fail(
    what: str,
    expected: Any = "",
    seen: Any = "",
    read: str | None = None,
    log: str | bytes | list[str] | None = None,
) -> None:
    """Fail the test that is running, with an explanation."""
    __tracebackhide__ = True
    raise Unmet(Problem(Outcome.FAILED, what, describe(expected), describe(seen), read or "",
                        log=excerpt(log)))


def _meets(seen: Any, expected: Any) -> bool:
    if isinstance(expected, re.Pattern):
        return bool(expected.search(clean(seen) if isinstance(seen, str | bytes) else str(seen)))
    if isinstance(expected, one_of):
        return seen in expected
    return seen == expected


def check(seen: Any, expected: Any, what: str, *, read: str | None = None, log: Any = None) -> None:
    """Fail unless `seen` is `expected`: a value, a compiled pattern to find, or one_of(…)."""
    __tracebackhide__ = True
    if not _meets(seen, expected):
        fail(what, *map(_shown, _differing(expected, seen)), read, log)


def _shown(value: Any) -> Any:
    """A text, an empty one as well: nothing was expected, or nothing was there."""
    return '""' if value in ("", b"") else value


def require(
    condition: Any, *, expected: Any, seen: Any, what: str = "", read: str | None = None,
    log: Any = None,
) -> None:
    """Fail unless `condition` holds; the rest says what that means."""
    __tracebackhide__ = True
    if not condition:
        fail(what, expected, seen, read, log)


def run_log(result: Any) -> str:
    """Everything that a command in the machine left behind."""
    kernel = kernel_log(getattr(result, "kmsg", []))
    parts = [clean(result.stderr), clean(result.stdout)[-2000:], clean(kernel)]
    return "\n".join(part.rstrip() for part in parts if part.strip())


def how_it_ended(result: Any) -> str:
    """The exit status of a command, or the signal that ended it."""
    if result.status >= 0:
        return f"exit status {result.status}"
    try:
        name = signal.Signals(-result.status).name
    except ValueError:
        name = f"signal {-result.status}"
    return f"{name} ended it"


def check_run(
    result: Any, status: int = 0, what: str | None = None, read: str | None = None
) -> Any:
    """Fail unless a command in the machine ended in time with this exit status; return it."""
    __tracebackhide__ = True
    command = " ".join(getattr(result, "argv", None) or []) or "the command"
    what = what or f"`{command}`"
    expected = f"exit status {status}"
    if result.timed_out:
        stuck = getattr(result, "stuck", False)
        seen = "it did not end in time, not even when killed: it loops or waits in the kernel" \
            if stuck else "it did not end in time and was killed"
        fail(what, expected, seen, read,
             f"{run_log(result)}\n{getattr(result, 'stack', '')}".strip())
    if result.status != status:
        fail(what, expected, how_it_ended(result), read, run_log(result))
    return result


def pick(data: Any, *path: str | int) -> Any:
    """Walk down JSON; a key that is missing is a readable failure and not a broken grader."""
    __tracebackhide__ = True
    at = data
    for i, key in enumerate(path):
        try:
            at = at[key]
        except (KeyError, IndexError, TypeError):
            names = [str(key) for key in path]
            above = f"`{'.'.join(names[:i])}`" if i else "the output"
            fail(f"`{'.'.join(names[:i + 1])}` in the output", "a value there",
                 f"{above} is {'null' if at is None else describe(at)}")
    return at
