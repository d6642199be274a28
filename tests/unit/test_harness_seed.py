# SPDX-License-Identifier: GPL-2.0
"""A build that begins with the reference's objects: which, and that it is as good."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import build, build_kin, build_seed
from harness import kernel as kernels

ROOT = Path(__file__).resolve().parents[2]
STAGE = "project02"
MISTAKE = "\n#error the student's own line is compiled\n"


@pytest.mark.parametrize("name, shared", [
    ("detect.o", True), (".detect.o.cmd", True), ("detect.d", True),
    ("vmxon_logic.o", False), (".vmxon_logic.o.cmd", False), ("vmxon_logic.d", False),
    ("vtxdrv.o", False), (".vtxdrv.o.cmd", False), ("vtxdrv.mod.o", False), ("vtxdrv.ko", False),
    ("detect.c", False), ("Module.symvers", False), (".links", False),
])
def test_only_objects_of_files_that_are_not_the_students_are_shared(tmp_path, name, shared):
    (tmp_path / name).touch()
    assert build_seed.is_shared(tmp_path / name, {"vmxon_logic"}) is shared


def test_the_key_follows_every_source_of_the_stage(tmp_path):
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers/Module.symvers").touch()
    kernel = kernels.Kernel("6.1", "6.1", tmp_path, tmp_path, tmp_path / "headers")
    root = tmp_path / "root"
    for folder in ("common/mk", "project01", "project02", "project03"):
        (root / folder).mkdir(parents=True)
        (root / folder / "file").write_text("one", encoding="ascii")
    (root / "Makefile").touch()
    before = build_seed.key(root, STAGE, kernel)
    (root / "project03/file").write_text("two", encoding="ascii")
    assert build_seed.key(root, STAGE, kernel) == before
    (root / "common/mk/file").write_text("two", encoding="ascii")
    assert build_seed.key(root, STAGE, kernel) != before


def test_the_key_follows_what_is_left_unsolved(tmp_path):
    """Objects of a tree with TODO="1.3" are no good for a submission that is graded without."""
    (tmp_path / "Makefile").touch()
    (tmp_path / "Module.symvers").touch()
    kernel = kernels.Kernel("6.1", "6.1", tmp_path, tmp_path, tmp_path)
    assert build_seed.key(tmp_path, STAGE, kernel) != build_seed.key(tmp_path, STAGE, kernel, "1.3")


def test_nothing_of_a_seed_that_failed_is_left(tmp_path, monkeypatch):
    """On a full disk an object may be cut, and its note says that it is up to date."""
    def cut(source, folder, own):
        (folder / "detect.o").write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    (tmp_path / "stage-config.mk").touch()
    monkeypatch.setattr(build_seed, "reference", lambda *_: tmp_path)
    monkeypatch.setattr(build_seed.subprocess, "run", lambda *_, **__: None)
    monkeypatch.setattr(build_seed, "sow", cut)
    build_seed.seed(ROOT, STAGE, tmp_path / "out" / STAGE, None, tmp_path, {})
    assert not (tmp_path / "out" / STAGE).exists()


@pytest.fixture(name="two_stages")
def objects_of_one_stage_and_the_links_of_the_next(tmp_path):
    """old.c is in both, named.c says which stage it is in, reads.c reads a header that does, new.c
    is in the later one only, and replaced.c as another file."""
    made, links = tmp_path / "made", tmp_path / "links"
    texts = {"project01/old.c": "old", "project01/named.c": "#if VTX_STAGE > 1",
             "project01/reads.c": "reads", "project01/h.h": "VTX_STAGE", "project01/replaced.c": "",
             "project02/replaced.c": "", "project02/new.c": "new"}
    for folder in ("project01", "project02", "made/user", "links"):
        (tmp_path / folder).mkdir(parents=True)
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="ascii")
        (links / Path(name).name).unlink(missing_ok=True)
        (links / Path(name).name).symlink_to(tmp_path / name)
    for name in ("old", "named", "reads", "replaced"):
        (made / f"{name}.c").symlink_to(tmp_path / f"project01/{name}.c")
        (made / f"{name}.o").write_text(name, encoding="ascii")
        more = "h.h" if name == "reads" else ""
        (made / f".{name}.o.cmd").write_text(
            f"gcc -MMD,/m/.{name}.o.d -DVTX_STAGE=1 -I/m -o /m/{name}.o /m/{name}.c"
            + (f" /m/{more}" if more else ""), encoding="ascii")
        (made / f"user/{name}.d").write_text(f"user/{name}.o: {name}.c {more}\n", encoding="ascii")
        (made / f"user/{name}.o").touch()
    (made / build_kin.NOTE).write_text('"/m"', encoding="ascii")
    (made / build_kin.LOG).write_text("  CC x\na.c:1: warning: w\na.c:1: warning: w\n")
    return made, links


def test_a_stage_takes_of_the_one_before_what_says_nothing_of_stages(two_stages):
    made, links = two_stages
    assert build_kin.module_objects(made, links, "project02", "/m") == ["old"]
    assert build_kin.user_objects(made, links, "project02") == ["old"]
    build_kin.take_module(made, links, "project02")
    assert (links / "old.o").is_file() and not (links / "reads.o").exists()
    assert (links / ".old.o.cmd").read_text() == (
        f"gcc -MMD,{links}/.old.o.d -DVTX_STAGE=2 -I{links} -o {links}/old.o {links}/old.c")
    assert build_kin.warnings(made) == "a.c:1: warning: w\n"


@pytest.fixture(name="submitted")
def a_submission(tmp_path):
    folder = tmp_path / "submitted"
    folder.mkdir()
    for name in (ROOT / STAGE / "student.files").read_text(encoding="utf-8").split():
        shutil.copyfile(ROOT / STAGE / name, folder / name)
    return folder


def seeded(out: Path, submitted: Path) -> build.Build:
    kernel = kernels.resolve()
    return build.build_stage(
        ROOT, STAGE, out, {"SUBMIT": str(submitted)},
        prepare=lambda folder: build_seed.seed(ROOT, STAGE, folder, kernel, submitted, {}))


def code(module: Path) -> str:
    """The module's instructions, without the name of the folder."""
    done = subprocess.run(["objdump", "-d", "-r", module], text=True, capture_output=True,
                          check=True)
    return done.stdout.partition("\n\n")[2]


def test_a_seeded_build_is_the_plain_one_and_compiles_what_is_the_students(tmp_path, submitted):
    result = seeded(tmp_path / "seeded", submitted)
    plain = build.build_stage(ROOT, STAGE, tmp_path / "plain", {"SUBMIT": str(submitted)})
    assert result.ok and plain.ok
    assert "vmxon_all.o" in result.log and "detect.o" not in result.log
    kernel = kernels.resolve()
    own = build.build_stage(ROOT, STAGE, tmp_path / "own", prepare=lambda folder:
                            build_seed.seed_new(ROOT, STAGE, folder, kernel, {}))
    assert own.ok and "vmxon_all.o" not in own.log and "cmd_" not in own.log
    assert code(own.module) == code(result.module) == code(plain.module)


def test_a_folder_that_is_there_is_makes_own_matter(tmp_path, monkeypatch):
    """What was built in it before knows better what is old than the cache does."""
    monkeypatch.setattr(build_seed, "seed", lambda *_: pytest.fail("it was made anew"))
    build_seed.seed_new(ROOT, STAGE, tmp_path, None, {})


def test_a_submission_meets_none_of_another_ones_objects(tmp_path, submitted):
    """Not even in a folder of its own name, nor with a file that is older than the object."""
    assert seeded(tmp_path / "out", submitted).ok
    file = submitted / "vmxon_all.c"
    file.write_text(file.read_text(encoding="utf-8") + MISTAKE, encoding="utf-8")
    os.utime(file, (0, 0))
    second = seeded(tmp_path / "out", submitted)
    assert not second.ok and "the student's own line is compiled" in second.errors
    file.write_text(file.read_text(encoding="utf-8").replace(MISTAKE, ""), encoding="utf-8")
    assert seeded(tmp_path / "out", submitted).ok
