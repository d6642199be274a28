# SPDX-License-Identifier: GPL-2.0
"""Read the files of a git bundle without ever checking it out.

The bundle is fetched into an empty bare repository with no configuration of ours or of the user's
(no hooks, no filters, no submodules), with limits on memory, time and file size; then git names
the blobs of one commit, and those that are asked for are read by their ids.
"""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from harness.klass.errors import Unreadable

MIB = 1 << 20
SECONDS = 60
OUTPUT_LIMIT = 8 * MIB
LIMITS = {resource.RLIMIT_AS: 2048 * MIB, resource.RLIMIT_FSIZE: 256 * MIB,
          resource.RLIMIT_CPU: SECONDS, resource.RLIMIT_CORE: 0}
HEADS = ("refs/vtx/HEAD", "refs/vtx/heads/main", "refs/vtx/heads/master")


@dataclass
class Blob:
    """One file of a commit."""

    mode: str  # "100644", "120000" for a link
    path: str
    size: int
    read: Callable[[], bytes]


def _set_limits() -> None:
    for what, wanted in LIMITS.items():
        hard = resource.getrlimit(what)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(what, (limit, limit))


def _environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return kept | {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1",
                   "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0",
                   "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "file", "LC_ALL": "C"}


def _git(repository: Path, *words: str, limit: int = OUTPUT_LIMIT) -> bytes:
    """Run git in the scratch repository; at most `limit` bytes of its output."""
    argv = ["git", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "--git-dir",
            str(repository), *words]
    with tempfile.TemporaryFile() as errors, subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, cwd=repository,
        env=_environment(repository), preexec_fn=_set_limits,
    ) as process:
        output = process.stdout.read(limit)
        over = process.stdout.read(1)
        if over:
            process.kill()
        status = process.wait()
        errors.seek(0)
        said = errors.read(2000).decode("utf-8", "replace").strip()
    if over or status:
        raise Unreadable("git cannot read this bundle: "
                         + ("there is too much in it" if over else said or f"status {status}"))
    return output


def _fetch(bundle: Path, repository: Path) -> str:
    """Get the bundle's branches; return the name of the one that was handed in."""
    repository.mkdir(exist_ok=True)
    _git(repository, "init", "--quiet", "--bare", "--template=", str(repository))
    listed = _git(repository, "bundle", "list-heads", str(bundle)).decode("utf-8", "replace")
    names = [row.split(" ", 1)[1] for row in listed.splitlines() if " " in row]
    specs = [f"+{name}:refs/vtx/{name.removeprefix('refs/')}" for name in names
             if name == "HEAD" or name.startswith("refs/heads/")]
    if not specs:
        raise Unreadable("the bundle has no branch in it; make it with"
                         " `git bundle create FILE HEAD`")
    _git(repository, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules",
         "--no-write-fetch-head", str(bundle), *specs)
    newest = "--sort=-committerdate"
    found = _git(repository, "for-each-ref", newest, "--format=%(refname)", "refs/vtx").decode()
    return next((name for name in HEADS if name in found.split()), found.split()[0])


def _rows(repository: Path, ref: str) -> Iterator[Blob]:
    for row in _git(repository, "ls-tree", "-rlz", "--full-tree", ref).split(b"\0"):
        if not row:
            continue
        facts, _, path = row.partition(b"\t")
        mode, kind, ident, size = facts.decode("ascii").split()
        if kind == "blob":  # and not a submodule
            yield Blob(mode, path.decode("utf-8", "replace"), int(size),
                       lambda ident=ident: _git(repository, "cat-file", "blob", ident))


def blobs(bundle: Path) -> Iterator[Blob]:
    """The files of the commit that was handed in; readable while the iterator lives."""
    with tempfile.TemporaryDirectory(prefix="vtx-bundle-", ignore_cleanup_errors=True) as scratch:
        repository = Path(scratch)
        yield from _rows(repository, _fetch(bundle.resolve(), repository))


def commit_time(bundle: Path) -> datetime:
    """When the commit was made, as the student's computer tells."""
    with tempfile.TemporaryDirectory(prefix="vtx-bundle-", ignore_cleanup_errors=True) as scratch:
        repository = Path(scratch)
        ref = _fetch(bundle.resolve(), repository)
        seconds = _git(repository, "log", "-1", "--no-show-signature", "--format=%ct", ref)
        return datetime.fromtimestamp(int(seconds), timezone.utc)
