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
        entries = list(self.entries())
        second_newest: dict[str, dict[str, Any]] = {}
        newest: set[str] = set()
        for entry in entries:
            if entry["ritual"] not in newest:
                newest.add(entry["ritual"])
            else:
                second_newest.setdefault(entry["ritual"], entry)
        return {
            "payload": sum(entry["compressed_ritual_data"]["stored_bytes"] for entry in entries),
            "second_whole": sum(second_whole_bytes(entry) for entry in second_newest.values()),
        }

    def entries(self) -> Iterator[dict[str, Any]]:
        """The records of all entries, newest first."""
        after = None
        while True:
            page: Any = self.rituals.list(assistant=ASSISTANT, after=after, limit=1000)
            yield from page["items"]
            after = page["next"]
            if after is None:
                return


def second_whole_bytes(entry: dict[str, Any]) -> int:
    """What the second newest entry of a ritual takes because it is kept whole beside what it could be computed from."""
    frame = entry["compressed_ritual_data"]
    return frame["stored_bytes"] if frame["encoding"] in WHOLE_ENCODINGS else 0


def finish(store: mythos.Mythos) -> None:
    """Lets a store do all that makes it smaller: learn what its states have in common, compact, give pages back."""
    rituals: Any = store.rituals()
    if hasattr(rituals, "train"):
        until_done(lambda: rituals.train(ASSISTANT))
    if hasattr(rituals, "compact"):
        until_done(rituals.compact)
    until_done(store.maintain)


def until_done(round_of: Callable[[], Any]) -> None:
    """Repeats `round_of` until its answer is not that something is left to do."""
    for _ in range(MAX_ROUNDS):
        answer = round_of()
        if not isinstance(answer, dict) or answer.get("done", True):
            return
    raise RuntimeError(f"housekeeping is not done after {MAX_ROUNDS} rounds")
