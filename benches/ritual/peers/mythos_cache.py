"""MythOS: `RitualCompressionCache` on its SQLite store. One assistant a set, one ritual a session.

States are MessagePack, made by ormsgpack: SqliteSaver's serializer calls the same, so that the two differ as stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Literal

import mythos
import ormsgpack
from mythos.records import CompressedRitual

from ..files import bytes_of, checkpoint, tables
from ..sets import State

ASSISTANT = "assistant"

# Every so many entries one is kept whole, whatever follows it.
KEYFRAME_INTERVAL = 64


class MythosCache:
    """A store of MythOS in one SQLite file."""

    acknowledges = True

    def __init__(self, synchronous: Literal["full", "normal"]) -> None:
        self.synchronous = synchronous
        self.durability = f"synchronous {synchronous.upper()}"

    def open(self, directory: Path) -> None:
        self.store = mythos.Mythos.open(directory / "mythos.db", synchronous=self.synchronous)
        self.rituals = self.store.rituals()

    def close(self) -> None:
        self.store.close()

    def prepare(self, thread: str, state: State) -> State:
        return state

    def save(self, thread: str, prepared: State) -> str:
        return self.save_bytes(thread, ormsgpack.packb(prepared))

    def save_bytes(self, thread: str, payload: bytes) -> str:
        """Saves bytes as they are."""
        return self.rituals.save(ASSISTANT, thread, payload)["entry"]

    def newest(self, thread: str) -> State:
        state: State = ormsgpack.unpackb(self.newest_bytes(thread))
        return state

    def newest_bytes(self, thread: str) -> bytes:
        """Restores the newest bytes."""
        restored = self.rituals.latest(ASSISTANT, thread)
        if restored is None:
            raise LookupError(f"{thread} has no entry")
        return restored["payload"]

    def restore(self, thread: str, entry: str) -> State:
        state: State = ormsgpack.unpackb(self.rituals.restore(entry)["payload"])
        return state

    def list(self, thread: str, limit: int) -> int:
        return len(self.rituals.list(assistant=ASSISTANT, ritual=thread, limit=limit)["items"])

    def finish(self) -> None:
        finish(self.store)

    def sizes(self, directory: Path) -> dict[str, int]:
        database = directory / "mythos.db"
        checkpoint(database)
        self.second_whole = second_whole_bytes(database)
        return {"file": bytes_of(directory), **{f"table {name}": size for name, size in tables(database).items()}}

    def payload(self) -> dict[str, int]:
        stored = sum(entry["compressed_ritual_data"]["stored_bytes"] for entry in self.entries())
        return {"payload": stored + self.dictionary_bytes(), "second_whole": self.second_whole}

    def dictionary_bytes(self) -> int:
        """What the dictionaries take without which payloads cannot be read, all copies counted."""
        dictionaries = self.rituals.dictionaries(ASSISTANT)
        return 0 if dictionaries is None else sum(each["stored_bytes"] for each in dictionaries["dictionaries"])

    def entries(self) -> Iterator[CompressedRitual]:
        """The records of all entries, newest first."""
        after = None
        while True:
            page = self.rituals.list(assistant=ASSISTANT, after=after, limit=1000)
            yield from page["items"]
            after = page["next"]
            if after is None:
                return


def second_whole_bytes(database: Path) -> int:
    """What the second newest entries of all rituals take because each is kept whole beside the patch that makes it out of
    the newest; every 64th entry would be whole anyway. Read from the cells of a closed file, since the record of an entry
    tells only what patch and whole take together."""
    with closing(sqlite3.connect(database)) as connection:
        wholes = connection.execute(
            "SELECT owner, name, length(bytes) FROM cells WHERE substr(name, 1, 1) = x'77' ORDER BY owner, name DESC"
        )
        second = [next(islice(cells, 1, 2), None) for _, cells in groupby(wholes, key=itemgetter(0))]
    # The position stands behind the kind of cell, in 8 bytes.
    return sum(
        length for _, name, length in filter(None, second) if int.from_bytes(name[1:9]) % KEYFRAME_INTERVAL != 0
    )


def finish(store: mythos.Mythos) -> None:
    """Lets a store do all that makes it smaller: learn what its states have in common, compact, give pages back."""
    rituals = store.rituals()
    rituals.train(ASSISTANT)
    after = None
    while True:
        after = rituals.compact(assistant=ASSISTANT, after=after)["next"]
        if after is None:
            break
    while not store.maintain()["done"]:
        pass
