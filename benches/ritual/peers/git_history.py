"""Git: a branch a session, a commit a state, packed as tightly as git packs.

The states go through one `git fast-import`, and `git gc --aggressive --prune=now` follows: nothing is durable before
that, so a save has no latency here. What is compared is the pack; its index and the rest of the repository are shown
beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from ..files import bytes_of
from ..sets import State, decode, encode
from . import Skipped

FILE = "state.json"

# No setting of the machine or the user may change what git does, nor may it know the present time.
ENVIRONMENT = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
FIRST_COMMIT = 1_767_225_600


class GitHistory:
    """A bare repository."""

    acknowledges = False
    durability = "none before gc"

    def __init__(self) -> None:
        if shutil.which("git") is None:
            raise Skipped("git is not installed")
        self.branches: dict[str, int] = {}
        self.commits = 0
        self.marks: dict[int, str] = {}

    def open(self, directory: Path) -> None:
        self.directory = directory
        self.importing: subprocess.Popen[bytes] | None = None
        self.reading: subprocess.Popen[bytes] | None = None
        if not (directory / "HEAD").exists():
            self.git("init", "--quiet", "--bare", "--initial-branch=unused", "--template=", ".")

    def close(self) -> None:
        self.end_import()
        if self.reading is not None:
            self.end(self.reading)
            self.reading = None

    def prepare(self, thread: str, state: State) -> State:
        return state

    def save(self, thread: str, prepared: State) -> int:
        if self.importing is None:
            self.importing = self.start("fast-import", "--quiet", "--export-marks=marks")
        assert self.importing.stdin is not None
        self.branches.setdefault(thread, len(self.branches))
        self.commits += 1
        payload = encode(prepared)
        head = (
            f"commit refs/heads/{self.branch(thread)}\nmark :{self.commits}\n"
            f"committer a <> {FIRST_COMMIT + self.commits} +0000\ndata 0\n"
            f"M 100644 inline {FILE}\ndata {len(payload)}\n"
        )
        self.importing.stdin.write(head.encode() + payload + b"\n")
        return self.commits

    def newest(self, thread: str) -> State:
        return self.cat(f"refs/heads/{self.branch(thread)}")

    def restore(self, thread: str, entry: int) -> State:
        return self.cat(self.marks[entry])

    def list(self, thread: str, limit: int) -> int:
        command = ["log", f"--max-count={limit}", "--format=%H %ct", f"refs/heads/{self.branch(thread)}"]
        return len(self.git(*command).splitlines())

    def finish(self) -> None:
        self.end_import()
        self.git("gc", "--quiet", "--aggressive", "--prune=now")

    def sizes(self, directory: Path) -> dict[str, int]:
        packs = directory / "objects" / "pack"
        marks = directory / "marks"
        return {
            "file": bytes_of(*packs.glob("*.pack")),
            "index": bytes_of(*packs.glob("*.idx")),
            "repository": bytes_of(directory) - (bytes_of(marks) if marks.exists() else 0),
        }

    def payload(self) -> dict[str, int]:
        """What the states alone take in the pack, without commits and trees."""
        listing = self.git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectsize:disk)")
        kinds = [line.split() for line in listing.splitlines()]
        return {"payload": sum(int(size) for kind, size in kinds if kind == b"blob")}

    def branch(self, thread: str) -> str:
        """The branch of a thread, whose name may have characters that a branch may not."""
        return f"session-{self.branches[thread]}"

    def cat(self, commit: str) -> State:
        """The state of a commit, through one process that lives as long as the store is open."""
        if self.reading is None:
            self.reading = self.start("cat-file", "--batch", stdout=subprocess.PIPE)
        assert self.reading.stdin is not None and self.reading.stdout is not None
        self.reading.stdin.write(f"{commit}:{FILE}\n".encode())
        self.reading.stdin.flush()
        size = int(self.reading.stdout.readline().split()[2])
        payload = self.reading.stdout.read(size + 1)
        return decode(payload[:-1])

    def end_import(self) -> None:
        """Waits until all states are in the repository, and reads under which commits."""
        if self.importing is None:
            return
        self.end(self.importing)
        self.importing = None
        for line in (self.directory / "marks").read_text().splitlines():
            mark, commit = line.split()
            self.marks[int(mark.removeprefix(":"))] = commit

    def start(self, *arguments: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """Starts a process of git in the repository that reads a pipe."""
        return subprocess.Popen(
            ["git", *arguments], cwd=self.directory, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=stdout
        )

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Lets a process that reads its input come to its end."""
        process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")

    def git(self, *arguments: str) -> bytes:
        """What a command of git prints."""
        return subprocess.run(
            ["git", *arguments], cwd=self.directory, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE
        ).stdout
