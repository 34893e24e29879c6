"""Real processes: forked ones, and killed ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import mythos
import pytest

posix_only = pytest.mark.skipif(os.name != "posix", reason="there is no fork and no SIGKILL")

FORK = """
    import os, sys, time
    import mythos

    path = sys.argv[1]
    mine = mythos.Mythos.open(path)
    store = mythos.SqliteStore(path)
    theirs = mythos.Mythos.with_store(store)
    entry = mine.rituals().save("helper", "refund", b"before the fork")["entry"]
    supervisor = mine.deployments().supervise("night shift")

    child = os.fork()
    if child == 0:
        refused = 0
        calls = [
            lambda: mine.rituals().latest("helper", "refund"),
            lambda: mine.rituals().save("helper", "refund", b"in the child"),
            lambda: theirs.codices().codices(),
            lambda: supervisor.poll_effects(),
            lambda: store.backup(path + ".backup"),
            lambda: mythos.Mythos.open(path),
            lambda: mythos.SqliteStore(path, read_only=True),
        ]
        started = time.monotonic()
        for call in calls:
            try:
                call()
            except mythos.Unavailable as error:
                assert "fork" in str(error), error
                refused += 1
        assert time.monotonic() - started < 1
        # Another file is the child's own.
        with mythos.Mythos.open(path + ".child") as own:
            own.rituals().save("helper", "refund", b"in the child")
        assert refused == len(calls), refused
        sys.exit(42)

    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 42, status
    # The end of the child took nothing from its parent.
    assert mine.rituals().latest("helper", "refund")["payload"] == b"before the fork"
    mine.rituals().save("helper", "refund", b"after the fork", parent={"kind": "entry", "entry": entry})
    assert theirs.rituals().latest("helper", "refund")["payload"] == b"after the fork"
    store.close()
    mine.close()

    # What is closed may be opened in a child.
    child = os.fork()
    if child == 0:
        with mythos.Mythos.open(path) as mine:
            mine.rituals().save("helper", "refund", b"in the second child")
        sys.exit(42)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 42, status
    with mythos.Mythos.open(path) as mine:
        print(mine.rituals().latest("helper", "refund")["payload"].decode())
"""


@posix_only
def test_a_forked_process_stays_away_from_its_parents_file(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORK), str(tmp_path / "assistants.db")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "in the second child\n", "")


WORKER = """
    import sys
    import mythos

    rituals = mythos.Mythos.open(sys.argv[1]).rituals()
    step = int(rituals.latest("helper", "refund")["payload"].split()[0]) if len(sys.argv) > 2 else 0
    while True:
        step += 1
        # A line before the save, and one after it: a kill between the two hits a save.
        print("saving", step, flush=True)
        entry = rituals.save("helper", "refund", b"%d " % step + bytes(300_000))
        print("saved", step, entry["entry"], flush=True)
"""


@posix_only
def test_a_killed_process_is_restored_by_another(tmp_path: Path) -> None:
    path = tmp_path / "assistants.db"
    acknowledged = 0
    for kill in range(4):
        arguments = [str(path), "resume"] if kill else [str(path)]
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WORKER), *arguments], stdout=subprocess.PIPE, text=True
        ) as worker:
            assert worker.stdout is not None
            for line in worker.stdout:
                word, step, *entry = line.split()
                if word == "saved":
                    acknowledged, newest = int(step), entry[0]
                elif int(step) > 5 * (kill + 1):
                    # Between the announcement of a save and its acknowledgement.
                    worker.send_signal(signal.SIGKILL)
                    break
            for line in worker.stdout:
                if line.startswith("saved") and line.endswith("\n"):
                    acknowledged, newest = int(line.split()[1]), line.split()[2]
        assert worker.returncode == -signal.SIGKILL
        with mythos.Mythos.open(path) as mine:
            rituals = mine.rituals()
            latest = rituals.latest("helper", "refund")
            assert latest is not None
            # Nothing acknowledged is lost, and of the save that was hit there is all or nothing.
            reached = int(latest["payload"].split()[0])
            assert reached in (acknowledged, acknowledged + 1)
            assert latest["payload"] == b"%d " % reached + bytes(300_000)
            assert rituals.restore(newest)["payload"].startswith(b"%d " % acknowledged)
            acknowledged, newest = reached, latest["entry"]["entry"]
            assert all(rituals.verify(entry["entry"])["verified"] for entry in rituals.list()["items"])
