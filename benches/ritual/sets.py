"""The sets of states: where they are, and how a state becomes bytes.

`MYTHOS_STATES` is a folder of sets. A set is a folder of `SESSION.jsonl` files, each line one state (a JSON object), in
the order in which they were saved. Sets may lie deeper: `tau-bench-append/` and `tau-bench/append/` are both the set
`tau-bench-append`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

State = dict[str, Any]

# The shortest of the peers' limits on the name of a thread is 150 characters.
LONGEST_THREAD = 100


@dataclass(frozen=True)
class StateSet:
    """A named folder of sessions."""

    name: str
    path: Path

    def sessions(self) -> list[Session]:
        """Its sessions, by name."""
        return [Session(path) for path in sorted(self.path.glob("*.jsonl"))]


@dataclass(frozen=True)
class Session:
    """The successive states of one agent run."""

    path: Path

    @property
    def thread(self) -> str:
        """The name under which its states are saved."""
        stem = self.path.stem
        if len(stem) <= LONGEST_THREAD:
            return stem
        return f"{stem[:LONGEST_THREAD - 17]}-{hashlib.blake2b(stem.encode(), digest_size=8).hexdigest()}"

    def states(self) -> Iterator[State]:
        """Its states in order, read one at a time, so that a measurement of memory is one of the store."""
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                state = json.loads(line)
                if not isinstance(state, dict):
                    raise ValueError(f"{self.path}:{number} is not a JSON object")
                yield state


def find_sets(directory: Path) -> list[StateSet]:
    """The sets under `directory`, by name."""
    folders = [folder for folder in sorted(directory.rglob("*")) if folder.is_dir() and any(folder.glob("*.jsonl"))]
    return [StateSet("-".join(folder.relative_to(directory).parts), folder) for folder in folders]


def encode(state: State) -> bytes:
    """A state as a host would write it: compact JSON in UTF-8."""
    return json.dumps(state, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def decode(payload: bytes) -> State:
    """The state of `encode`."""
    state: State = json.loads(payload)
    return state


def fingerprint(state: State) -> bytes:
    """What two states have in common if they are the same object, whatever the order of their keys."""
    text = json.dumps(state, separators=(",", ":"), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
