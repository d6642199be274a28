# SPDX-License-Identifier: GPL-2.0
"""The two pictures of a class, as SVG to be put into the page: pygal draws them."""

from __future__ import annotations

import pygal
from pygal.style import Style

from harness.klass.collect import Table

_BINS = 10
_STYLE = Style(
    background="transparent", plot_background="transparent", foreground="#444",
    foreground_strong="#222", foreground_subtle="#bbb", colors=("#3b6ea5",), opacity="1",
    opacity_hover=".8", font_family="system-ui, sans-serif", label_font_size=12,
    major_label_font_size=12, title_font_size=15, value_font_size=11, tooltip_font_size=12,
    value_label_font_size=11,
)
# pygal 2, of Debian 12, has no option for the guides.
_GUIDES = "inline:.axis .guide.line { stroke: #ddd !important; stroke-dasharray: none !important }"
_COMMON = {
    "css": ("file://style.css", "file://graph.css", _GUIDES),
    "style": _STYLE, "width": 560, "height": 300, "show_legend": False, "js": (),
    "pretty_print": False, "margin": 8,
    "disable_xml_declaration": True, "print_values": True,
    "print_values_position": "top",
    "print_zeroes": False, "show_y_guides": True,
}


def bins(finals: list[float], top: float) -> list[tuple[str, int]]:
    """How many students are in each tenth of the points; full points have a bar of their own."""
    step = top / _BINS or 1
    counts = [0] * (_BINS + 1)
    for points in finals:
        counts[min(_BINS, max(0, int(points / step + 1e-9)))] += 1
    labels = [f"{i * step:g}–" for i in range(_BINS)] + [f"{top:g}" if top else "0"]
    return list(zip(labels, counts, strict=True))


def distribution(table: Table) -> str:
    """The points of the class."""
    data = bins(table.finals, table.out_of)
    chart = pygal.Bar(
        **_COMMON, title="Students by final points", spacing=6,
        y_title="students", range=(0, max(4, *(count for _, count in data))),
        formatter=lambda count: f"{count:.0f}" if count == int(count) else "", max_scale=5,
    )
    chart.x_labels = [label for label, _ in data]
    chart.add("students", [count for _, count in data])
    return chart.render(is_unicode=True)


def success(table: Table) -> str:
    """Which part of the class has solved which exercise."""
    rates = table.success()
    chart = pygal.Bar(
        **_COMMON, title="Students with all points of an exercise",
        range=(0, 100), y_title="percent", y_labels=(0, 25, 50, 75, 100),
        formatter=lambda rate: f"{rate:.0f} %",
    )
    chart.x_labels = list(rates)
    chart.add("percent", list(rates.values()))
    return chart.render(is_unicode=True)
