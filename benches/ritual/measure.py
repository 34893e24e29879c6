"""Measures one peer on one set, in a process of its own: `python -m ritual.measure PEER SET DIRECTORY`.

Prints one JSON object. Times are in milliseconds, sizes in bytes. The phases: save every state; close; finish what the
store does later; close; open again, and restore the newest states and random old ones, and list. Everything restored
is compared with what was saved. States are read from the files one at a time, so that the peak of memory is the store's
and one state's.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import memory
from .peers import PEERS, Peer, Skipped
from .sets import StateSet, encode, fingerprint

# Enough that the 99th percentile is not one call, and that each phase takes seconds.
SAMPLES = 1000
# A peer that starts a process for each restore is sampled until this has passed.
SAMPLING_SECONDS = 10.0
MIN_SAMPLES = 20
SEED = 20260101
LIST_LIMIT = 100
LIST_SAMPLES = 30


@dataclass
class Times:
    """How long each of many calls took, by the wall and by the processor."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def call(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Calls `work` and takes its time."""
        processor, wall = time.process_time(), time.perf_counter()
        result = work(*arguments)
        self.wall.append((time.perf_counter() - wall) * 1000)
        self.processor.append((time.process_time() - processor) * 1000)
        return result

    def summary(self) -> dict[str, float]:
        """The median, the 99th percentile and the number of the calls."""
        return {
            "p50": percentile(self.wall, 50),
            "p99": percentile(self.wall, 99),
            "cpu_p50": percentile(self.processor, 50),
            "cpu_p99": percentile(self.processor, 99),
            "calls": len(self.wall),
        }


def percentile(values: list[float], rank: int) -> float:
    """The smallest of `values` that `rank` percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * rank // 100) - 1)]


@dataclass
class Saved:
    """An entry and what it must restore to."""

    thread: str
    entry: Any
    fingerprint: bytes


class Measurement:
    """One peer on one set."""

    def __init__(self, peer: Peer, states: StateSet, directory: Path) -> None:
        self.peer = peer
        self.states = states
        self.directory = directory / "store"
        self.empty_directory = directory / "empty"
        self.random = random.Random(SEED)
        self.threads: dict[str, list[Saved]] = {}
        self.result: dict[str, Any] = {"durability": peer.durability}

    def run(self) -> dict[str, Any]:
        """All phases."""
        with self.opened(self.empty_directory):
            pass
        self.result["empty"] = self.peer.sizes(self.empty_directory)["file"]
        before = memory.present_bytes()
        started = processor_seconds()
        with self.opened(self.directory):
            self.save()
        entries = self.result["entries"]
        self.result["save_cpu_per_entry"] = (processor_seconds() - started) * 1000 / entries - self.harness_cpu
        self.result["saved"] = self.peer.sizes(self.directory)
        if self.peer.acknowledges:
            with self.opened(self.directory):
                newest = (self.newest(), lambda saved: self.peer.newest(saved.thread))
                (self.result["newest_unfinished"],) = self.sample(newest)
        started_finish = processor_seconds()
        wall = time.perf_counter()
        with self.opened(self.directory):
            self.peer.finish()
        self.result["finish_seconds"] = time.perf_counter() - wall
        self.result["finish_cpu_per_entry"] = (processor_seconds() - started_finish) * 1000 / entries
        self.result["sizes"] = self.peer.sizes(self.directory)
        with self.opened(self.directory):
            self.result.update(self.peer.payload())
            self.restore()
            self.list()
        self.result["peak"] = max(memory.peak_bytes() - before, memory.children_peak_bytes() if self.in_children else 0)
        return self.result

    @property
    def in_children(self) -> bool:
        """Whether another program does the work."""
        return not self.peer.acknowledges

    @contextmanager
    def opened(self, directory: Path) -> Iterator[None]:
        """The store in `directory`, and closed at the end."""
        directory.mkdir(parents=True, exist_ok=True)
        self.peer.open(directory)
        try:
            yield
        finally:
            self.peer.close()

    def save(self) -> None:
        """Saves every state of every session, in order."""
        times, raw, harness = Times(), 0, 0.0
        for session in self.states.sessions():
            thread = session.thread
            entries = self.threads.setdefault(thread, [])
            states = session.states()
            while True:
                begun = time.process_time()
                state = next(states, None)
                if state is None:
                    break
                raw += len(encode(state))
                mark = fingerprint(state)
                prepared = self.peer.prepare(thread, state)
                harness += time.process_time() - begun
                entry = times.call(self.peer.save, thread, prepared)
                entries.append(Saved(thread, entry, mark))
        count = sum(len(entries) for entries in self.threads.values())
        self.harness_cpu = harness * 1000 / count
        self.result.update(raw=raw, entries=count, sessions=len(self.threads))
        if self.peer.acknowledges:
            self.result["save"] = times.summary()

    def restore(self) -> None:
        """Restores, in turn, the newest state of a random session, and a random entry that is not the newest."""
        newest = self.newest()
        old = [saved for entries in self.threads.values() for saved in entries[:-1]] or newest
        self.result["newest"], self.result["random"] = self.sample(
            (newest, lambda saved: self.peer.newest(saved.thread)),
            (old, lambda saved: self.peer.restore(saved.thread, saved.entry)),
        )

    def newest(self) -> list[Saved]:
        """The newest entry of each session."""
        return [entries[-1] for entries in self.threads.values() if entries]

    def sample(self, *kinds: tuple[list[Saved], Callable[[Saved], Any]]) -> list[dict[str, float]]:
        """The times of restoring random entries of each kind, every one compared with what was saved."""
        times = [Times() for _ in kinds]
        for among, restore in kinds:
            restore(among[0])
        started = time.perf_counter()
        for number in range(SAMPLES):
            if number >= MIN_SAMPLES and time.perf_counter() - started > SAMPLING_SECONDS:
                break
            for kind_times, (among, restore) in zip(times, kinds, strict=True):
                saved = self.random.choice(among)
                checked(saved, kind_times.call(restore, saved))
        return [kind_times.summary() for kind_times in times]

    def list(self) -> None:
        """Lists the newest entries of the largest thread."""
        largest = max(self.threads, key=lambda thread: len(self.threads[thread]))
        times = Times()
        listed = self.peer.list(largest, LIST_LIMIT)
        started = time.perf_counter()
        while len(times.wall) < LIST_SAMPLES and time.perf_counter() - started < SAMPLING_SECONDS:
            times.call(self.peer.list, largest, LIST_LIMIT)
        self.result["list"] = {**times.summary(), "listed": listed}


def checked(saved: Saved, state: Any) -> None:
    """Fails unless `state` is what was saved."""
    if fingerprint(state) != saved.fingerprint:
        raise AssertionError(f"{saved.thread}: entry {saved.entry} restores to another state than was saved")


def processor_seconds() -> float:
    """What this process and those it started and that ended have spent."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main(name: str, path: str, directory: str) -> None:
    """Prints what was measured, or why nothing was."""
    try:
        peer = PEERS[name]()
    except Skipped as reason:
        print(json.dumps({"skipped": str(reason)}))
        return
    print(json.dumps(Measurement(peer, StateSet(Path(path).name, Path(path)), Path(directory).resolve()).run()))


if __name__ == "__main__":
    main(*sys.argv[1:])
