# SPDX-License-Identifier: GPL-2.0
"""A made-up class of 20 for project01: every form of hand-in, and every kind of disaster.

    PYTHONPATH=tests python3 tests/grader/class_of_twenty.py DIR     makes it, to be graded by hand
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from harness.exercises import student_files
from harness.regrade import REPOSITORY

STAGE = "project01"
POLICY = """\
deadline = 2026-11-20T23:59:00Z
[late]
grace = "15 min"
per_day = 10
cut_off = "3 days"
"""
_INIT = "static int my_init(void)\n{{\n\t{}\n\treturn 0;\n}}\n\nconst struct vtx_unit detect_unit"
_UNIT = ('.name = "detect",', '.name = "detect",\n\t.init = my_init,')


def _at_load(code):
    return {"detect.c": [("const struct vtx_unit detect_unit", _INIT.format(code)), _UNIT]}


EDITS = {  # of the reference files
    "right": {},
    "one mistake": {"vmx_caps_logic.c": [("32BIT ? 32 : 64", "32BIT ? 64 : 32")]},
    "hang": _at_load("local_irq_disable();\n\tfor (;;)\n\t\tcpu_relax();"),
    "panic": _at_load('panic("lost for words");'),
    "no compiling": {"detect.c": [("const struct vtx_unit", "constant struct vtx_unit")]},
    "file missing": {"vmx_probe.c": None},
    "nothing": dict.fromkeys(student_files(REPOSITORY / STAGE)),
}


def files_of(edit):
    """The student's files with the edits; a mistake that no longer fits is ours."""
    texts = {}
    for name in student_files(REPOSITORY / STAGE):
        text = (REPOSITORY / STAGE / name).read_text(encoding="utf-8")
        changes = EDITS[edit].get(name, [])
        if changes is None:
            continue
        for old, new in changes:
            assert old in text, f"{name} has no {old!r} any more"
            text = text.replace(old, new, 1)
        texts[name] = text
    return texts


def folder(path, texts, inside=""):
    """The files as they are."""
    (path / inside).mkdir(parents=True)
    for name, text in texts.items():
        (path / inside / name).write_text(text, encoding="utf-8")


def tar(path, texts, inside="", extra=()):
    """A tar, compressed as the name says; .zst by its own tool."""
    suffix = path.suffix[1:]
    out = io.BytesIO()
    compression = suffix if suffix in ("gz", "bz2", "xz") else ""
    with tarfile.open(fileobj=out, mode=f"w:{compression}") as t:
        for name, text in texts.items():
            info = tarfile.TarInfo(inside + name)
            info.size = len(text.encode())
            t.addfile(info, io.BytesIO(text.encode()))
        for name, target in extra:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            t.addfile(info)
    data = out.getvalue()
    if suffix == "zst":
        data = subprocess.run(["zstd", "-q"], input=data, check=True, capture_output=True).stdout
    path.write_bytes(data)


def zipped(path, texts, inside=""):
    """A zip as a download of a repository makes it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(inside + name, text)


def bundle(path, texts, inside=""):
    """A git bundle of a repository with one commit, in time."""
    work = path.with_name(f".{path.name}")
    folder(work, texts, inside)
    environ = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
                            "GIT_COMMITTER_DATE": "2026-11-20T12:00:00Z"}
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "done"],
                  ["bundle", "create", str(path), "HEAD"]):
        subprocess.run(["git", "-c", "user.name=B", "-c", "user.email=b@example.org", *words],
                       cwd=work, check=True, capture_output=True, env=environ)
    shutil.rmtree(work)


def corrupt(path, texts, inside=""):
    """The first half of an archive."""
    tar(path, texts, inside)
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


def hostile(path, texts, inside=""):
    """Links to the host's files in the place of two, and names that lead outside."""
    kept = dict(list(texts.items())[2:])
    tar(path, kept | {"../../outside.c": "x"}, inside,
        [("detect_logic.c", "/etc/passwd"), ("vmx_caps_logic.c", "../../../etc/shadow")])


def prose(path, texts, inside=""):
    """No archive at all."""
    path.write_text("Sorry, I will hand it in tomorrow.\n", encoding="utf-8")


IN_TIME, LATE, TOO_LATE = "@2026-11-20T1200Z", "@2026-11-21T1200Z", "@2026-11-25T1200Z"
# entry, how it is packed, what is in it, where in it
CLASS = (
    (f"ada{IN_TIME}.tar.gz", tar, "right", "project01/"),
    ("ben.bundle", bundle, "right", "project01/"),
    (f"cyn{IN_TIME}.zip", zipped, "one mistake", "vtxdrv-cyn-main/project01/"),
    (f"dan{IN_TIME}", folder, "hang", ""),
    (f"eve{IN_TIME}.tar", tar, "panic", ""),
    (f"project01-fay{IN_TIME}.tar.xz", tar, "no compiling", "fay/"),
    (f"gus{IN_TIME}.tar.zst", tar, "no compiling", ""),
    (f"hal{IN_TIME}.tar.bz2", tar, "no compiling", "project01/"),
    (f"ivy{IN_TIME}", folder, "no compiling", "project01"),
    (f"jan{IN_TIME}", folder, "nothing", ""),
    (f"kim{IN_TIME}.tar.gz", corrupt, "right", ""),
    (f"lea{IN_TIME}.zip", zipped, "file missing", ""),
    (f"max{IN_TIME}", folder, "file missing", "lab/project01"),
    (f"nia{IN_TIME}.tar.gz", tar, "file missing", ""),
    (f"oli{IN_TIME}.tar", hostile, "right", ""),
    (f"pia{IN_TIME}.zip", prose, "nothing", ""),
    (f"quinn{IN_TIME}.zip", zipped, "no compiling", ""),
    (f"quinn{LATE}.zip", zipped, "right", ""),
    (f"<i>rob</i>{IN_TIME}.zip".replace("/", "∕"), zipped, "file missing", ""),
    (f"<i>rob</i>{LATE}.zip".replace("/", "∕"), zipped, "no compiling", ""),
    (f"=1+1{LATE}.tar.gz", tar, "no compiling", ""),
    (f"tim{TOO_LATE}.tar.gz", tar, "right", ""),
)
FULL, LOADED = "100", "55"  # what four exercises without the module are worth
EXPECTED = {  # final points, status, what the note says
    "ada": (FULL, "graded", ""), "ben": (FULL, "graded", ""),
    "cyn": ("90", "graded", "1.5"),
    "dan": (LOADED, "graded", "did not end in its time"), "eve": (LOADED, "graded", "panic"),
    "fay": ("0", "graded", "does not compile"), "gus": ("0", "graded", "does not compile"),
    "hal": ("0", "graded", "does not compile"), "ivy": ("0", "graded", "does not compile"),
    "jan": ("0", "graded", "none of the stage's files"),
    "kim": ("0", "unreadable", "damaged"),
    "lea": ("0", "graded", "vmx_probe.c: missing"), "max": ("0", "graded", "vmx_probe.c: missing"),
    "nia": ("0", "graded", "vmx_probe.c: missing"),
    "oli": ("0", "graded", "detect_logic.c: refused: it is a symbolic link"),
    "pia": ("0", "unreadable", "no archive"),
    "quinn": ("90", "graded", "late by 12 h 1 min: -10"),
    "<i>rob<∕i>": ("0", "graded", "missing"),
    "'=1+1": ("0", "graded", "does not compile"),
    "tim": ("0", "too late", "not accepted"),
}


def fill(directory, names=None):
    """Make the class, or some of it."""
    directory.mkdir(parents=True, exist_ok=True)
    for entry, pack, edit, inside in CLASS:
        if names is None or entry.removeprefix("project01-").split("@")[0].split(".")[0] in names:
            pack(directory / entry, files_of(edit), inside)


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
