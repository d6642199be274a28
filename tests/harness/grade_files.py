# SPDX-License-Identifier: GPL-2.0
"""The files of a result. Those of an earlier run are removed before anything else happens: whatever
becomes of this run, nobody takes another one's score for its own."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable
from pathlib import Path

from harness.grade import excerpt
from harness.results import Run, StageResult
from harness.writers import github, gradescope, junit, markdown, run_json, terminal

RESULT = "results.json"
# The one that holds the score is the last: it has none if any before it has failed.
WRITERS = {"run.json": run_json, "junit.xml": junit, "classroom.json": github,
           "rubric.md": markdown, "rubric.txt": terminal, RESULT: gradescope}


def clear(folder: Path) -> None:
    """Remove what an earlier run has left, and see that this one can write: OSError if not."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in WRITERS:
        (folder / name).unlink(missing_ok=True)
    (folder / RESULT).touch()
    (folder / RESULT).unlink()


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _write(run: Run, stage: StageResult, path: Path) -> list[Path]:
    """Write one file; what goes wrong is the grader's trouble, and the other files' no matter."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, WRITERS[path.name].text(run, stage))
    except Exception as error:  # a writer is code of ours, and a disk may be full
        log = "" if isinstance(error, OSError) else excerpt(traceback.format_exc())
        run.blame(f"{path.name} could not be written", f"{type(error).__name__}: {error}", log)
        return []
    return [path]


def write(run: Run, folders: Iterable[tuple[StageResult, Path]]) -> list[Path]:
    """Write the files of all stages; the names of those that exist now."""
    places = list(folders)
    return [path for name in WRITERS for stage, folder in places
            for path in _write(run, stage, folder / name)]
