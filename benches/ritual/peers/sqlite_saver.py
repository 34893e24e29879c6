"""LangGraph's `SqliteSaver`, as a graph uses it: the top-level keys of a state are channels."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import LATEST_VERSION
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.sqlite import SqliteSaver

from ..files import bytes_of, checkpoint, tables
from ..sets import State


class LangGraphSqliteSaver:
    """A `SqliteSaver` on a connection made as `from_conn_string` makes it, with `synchronous` set on it."""

    acknowledges = True

    def __init__(self, synchronous: str) -> None:
        self.synchronous = synchronous
        self.durability = f"synchronous {synchronous}"

    def open(self, directory: Path) -> None:
        self.connection = sqlite3.connect(directory / "checkpoints.sqlite", check_same_thread=False)
        self.connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        self.saver = SqliteSaver(self.connection)
        self.saver.setup()
        # Of each thread what a graph knows between two steps: step, config, and the channels and their versions.
        self.steps: dict[str, int] = {}
        self.configs: dict[str, Any] = {}
        self.channels: dict[str, tuple[State, dict[str, str]]] = {}

    def close(self) -> None:
        self.connection.close()

    def prepare(self, thread: str, state: State) -> tuple[Any, Any, Any, Any]:
        config = self.configs.get(thread) or {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
        before, versions = self.channels.get(thread, ({}, {}))
        step = self.steps.get(thread, -1) + 1
        self.steps[thread] = step
        changed = [channel for channel, value in state.items() if channel not in before or before[channel] != value]
        new = {channel: self.saver.get_next_version(versions.get(channel), None) for channel in changed}
        versions = {channel: new.get(channel) or versions[channel] for channel in state}
        self.channels[thread] = (state, versions)
        saved = {
            "v": LATEST_VERSION,
            "id": str(uuid6(clock_seq=step)),
            "ts": datetime.now(UTC).isoformat(),
            "channel_values": state,
            "channel_versions": versions,
            "versions_seen": {"__input__": {}, "agent": versions},
            "updated_channels": changed,
        }
        return config, saved, {"source": "loop", "step": step, "parents": {}}, new

    def save(self, thread: str, prepared: tuple[Any, Any, Any, Any]) -> str:
        config = self.saver.put(*prepared)
        self.configs[thread] = config
        identity: str = config["configurable"]["checkpoint_id"]
        return identity

    def save_bytes(self, thread: str, payload: bytes) -> str:
        """Saves bytes as the one channel of a state."""
        return self.save(thread, self.prepare(thread, {"payload": payload}))

    def newest_bytes(self, thread: str) -> bytes:
        """Restores the newest bytes."""
        payload: bytes = self.newest(thread)["payload"]
        return payload

    def newest(self, thread: str) -> State:
        return self.get({"thread_id": thread, "checkpoint_ns": ""})

    def restore(self, thread: str, entry: str) -> State:
        return self.get({"thread_id": thread, "checkpoint_ns": "", "checkpoint_id": entry})

    def get(self, configurable: dict[str, str]) -> State:
        """The state of the checkpoint that `configurable` names."""
        found = self.saver.get_tuple({"configurable": configurable})
        if found is None:
            raise LookupError(f"there is no checkpoint {configurable}")
        return found.checkpoint["channel_values"]

    def list(self, thread: str, limit: int) -> int:
        config: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
        return sum(1 for _ in self.saver.list(config, limit=limit))

    def finish(self) -> None:
        pass

    def sizes(self, directory: Path) -> dict[str, int]:
        database = directory / "checkpoints.sqlite"
        checkpoint(database)
        return {"file": bytes_of(directory), **{f"table {name}": size for name, size in tables(database).items()}}

    def payload(self) -> dict[str, int]:
        (size,) = self.connection.execute("SELECT SUM(LENGTH(checkpoint)) FROM checkpoints").fetchone()
        return {"payload": size or 0}
