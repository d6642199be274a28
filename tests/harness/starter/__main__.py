# SPDX-License-Identifier: GPL-2.0
"""The command line of `make starter`."""

from __future__ import annotations

import argparse
import sys

from harness.errors import LabError
from harness.exercises import REPOSITORY
from harness.starter import history, tree
from harness.starter.order import make_order


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="make starter", description="write a student's repository")
    top.add_argument("--out", default="", help="OUT=: a new or an empty directory")
    top.add_argument("--upto", default="", help="UPTO=: the last stage (default: all)")
    top.add_argument("--solved", default="", help="SOLVED=: stages up to this one are given solved")
    top.add_argument("--hide", default="", help="HIDE=: test files, test functions, `instructor`")
    top.add_argument("--caller", default=".", help="the directory that OUT is relative to")
    return top


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        order = make_order(REPOSITORY, options)
        starter = tree.plan(order)
        tree.write(starter, order.out)
        history.commit(order.out, order.root, order.title)
    except LabError as error:
        print(f"starter: {error}", file=sys.stderr)
        return 1
    print(*starter.notes, f"{order.out}: {order.title}", sep="\n")
    print("README.md there is the student's. Hand it out as it is, or push it somewhere.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
