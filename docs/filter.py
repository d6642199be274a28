#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Doxygen's input filter: print a source file in a form that Doxygen understands.

- A .def table becomes the documentation of a file: its comment, and its lines as a table.
- A #define that is #undef'd in the same file is plumbing around a table and is left out.
- In a run of #defines the comment before the first one is meant for all of them.
- So it is in a run of declarations of functions and variables, a line each.
- The comment behind "u64 a, b;" is meant for a and for b.
- #UD, #GP and the like are exceptions of the processor, #VMEXIT is its exit; they are no links.
- Headings of pages get names, and links to headings those, as GitHub has them without being told.

Lines keep their numbers in C files, so that warnings point to the right one.

usage: filter.py FILE
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

DEFINE = re.compile(r"#define\s+(\w+)")
DECLARATION = re.compile(r"(?:[a-z]\w* )+\**(\w+)(?:\(.*\)|(?:\[\w*\])?);$")
HEADING = re.compile(r"^(##+) (.*\S)\s*$")
LINK = re.compile(r"\]\(([\w./-]*)#([\w-]+)\)")
COMMENT = re.compile(r"/\*(.*?)\*/", re.S)
# What a .def file is made of; arguments hold strings, and parentheses up to two levels deep.
TOKEN = re.compile(
    r"/\*(?P<comment>.*?)\*/|^#if VTX_STAGE >= (?P<stage>\d+)|"
    r'^(?P<macro>[A-Z]\w*)\((?P<arguments>'
    r'(?:"(?:[^"\\]|\\.)*"|\((?:[^()]|\([^()]*\))*\)|[^()"])*)\)',
    re.M | re.S)
PIECE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|\((?:[^()]|\([^()]*\))*\)|[^,"()])+')
COMMENT_LINE = re.compile(r"\s*(/\*\*?|\*)(\s|$)|.*/\*\*<")
MEMBERS = re.compile(r"^(\t+)((?:struct )?\w+) (\w+(?:, \w+)+); (/\*\*<.*\*/)$")
EXCEPTION = re.compile(r"(?<![\w\\&])#(?=(?:[A-Z]{2}|VMEXIT)\b)")


def prose(comment: str) -> list[str]:
    """Return a comment's lines without its stars."""
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in comment.splitlines()]
    return [escaped(line) for line in lines]


def escaped(text: str) -> str:
    """Return a text in which nothing is a command of Doxygen, HTML or a table's border."""
    # Quotation marks too: what is between them Doxygen takes literally.
    text = html.escape(text, quote=False).replace('"', "&quot;")
    return re.sub(r"([\\@#|%*_`])", r"\\\1", text)


def split(arguments: str) -> list[str]:
    """Return the arguments of a macro, strings without their quotes."""
    pieces = [" ".join(piece.split()) for piece in PIECE.findall(arguments)]
    return [re.sub(r'^"|"$', "", re.sub(r'"\s*"', "", piece)) for piece in pieces]


def table(name: str, rows: list[list[str]], head: list[str]) -> list[str]:
    """Return the lines of one macro as a Markdown table."""
    width = max(len(row) for row in rows)
    head = (head + [""] * width)[:width]
    lines = ["", escaped(name) + ":", "", "| " + " | ".join(map(escaped, head)) + " |",
             "|" + "---|" * width]
    for row in rows:
        cells = [escaped(cell) or "-" for cell in row] + [""] * (width - len(row))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def heads(comments: str) -> dict[str, list[str]]:
    """Return what the comments of a table call the arguments of its macros: NAME(a, b)."""
    return {found[1]: split(found[2]) for found in
            re.finditer(r"\b([A-Z][A-Z0-9_]+)\(([^()]*)\)", comments)}


def definitions(name: str, text: str) -> str:
    """Return a .def file as the documentation of a file: comments and tables in their order."""
    names = heads(" ".join(" ".join(found[1].replace("*", " ").split())
                           for found in COMMENT.finditer(text)))
    body: list[str] = []
    rows: list[list[str]] = []
    macro = ""
    for token in TOKEN.finditer(text):
        if rows and token["macro"] != macro:
            body += table(macro, rows, names.get(macro, []))
            rows = []
        if token["macro"]:
            macro = token["macro"]
            rows.append(split(token["arguments"]))
        elif token["comment"] and "SPDX" not in token["comment"]:
            body += ["", *prose(token["comment"])]
        elif token["stage"]:
            body += ["", f"<b>From project{int(token['stage']):02} on</b>"]
    if rows:
        body += table(macro, rows, names.get(macro, []))
    content = "\n".join(body).strip().replace("*/", "* /")  # or it would end ours
    return f"/**\n@file {name}\n\n@brief {content}\n*/\n"


def source(text: str) -> str:
    """Return a C file with its plumbing blanked out and shared comments made explicit."""
    lines = text.split("\n")
    same_comment(lines)
    plumbing = set(re.findall(r"^#undef\s+(\w+)", text, re.M))
    shared, after = "", -1  # the #define whose comment counts for more, and the line it ends before
    for number, line in enumerate(lines):
        if COMMENT_LINE.match(line):
            lines[number] = EXCEPTION.sub(r"\\#", line)
        lines[number] = MEMBERS.sub(one_by_one, lines[number])
        found = DEFINE.match(line)
        if not found:
            continue
        end = end_of(lines, number)
        if found[1] in plumbing:
            lines[number:end] = [""] * (end - number)
        elif is_documented(lines, number):
            shared, after = found[1], end
        elif shared and after == number and "/**<" not in line and end == number + 1:
            lines[number], after = f"{line} /**< See {shared}. */", end
        elif after == number:
            after = end
    return "\n".join(lines)


def one_by_one(found: re.Match[str]) -> str:
    """Return a declaration of several members as one of each, in one line."""
    indent, kind, names, comment = found.groups()
    return indent + " ".join(f"{kind} {name}; {comment}" for name in names.split(", "))


def same_comment(lines: list[str]) -> None:
    """Say below a documented declaration that its comment is meant for the next ones as well."""
    shared, after = "", -1
    for number, line in enumerate(lines):
        found = DECLARATION.match(line)
        if found and is_documented(lines, number):
            shared, after = found[1], number + 1
        elif found and shared and after == number:
            lines[number], after = f"{line} /**< See {shared}. */", number + 1


def end_of(lines: list[str], number: int) -> int:
    """Return the number after the last line of a #define."""
    while lines[number].endswith("\\"):
        number += 1
    return number + 1


def is_documented(lines: list[str], number: int) -> bool:
    """Tell whether a documentation comment ends right before a line."""
    number -= 1
    if number < 0 or not lines[number].rstrip().endswith("*/"):
        return False
    while number > 0 and "/*" not in lines[number]:
        number -= 1
    return lines[number].lstrip().startswith("/**") and "@file" not in lines[number]


def anchor(page: Path, heading: str) -> str:
    """Return the name of a heading in the whole manual."""
    slug = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
    return f"{page.parent.name}-{page.stem}-{slug}".lower()


def outside_code(line: str) -> str:
    """Return a line of a page whose exceptions are no links; in `code` they are none anyhow."""
    pieces = line.split("`")
    return "`".join(EXCEPTION.sub(r"\\#", piece) if number % 2 == 0 else piece
                    for number, piece in enumerate(pieces))


def page(path: Path, text: str) -> str:
    """Return a page whose headings have names, and whose links lead to these."""
    lines, inside = text.split("\n"), False
    for number, line in enumerate(lines):
        inside ^= line.startswith(("```", "~~~"))
        if inside or line.startswith("    "):
            continue
        lines[number] = line = outside_code(line)
        if found := HEADING.match(line):
            lines[number] = f"{line} {{#{anchor(path, found[2])}}}"
        lines[number] = LINK.sub(
            lambda m: f"](#{anchor((path.parent / m[1]).resolve() if m[1] else path, m[2])})",
            lines[number])
    return "\n".join(lines)


def filtered(path: Path) -> str:
    """Return a file as Doxygen is to see it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".def":
        return definitions(path.name, text)
    if path.suffix == ".md":
        return page(path.resolve(), text)
    return source(text) if path.suffix in (".c", ".h") else text


if __name__ == "__main__":
    sys.stdout.write(filtered(Path(sys.argv[1])))
