# SPDX-License-Identifier: GPL-2.0
"""Text of a submission made harmless: it ends on terminals, in XML, in JSON and in CI logs.

Whoever writes the module decides what the kernel's log says, and the log is in every result.
"""

from __future__ import annotations

import re

# No control characters, no marks that turn the direction of writing, no lone surrogates.
_CONTROL = re.compile(
    r"[^\n\t\x20-\x7e\xa0-\u061b\u061d-\u200a\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe"
    r"\uff00-\ufffd]")
# GitHub's runner obeys a line that begins with `::notice …::`, with blanks before it or not, and
# `##[…]` anywhere in a line. Any word may come to stand at the beginning of a line.
_COMMAND = re.compile(r"(?<!\S):(?=:)|##(?=\[)")


def clean(text: str | bytes) -> str:
    """Text that is safe to print: no control characters, decoded if need be."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return _CONTROL.sub("?", text.replace("\r\n", "\n").replace("\r", "\n"))


def cut(text: str, limit: int) -> str:
    """The text, or its beginning and how much of it is missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} … ({len(text) - limit} characters more)"


def no_commands(text: str) -> str:
    """The text without commands for a CI system."""
    return _COMMAND.sub(lambda found: found[0] + " ", text)


def plain(text: str | bytes, limit: int) -> str:
    """What may stand in a result: clean, no commands for a CI system, of bounded length."""
    return cut(no_commands(clean(text)), limit)
