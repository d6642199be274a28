# SPDX-License-Identifier: GPL-2.0
"""A fresh git history of one commit, on any computer, whatever its user has configured."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from harness.errors import LabError

# A repository's author has to have a name, and the user may not have told git his.
_SETTINGS = ("user.name=vtxdrv", "user.email=vtxdrv@localhost", "core.hooksPath=/dev/null",
             "commit.gpgSign=false", "core.autocrlf=false", "gc.auto=0")


def _environment() -> dict[str, str]:
    """None of the user's configuration, templates or hooks, and no repository around this one."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return kept | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
                   "GIT_CONFIG_SYSTEM": "/dev/null"}


def git(directory: Path, *words: str, **environment: str) -> str:
    """Run git there; its output."""
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    done = subprocess.run(["git", *settings, *words], cwd=directory, text=True, check=False,
                          capture_output=True, env=_environment() | environment)
    if done.returncode:
        raise LabError(f"git {words[0]} in {directory} failed: {done.stderr.strip()}")
    return done.stdout


def origin(root: Path) -> tuple[str, str]:
    """Commit and date of the repository that the starter is made from; "" where there is no git."""
    try:
        commit, date = git(root, "-c", f"safe.directory={root}", "log", "-1",
                           "--format=%H %cI").split()
    except LabError:
        return "", ""
    return commit, date


def commit(directory: Path, root: Path, title: str) -> None:
    """Commit everything. The same reference gives the same commit: its date is the reference's."""
    made_from, date = origin(root)
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else {}
    body = f"Made from commit {made_from}." if made_from else "Made from a tree without git."
    git(directory, "init", "-q", "--template=", "-b", "main")
    git(directory, "add", "--all", "--force")
    git(directory, "commit", "-q", "--no-verify", "-m", title, "-m", body, **dates)
