# SPDX-License-Identifier: GPL-2.0
"""Taking the stage's files out of folders and archives, hostile ones among them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import tarfile
import zipfile

import pytest
from harness import submit
from harness.klass import gitbundle, intake, members
from harness.klass.errors import Unreadable

NAMES = ["detect.c", "probe.c"]
TEXT = {"detect.c": b"int detect;\n", "probe.c": b"int probe;\n"}


def tar_of(files, mode="w", extra=()):
    """A tar with these files, and TarInfo objects without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in extra:
            tar.addfile(info)
    return out.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def take(tmp_path, data, name="alice.bin"):
    path = tmp_path / name
    path.write_bytes(data)
    return intake.take(path, "project01", NAMES, tmp_path / "taken")


def zip_of(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def git(folder, *words):
    environ = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@b", "-C", folder, *words],
                   check=True, capture_output=True, env=environ)


def bundle_of(folder, files, *refs):
    """A bundle of a repository with one commit."""
    work = folder / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    for name, data in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(data)
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "x", "--date", "2026-11-01T00:00:00Z")
    git(work, "bundle", "create", "../alice.bundle", *(refs or ("HEAD",)))
    return folder / "alice.bundle"


PLACES = {
    "flat": "", "stage": "project01/", "wrapped": "alice-main/", "tree": "alice-main/project01/",
    "deep": "home/alice/course/project01/", "windows": "alice\\project01\\",
}
PACKERS = {
    "tar": tar_of, "zip": zip_of, "gz": lambda files: gzip.compress(tar_of(files)),
    "bz2": lambda files: bz2.compress(tar_of(files)),
    "xz": lambda files: lzma.compress(tar_of(files)),
    "zst": lambda files: subprocess.run(["zstd", "-q"], input=tar_of(files), check=True,
                                        capture_output=True).stdout,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("packer", ["tar", "zip"])
def test_finds_the_files_wherever_they_are(tmp_path, place, packer):
    """At the top, in projectNN/, below wrapping folders."""
    files = {PLACES[place] + name: data for name, data in TEXT.items()}
    found = take(tmp_path, PACKERS[packer](files))
    assert found.taken == TEXT and not found.problems()
    assert {p.name: p.read_bytes() for p in (tmp_path / "taken").iterdir()} == TEXT


@pytest.mark.parametrize("packer", PACKERS)
def test_every_format_by_its_content(tmp_path, packer):
    """The name's extension says nothing: learning platforms rename files."""
    assert take(tmp_path, PACKERS[packer](TEXT)).taken == TEXT


def test_folder(tmp_path):
    """A folder is read like an archive; its links and pipes are refused, not followed."""
    home = tmp_path / "alice/project01"
    home.mkdir(parents=True)
    (home / "detect.c").write_bytes(TEXT["detect.c"])
    (home / "probe.c").symlink_to("/etc/passwd")
    found = intake.take(tmp_path / "alice", "project01", NAMES, tmp_path / "taken")
    assert found.taken == {"detect.c": TEXT["detect.c"]}
    assert "symbolic link" in found.refused["probe.c"]
    (home / "probe.c").unlink()
    os.mkfifo(home / "probe.c")
    found = intake.take(tmp_path / "alice", "project01", NAMES, tmp_path / "again")
    assert "not a regular file" in found.refused["probe.c"]


def test_folder_that_holds_an_archive(tmp_path):
    """A learning platform makes a folder for each student and puts the upload into it."""
    (tmp_path / "alice").mkdir()
    (tmp_path / "alice/up load.zip").write_bytes(zip_of(TEXT))
    found = intake.take(tmp_path / "alice", "project01", NAMES, tmp_path / "taken")
    assert found.taken == TEXT and "up load.zip" in found.notes[0]


def test_the_stage_s_own_folder_wins(tmp_path):
    """Files of the same name in another stage, a build folder or a copy are not taken."""
    files = {f"x/project01/{name}": data for name, data in TEXT.items()}
    files |= {"x/project02/detect.c": b"2", "x/project02/probe.c": b"2", "x/build/detect.c": b"b",
              "x/old/detect.c": b"old", "__MACOSX/x/project01/detect.c": b"m"}
    found = take(tmp_path, tar_of(files))
    assert found.taken == TEXT and not found.notes
    files |= {"x/copy/detect.c": b"c", "x/copy/probe.c": b"c"}
    (tmp_path / "taken").rename(tmp_path / "before")
    found = take(tmp_path, tar_of(files))
    assert found.taken == TEXT and "x/copy" in found.notes[0]


def test_the_stages_own_folder_comes_first(tmp_path):
    """A complete older copy does not stand in for what was handed in, and is named."""
    files = {f"x/old/{name}": data for name, data in TEXT.items()}
    found = take(tmp_path, tar_of(files | {"x/project01/detect.c": b"new"}))
    assert found.taken == {"detect.c": b"new"} and found.missing == ["probe.c"]
    assert found.notes == ["taken from x/project01, and not from x/old"]


@pytest.mark.parametrize("name", ["/project01/detect.c", "../detect.c", "a/../../detect.c",
                                  "project01/../../../detect.c"])
@pytest.mark.parametrize("packer", ["tar", "zip"])
def test_paths_that_lead_outside(tmp_path, name, packer):
    """Such a member is not there; the others are taken, and nothing is written elsewhere."""
    found = take(tmp_path, PACKERS[packer]({name: b"evil", "probe.c": TEXT["probe.c"]}))
    assert found.taken == {"probe.c": TEXT["probe.c"]} and found.missing == ["detect.c"]
    assert not [p for p in tmp_path.rglob("detect.c")]


@pytest.mark.parametrize(("kind", "why"), [
    (tarfile.SYMTYPE, "symbolic link"), (tarfile.LNKTYPE, "not a regular file"),
    (tarfile.CHRTYPE, "not a regular file"), (tarfile.FIFOTYPE, "not a regular file")])
def test_special_members(tmp_path, kind, why):
    """Links, devices and pipes are refused with the reason."""
    data = tar_of({"probe.c": TEXT["probe.c"]}, extra=[special("detect.c", kind, "/etc/passwd")])
    found = take(tmp_path, data)
    assert why in found.refused["detect.c"] and list(found.taken) == ["probe.c"]


def test_link_in_a_zip(tmp_path):
    """zip keeps links as files with a mode."""
    info = zipfile.ZipInfo("detect.c")
    info.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert "symbolic link" in take(tmp_path, out.getvalue()).refused["detect.c"]


def test_large_member(tmp_path):
    """A member over the limit is refused, whatever its header says."""
    big = b"/" * (submit.SIZE_LIMIT + 1)
    assert "larger" in take(tmp_path, tar_of({"detect.c": big})).refused["detect.c"]
    (tmp_path / "taken").rmdir()
    assert "larger" in take(tmp_path, zip_of({"detect.c": big})).refused["detect.c"]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_bombs(tmp_path, monkeypatch, compress):
    """What unpacks to too much is given up on, not unpacked."""
    monkeypatch.setattr(members, "UNPACKED_LIMIT", 1 << 20)
    with pytest.raises(Unreadable, match="unpacks to more than"):
        take(tmp_path, compress(tar_of({"filler": bytes(8 << 20), **TEXT})))


def test_too_many_members(tmp_path, monkeypatch):
    """A hundred thousand names are no submission."""
    monkeypatch.setattr(intake, "MEMBER_LIMIT", 10)
    with pytest.raises(Unreadable, match="more than 10 files"):
        take(tmp_path, tar_of({f"f{i}": b"" for i in range(11)}))


def test_memory_bomb():
    """A decompressor's memory is bounded, and running into that is the submission's."""
    with pytest.raises(Unreadable, match="memory"), intake.bounded_memory(1 << 31):
        bytearray(1 << 32)


def damaged(data):
    return data[:40] + b"\xff" * 20 + data[60:len(data) // 2]


BROKEN = {
    "empty": b"", "text": b"I could not do it, sorry\n", "rar": b"Rar!\x1a\x07\x00" + bytes(50),
    "gz": damaged(gzip.compress(tar_of(TEXT))), "xz": damaged(lzma.compress(tar_of(TEXT))),
    "zip": damaged(zip_of(TEXT)), "no tar": gzip.compress(b"just text " * 100),
    "bundle": b"# v2 git bundle\n" + os.urandom(200),
    "zst": b"\x28\xb5\x2f\xfd" + bytes(100), "tar": tar_of(TEXT)[:700],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_archives(tmp_path, kind):
    """Each is this submission's own result, with a reason."""
    with pytest.raises(Unreadable) as reason:
        take(tmp_path, BROKEN[kind])
    assert len(str(reason.value)) > 20


def test_encrypted_zip(tmp_path):
    """A password is nothing that we have."""
    data = bytearray(zip_of(TEXT))
    for at in (data.find(b"PK\x03\x04") + 6, data.find(b"PK\x01\x02") + 8):
        data[at] |= 1
    assert "encrypted" in take(tmp_path, bytes(data)).refused["detect.c"]


def test_entry_that_is_a_link(tmp_path):
    """A submission that is a link somewhere else is not followed."""
    (tmp_path / "alice").symlink_to("/etc")
    with pytest.raises(Unreadable, match="symbolic link"):
        intake.take(tmp_path / "alice", "project01", NAMES, tmp_path / "taken")


def test_bundle(tmp_path):
    """The files of the branch that was handed in, and when it was committed."""
    path = bundle_of(tmp_path, {f"project01/{name}": data for name, data in TEXT.items()})
    assert intake.take(path, "project01", NAMES, tmp_path / "taken").taken == TEXT
    assert gitbundle.commit_time(path).year >= 2024


def test_bundle_of_many_branches(tmp_path):
    """main counts where there is one."""
    work = bundle_of(tmp_path, TEXT).with_name("work")
    git(work, "checkout", "-q", "-b", "attempt")
    (work / "detect.c").write_bytes(b"later")
    git(work, "commit", "-q", "-a", "-m", "y")
    git(work, "bundle", "create", "../all.bundle", "main", "attempt")
    found = intake.take(tmp_path / "all.bundle", "project01", NAMES, tmp_path / "taken")
    assert found.taken == TEXT


def test_hostile_bundle(tmp_path):
    """Links, submodules, attributes with filters, and configuration do nothing."""
    work = bundle_of(tmp_path, TEXT | {".gitattributes": b"*.c filter=evil\n"}).with_name("work")
    (work / "probe.c").unlink()
    (work / "probe.c").symlink_to("/etc/passwd")
    (work / ".gitmodules").write_text('[submodule "x"]\npath = x\nurl = ext::sh -c "touch evil"\n')
    git(work, "add", "-A")
    git(work, "update-index", "--add", "--cacheinfo", "160000", "1" * 40, "x")
    git(work, "commit", "-q", "-m", "y")
    git(work, "bundle", "create", "../evil.bundle", "HEAD")
    found = intake.take(tmp_path / "evil.bundle", "project01", NAMES, tmp_path / "taken")
    assert found.taken == {"detect.c": TEXT["detect.c"]}
    assert "symbolic link" in found.refused["probe.c"]
    assert not list(tmp_path.rglob("evil"))


def test_bundle_that_needs_more(tmp_path):
    """A bundle of the difference to a commit that we do not have says so."""
    work = bundle_of(tmp_path, TEXT).with_name("work")
    (work / "detect.c").write_bytes(b"later")
    git(work, "commit", "-q", "-a", "-m", "y")
    git(work, "bundle", "create", "../thin.bundle", "HEAD~1..main")
    with pytest.raises(Unreadable, match="(?i)prerequisite|lacks"):
        intake.take(tmp_path / "thin.bundle", "project01", NAMES, tmp_path / "taken")


def test_digest_is_of_the_content(tmp_path):
    """However it was packed, the same files are the same submission; one byte makes another."""
    first = take(tmp_path, zip_of(TEXT))
    (tmp_path / "taken").rename(tmp_path / "first")
    second = take(tmp_path, tar_of({f"x/project01/{n}": d for n, d in TEXT.items()}))
    (tmp_path / "taken").rename(tmp_path / "second")
    third = take(tmp_path, zip_of(TEXT | {"probe.c": b"int prob;\n"}))
    assert first.digest == second.digest != third.digest
