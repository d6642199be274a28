# SPDX-License-Identifier: GPL-2.0
"""The packages that the project needs: common/mk/packages.txt, and what of it is missing here.

The looking is done by common/mk/install-deps.sh, which has to work where there is no Python yet.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

MK = Path(__file__).resolve().parents[2] / "common" / "mk"
GROUPS = ("core", "debug", "docs", "class", "dev")


@dataclass(frozen=True)
class Package:
    """One line of the table; a name of "-" is not packaged by that distribution."""

    group: str
    probe: str
    debian: str
    fedora: str
    arch: str
    opensuse: str
    why: str


def table(text: str | None = None) -> list[Package]:
    """Return the packages of packages.txt, in its order."""
    lines = (text if text is not None else (MK / "packages.txt").read_text(encoding="utf-8"))
    return [Package(*line.split(None, 6)) for line in lines.splitlines()
            if line.strip() and not line.startswith("#")]


def missing(root: Path = Path("/"), groups: tuple[str, ...] = ("core",)) -> dict[str, str]:
    """Return the packages that are not below `root`, each with what it is needed for."""
    environ = dict(os.environ)
    if root != Path("/"):
        environ["VTX_ROOT"] = str(root)
    done = subprocess.run(["sh", MK / "install-deps.sh", "--missing", *groups], text=True,
                          capture_output=True, env=environ, check=True)
    return dict(line.split(None, 1) for line in done.stdout.splitlines())


def markdown(group: str) -> str:
    """Return a group as the table of docs/dependencies.md."""
    rows = ["| Debian package | needed for |", "|---|---|"]
    rows += [f"| `{package.debian}` | {package.why} |" for package in table()
             if package.group == group]
    return "\n".join(rows)


if __name__ == "__main__":
    for name in GROUPS:
        print(f"{name}\n\n{markdown(name)}\n")
