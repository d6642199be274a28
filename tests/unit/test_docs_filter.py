# SPDX-License-Identifier: GPL-2.0
"""docs/filter.py: what Doxygen gets to see of tables and of C files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("docs_filter", TOP / "docs/filter.py")
docs_filter = importlib.util.module_from_spec(spec)
spec.loader.exec_module(docs_filter)

TABLE = """/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bits: BIT(number, name, meaning), see <the manual>.
 */
BIT(0, ONE, "the first, they say")
#if VTX_STAGE >= 2
/* The second. */
BIT(1, TWO,
    "two " "strings")
OTHER(int, f, (int a, int b))
#endif
"""


def test_table():
    """Comments and lines come in their order; the comment names the columns."""
    seen = docs_filter.definitions("bits.def", TABLE)
    assert seen.startswith("/**\n@file bits.def\n\n@brief Bits:") and seen.endswith("*/\n")
    assert "| number | name | meaning |" in seen
    assert "| 0 | ONE | the first, they say |" in seen
    assert "| 1 | TWO | two strings |" in seen
    assert "| int | f | (int a, int b) |" in seen
    assert "&lt;the manual&gt;" in seen and "SPDX" not in seen
    assert seen.index("ONE") < seen.index("From project02 on") < seen.index("The second.") \
        < seen.index("TWO")


@pytest.mark.parametrize("path", sorted(TOP.glob("common/*/*.def")), ids=lambda path: path.name)
def test_no_line_of_a_table_is_lost(path):
    """Every entry of the real tables is a row; nothing ends the comment early."""
    entries = [line for line in path.read_text(encoding="utf-8").splitlines()
               if docs_filter.re.match(r"[A-Z]\w*\(", line)]
    seen = docs_filter.filtered(path)
    rows = [line for line in seen.splitlines()
            if line.startswith("| ") or line.startswith("|---")]
    heads = sum(line.startswith("|---") for line in rows)
    assert len(rows) - 2 * heads == len(entries)
    assert seen.count("*/") == 1


def test_c_file_keeps_its_lines():
    """Plumbing goes, a run of #defines shares its comment, exceptions are no links."""
    text = "\n".join(["/** Bits of x: #UD. */", "#define A 1", "#define B 2",
                      "#define C 3 /**< own */", "", "#define LONELY 4", "#define TABLE(a) \\",
                      "\ta,",
                      '#include "t.def"',
                      "#undef TABLE", "#if X", ""])
    lines = docs_filter.source(text).split("\n")
    assert len(lines) == len(text.split("\n"))
    assert lines[0] == "/** Bits of x: \\#UD. */"
    assert lines[1:4] == ["#define A 1", "#define B 2 /**< See A. */", "#define C 3 /**< own */"]
    assert lines[5:9] == ["#define LONELY 4", "", "", '#include "t.def"']


def test_file_comment_documents_no_define():
    """The comment on the file is not the one of a #define that follows it."""
    text = "/** @file x.h */\n#define A 1\n#define B 2\n"
    assert docs_filter.source(text) == text


def test_exceptions_of_a_page_are_no_links(tmp_path):
    """A page's #GP and #VMEXIT are words; code is left as it is, and so are links."""
    page = tmp_path / "page.md"
    text = "a #GP, `#UD` and #VMEXIT; [x](#there)\n    #DF\n"
    assert docs_filter.page(page, text).splitlines()[0].startswith(
        "a \\#GP, `#UD` and \\#VMEXIT; [x](#")
    assert docs_filter.page(page, text).splitlines()[1] == "    #DF"
