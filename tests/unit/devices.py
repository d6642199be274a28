# SPDX-License-Identifier: GPL-2.0
"""The devices of vtxctl run as a library, built once for the tests of a worker."""
import ctypes
import re

from unit import host_build

FILES = ["pic", "pit", "rtc", "uart"]
HEADER = host_build.TOP / "common/arch/pc_devices.h"
_LIBRARY: dict = {}


def library(factory):
    """The library; results are 32 bits wide but for times."""
    if not _LIBRARY:
        target = factory.mktemp("devices") / "devices.so"
        top = host_build.TOP
        host_build.run(["gcc", *host_build.compile_flags(stage=6), "-fsanitize=undefined",
                        "-fno-sanitize-recover=undefined", "-shared", "-fPIC", "-o", target,
                        top / "tests/unit/build_devices.c",
                        *(top / f"project06/cmd_dev_{name}.c" for name in FILES)])
        loaded = ctypes.CDLL(str(target))
        for name in ("dev_pit_next", "dev_rtc_next"):
            getattr(loaded, name).restype = ctypes.c_uint64
        for name in ("dev_pic_output", "dev_pit_out", "dev_pit_rise", "dev_rtc_interrupt",
                     "dev_uart_interrupt"):
            getattr(loaded, name).restype = ctypes.c_bool
        for name in ("dev_pic_read", "dev_pic_read_trigger", "dev_pit_read", "dev_rtc_read",
                     "dev_uart_read"):
            getattr(loaded, name).restype = ctypes.c_uint8
        _LIBRARY["it"] = loaded
    return _LIBRARY["it"]


def constants() -> dict:
    """The numbers of pc_devices.h by name."""
    return {name: int(value, 0) for name, value in
            re.findall(r"#define (\w+) (0x\w+|\d+)\b", HEADER.read_text(encoding="utf-8"))}


def time(value: int) -> ctypes.c_uint64:
    """An argument of 64 bits."""
    return ctypes.c_uint64(value)
