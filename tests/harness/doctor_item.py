# SPDX-License-Identifier: GPL-2.0
"""One answer of `make doctor`."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, PROBLEM = "ok", "warn", "problem"


@dataclass(frozen=True)
class Item:
    """What was looked at, how it is, and what to do about it."""

    name: str
    verdict: str
    detail: str
    fix: str = ""
