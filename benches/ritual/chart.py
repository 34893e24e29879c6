"""The chart of bytes on disk, as an SVG: `python -m ritual.chart RESULTS SVG`."""

from __future__ import annotations

import json
import math
import sys
from html import escape
from pathlib import Path
from typing import Any

from .figures import Results

# Peers in the chart and how they are called there. Durability does not change bytes: one of each store is enough.
NAMES = {
    "raw": "raw JSON",
    "sqlitesaver-full": "LangGraph SqliteSaver",
    "zstd-3": "zstd -3 in SQLite",
    "zstd-19": "zstd -19 in SQLite",
    "restic": "restic",
    "borg": "borg",
    "git-gc": "git gc --aggressive",
    "mythos-full": "MythOS",
}
HIGHLIGHT = "mythos-full"

# Greys and a blue that are readable on white and on black.
TEXT, FAINT, DOT, HIGHLIGHT_DOT = "#7d858f", "#8b949e", "#9aa4af", "#2f81f7"

WIDTH, COLUMNS, MARGIN = 920, 2, 24
TITLE_HEIGHT, PANEL_TITLE, ROW, AXIS, GAP = 64, 28, 24, 30, 20
LABELS, VALUES = 158, 74


def chart(sets: dict[str, Results]) -> str:
    """A panel for each set, all on the same logarithmic axis."""
    panels = {name: bytes_by_peer(results) for name, results in sets.items() if results}
    values = [value for panel in panels.values() for value in panel.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    panel_width = (WIDTH - MARGIN * 2 - GAP * (COLUMNS - 1)) / COLUMNS
    panel_height = PANEL_TITLE + ROW * max(len(panel) for panel in panels.values()) + AXIS + GAP
    height = TITLE_HEIGHT + panel_height * math.ceil(len(panels) / COLUMNS)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" role="img"'
        f' viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}"'
        ' font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="13">',
        "<title>Bytes on disk of the same checkpoints in several stores</title>",
        label(MARGIN, 26, "Bytes on disk, the same checkpoints in several stores", weight=600, size=17),
        label(MARGIN, 46, "whole files of closed stores, of git the pack; logarithmic: a line is ten times the last"),
    ]
    for number, (name, panel) in enumerate(panels.items()):
        x = MARGIN + (number % COLUMNS) * (panel_width + GAP)
        y = TITLE_HEIGHT + (number // COLUMNS) * panel_height
        parts += draw_panel(name, panel, x, y, panel_width, low, high)
    return "\n".join([*parts, "</svg>", ""])


def bytes_by_peer(results: Results) -> dict[str, int]:
    """The bytes of each peer, and of the states themselves, in the order of `NAMES`."""
    found = {"raw": next(iter(results.values()))["raw"]}
    found |= {peer: result["sizes"]["file"] for peer, result in results.items()}
    return {peer: found[peer] for peer in NAMES if peer in found}


def draw_panel(name: str, panel: dict[str, int], x: float, y: float, width: float, low: int, high: int) -> list[str]:
    """A dot for each peer on a line from the left edge."""
    left, right = x + LABELS, x + width - VALUES
    top, bottom = y + PANEL_TITLE, y + PANEL_TITLE + ROW * len(panel)

    def position(value: float) -> float:
        return left + (math.log10(value) - low) / (high - low) * (right - left)

    parts = [label(x, y + 16, name, weight=600, size=14)]
    for power in range(low, high + 1):
        tick = position(10**power)
        parts.append(line(tick, top, tick, bottom, opacity=0.35))
        parts.append(label(tick, bottom + 16, size_name(10**power), anchor="middle", size=11))
    for number, (peer, value) in enumerate(panel.items()):
        middle = top + ROW * (number + 0.5)
        dot, weight = (HIGHLIGHT_DOT, 600) if peer == HIGHLIGHT else (DOT, 400)
        end = position(value)
        parts += [
            label(left - 10, middle + 4.5, NAMES[peer], anchor="end", weight=weight),
            line(left, middle, end, middle, stroke=dot, width=3),
            f'<circle cx="{end:.1f}" cy="{middle:.1f}" r="5.5" fill="{dot}"/>',
            label(end + 11, middle + 4.5, size_name(value), weight=weight),
        ]
    return parts


def size_name(value: float) -> str:
    """A number of bytes with three digits that count."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.0f} B"


def label(x: float, y: float, text: str, *, anchor: str = "start", weight: int = 400, size: int = 13) -> str:
    """A text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{TEXT}" font-size="{size}" font-weight="{weight}"'
        f' text-anchor="{anchor}">{escape(text)}</text>'
    )


def line(
    x1: float, y1: float, x2: float, y2: float, *, stroke: str = FAINT, width: int = 1, opacity: float = 1
) -> str:
    """A line, by default one of the grid."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        f' stroke="{stroke}" stroke-width="{width}" stroke-opacity="{opacity}"/>'
    )


def write(sets: dict[str, Results], path: Path) -> None:
    """Writes the chart, if there is anything to show."""
    if any(sets.values()):
        path.write_text(chart(sets))


if __name__ == "__main__":
    recorded: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    write(recorded["sets"], Path(sys.argv[2]))
