"""Each state alone, compressed with zstd, in one SQLite table: what a host writes in an afternoon."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import zstandard

from ..files import bytes_of, checkpoint
from ..sets import State, decode, encode

DATABASE = "states.sqlite"


class PlainZstd:
    """One row a state, one transaction a save."""

    acknowledges = True
    durability = "synchronous FULL"

    def __init__(self, level: int) -> None:
        self.compressor = zstandard.ZstdCompressor(level=level)
        self.decompressor = zstandard.ZstdDecompressor()

    def open(self, directory: Path) -> None:
        self.connection = sqlite3.connect(directory / DATABASE, isolation_level=None)
        self.connection.executescript(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS states (
                thread TEXT NOT NULL, sequence INTEGER NOT NULL, frame BLOB NOT NULL, PRIMARY KEY (thread, sequence)
            );
            """
        )
        self.sequences: dict[str, int] = {}

    def close(self) -> None:
        self.connection.close()

    def prepare(self, thread: str, state: State) -> State:
        return state

    def save(self, thread: str, prepared: State) -> int:
        sequence = self.sequences.get(thread, 0)
        frame = self.compressor.compress(encode(prepared))
        self.connection.execute("INSERT INTO states VALUES (?, ?, ?)", (thread, sequence, frame))
        self.sequences[thread] = sequence + 1
        return sequence

    def newest(self, thread: str) -> State:
        return self.get("SELECT frame FROM states WHERE thread = ? ORDER BY sequence DESC LIMIT 1", thread)

    def restore(self, thread: str, entry: int) -> State:
        return self.get("SELECT frame FROM states WHERE thread = ? AND sequence = ?", thread, entry)

    def get(self, query: str, *parameters: str | int) -> State:
        """The state of the row that `query` finds."""
        (frame,) = self.connection.execute(query, parameters).fetchone()
        return decode(self.decompressor.decompress(frame))

    def list(self, thread: str, limit: int) -> int:
        query = "SELECT sequence, LENGTH(frame) FROM states WHERE thread = ? ORDER BY sequence DESC LIMIT ?"
        return len(self.connection.execute(query, (thread, limit)).fetchall())

    def finish(self) -> None:
        pass

    def sizes(self, directory: Path) -> dict[str, int]:
        checkpoint(directory / DATABASE)
        return {"file": bytes_of(directory)}

    def payload(self) -> dict[str, int]:
        (size,) = self.connection.execute("SELECT SUM(LENGTH(frame)) FROM states").fetchone()
        return {"payload": size or 0}
