"""What a git repository holds, asked from the program `git`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ._failed import Failed

NO_FILE = "000000"
FILES = ("100644", "100755")
"""The modes of what is compared: no links, no repositories within."""


@dataclass(frozen=True)
class Side:
    """A file as one version has it: its path from the top, and the name of its content, `None` in the working tree."""

    path: str
    blob: str | None


@dataclass(frozen=True)
class Change:
    """A file that changed, and the commit that did it, if it was asked for."""

    commit: str | None
    old: Side | None
    new: Side | None


class Repository:
    """The repository of a directory."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.top = self._text("rev-parse", "--show-toplevel").rstrip("\n")

    def commit(self, revision: str) -> str:
        """The full name of the commit that a revision names."""
        try:
            return self._text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
        except Failed:
            raise Failed(f"{revision!r} is neither a file, nor a directory, nor a revision of {self.top}") from None

    def differences(self, old: str, new: str | None, paths: Sequence[str]) -> list[Change]:
        """What differs between two commits, or a commit and the working tree, under these paths."""
        commits = [old] if new is None else [old, new]
        output = self._run(
            "diff", "--raw", "-z", "--no-abbrev", "-M", "--no-ext-diff", "--no-textconv", "--no-color",
            "--ignore-submodules", *commits, "--", *paths,
        )  # fmt: skip
        return list(_changes(output, is_tree=new is None))

    def history(self, path: str) -> list[Change]:
        """What each commit that led here changed of a file, whatever it was called, or in a directory; oldest first."""
        follow = ["--follow"] if os.path.isfile(os.path.join(self.directory, path)) else []
        output = self._run(
            "-c", "log.showSignature=false", "log", *follow, "--raw", "-z", "--no-abbrev", "-M", "--no-ext-diff",
            "--no-textconv", "--no-color", "--topo-order", "--format=%H", "HEAD", "--", path,
        )  # fmt: skip
        return list(_changes(output, is_tree=False))[::-1]

    def show(self, commit: str, path: str) -> Side | None:
        """A file, by its path from the directory, as a commit has it."""
        listed = self._run("ls-tree", "-z", "--full-name", commit, "--", path).split(b"\0")[0]
        if not listed:
            return None
        described, _, name = listed.partition(b"\t")
        mode, _, blob = described.decode().split(" ")
        return Side(os.fsdecode(name), blob) if mode in FILES else None

    def _text(self, *arguments: str) -> str:
        return os.fsdecode(self._run(*arguments))

    def _run(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, env=environment()
            )
        except FileNotFoundError:
            raise Failed("revisions need the program `git`, which is not installed") from None
        if done.returncode != 0:
            message = done.stderr.decode(errors="replace").strip() or f"status {done.returncode}"
            raise Failed(f"git {arguments[0]}: {message}")
        return done.stdout


class Contents:
    """Reads the contents of files: of commits through one `git cat-file` that stays, of the working tree as they are."""

    def __init__(self, repository: Repository) -> None:
        self._top = Path(repository.top)
        self._process = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=repository.top, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(),
        )  # fmt: skip

    def __enter__(self) -> Contents:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def read(self, side: Side) -> bytes:
        """The bytes of a file."""
        if side.blob is None:
            return (self._top / side.path).read_bytes()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(side.blob.encode() + b"\n")
        self._process.stdin.flush()
        header = self._process.stdout.readline().split()
        if len(header) != 3:
            raise Failed(f"git has no content of {side.path} ({side.blob})")
        content = self._process.stdout.read(int(header[2]))
        self._process.stdout.read(1)
        return content


def environment() -> dict[str, str]:
    """Nothing that only looks may take a lock."""
    return {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}


def _changes(output: bytes, *, is_tree: bool) -> Iterator[Change]:
    """Reads the raw format ("RAW OUTPUT FORMAT" in git-diff(1)), with the names of commits between."""
    commit: str | None = None
    fields = iter(output.split(b"\0"))
    for field in fields:
        described = field.lstrip(b"\n").decode("ascii")
        if not described.startswith(":"):
            commit = described or commit
            continue
        old_mode, new_mode, old_blob, new_blob, status = described[1:].split(" ")
        old_path = os.fsdecode(next(fields))
        new_path = os.fsdecode(next(fields)) if status[0] in "RC" else old_path
        if not {old_mode, new_mode} <= {NO_FILE, *FILES}:
            continue
        old = None if old_mode == NO_FILE else Side(old_path, old_blob)
        new = None if new_mode == NO_FILE else Side(new_path, None if is_tree else new_blob)
        yield Change(commit, old, new)
