"""`python -m mythos guard`: what stands between an edit of a prompt or a policy and production."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from .. import regression
from .._errors import Limit
from ..records import DocumentEdit, GuardPolicy, GuardVerdict
from ._failed import Failed
from .git import Change, Contents, Repository, Side

PASSED, FLAGGED, UNREAD = 0, 1, 2

INCLUDED = (
    "*.md", "*.markdown", "*.mdx", "*.txt", "*.text", "*.rst", "*.adoc", "*.prompt", "*.prompty", "*.j2", "*.jinja",
    "*.jinja2", "*.tmpl", "*.hbs", "*.mustache", "*.liquid",
)  # fmt: skip
"""What is compared of a directory or a repository, unless `--include` says otherwise."""

FAILS: dict[str, frozenset[GuardVerdict]] = {
    "accuracy": frozenset({"accuracy", "both"}),
    "tone": frozenset({"accuracy", "both", "tone"}),
    "undecided": frozenset({"accuracy", "both", "tone", "undecided"}),
    "never": frozenset(),
}
"""Which verdicts fail the run."""

DOCUMENTS_AT_ONCE = 64
LINES_AT_ONCE = 512
BYTES_AT_ONCE = 8 << 20
MAX_LINE_BYTES = 64 << 20

DESCRIPTION = """\
Compares versions of prompts, policies and other rules, and says which edits change what they say, or how they say it.

OLD and NEW are files, directories or git revisions. With a revision as OLD, NEW may be a path in the working tree, or be
left out for all of it; --path narrows revisions down.
"""

EPILOG = """\
exit status:
  0  nothing is flagged (see --fail-on)
  1  something is flagged
  2  something could not be read, or was asked for wrongly

examples:
  python -m mythos guard old.md new.md
  python -m mythos guard HEAD~1 HEAD --path prompts/
  python -m mythos guard origin/main --format github
  python -m mythos guard --since HEAD prompts/support.md
  python -m mythos guard --history prompts/support.md
  python -m mythos guard --pairs pairs.jsonl --output scored.jsonl
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the parser of the command."""
    parser = commands.add_parser(
        "guard",
        help="find edits of rules and prompts that change what they say",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("versions", nargs="*", metavar="OLD NEW", help="with --since: files of the working tree")
    parser.add_argument("--path", action="append", default=[], help="only this file or directory of the revisions")
    parser.add_argument("--since", metavar="REVISION", help="compares files with what they were in a revision")
    parser.add_argument("--history", metavar="PATH", help="audits every revision of a file or a directory")
    parser.add_argument("--pairs", metavar="FILE", help="scores lines of JSON with text_a and text_b; - is the input")
    parser.add_argument("--include", action="append", metavar="GLOB", help=f"files of directories ({' '.join(INCLUDED)})")
    parser.add_argument("--format", choices=["table", "json", "sarif", "github"], help="how to report (table)")
    parser.add_argument("--output", metavar="FILE", help="where to write the report")
    parser.add_argument("--fail-on", choices=list(FAILS), default="tone", help="the least verdict that fails (tone)")
    for name in ("accuracy_threshold", "undecided_from", "tone_threshold"):
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=float, metavar="P", help=f"the policy's {name}")
    parser.add_argument("--threads", type=int, metavar="N", help="how many threads compare (all)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Does what the options say, and answers the exit status."""
    modes = [options.since, options.history, options.pairs]
    if sum(mode is not None for mode in modes) > 1:
        raise Failed("--since, --history and --pairs exclude one another")
    if options.path and any(mode is not None for mode in modes):
        raise Failed("--path belongs to revisions")
    if options.pairs is not None:
        return _pairs(options)
    if options.history is not None:
        edits = _history(options)
    elif options.since is not None:
        edits = _since(options)
    else:
        edits = _versions(options)
    policy = _policy(options)
    # What is wrong with the policy or the threads is told before anything is read.
    documents = regression.compare_many([], policy, threads=options.threads)
    for part in _parts(edits, DOCUMENTS_AT_ONCE):
        try:
            documents += regression.compare_many(part, policy, threads=options.threads)
        except Limit as error:
            raise Failed(f"{_named(part, error)}{error}") from error
        _progress(f"{len(documents)} documents compared")
    report = regression.write_report(documents, options.format or "table", policy)
    with _output(options) as output:
        output.write(report)
    fails = FAILS[options.fail_on]
    return FLAGGED if any(one["comparison"]["verdict"] in fails for one in documents) else PASSED


def _policy(options: argparse.Namespace) -> GuardPolicy:
    policy: GuardPolicy = {}
    if options.accuracy_threshold is not None:
        policy["accuracy_threshold"] = options.accuracy_threshold
    if options.undecided_from is not None:
        policy["undecided_from"] = options.undecided_from
    if options.tone_threshold is not None:
        policy["tone_threshold"] = options.tone_threshold
    return policy


def _versions(options: argparse.Namespace) -> Iterator[DocumentEdit]:
    """What two files, directories or revisions have in them."""
    versions: list[str] = options.versions
    if not 1 <= len(versions) <= 2:
        raise Failed("give an older and a newer version, or --since, --history or --pairs; --help says how")
    old, new = versions[0], versions[1] if len(versions) == 2 else None
    is_path = [not options.path and os.path.exists(version) for version in versions]
    if all(is_path) and new is not None:
        return _trees(old, new, options)
    if is_path[0]:
        raise Failed(f"{old} is a path, so that what it is compared with has to be one")
    repository = Repository(os.curdir)
    commit = repository.commit(old)
    if new is None or is_path[1]:
        paths = [new] if new is not None else options.path
        changes = repository.differences(commit, None, paths)
        return _changes(repository, changes, options, (old, None), paths)
    changes = repository.differences(commit, repository.commit(new), options.path)
    return _changes(repository, changes, options, (old, new), options.path)


def _trees(old: str, new: str, options: argparse.Namespace) -> Iterator[DocumentEdit]:
    if os.path.isfile(old) and os.path.isfile(new):
        yield {"path": Path(new).as_posix(), "old": _read(old), "new": _read(new)}
        return
    if not (os.path.isdir(old) and os.path.isdir(new)):
        raise Failed(f"{old} and {new} have to be two files or two directories")
    for name in sorted({*_files(old, options), *_files(new, options)}):
        before, after = os.path.join(old, name), os.path.join(new, name)
        yield {
            "path": Path(after).as_posix(),
            "old": _read(before) if os.path.isfile(before) else None,
            "new": _read(after) if os.path.isfile(after) else None,
        }


def _files(directory: str, options: argparse.Namespace) -> Iterator[str]:
    for place, within, names in os.walk(directory):
        within[:] = [name for name in within if name != ".git"]
        for name in names:
            path = os.path.join(place, name)
            if os.path.isfile(path) and _is_included(path, options):
                yield os.path.relpath(path, directory)


def _is_included(path: str, options: argparse.Namespace) -> bool:
    name = os.path.basename(path)
    patterns: Iterable[str] = options.include or INCLUDED
    return any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(path, pattern) for pattern in patterns)


def _since(options: argparse.Namespace) -> Iterator[DocumentEdit]:
    """Files of the working tree beside what they were."""
    repository = Repository(os.curdir)
    commit = repository.commit(options.since)
    with Contents(repository) as contents:
        for path in options.versions:
            old = repository.show(commit, path)
            if old is None and not os.path.exists(path):
                raise Failed(f"there is no {path}, neither now nor in {options.since}")
            top = os.path.relpath(os.path.realpath(path), os.path.realpath(repository.top))
            yield {
                "path": old.path if old is not None else Path(top).as_posix(),
                "old": _text(contents.read(old), f"{options.since}:{path}") if old is not None else None,
                "new": _read(path) if os.path.exists(path) else None,
                "old_revision": options.since,
            }


def _history(options: argparse.Namespace) -> Iterator[DocumentEdit]:
    """What each commit did."""
    if options.versions:
        raise Failed("--history takes no versions")
    path = options.history
    directory = path if os.path.isdir(path) else os.path.dirname(path) or os.curdir
    if not os.path.isdir(directory):
        raise Failed(f"{directory} is no directory")
    repository = Repository(directory)
    changes = repository.history(os.curdir if os.path.isdir(path) else os.path.basename(path))
    if not changes:
        raise Failed(f"no commit of {repository.top} changed {path}")
    yield from _changes(repository, changes, options, (None, None), [] if os.path.isdir(path) else [path])


def _changes(
    repository: Repository,
    changes: Iterable[Change],
    options: argparse.Namespace,
    revisions: tuple[str | None, str | None],
    paths: Iterable[str],
) -> Iterator[DocumentEdit]:
    """The texts of what changed. A file that was named is read whatever its name ends with."""
    named = {os.path.realpath(path) for path in paths if not os.path.isdir(path)}
    is_named = options.history is not None and bool(named)

    def is_wanted(side: Side) -> bool:
        return is_named or os.path.join(repository.top, side.path) in named or _is_included(side.path, options)

    with Contents(repository) as contents:

        def read(side: Side | None, revision: str | None) -> str | None:
            return None if side is None else _text(contents.read(side), f"{revision or ''}:{side.path}")

        for change in changes:
            side = change.new or change.old
            if side is None or not is_wanted(side):
                continue
            commit = change.commit
            old, new = revisions if commit is None else (f"{commit[:12]}^", commit[:12])
            yield {
                "path": side.path,
                "old": read(change.old, old),
                "new": read(change.new, new),
                "old_revision": old,
                "new_revision": new,
            }


def _read(path: str) -> str:
    return _text(Path(path).read_bytes(), path)


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failed(f"{name} is not UTF-8: byte {error.start} is {content[error.start]:#04x}") from None


def _pairs(options: argparse.Namespace) -> int:
    """Scores a file of pairs as it is read."""
    if options.versions or options.format:
        raise Failed("--pairs takes no versions and no --format")
    policy, fails = _policy(options), FAILS[options.fail_on]
    status, done = PASSED, 0
    with _input(options.pairs) as source, _output(options) as output:
        for first, lines in _lines(source):
            if isinstance(lines, str):
                output.write(json.dumps({"line": first, "error": lines}) + "\n")
                status = UNREAD
                continue
            for line in regression.score_lines(lines, policy, threads=options.threads, first=first):
                output.write(line["written"] + "\n")
                if line["verdict"] is None:
                    status = UNREAD
                elif line["verdict"] in fails:
                    status = max(status, FLAGGED)
            done += len(lines)
            _progress(f"{done} pairs scored")
    return status


def _lines(source: IO[bytes]) -> Iterator[tuple[int, list[str] | str]]:
    """Rows of lines with the number of the first, or the number of one that cannot be read and why."""
    number, size = 0, 0
    row: list[str] = []
    while line := source.readline(MAX_LINE_BYTES + 1):
        number += 1
        trouble = None
        text = ""
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = source.readline(MAX_LINE_BYTES)
            trouble = f"a line is at most {MAX_LINE_BYTES} bytes"
        else:
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError as error:
                trouble = f"not UTF-8 at byte {error.start}"
        if text:
            row.append(text)
            size += len(line)
            if len(row) < LINES_AT_ONCE and size < BYTES_AT_ONCE:
                continue
            yield number - len(row) + 1, row
        else:
            # An empty line says nothing, and ends a row, whose lines are numbered from its first.
            if row:
                yield number - len(row), row
            if trouble is not None:
                yield number, trouble
        row, size = [], 0
    if row:
        yield number - len(row) + 1, row


@contextmanager
def _input(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with open(name, "rb") as source:
        yield source


@contextmanager
def _output(options: argparse.Namespace) -> Iterator[IO[str]]:
    if options.output is None:
        yield sys.stdout
        return
    with open(options.output, "w", encoding="utf-8", newline="\n") as output:
        yield output


def _parts(edits: Iterable[DocumentEdit], size: int) -> Iterator[list[DocumentEdit]]:
    rest = iter(edits)
    while part := list(islice(rest, size)):
        yield part


def _named(part: list[DocumentEdit], error: Limit) -> str:
    """The path of the document that an error is about."""
    field: str = error.field or ""
    number = field.partition("[")[2].partition("]")[0]
    return f"{part[int(number)]['path']}: " if number.isdecimal() and int(number) < len(part) else ""


def _progress(told: str) -> None:
    """To a person who waits, and to nobody else."""
    if sys.stderr.isatty():
        print(told, file=sys.stderr, end="\r")
