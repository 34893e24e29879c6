"""Makes sets of states out of agent runs: `python -m ritual.convert SOURCE DEST`.

SOURCE holds a folder per collection, of tau-bench results (`.json`: a list of conversations) and SWE-agent trajectories
(`.traj`); `python -m ritual.fetch` makes one. Each collection becomes three sets, since states come in several shapes:

`COLLECTION-append`: state k is `{"thread_id", "messages"}` with the first k messages.

`COLLECTION-window`: what an agent keeps that must fit into a context. State k has a `header` that changes with every
step, the last 30 messages, and a rolling `memory`: a line for each of the 100 messages before them.

`COLLECTION-long`: large states, of agents that live long. An agent does one run after another, keeps the messages of all
of them, and saves as in `append`. A session has its first 70 states of 300,000 bytes and more; then the next agent begins
with the next run, up to three agents. Earlier states are left out, since they are like those of `append`.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from .sets import State, encode

Message = dict[str, Any]

WINDOW_MESSAGES = 30
MEMORY_LINES = 100
MEMORY_LINE_CHARACTERS = 120

# Enough states for a median, beyond the interval at which MythOS keeps one whole, and no more, since each is so large.
LONG_BYTES = 300_000
LONG_STATES = 70
LONG_AGENTS = 3

# The steps of a session are given times of a fixed day, so that the sets are the same wherever they are made.
FIRST_STEP = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS_PER_STEP = 7


def convert(source: Path, destination: Path) -> None:
    """Writes the three sets of every collection under `source`, in place of any that are there."""
    for collection in sorted(folder for folder in source.iterdir() if folder.is_dir()):
        sessions = list(read_collection(collection))
        if not sessions:
            continue
        for variant, state in VARIANTS.items():
            folder = fresh_folder(destination / f"{collection.name}-{variant}")
            for name, messages in sessions:
                write_session(folder / f"{name}.jsonl", name, messages, state)
        folder = fresh_folder(destination / f"{collection.name}-long")
        for number, (messages, first) in enumerate(islice(long_lives(sessions), LONG_AGENTS)):
            name = f"{number:03}-agent"
            write_session(folder / f"{name}.jsonl", name, messages, append, first)


def fresh_folder(folder: Path) -> Path:
    """`folder`, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def long_lives(sessions: list[tuple[str, list[Message]]]) -> Iterator[tuple[list[Message], int]]:
    """The messages of agents that each do many of `sessions`, and how many of them the first large state has."""
    messages: list[Message] = []
    size, first = 0, None
    for _, run in sessions:
        for message in run:
            messages.append(message)
            size += len(encode(message)) + 1
            if first is None and size >= LONG_BYTES:
                first = len(messages)
            if first is not None and len(messages) == first + LONG_STATES - 1:
                yield messages, first
                messages, size, first = [], 0, None
                break


def read_collection(folder: Path) -> Iterator[tuple[str, list[Message]]]:
    """The sessions of a collection: a name of each, unique within it, and its messages."""
    number = 0
    for path in sorted([*folder.rglob("*.json"), *folder.rglob("*.traj")]):
        for name, messages in read_file(path):
            yield f"{number:03}-{name}", messages
            number += 1


def read_file(path: Path) -> Iterator[tuple[str, list[Message]]]:
    """The sessions of one file."""
    content = json.loads(path.read_bytes())
    if path.suffix == ".traj":
        yield slug(path.stem.rpartition("__")[2]), content["history"]
        return
    for run in content:
        yield slug(f"task-{run['task_id']}-trial-{run['trial']}"), run["traj"]


def slug(text: str) -> str:
    """`text` as a name of a file."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text)[:60]


def write_session(
    path: Path, name: str, messages: list[Message], state: Callable[[str, list[Message]], State], first: int = 1
) -> None:
    """Writes a state for each message from the `first` on."""
    with path.open("wb") as file:
        for count in range(first, len(messages) + 1):
            file.write(encode(state(name, messages[:count])) + b"\n")


def append(thread: str, messages: list[Message]) -> State:
    """All messages so far."""
    return {"thread_id": thread, "messages": messages}


def window(thread: str, messages: list[Message]) -> State:
    """The last messages, a memory of those before, and a header of the present step."""
    older, recent = messages[:-WINDOW_MESSAGES], messages[-WINDOW_MESSAGES:]
    step = len(messages)
    header = {
        "step": step,
        "updated_at": (FIRST_STEP + timedelta(seconds=SECONDS_PER_STEP * step)).isoformat(),
        "characters": sum(len(text(message)) for message in messages),
        "forgotten": max(0, len(older) - MEMORY_LINES),
        "last_role": messages[-1].get("role"),
    }
    memory = [f"{message.get('role')}: {text(message)[:MEMORY_LINE_CHARACTERS]}" for message in older[-MEMORY_LINES:]]
    return {"thread_id": thread, "header": header, "memory": memory, "messages": recent}


def text(message: Message) -> str:
    """What a message says, or an empty text for one that only calls tools."""
    content = message.get("content")
    return content if isinstance(content, str) else "" if content is None else json.dumps(content, ensure_ascii=False)


VARIANTS: dict[str, Callable[[str, list[Message]], State]] = {"append": append, "window": window}


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m ritual.convert SOURCE DEST")
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
