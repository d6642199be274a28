# SPDX-License-Identifier: GPL-2.0
"""The comparison of transcripts, and the reading of Markdown that the rules are built on."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "repo"))

import markdown  # noqa: E402
import scan  # noqa: E402
import test_docs  # noqa: E402
from stage.writeup_tools import first_missing  # noqa: E402

PAGE = """\
# A title: `code` & more
## Twice
<!-- from: a/b.c -->

```c
int x;
/* … */
int z;
```
## Twice
See [it](other.md#x "title"), ![picture](p.png), `[no](link)`.
<!-- run (svm): vtxctl detect -->
~~~
# not a heading
~~~
"""


@pytest.mark.parametrize(("shown", "printed", "missing"), [
    (["$ x", "CPU 0   0x80", "…", "end"], ["CPU 1 0x1", "a", "", "end"], None),
    (["CPU 0 on"], ["CPU 0 off"], "CPU 0 on"),
    (["a", "c"], ["a", "b", "c"], "c"),
    (["…", "z"], ["a"], "z"),
    (["a"], [], "a"),
])
def test_transcripts_forgive_numbers_and_blanks(shown, printed, missing):
    assert first_missing(shown, printed) == missing


def test_fences_know_their_origin():
    code, run = markdown.fences(PAGE)
    assert (code.kind, code.origin, code.language, code.line) == ("from", "a/b.c", "c", 5)
    assert (run.kind, run.where, run.origin) == ("run", "svm", "vtxctl detect")


def test_anchors_and_links():
    assert markdown.anchors(PAGE) == {"a-title-code--more", "twice", "twice-1"}
    assert [target for _, target in markdown.links(PAGE)] == ["other.md#x", "p.png"]


def test_snippets_are_found_with_gaps():
    source = "int x;\n\tint y;\nint z;\n"
    assert test_docs.missing_from(source, ["int x;", "/* … */", "  int z;"]) == ""
    assert test_docs.missing_from(source, ["int x;", "int z;"]) != ""
    assert test_docs.missing_from(source, ["int q;"]) == "int q;"


def test_functions_are_measured(tmp_path):
    source = tmp_path / "a.c"
    source.write_text("struct s\n{\n};\n\n/* why\n * so */\nstatic int f(int a,\n\t     int b)\n{\n"
                      "\tif (a) {\n\t}\n\treturn \"{\";\n}\n")
    (found,) = scan.c_functions(source, "a.c")
    assert (found.name, found.line, found.length) == ("f", 7, 7)
