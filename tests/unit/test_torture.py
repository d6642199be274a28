# SPDX-License-Identifier: GPL-2.0
"""make torture on the host: which sequences run where, and one process on each CPU is awaited."""

import subprocess

import pytest
from stage import torture
from stage import torture_tools as tools


@pytest.mark.parametrize(("first", "count"), [
    (0, 1), (0, 1_000_000), (49_999, 2), (50_000, 50_000), (123_456, 400_000), (7, 0),
])
def test_pieces_are_all_sequences_once(first, count):
    pieces = list(torture.pieces(first, count))
    numbers = [n for at, size in pieces for n in (at, at + size)]
    assert numbers == sorted(numbers) and sum(size for _, size in pieces) == count
    assert not pieces or (numbers[0], numbers[-1]) == (first, first + count)
    assert all(at // torture.MACHINE == (at + size - 1) // torture.MACHINE for at, size in pieces)


def test_a_sequence_has_the_same_machine_alone():
    for first, count in torture.pieces(0, 1_000_000):
        assert torture.cpus_of(first) == torture.cpus_of(first + count - 1)
    cpus = [torture.cpus_of(first) for first, _ in torture.pieces(0, 1_000_000)]
    assert cpus.count((0,)) == 3 * cpus.count((0, 1)) == 15


def test_shares_are_all_sequences_once():
    assert tools.shares(100, 7, 2) == [(100, 3), (103, 4)]
    assert tools.shares(5, 10_000, 1) == [(5, 10_000)]


@pytest.mark.parametrize(("status", "expected"), [("0 0", 0), ("0 1", 1), ("1 0", 1), ("3 2", 2)])
def test_one_process_that_fails_is_enough(tmp_path, status, expected):
    tool = tmp_path / "vmtool"
    tool.write_text("#!/bin/sh\necho cpu=$2\nset -- $2 $STATUS\n[ $1 = 0 ] && exit $2\nexit $3\n")
    tool.chmod(0o755)
    done = subprocess.run(["sh", "-c", tools.command(1, 0, 10, (0, 1))], capture_output=True,
                          env={"PATH": f"{tmp_path}:/usr/bin:/bin", "STATUS": status}, text=True,
                          check=False)
    assert done.returncode == expected
    assert sorted(done.stdout.split()) == ["cpu=0", "cpu=1"]


def test_on_one_cpu_a_failure_fails(tmp_path):
    tool = tmp_path / "vmtool"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)
    done = subprocess.run(["sh", "-c", tools.command(1, 0, 10, (1,))], check=False,
                          env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert done.returncode == 1
