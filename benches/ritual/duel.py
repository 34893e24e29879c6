"""Two peers taking turns, in one process: `python -m ritual.duel SET DIRECTORY PEER PEER`.

A disk and a busy machine change their speed from minute to minute, by more than the peers differ: what divides one
peer's time by another's is measured here, call by call, with either first in turn. Prints one JSON list: the times of
each peer, and of turning the same states into MessagePack and back alone, which both hosts do.
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ormsgpack

from .measure import SEED, Saved, Times, checked
from .peers import PEERS, Peer
from .sets import State, StateSet, fingerprint

# Whole sessions are saved until there are so many states.
STATES = 1500
# How many of the newest entries are restored, before and after the peers finish.
SAMPLES = 1000

PHASES = ("save", "newest_unfinished", "newest")


@dataclass
class Side:
    """A peer and what was measured of it."""

    peer: Peer
    directory: Path
    save: Times = field(default_factory=Times)
    newest_unfinished: Times = field(default_factory=Times)
    newest: Times = field(default_factory=Times)
    saved: dict[str, Saved] = field(default_factory=dict)
    """The newest entry of each thread."""


class PackedAlone:
    """Keeps the newest state of each thread packed in memory, so that what is measured is what that takes."""

    def __init__(self) -> None:
        self.payloads: dict[str, bytes] = {}

    def save(self, thread: str, state: State) -> None:
        """Encodes a state."""
        self.payloads[thread] = ormsgpack.packb(state)

    def newest(self, thread: str) -> State:
        """Decodes the newest state of a thread."""
        state: State = ormsgpack.unpackb(self.payloads[thread])
        return state


class Duel:
    """The peers named, on the first sessions of a set."""

    def __init__(self, states: StateSet, directory: Path, names: list[str]) -> None:
        self.states = states
        self.sides = [Side(PEERS[name](), directory / name) for name in names]
        self.packed = PackedAlone()
        self.packed_times = {phase: Times() for phase in PHASES}
        self.random = random.Random(SEED)
        self.turn = 0

    def run(self) -> list[dict[str, Any]]:
        """What was measured of each side."""
        for side in self.sides:
            side.directory.mkdir(parents=True)
        self.open()
        self.save()
        self.close()
        self.open()
        self.restore("newest_unfinished")
        for side in self.sides:
            side.peer.finish()
        self.close()
        self.open()
        self.restore("newest")
        self.close()
        sides = [{phase: getattr(side, phase).summary() for phase in PHASES} for side in self.sides]
        return [*sides, {phase: times.summary() for phase, times in self.packed_times.items()}]

    def open(self) -> None:
        """Opens both stores."""
        for side in self.sides:
            side.peer.open(side.directory)

    def close(self) -> None:
        """Closes both stores."""
        for side in self.sides:
            side.peer.close()

    def save(self) -> None:
        """Saves the states of the first sessions."""
        count = 0
        for session in self.states.sessions():
            thread = session.thread
            for state in session.states():
                mark = fingerprint(state)
                self.packed_times["save"].call(self.packed.save, thread, state)
                for side in self.in_turn():
                    prepared = side.peer.prepare(thread, state)
                    entry = side.save.call(side.peer.save, thread, prepared)
                    side.saved[thread] = Saved(thread, entry, mark)
                count += 1
            if count >= STATES:
                return

    def restore(self, phase: str) -> None:
        """Restores the newest entries of random threads."""
        threads = list(self.sides[0].saved)
        for _ in range(SAMPLES):
            thread = self.random.choice(threads)
            self.packed_times[phase].call(self.packed.newest, thread)
            for side in self.in_turn():
                times: Times = getattr(side, phase)
                checked(side.saved[thread], times.call(side.peer.newest, thread))

    def in_turn(self) -> list[Side]:
        """The sides, each time in the other order."""
        self.turn += 1
        return self.sides if self.turn % 2 else self.sides[::-1]


def main(path: str, directory: str, *names: str) -> None:
    """Prints what was measured."""
    print(json.dumps(Duel(StateSet(Path(path).name, Path(path)), Path(directory), list(names)).run()))


if __name__ == "__main__":
    main(*sys.argv[1:])
