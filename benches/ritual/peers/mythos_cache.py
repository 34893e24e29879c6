"""MythOS: `RitualCompressionCache` on its SQLite store. One assistant a set, one ritual a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import mythos

from ..files import bytes_of, checkpoint, tables
from ..sets import State, decode, encode

ASSISTANT = "assistant"

# Far more rounds of housekeeping than any set takes: one that never says it is done is a defect.
MAX_ROUNDS = 100_000

# How the payload of an entry is called that needs no other entry to be read.
WHOLE_ENCODINGS = {"raw", "zstd"}


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
        return self.save_bytes(thread, encode(prepared))

    def save_bytes(self, thread: str, payload: bytes) -> str:
        """Saves bytes as they are."""
        entry: str = self.rituals.save(ASSISTANT, thread, payload)["entry"]
        return entry

    def newest(self, thread: str) -> State:
        return decode(self.newest_bytes(thread))

    def newest_bytes(self, thread: str) -> bytes:
        """Restores the newest bytes."""
        restored = self.rituals.latest(ASSISTANT, thread)
        if restored is None:
            raise LookupError(f"{thread} has no entry")
        return restored["payload"]

    def restore(self, thread: str, entry: str) -> State:
        return decode(self.rituals.restore(entry)["payload"])

    def list(self, thread: str, limit: int) -> int:
        return len(self.rituals.list(assistant=ASSISTANT, ritual=thread, limit=limit)["items"])

    def finish(self) -> None:
        finish(self.store)

    def sizes(self, directory: Path) -> dict[str, int]:
        database = directory / "mythos.db"
        checkpoint(database)
        return {"file": bytes_of(directory), **{f"table {name}": size for name, size in tables(database).items()}}

    def payload(self) -> dict[str, int]:
        payload = second_whole = 0
        newest: set[str] = set()
        second: set[str] = set()
        for entry in self.entries():
            payload += entry["compressed_ritual_data"]["stored_bytes"]
            ritual = entry["ritual"]
            if ritual not in newest:
                newest.add(ritual)
            elif ritual not in second:
                second.add(ritual)
                second_whole += second_whole_bytes(entry)
        return {"payload": payload + self.dictionary_bytes(), "second_whole": second_whole}

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


def second_whole_bytes(entry: CompressedRitual) -> int:
    """What the second newest entry of a ritual takes because it is kept whole beside the patch that makes it out of the
    newest. Every 64th would be whole anyway, and has no patch to be without."""
    frame = entry["compressed_ritual_data"]
    is_kept_for_that = frame["encoding"] != "patch" and entry["sequence"] % KEYFRAME_INTERVAL != 0
    return frame["stored_bytes"] if is_kept_for_that else 0


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
