# SPDX-License-Identifier: GPL-2.0
"""Rules for write-ups: what their tables say of exercises, ioctls, fields and numbers is so."""

import re

import pytest
import scan
from harness import exercises

CHAPTERS = ("Recap", "Goals", "Background", "What changes in the driver", "The ioctls", "vtxctl",
            "Exercises", "How to check yourself", "What goes wrong", "What is next")
ROW = re.compile(r"^\|(.*)\|\s*$")
IOCTL = re.compile(r"^#define (VTXDRV_\w+) _IO[WR]*\(VTXDRV_IOC, (\w+)(?:, struct (\w+))?\)", re.M)
SIZE = re.compile(r"^VTX_ABI_SIZE\((\w+), (\d+)\);", re.M)
OPTION = re.compile(r"""^\t\{ "([a-z-]+)", (?:'.'|KEY_\w+), (?:NULL|")""", re.M)
READ = re.compile(r'(project\d\d/README\.md), ("[^"]+"(?:(?:,| and) "[^"]+")*)')
KEY = re.compile(r'(?:ctl_json_put_\w+|json_object_object_add)\(\w+,\s*"(\w+)"')
ENTRY = re.compile(r'\((\w+), (\w+),\s*"([^"]*)"', re.S)


def stages(root):
    return [page.parent for page in sorted(root.glob("project[0-9][0-9]/README.md"))]


def page(directory):
    return scan.text_of(directory / "README.md")


def rows(text, columns):
    """The rows of all tables with so many columns, each a list of cells."""
    cells = [[c.strip() for c in m[1].split("|")] for m in map(ROW.match, text.splitlines()) if m]
    return [row for row in cells if len(row) == columns]


def header(root):
    files = sorted((root / "common/include").glob("vtxdrv*.h"))
    return "".join(scan.text_of(path) for path in files)


def table(root, name):
    """The entries of a table in common/arch: (number, identifier, text)."""
    return ENTRY.findall(scan.text_of(root / "common/arch" / name))


def test_chapters(repository):
    """Every write-up has the chapters of a write-up, in their order."""
    problems = []
    for stage in stages(repository):
        found = re.findall(r"^## (.+)$", page(stage), re.M)
        if [c for c in found if c in CHAPTERS] != list(CHAPTERS):
            problems.append(f"{stage.name}/README.md: {', '.join(found)}")
    scan.report(problems, f"the chapters are {', '.join(CHAPTERS)}")


def test_exercises_are_listed(repository):
    """The table of exercises says what the marks in the source say."""
    problems = []
    for stage in filter(lambda d: (d / "stage.c").is_file(), stages(repository)):
        listed = [row for row in rows(page(stage), 4) if re.fullmatch(r"\d\.\d+", row[0])]
        marked = [[e.number, str(e.points), f"`{e.file.split('/')[-1]}`", e.title]
                  for e in sorted(exercises.load_stage(stage).exercises, key=lambda e: e.order)]
        problems += [f"{stage.name}/README.md: {' | '.join(row)}" for row in listed
                     if row not in marked]
        problems += [f"{stage.name}: not listed: {' | '.join(row)}" for row in marked
                     if row not in listed]
    scan.report(problems, "the table of exercises and the marks differ")


def test_sections_that_marks_name(repository):
    """Where a mark says `Read: projectNN/README.md, "Title"`, the page has such a heading."""
    problems = []
    for stage in filter(lambda d: (d / "stage.c").is_file(), stages(repository)):
        for exercise in exercises.load_stage(stage).exercises:
            for name, titles in READ.findall(" ".join(exercise.read.split())):
                headings = re.findall(r"^##+ (.+)$", scan.text_of(repository / name), re.M)
                problems += [f"{exercise.place}: {name} has no section {title}"
                             for title in re.findall(r'"([^"]+)"', titles)
                             if title not in headings]
    scan.report(problems, "sections that marks name")


def described(text):
    """The ioctls of a page's table: name, number as an integer, structure and its size."""
    for row in rows(text, 5):
        if name := re.fullmatch(r"`(VTXDRV_\w+)`", row[0]):
            number = int(row[1].removeprefix("k, ").removesuffix("H"), 16)
            struct = re.match(r"`struct (\w+)` \((\d+) bytes\)", row[3])
            yield name[1], number, struct and struct[1], struct and struct[2]


def test_ioctls_are_described(repository):
    """Number, structure and size of each ioctl are those of vtxdrv.h, and none is missing."""
    sizes = dict(SIZE.findall(header(repository)))
    sizes["vtx_vm_config"] = re.search(r"vtx_vm_config, (\d+)", header(repository))[1]
    real = {name: (int(number, 0), struct or None, sizes.get(struct))
            for name, number, struct in IOCTL.findall(header(repository))}
    found, problems = set(), []
    for stage in stages(repository):
        for name, *said in described(page(stage)):
            found.add(name)
            if real.get(name) != tuple(said):
                problems.append(f"{stage.name}/README.md: {name}: {said}, is {real.get(name)}")
    if len(stages(repository)) >= 4:
        problems += [f"not described: {name}" for name in sorted(set(real) - found)]
    scan.report(problems, "ioctls")


def test_commands_are_described(repository):
    """The chapter about vtxctl has each command of the stage, and each of its options."""
    problems = []
    for stage in stages(repository):
        chapter = page(stage).partition("\n## vtxctl\n")[2].partition("\n## ")[0]
        for path in sorted(stage.glob("cmd_*.c")):
            text = scan.text_of(path)
            wanted = [f"vtxctl {name}" for name in re.findall(r"^VTX_COMMAND\((\w+),", text, re.M)]
            wanted += [f"--{name}" for name in OPTION.findall(text)]
            problems += [f"{stage.name}/README.md: {what} ({path.name})" for what in wanted
                         if what not in chapter]
    scan.report(problems, "not in the chapter about vtxctl")


def test_keys_are_described(repository):
    """The chapter about vtxctl has each key of the JSON that the stage's commands print."""
    problems = []
    for stage in stages(repository):
        chapter = page(stage).partition("\n## vtxctl\n")[2].partition("\n## ")[0]
        for path in sorted(stage.glob("cmd_*.c")):
            problems += [f"{stage.name}/README.md: {key} ({path.name})"
                         for key in sorted(set(KEY.findall(scan.text_of(path))))
                         if f"`{key}`" not in chapter and f'"{key}"' not in chapter]
    scan.report(problems, "not in the chapter about vtxctl")


def test_refusals_are_listed(repository):
    """The errnos of VTXDRV_CREATE_VM are those of the comment in vtxdrv.h."""
    text = re.search(r"Create the VM of this open file(.*?)\*/", header(repository), re.S)[1]
    listed = {errno.strip("`") for _, errno, _ in rows(page(repository / "project03"), 3)
              if re.fullmatch(r"`E[A-Z0-9]+`", errno)}
    promised = set(re.findall(r"\b(E[A-Z0-9]{2,})\b", text))
    scan.report(sorted(listed ^ promised), "in one of vtxdrv.h and project03/README.md only")


def test_kinds_of_exits_are_listed(repository):
    """Every kind of exit is in project04's write-up."""
    kinds = set(re.findall(r"^\tVTX_EXIT_(\w+) = \d+,", header(repository), re.M)) - {"NONE"}
    text = page(repository / "project04")
    scan.report([k for k in sorted(kinds) if not re.search(rf"\b{k}\b", text)], "not mentioned")


@pytest.mark.parametrize(("pattern", "file"), [
    (r"^\| (\d+) ([^|]+) \| [A-Z]", "vmx_exit_reasons.def"),
    (r"^\| error (\d+): ([^|]+) \|", "vmx_instruction_errors.def"),
], ids=["exit reasons", "VM-instruction errors"])
def test_numbers_have_their_names(repository, pattern, file):
    """A number of the manual that stands with its name in a table has that name."""
    names = {int(number): text for number, _, text in table(repository, file)}
    problems, seen = [], 0
    for stage in stages(repository):
        for number, name in re.findall(pattern, page(stage), re.M):
            seen += 1
            if names.get(int(number)) != name:
                problems.append(f"{stage.name}/README.md: {number} {name}: it is"
                                f" {names.get(int(number))}")
    assert seen, f"no write-up has such a table: {pattern}"
    scan.report(problems, f"common/arch/{file} says otherwise")


def test_fields_exist(repository):
    """A field that a page names in capitals is in the table of fields, or begins one."""
    known = {ident for _, ident, _ in table(repository, "vmcs_fields.def")}
    known |= set(re.findall(r"^VMCB_FIELD\(\w+, \d, (\w+),",
                            scan.text_of(repository / "common/arch/vmcb_fields.def"), re.M))
    problems = []
    for stage in stages(repository):
        for name in set(re.findall(r"\b((?:GUEST|HOST)_[A-Z0-9_]+)\b", page(stage))):
            if not any(ident.startswith(name.rstrip("_")) for ident in known):
                problems.append(f"{stage.name}/README.md: {name}")
    scan.report(problems, "no field of VMCS or VMCB has that name")


def test_hypercalls_are_listed(repository):
    """The table of hypercalls is that of guest.h."""
    text = scan.text_of(repository / "project04/guest/guest.h")
    real = dict(re.findall(r"^#define VTX_CALL_(\w+) (\d+)$", text, re.M))
    listed = {row[1].strip("`"): row[0] for row in rows(page(repository / "project04"), 4)
              if row[0].isdigit() and re.fullmatch(r"`[A-Z]+`", row[1])}
    assert listed == real


def test_guests_are_listed(repository):
    """Every guest of project04 has a line in its write-up."""
    real = {path.stem for path in (repository / "project04/guest").glob("*.S")} - {"lib"}
    section = page(repository / "project04").partition("### The guests")[2].partition("\n## ")[0]
    listed = {row[0].strip("`") for row in rows(section, 3)
              if re.fullmatch(r"`[a-z]+`", row[0])}
    scan.report(sorted(real ^ listed), "in one of project04/guest and project04/README.md only")
