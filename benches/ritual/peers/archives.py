"""Deduplicating backup programs, where they are installed: a snapshot a step, of a folder with every session's state.

They cut files into chunks and keep each chunk once. A process runs per snapshot and per restore, which is most of the
time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

from ..files import bytes_of
from ..sets import State, decode, encode
from . import Skipped


class Archive:
    """What restic and borg have in common."""

    acknowledges = False
    durability = "per snapshot"
    program = ""

    def __init__(self) -> None:
        if shutil.which(self.program) is None:
            raise Skipped(f"{self.program} is not installed")
        self.lengths: dict[str, int] = defaultdict(int)

    def open(self, directory: Path) -> None:
        self.repository, self.waiting = directory / "repository", directory / "waiting"
        self.cache = directory / "cache"
        if not self.repository.exists():
            self.waiting.mkdir()
            self.initialize()

    def close(self) -> None:
        pass

    def prepare(self, thread: str, state: State) -> State:
        return state

    def save(self, thread: str, prepared: State) -> int:
        step = self.lengths[thread]
        self.lengths[thread] += 1
        folder = self.waiting / str(step)
        folder.mkdir(exist_ok=True)
        (folder / self.file(thread)).write_bytes(encode(prepared))
        return step

    def newest(self, thread: str) -> State:
        return self.restore(thread, self.lengths[thread] - 1)

    def restore(self, thread: str, entry: int) -> State:
        return decode(self.read(entry, self.file(thread)))

    def list(self, thread: str, limit: int) -> int:
        return self.snapshots(limit)

    def finish(self) -> None:
        for step in range(max(self.lengths.values(), default=0)):
            self.snapshot(step, self.waiting / str(step))
        shutil.rmtree(self.waiting)

    def sizes(self, directory: Path) -> dict[str, int]:
        return {"file": bytes_of(directory / "repository")}

    def payload(self) -> dict[str, int]:
        return {}

    def file(self, thread: str) -> str:
        """The name of a thread's file."""
        return f"{thread}.json".replace("/", "-")

    def run(self, *arguments: str | Path, directory: Path | None = None) -> bytes:
        """What the program prints."""
        environment = {
            **os.environ,
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_PASSWORD": "benchmark",
            "RESTIC_CACHE_DIR": str(self.cache),
            "BORG_REPO": str(self.repository),
            "BORG_BASE_DIR": str(self.cache),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }
        command = [self.program, *map(str, arguments)]
        return subprocess.run(command, cwd=directory, env=environment, check=True, stdout=subprocess.PIPE).stdout

    def initialize(self) -> None:
        """Makes the repository."""
        raise NotImplementedError

    def snapshot(self, step: int, folder: Path) -> None:
        """Backs up what is in `folder`."""
        raise NotImplementedError

    def read(self, step: int, file: str) -> bytes:
        """What a file of a snapshot holds."""
        raise NotImplementedError

    def snapshots(self, limit: int) -> int:
        """Lists the snapshots; returns how many."""
        raise NotImplementedError


class Restic(Archive):
    """restic, with its default compression."""

    program = "restic"

    def initialize(self) -> None:
        self.run("init", "--quiet")

    def snapshot(self, step: int, folder: Path) -> None:
        self.run("backup", "--quiet", "--host", f"step-{step}", "--force", ".", directory=folder)

    def read(self, step: int, file: str) -> bytes:
        return self.run("dump", "--quiet", "--host", f"step-{step}", "latest", f"/{file}")

    def snapshots(self, limit: int) -> int:
        return len(self.run("snapshots", "--json").split(b'"short_id"')) - 1


class Borg(Archive):
    """borg, compressing with zstd at level 19."""

    program = "borg"

    def initialize(self) -> None:
        self.run("init", "--encryption", "none")

    def snapshot(self, step: int, folder: Path) -> None:
        self.run("create", "--compression", "zstd,19", f"::step-{step}", ".", directory=folder)

    def read(self, step: int, file: str) -> bytes:
        return self.run("extract", "--stdout", f"::step-{step}", file)

    def snapshots(self, limit: int) -> int:
        return len(self.run("list", "--last", str(limit), "--short").splitlines())
