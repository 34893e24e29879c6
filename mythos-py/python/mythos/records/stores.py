"""What the built-in stores tell about themselves."""

from __future__ import annotations

from typing import TypedDict

__all__ = [
    "BackupProgress",
    "CopyReport",
    "SqliteStatistics",
]


class BackupProgress(TypedDict):
    """How far a backup is, in pages of the file."""

    copied_pages: int
    total_pages: int


class SqliteStatistics(TypedDict):
    """What a SQLite store has done since it was opened.

    `commits` were acknowledged, in `flushes` transactions. `full_scan_steps` of listings no index guided, and `sorts`
    listings had to be sorted.
    """

    commits: int
    flushes: int
    full_scan_steps: int
    sorts: int


class CopyReport(TypedDict):
    """What a copy of a store carried over, and found equal on both sides."""

    records: int
    cells: int
    cell_bytes: int
