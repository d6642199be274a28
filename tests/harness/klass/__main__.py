# SPDX-License-Identifier: GPL-2.0
"""python -m harness.klass [run] | collect | slurm | gradescope; `one` is what the runners start."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from harness.exercises import stage_directory, stage_title
from harness.klass import collect, gradescope, one, plan, policy, record, runner, slurm
from harness.klass.errors import BadClass
from harness.klass.plan import Plan
from harness.klass.policy import Policy
from harness.regrade import REPOSITORY

UNDECIDED = 3
INTERRUPTED = 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grade-class", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("run", "grade a class on this machine"),
                       ("slurm", "prepare a class for a Slurm job array")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--submissions", required=True, metavar="DIR")
        command.add_argument("--stage", required=True)
        command.add_argument("--build-root", type=Path, default=Path("build"), metavar="DIR")
        command.add_argument("--jobs", type=int, default=2)
        command.add_argument("--kver", default="")
        command.add_argument("--out", type=Path, metavar="DIR")
    collected = commands.add_parser("collect", help="make CSV and HTML of what was graded")
    collected.add_argument("--out", type=Path, required=True, metavar="DIR")
    job = commands.add_parser("one", help="grade one submission of a planned class")
    job.add_argument("--out", type=Path, required=True, metavar="DIR")
    job.add_argument("--build-root", type=Path, metavar="DIR", help="another than the class's")
    job.add_argument("index", type=int)
    for command in (commands.choices["run"], commands.choices["slurm"], collected):
        command.add_argument("--policy", type=Path, metavar="FILE")
        command.add_argument("--deadline", default="", metavar="TIME")
    package = commands.add_parser("gradescope", help="write an autograder package")
    package.add_argument("--stage", required=True)
    package.add_argument("--out", type=Path, default=Path("autograder.zip"), metavar="FILE")
    _add_gradescope_grade(commands.add_parser("gradescope-grade", help="what its package calls"))
    return parser


def _add_gradescope_grade(command: argparse.ArgumentParser) -> None:
    command.add_argument("--stage", required=True)
    for name in ("--submission", "--results", "--build-root"):
        command.add_argument(name, type=Path, required=True)


def _policy(options: argparse.Namespace, stage: str) -> Policy:
    known = plan.known_stage(REPOSITORY, stage)
    numbers = list(Plan(known, Path(), Path(), Path()).exercises())
    return policy.load(options.policy, numbers, options.deadline)


def _planned(options: argparse.Namespace) -> tuple[Plan, Policy, list[int]]:
    """The plan, saved, and which of its submissions have to be graded."""
    if not options.submissions:
        raise BadClass("SUBMISSIONS= is missing: the directory with everybody's work")
    rules = _policy(options, options.stage)
    made = plan.make(Path(options.submissions), options.stage, options.out, options.build_root,
                     options.kver, rules)
    made.save()
    todo = plan.wanted(made.attempts, rules)
    students = len({a.student for a in made.attempts})
    print(f"{len(made.attempts)} submissions of {students} students for {made.stage}, "
          f"{len(todo)} to be looked at; results in {made.out}", flush=True)
    if rules.deadline:
        print(f"deadline: {rules.deadline.isoformat(sep=' ', timespec='minutes')}", flush=True)
    return made, rules, [made.attempts.index(a) for a in todo]


def _write(made: Plan, rules: Policy) -> int:
    """grades.csv, index.html, feedback; and what stays to be done."""
    from harness.klass import page  # pygal and Jinja are not needed by the jobs
    title = stage_title(stage_directory(made.root, made.stage))
    table = collect.table(made, rules, title)
    footer = f"{made.stage}, {time.strftime('%Y-%m-%d %H:%M')}, grader {record.commit(made.root)}"
    page.write(made.out, table, rules, footer.rstrip())
    print(f"written: {made.out}/grades.csv, index.html, students/*/feedback.html and .md")
    for row in table.undecided:
        print(f"undecided: {row.name}: {row.note or 'no result'}")
    if table.undecided:
        print("An undecided submission has no score and is not a zero."
              " The same command again grades these only.")
    return UNDECIDED if table.undecided else 0


def _run(options: argparse.Namespace) -> int:
    made, rules, todo = _planned(options)
    tally = runner.run(made, todo, max(1, options.jobs))
    status = _write(made, rules)
    print(tally.speed())
    return status


def _collect(options: argparse.Namespace) -> int:
    made = Plan.load(options.out.resolve())
    return _write(made, _policy(options, made.stage))


def _slurm(options: argparse.Namespace) -> int:
    made, _, todo = _planned(options)
    print(f"submit it with:  sh {slurm.submit_script(made, todo, options)}\n"
          "The same again later grades what is undecided or was not reached, and nothing else.")
    return 0


COMMANDS = {
    "run": _run, "collect": _collect, "slurm": _slurm,
    "one": lambda options: one.main(options.out.resolve(), options.index, options.build_root),
    "gradescope": lambda options: gradescope.write(options.stage, options.out),
    "gradescope-grade": lambda options: gradescope.grade(
        options.stage, options.submission, options.results, options.build_root),
}


def main(argv: list[str]) -> int:
    """The command line; `run` may be left out."""
    if argv and argv[0].startswith("--") and argv[0] != "--help":
        argv = ["run", *argv]
    options = _parser().parse_args(argv)
    try:
        return COMMANDS[options.command](options)
    except BadClass as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if options.command == "run":
            print("interrupted; the same command again goes on with what is left",
                  file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
