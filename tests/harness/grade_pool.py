# SPDX-License-Identifier: GPL-2.0
"""The lab machines of one process, each kept until its last test is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.grade_fate import Fate
from harness.grade_key import LabKey
from harness.grade_lab import Lab


class LabPool:
    """The machines of one process, each kept until its last test is over."""

    def __init__(self, boot: Callable[[LabKey], Any], say: Callable[[str], None],
                 fate: Fate | None = None) -> None:
        self._fate = fate or Fate()
        self._boot = boot
        self._say = say
        self._labs: dict[LabKey, Lab] = {}
        self.waiting: dict[LabKey, int] = {}  # tests still to come

    def get(self, key: LabKey) -> Lab:
        """The shared machine of that key, not necessarily booted."""
        if key not in self._labs:
            self._labs[key] = Lab(key, self._boot, self._say, self._fate)
        return self._labs[key]

    def done_with(self, key: LabKey) -> None:
        """One test less will need it; nobody waits for the machine to shut down in order."""
        self.waiting[key] = self.waiting.get(key, 1) - 1
        if self.waiting[key] <= 0 and key in self._labs:
            self._labs[key].discard()

    def close(self) -> None:
        """Switch everything off."""
        for lab in self._labs.values():
            lab.discard()
