# SPDX-License-Identifier: GPL-2.0
"""What a VM may look like (vm_config_logic.c), on the host, against a model in Python."""
import ctypes
import errno
import random
import string

import pytest

from harness import mutants
from unit import host_build

SEED = 20261124
NAME = 32
PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "


class Config(ctypes.Structure):
    """struct vtx_vm_config."""

    _fields_ = [("name", ctypes.c_ubyte * NAME), ("memory", ctypes.c_ulong),
                ("vcpus", ctypes.c_int)]


class Limits(ctypes.Structure):
    """struct vm_limits."""

    _fields_ = [("address_space", ctypes.c_uint64), ("max_memory", ctypes.c_uint64),
                ("max_vcpus", ctypes.c_uint32)]


def compiled(source, library, *flags):
    """vm_config_check() of a source file."""
    host_build.run(["gcc", *host_build.compile_flags((), 3), *flags, "-shared", "-fPIC", source,
                    "-o", library])
    function = ctypes.CDLL(str(library)).vm_config_check
    return lambda config, limits: -function(ctypes.byref(config), ctypes.byref(limits))


@pytest.fixture(name="check", scope="module")
def fixture_check(tmp_path_factory):
    """The reference, with what is undefined in C turned into an abort."""
    return compiled(host_build.TOP / "project03/vm_config_logic.c",
                    tmp_path_factory.mktemp("config") / "config.so",
                    "-fsanitize=undefined", "-fno-sanitize-recover=all")


def model(name, memory, vcpus, limits):
    """The errno that a configuration deserves, 0 for none."""
    text = name.partition(b"\0")[0]
    rules = [
        (0 not in name, errno.ENAMETOOLONG), (not text, errno.ENODATA),
        (any(not 0x20 <= byte <= 0x7e for byte in text), errno.EILSEQ),
        (memory == 0, errno.EDOM), (memory > limits.address_space, errno.EOVERFLOW),
        (memory % 4096, errno.EINVAL), (memory > limits.max_memory, errno.EFBIG),
        (vcpus < 1, errno.ERANGE), (vcpus > limits.max_vcpus, errno.E2BIG)]
    return next((code for broken, code in rules if broken), 0)


def random_name(rng):
    """Mostly a good name, at times an evil one; behind its end anything."""
    text = "".join(rng.choices(PRINTABLE, k=rng.choice((0, 1, 5, 30, 31, 32)))).encode()
    if rng.random() < 0.3 and text:
        at = rng.randrange(len(text))
        text = text[:at] + bytes([rng.choice((1, 9, 10, 27, 31, 127, 128, 200, 255))]) \
            + text[at + 1:]
    rest = rng.randbytes(NAME - len(text))
    return text + (b"\0" + rest[1:] if rest else b"")


def around(rng, *values):
    """One of these numbers, or a neighbour."""
    return rng.choice(values) + rng.choice((-4096, -1, 0, 0, 0, 1, 4096))


def configurations(count):
    """(name, memory, vCPUs, limits) of random VMs, by which every rule is met and broken."""
    rng = random.Random(SEED)
    for _ in range(count):
        limits = Limits(1 << rng.randrange(32, 53), 4096 * rng.randrange(1, 1 << 18),
                        rng.randrange(1, 65))
        memory = around(rng, 0, 1 << 20, limits.max_memory, limits.address_space, 1 << 63)
        vcpus = rng.choice((-2 ** 31, -1, 0, 1, limits.max_vcpus, limits.max_vcpus + 1,
                            2 ** 31 - 1))
        yield random_name(rng), memory % (1 << 64), vcpus, limits


def differing(check, count):
    """Configurations that are not taken as they deserve, and the errnos that were deserved."""
    wrong, met = [], set()
    for name, memory, vcpus, limits in configurations(count):
        config = Config((ctypes.c_ubyte * NAME)(*name), memory, vcpus)
        met.add(expected := model(name, memory, vcpus, limits))
        if (seen := check(config, limits)) != expected:
            wrong.append((name, hex(memory), vcpus, expected, seen))
    return wrong, met


def test_random_configurations(check):
    """Thousands of them; every rule is met, and so is its absence."""
    wrong, met = differing(check, 20000)
    assert not wrong and len(met) == 10


def test_mutants(tmp_path):
    """The mistakes of students in this file are caught here as well."""
    for mutant in mutants.load(host_build.TOP, "project03"):
        if [edit.file for edit in mutant.edits] != ["vm_config_logic.c"]:
            continue
        folder = mutants.write(mutant, host_build.TOP, tmp_path / mutant.name)
        check = compiled(folder / "vm_config_logic.c", folder / "config.so", "-w")
        assert differing(check, 4000)[0], mutant.mistake


def test_smallest_and_largest(check):
    """A page and a vCPU will do, and so will everything that the limits allow."""
    limits = Limits(1 << 46, 1 << 40, 64)
    name = (ctypes.c_ubyte * NAME)(*b"x")
    assert check(Config(name, 4096, 1), limits) == 0
    assert check(Config(name, 1 << 40, 64), limits) == 0
