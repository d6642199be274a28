# SPDX-License-Identifier: GPL-2.0
"""Sizes, numbers and seconds as people type them: common/user/ctl_size.c, on the host."""
import ctypes

import pytest

from unit import host_build

UNTOUCHED = 0xdeadbeef
MOST = 2 ** 64 - 1


@pytest.fixture(name="library", scope="module")
def fixture_library(tmp_path_factory):
    """The file as a shared library."""
    target = tmp_path_factory.mktemp("size") / "size.so"
    host_build.run(["gcc", *host_build.compile_flags(), "-shared", "-fPIC", "-o", target,
                    host_build.TOP / "common/user/ctl_size.c"])
    return ctypes.CDLL(str(target))


def parse(library, kind, text):
    """The value, or what is wrong; an error leaves the value alone."""
    function = getattr(library, f"ctl_parse_{kind}")
    function.restype = ctypes.c_char_p
    value = ctypes.c_uint64(UNTOUCHED)
    wrong = function(text.encode(), ctypes.byref(value))
    if wrong is None:
        return value.value
    assert value.value == UNTOUCHED, f"{text!r} was refused, and its value written all the same"
    return wrong.decode()


@pytest.mark.parametrize("text, value", [
    ("0", 0), ("4096", 4096), ("010", 10), ("0x1000", 4096), ("64K", 65536), ("64KiB", 65536),
    ("64k", 65536), ("64M", 64 << 20), ("64mib", 64 << 20), ("1G", 1 << 30), ("1GiB", 1 << 30),
    ("2T", 2 << 40), ("16777215T", 16777215 << 40), (str(MOST), MOST), ("0XffffffffffffffFF", MOST),
])
def test_sizes(library, text, value):
    """What is a size."""
    assert parse(library, "size", text) == value


@pytest.mark.parametrize("text, words", [
    ("", "nothing is there"), ("-1", "sign"), ("+1", "sign"), ("-0", "sign"), (" 1", "number"),
    ("M", "number"), ("0x", "number"), ("0xg", "number"), (".5G", "number"),
    ("64Q", "K M G T"), ("64 M", "K M G T"), ("64MB", "K M G T"), ("64M ", "K M G T"),
    ("1.5G", "K M G T"), ("0x0x10", "K M G T"), ("64M64", "K M G T"),
    (str(MOST + 1), "64 bits"), ("99999999999999999999999", "64 bits"),
    ("16777216T", "64 bits"), ("17179869184G", "64 bits"), ("0x10000000000000000", "64 bits"),
])
def test_no_sizes(library, text, words):
    """What is none, and what the answer says."""
    answer = parse(library, "size", text)
    assert isinstance(answer, str), f"{text!r} was taken for {answer}"
    assert words in answer


@pytest.mark.parametrize("text, value", [("0", 0), ("17", 17), ("0xff", 255), (str(MOST), MOST)])
def test_numbers(library, text, value):
    """Whole numbers, all 64 bits of them."""
    assert parse(library, "number", text) == value


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1 ", "1K", "1.0", "x", str(MOST + 1)])
def test_no_numbers(library, text):
    """A unit or a fraction makes it something else."""
    assert isinstance(parse(library, "number", text), str)


@pytest.mark.parametrize("text, value", [
    ("1", 10 ** 9), ("0.25", 250_000_000), (".5", 500_000_000), ("2.000000001", 2_000_000_001),
    ("0.0000000019", 1), ("31535999.999999999", 31_535_999_999_999_999),
])
def test_seconds(library, text, value):
    """Nanoseconds come out."""
    assert parse(library, "seconds", text) == value


@pytest.mark.parametrize("text, words", [
    ("0", "more than 0"), ("0.0", "more than 0"), ("0.0000000001", "more than 0"), ("-1", "sign"),
    ("", "nothing"), (".", "seconds"), ("1.", "seconds"), ("1s", "seconds"), ("1.5s", "seconds"),
    ("1e3", "seconds"), ("nan", "number"), ("inf", "number"), ("31536000", "year"),
    (str(MOST), "year"),
])
def test_no_seconds(library, text, words):
    """Nothing, no number, or for ever."""
    assert words in parse(library, "seconds", text)
