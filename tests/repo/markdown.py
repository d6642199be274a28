# SPDX-License-Identifier: GPL-2.0
"""As much Markdown as the rules need: headings, links, fences and where these are from."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)\s*(\S*)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)(?:\s+#+)?\s*$")
_LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_IMAGE = re.compile(r"!\[[^\]]*\]\(\s*([^)\s]+)")
_COMMENT = re.compile(r"^\s*<!--\s*(\w+)(?:\s*\(([^)]*)\))?\s*(?::\s*(.*?))?\s*-->\s*$")


@dataclass
class Fence:
    """A fenced block, and the HTML comment in the line above that says where it comes from."""

    line: int
    language: str
    lines: list[str]
    kind: str = ""  # "from", "run", "sketch"; "" without a comment
    where: str = ""  # in parentheses: the machine that a transcript is from
    origin: str = ""  # a file, or a command


def fences(text: str) -> list[Fence]:
    """Every fenced block in its order."""
    found: list[Fence] = []
    current: Fence | None = None
    marker = ""
    before = ""
    for i, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if current is None and fence:
            marker = fence.group(1)
            current = Fence(i, fence.group(2), [])
            if comment := _COMMENT.match(before):
                current.kind, where, origin = comment.groups()
                current.where, current.origin = where or "", origin or ""
        elif current is not None and line.strip().startswith(marker):
            found.append(current)
            current = None
        elif current is not None:
            current.lines.append(line)
        if line.strip():
            before = line
    return found


def prose(text: str) -> list[tuple[int, str]]:
    """The numbered lines outside fences and without `code`."""
    inside = {n for f in fences(text) for n in range(f.line, f.line + len(f.lines) + 2)}
    return [(i, re.sub(r"`[^`]*`", "``", line)) for i, line in enumerate(text.splitlines(), 1)
            if i not in inside]


def links(text: str) -> list[tuple[int, str]]:
    """The target of every link and image with its line."""
    found = []
    for i, line in prose(text):
        found += [(i, target) for target in _LINK.findall(line) + _IMAGE.findall(line)]
    return found


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    heading = re.sub(r"\s*\{#[^}]*\}", "", heading)
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def anchors(text: str) -> set[str]:
    """Every anchor of a page; a repeated heading gets a number."""
    inside = {n for f in fences(text) for n in range(f.line, f.line + len(f.lines) + 2)}
    seen: dict[str, int] = {}
    found = set(re.findall(r"<a\s+(?:name|id)=\"([^\"]+)\"", text))
    found |= set(re.findall(r"\{#([\w-]+)\}", text))
    for i, line in enumerate(text.splitlines(), 1):
        heading = _HEADING.match(line) if i not in inside else None
        if heading:
            name = slug(heading.group(1))
            count = seen.get(name, 0)
            seen[name] = count + 1
            found.add(f"{name}-{count}" if count else name)
    return found
