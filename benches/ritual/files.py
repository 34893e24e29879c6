"""Bytes on disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def bytes_of(*paths: Path) -> int:
    """The lengths of files, and of all files under folders."""
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in files if file.is_file())


def checkpoint(database: Path) -> None:
    """Moves what is in the write-ahead log of a closed database into the database, and removes the log."""
    with closing(sqlite3.connect(database)) as connection:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise RuntimeError(f"{database} is still open")


def tables(database: Path) -> dict[str, int]:
    """The bytes of the pages of each table and index, the largest first; nothing if this SQLite cannot tell."""
    with closing(sqlite3.connect(database)) as connection:
        try:
            rows = connection.execute("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall()
        except sqlite3.OperationalError:
            return {}
    return dict(rows)
