"""The stores that are compared, each behind the same few methods."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ..sets import State


class Skipped(Exception):
    """A peer that cannot run here; the message says why."""


class Peer(Protocol):
    """A checkpoint store in a folder of its own."""

    durability: str
    """What an acknowledged save survives, in the words of the store's setting."""

    acknowledges: bool
    """Whether `save` returns once the state is stored. If not, a single save has no latency to speak of."""

    def open(self, directory: Path) -> None:
        """Opens or creates the store in `directory`, which exists."""

    def close(self) -> None:
        """Closes the store, with everything written to its files."""

    def prepare(self, thread: str, state: State) -> Any:
        """What a host holds before it saves: not part of what is measured."""

    def save(self, thread: str, prepared: Any) -> Any:
        """Saves a state, and returns what `restore` takes, which outlives `close`."""

    def newest(self, thread: str) -> State:
        """The newest state of a thread."""

    def restore(self, thread: str, entry: Any) -> State:
        """Any state of a thread."""

    def list(self, thread: str, limit: int) -> int:
        """Lists the newest entries of a thread; returns how many."""

    def finish(self) -> None:
        """What the store does off the path of a save to become smaller; nothing for most."""

    def sizes(self, directory: Path) -> dict[str, int]:
        """Of a closed store, in bytes: `file` is what is compared, further ones explain it."""

    def payload(self) -> dict[str, int]:
        """Of an open store, in bytes: `payload` of what it keeps of the states alone, if it knows."""


def _peer(module: str, name: str, **options: Any) -> Callable[[], Peer]:
    # A peer is imported where it runs, so that no peer's memory is counted at another's.
    return lambda: getattr(importlib.import_module(f".{module}", __package__), name)(**options)


PEERS: dict[str, Callable[[], Peer]] = {
    "mythos-full": _peer("mythos_cache", "MythosCache", synchronous="full"),
    "sqlitesaver-full": _peer("sqlite_saver", "LangGraphSqliteSaver", synchronous="FULL"),
    "mythos-normal": _peer("mythos_cache", "MythosCache", synchronous="normal"),
    "sqlitesaver-normal": _peer("sqlite_saver", "LangGraphSqliteSaver", synchronous="NORMAL"),
    "zstd-3": _peer("plain_zstd", "PlainZstd", level=3),
    "zstd-19": _peer("plain_zstd", "PlainZstd", level=19),
    "git-gc": _peer("git_history", "GitHistory"),
    "restic": _peer("archives", "Restic"),
    "borg": _peer("archives", "Borg"),
}
