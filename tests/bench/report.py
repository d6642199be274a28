# SPDX-License-Identifier: GPL-2.0
"""The figures for people: a table, bars of text, and an SVG where pygal is installed."""

from __future__ import annotations

from pathlib import Path

from bench.rows import ROWS, Figures

BAR = 40  # columns that stand for KVM's figure
LONGEST = 60
HEAD = ("row", "what it is", "vtxdrv", "KVM", "ratio", "goal", "")


def table(vtxdrv: Figures, kvm: Figures) -> str:
    """Rows of figures: instructions, or bytes where the name says so; less is better."""
    cells = [HEAD]
    for row in ROWS:
        ours, theirs = vtxdrv[row.name], kvm[row.name]
        cells.append((row.name, row.what, f"{ours:,}", f"{theirs:,}", f"{ours / theirs:.2f}",
                      row.goal(), "goal missed" if row.missed(ours, theirs) else "reached"))
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.rjust(width) if i in (2, 3, 4) else cell.ljust(width)
                  for i, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in cells)


def missed(vtxdrv: Figures, kvm: Figures) -> list[str]:
    """The rows whose goal is missed."""
    return [row.name for row in ROWS if row.missed(vtxdrv[row.name], kvm[row.name])]


def bars(vtxdrv: Figures, kvm: Figures) -> str:
    """A bar for each row, KVM's figure being the place of the |."""
    lines = [f"vtxdrv in parts of KVM's figure, which is at the | ({BAR} columns); less is better"]
    for row in ROWS:
        ratio = vtxdrv[row.name] / kvm[row.name]
        bar = "#" * max(1, min(LONGEST, round(ratio * BAR)))
        bar = f"{bar[:BAR]:{BAR}}|{bar[BAR:]}"
        lines.append(f"{row.name:14}{bar:{LONGEST + 1}} {ratio:6.2f}".rstrip())
    return "\n".join(lines)


def svg(vtxdrv: Figures, kvm: Figures, path: Path) -> bool:
    """Write the bars as a picture; whether pygal was there to do it."""
    try:
        import pygal
    except ImportError:
        path.unlink(missing_ok=True)  # an older picture shows other figures
        return False
    chart = pygal.HorizontalBar(
        title="vtxdrv in percent of KVM's figure: less is better", width=900, height=600, js=(),
        print_values=True, formatter=lambda percent: f"{percent:.0f} %", legend_at_bottom=True)
    chart.x_labels = [row.name for row in reversed(ROWS)]
    chart.add("vtxdrv", [100 * vtxdrv[row.name] / kvm[row.name] for row in reversed(ROWS)])
    chart.add("KVM", [100] * len(ROWS))
    path.write_bytes(chart.render())
    return True
