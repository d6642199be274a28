# SPDX-License-Identifier: GPL-2.0
"""Build vtxctl for the host, straight from the sources, with every warning an error."""
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
FOLDERS = ["common/include", "common/arch", "common/logic", "common/user", "project01"]
WARNINGS = ["-Wall", "-Wextra", "-Wmissing-prototypes", "-Wno-unused-parameter", "-Werror"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
STUDENT = ("detect_logic.c", "vmx_caps_logic.c")
EXERCISES = ("1.1", "1.2", "1.5", "1.6", "1.7")


def compile_flags(todo=()) -> list:
    """The compiler's flags; todo are the exercises to leave unsolved."""
    return ["-std=gnu11", "-g", *WARNINGS, "-DVTX_STAGE=1",
            *(f"-DTODO_{exercise.replace('.', '_')}" for exercise in todo),
            *(f"-I{TOP / folder}" for folder in FOLDERS)]


def sources() -> list:
    """The C files of vtxctl in project01, found by the rule of the composition build."""
    files = []
    for folder in FOLDERS:
        for pattern in ("ctl_*.c", "cmd_*.c", "*_logic.c"):
            files += sorted((TOP / folder).glob(pattern))
    return files


def run(command: list) -> None:
    """Run a compiler; its messages become the failure."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr}"
    assert not done.stderr, done.stderr


def build(folder: Path, todo=(), sanitize=False, solved: Path = None) -> Path:
    """Build vtxctl in a folder, on up to four cores, and return its path.

    Without the sanitizers it is linked statically, as for the lab machine, and starts much faster.
    With todo, what holds no exercise is taken from the folder of a build without.
    """
    extra = SANITIZE if sanitize else []

    def one(source: Path) -> Path:
        target = folder / (source.stem + ".o")
        if todo and solved and source.name not in STUDENT:
            return solved / target.name
        run(["gcc", *compile_flags(todo), *extra, "-c", source, "-o", target])
        return target

    with ThreadPoolExecutor(4) as pool:
        objects = list(pool.map(one, sources()))
    tool = folder / "vtxctl"
    run(["gcc", *(extra if sanitize else ["-static"]), "-o", tool, *objects, "-ljson-c", "-lm"])
    return tool
