# SPDX-License-Identifier: GPL-2.0
"""What is missing on a made-up machine, and what make install-deps would do about it."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest
from harness import packages

TOP = packages.MK.parents[1]
BY_HAND = {  # os-release, the command that is printed, and a package in its words
    "fedora": ("ID=fedora\n", "dnf install", "kernel-devel"),
    "rocky": ('ID=rocky\nID_LIKE="rhel centos fedora"\n', "dnf install", "qemu-system-x86-core"),
    "arch": ("ID=arch\n", "pacman -S", "linux-headers"),
    "opensuse": ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "zypper install", "qemu-x86"),
    "ubuntu": ("ID=ubuntu\nID_LIKE=debian\n", "apt-get install", "linux-headers-generic"),
    "unknown": ("ID=void\n", "names are Debian's", "linux-headers-amd64"),
}


def machine(folder: Path, os_release: str, *files: str) -> Path:
    """Make up a machine with a distribution and some files."""
    (folder / "etc").mkdir()
    (folder / "etc/os-release").write_text(os_release, encoding="utf-8")
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def run(script: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess:
    """Run one of our shell scripts without a terminal."""
    return subprocess.run(["sh", packages.MK / script, *arguments], text=True, cwd=TOP, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env={**os.environ, **environ})


def test_table_is_whole():
    """Every line has a known group and a reason, and no package is listed twice."""
    table = packages.table()
    assert {package.group for package in table} == set(packages.GROUPS)
    assert all(len(package.why) > 10 for package in table)
    assert len({package.debian for package in table}) == len(table)


@pytest.mark.parametrize("group", packages.GROUPS)
def test_documented(group):
    """docs/dependencies.md has the table of every group as it is."""
    text = (TOP / "docs/dependencies.md").read_text(encoding="utf-8")
    remedy = "paste from: PYTHONPATH=tests python3 -m harness.packages"
    assert packages.markdown(group) in text, remedy


def test_missing_on_debian(tmp_path):
    """Each kind of probe finds what is there: command, library, file, module, headers."""
    root = machine(tmp_path, "ID=debian\n", "usr/bin/gcc", "usr/lib/x86_64-linux-gnu/libz.a",
                   "usr/share/vgabios/vgabios.bin", "usr/lib/python3/dist-packages/pytest",
                   "var/lib/dpkg/info/linux-headers-amd64.list", "usr/sbin/bochs")
    found = {"gcc", "zlib1g-dev", "vgabios", "python3-pytest", "linux-headers-amd64", "bochs"}
    core = {package.debian for package in packages.table() if package.group == "core"}
    assert set(packages.missing(root)) == core - found


def test_groups(tmp_path):
    """Debugger and documentation tools are not asked for by the first command."""
    root = machine(tmp_path, "ID=debian\n")
    assert "doxygen" not in packages.missing(root)
    assert set(packages.missing(root, ("docs",))) == {"doxygen", "graphviz"}
    assert {"gdb", "clang-format"} <= packages.missing(root, ("debug", "dev")).keys()


def test_says_what_and_why_first(tmp_path):
    """A missing package is named with its reason before anything is done."""
    done = run("install-deps.sh", "--dry-run", VTX_ROOT=str(machine(tmp_path, "ID=debian\n")))
    assert done.returncode == 1
    assert "gcc                    compiles the module" in done.stdout
    assert "apt-get install --no-install-recommends gcc " in done.stdout


@pytest.mark.parametrize("name", BY_HAND)
def test_other_distributions_by_hand(tmp_path, name):
    """On other distributions nothing is installed: the list is printed, the status is 1."""
    os_release, command, package = BY_HAND[name]
    done = run("install-deps.sh", VTX_ROOT=str(machine(tmp_path, os_release)))
    assert done.returncode == 1
    assert "by hand" in done.stdout and command in done.stdout
    assert package in done.stdout.split()
    assert " - " not in done.stdout, "a name that the distribution does not have was printed"


def test_quick_when_nothing_is_missing():
    """The look comes before every command: little work. Here nothing is missing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run("install-deps.sh", "--missing")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stdout) == (0, "")
    # Processor time, not the clock: other tests keep the computer busy meanwhile.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


def test_python_is_found_with_its_modules():
    """The finder gives a Python that has the modules asked for, or status 1 and nothing."""
    assert run("find-python.sh").stdout.strip().endswith("python3")
    none = run("find-python.sh", "no_such_module")
    assert (none.returncode, none.stdout) == (1, "")


@pytest.mark.parametrize("precious", ["/", ".", "HOME"])
def test_clean_keeps_what_is_not_ours(tmp_path, precious):
    """make clean O=$HOME must not be the end of a home."""
    target = str(tmp_path) if precious == "HOME" else precious
    done = run("remove.sh", target, HOME=str(tmp_path))
    assert done.returncode == 1 and "is not removed" in done.stdout
    assert tmp_path.is_dir() and (TOP / "Makefile").exists()


def test_clean_keeps_a_repository_and_removes_a_build_folder(tmp_path):
    """A folder with a .git is somebody's work; one without is removed; none is fine."""
    (tmp_path / "build/.git").mkdir(parents=True)
    assert run("remove.sh", str(tmp_path / "build")).returncode == 1
    (tmp_path / "build/.git").rmdir()
    assert run("remove.sh", str(tmp_path / "build")).returncode == 0
    assert not (tmp_path / "build").exists()
    assert run("remove.sh", str(tmp_path / "build")).returncode == 0
