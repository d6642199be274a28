# SPDX-License-Identifier: GPL-2.0
"""Pure C of project07 as a library, and the structures that its functions take and give."""
import ctypes
import subprocess

from unit import host_build

STAGE = 7
FOLDER = host_build.TOP / "project07"
ARCH = host_build.TOP / "common/arch"
TRAP = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]


def struct(name, /, **fields):
    """A ctypes structure with these fields."""
    return type(name, (ctypes.Structure,), {"_fields_": list(fields.items())})


def flags():
    """How each of them is compiled: what is undefined in C ends the test."""
    return [*host_build.compile_flags(stage=STAGE), "-O1"]


def library(folder, *names, todo=()):
    """Files of project07 as a library; todo are the exercises to leave unsolved."""
    target = folder / "svm.so"
    host_build.run(["gcc", *host_build.compile_flags(todo, STAGE), "-O1", *TRAP, "-shared", "-fPIC",
                    "-o", target, *(FOLDER / name for name in names)])
    return ctypes.CDLL(str(target))


def numbers(folder, include, names):
    """What a compiler makes of constant expressions: name -> number."""
    program = folder / "numbers"
    lines = "".join(f'printf("%llx\\n", (unsigned long long)({name}));' for name in names)
    source = folder / "numbers.c"
    source.write_text("#include <stdio.h>\n" + "".join(f'#include "{one}"\n' for one in include)
                      + f"int main(void) {{ {lines} return 0; }}\n", encoding="utf-8")
    host_build.run(["gcc", *host_build.compile_flags(stage=STAGE), "-o", program, source])
    told = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return dict(zip(names, (int(word, 16) for word in told.split()), strict=True))
