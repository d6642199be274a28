# SPDX-License-Identifier: GPL-2.0
"""Files that survive `make clean`: made once, whole or not at all, by whoever comes first.

Several test runs work side by side on one machine, so each entry is built in a folder of its own
and moved into place by rename(2) while a lock is held: what exists is complete.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path


IN_USE = 3600  # seconds


def root() -> Path:
    """Return the cache folder: $VTX_CACHE, or ~/.cache/vtxdrv."""
    path = Path(os.environ.get("VTX_CACHE") or Path.home() / ".cache" / "vtxdrv")
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def digest(*parts: bytes | str) -> str:
    """Return a short name for a content; the parts' borders count."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()[:20]


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of that name; another process waits here until it is released."""
    folder = root() / "lock"
    folder.mkdir(exist_ok=True)
    with open(folder / f"{name.replace('/', '-')}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def entry(name: str, build: Callable[[Path], None]) -> Path:
    """Return the cached file or folder `name`; if it is missing, `build(path)` makes it first.

    `build` gets a path that does not exist yet and creates a file or a folder there.
    """
    final = root() / name
    if final.exists():
        _touch(final)
        return final
    with locked(name):
        if final.exists():
            return final
        work = final.with_name(f".making-{final.name}")
        shutil.rmtree(work, ignore_errors=True)  # of somebody who was killed here
        work.mkdir(parents=True)
        try:
            build(work / final.name)
            os.rename(work / final.name, final)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return final


def prune(folder: str, keep: int) -> None:
    """Delete all but the `keep` entries of a folder that were used last.

    An entry that was used within the hour stays: somebody else may be about to read it.
    """
    ages = {}
    for path in (root() / folder).glob("[!.]*"):
        with contextlib.suppress(FileNotFoundError):  # another process prunes as well
            ages[path] = time.time() - path.stat().st_mtime
    for path in sorted(ages, key=ages.__getitem__)[keep:]:
        if ages[path] < IN_USE:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _touch(path: Path) -> None:
    """Note the use of an entry, for prune(); a cache that belongs to somebody else is fine too."""
    with contextlib.suppress(OSError):
        os.utime(path)
