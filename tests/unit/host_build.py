# SPDX-License-Identifier: GPL-2.0
"""Build vtxctl for the host, straight from the sources, with every warning an error."""
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
COMMON = ["common/include", "common/arch", "common/logic", "common/user"]
WARNINGS = ["-Wall", "-Wextra", "-Wmissing-prototypes", "-Wno-unused-parameter", "-Werror"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
STUDENT = ("detect_logic.c", "vmx_caps_logic.c")
EXERCISES = ("1.1", "1.2", "1.5", "1.6", "1.7")


def folders(stage=1) -> list:
    """What a stage is composed of."""
    return COMMON + [f"project{number + 1:02d}" for number in range(stage)]


def compile_flags(todo=(), stage=1) -> list:
    """The compiler's flags; todo are the exercises to leave unsolved."""
    return ["-std=gnu11", "-g", *WARNINGS, f"-DVTX_STAGE={stage}",
            *(f"-DTODO_{exercise.replace('.', '_')}" for exercise in todo),
            *(f"-I{TOP / folder}" for folder in folders(stage))]


def sources(stage=1) -> list:
    """The C files of vtxctl in a stage, found by the rule of the composition build."""
    files = []
    for folder in folders(stage):
        for pattern in ("ctl_*.c", "cmd_*.c", "*_logic.c"):
            files += sorted((TOP / folder).glob(pattern))
    return files


def run(command: list) -> None:
    """Run a compiler; its messages become the failure."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr}"
    assert not done.stderr, done.stderr


def build(folder: Path, todo=(), sanitize=False, solved: Path = None, stage=1) -> Path:
    """Build vtxctl in a folder, on up to four cores, and return its path.

    Without the sanitizers it is linked statically, as for the lab machine, and starts much faster.
    With todo, what holds no exercise is taken from the folder of a build without.
    """
    extra = SANITIZE if sanitize else []

    def one(source: Path) -> Path:
        target = folder / (source.stem + ".o")
        if todo and solved and source.name not in STUDENT:
            return solved / target.name
        run(["gcc", *compile_flags(todo, stage), *extra, "-c", source, "-o", target])
        return target

    with ThreadPoolExecutor(4) as pool:
        objects = list(pool.map(one, sources(stage)))
    return link(objects, folder / "vtxctl", extra if sanitize else ["-static"])


def link(objects: list, tool: Path, flags=("-static",)) -> Path:
    """Link vtxctl; from project05 on it has an emulator, and that a decoder."""
    decoder = ["-lcapstone"] if any("cmd_emul" in Path(file).name for file in objects) else []
    run(["gcc", *flags, "-o", tool, *objects, *decoder, "-ljson-c", "-lm"])
    return tool


_ON_FAKE_DRIVER: dict = {}  # by stage


def on_fake_driver(factory, stage: int) -> Path:
    """vtxctl of a stage with the sanitizers; its open() and ioctl() lead to fake_driver.c.

    Built once for all tests of a worker: those that use it are one xdist_group.
    """
    if stage not in _ON_FAKE_DRIVER:
        folder = factory.mktemp(f"fake-{stage}")
        run(["gcc", *compile_flags(stage=stage), *SANITIZE, "-c",
             Path(__file__).with_name("fake_driver.c"), "-o", folder / "fake_driver.o"])
        build(folder, sanitize=True, stage=stage)
        _ON_FAKE_DRIVER[stage] = link([*folder.glob("*.o")], folder / "vtxctl",
                                      [*SANITIZE, "-Wl,--wrap=open", "-Wl,--wrap=ioctl"])
    return _ON_FAKE_DRIVER[stage]


def rebuild(solved: Path, changed: list, folder: Path, stage: int) -> Path:
    """Build vtxctl with other versions of some sources; the rest is taken from a build."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = {path.name: path for path in solved.glob("*.o")}
    for source in changed:
        target = objects[f"{source.stem}.o"] = folder / f"{source.stem}.o"
        # A mistake may leave a function behind that nobody uses.
        run(["gcc", *compile_flags((), stage), "-w", "-c", source, "-o", target])
    return link(sorted(objects.values()), folder / "vtxctl")
