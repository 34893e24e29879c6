"""The built-in store in a file: closing, backups, copies, statistics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mythos
import pytest
from mythos.records import BackupProgress, CopyReport, SqliteStatistics

from dict_store import DictStore
from shapes import shaped

STATE = bytes(range(256)) * 400


def fill(mine: mythos.Mythos) -> str:
    """Writes with two services; answers the id of a checkpoint."""
    mine.codices().create("support", [{"clause": "a", "text": "A"}], directive_path=["launch"], actor="ana")
    return mine.rituals().save("helper", "refund", STATE)["entry"]


def opened(mine: mythos.Mythos) -> mythos.SqliteStore:
    """The store that `Mythos.open` opened."""
    store = mine.sqlite()
    assert isinstance(store, mythos.SqliteStore)
    return store


def assert_filled(mine: mythos.Mythos, entry: str) -> None:
    """What was written is there, and verifies."""
    assert mine.rituals().restore(entry)["payload"] == STATE
    assert mine.codices().verify("support")["proof_verification_status"] == "verified"


def test_a_with_statement_closes(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), mythos.Mythos.open(tmp_path / "assistants.db") as mine:
        entry, rituals, store = fill(mine), mine.rituals(), opened(mine)
        raise ZeroDivisionError
    calls: list[Callable[[], object]] = [
        lambda: rituals.restore(entry),
        lambda: mine.codices().codices(),
        lambda: mine.tenant("acme").maintain(),
        lambda: store.backup(tmp_path / "backup.db"),
    ]
    for call in calls:
        with pytest.raises(mythos.Unavailable):
            call()
    mine.close()
    with mythos.Mythos.open(tmp_path / "assistants.db", read_only=True) as mine:
        assert_filled(mine, entry)
        with pytest.raises(mythos.Invalid, match="read-only"):
            mine.rituals().save("helper", "refund", b"")


def test_a_store_of_the_host_is_the_hosts_to_close(tmp_path: Path) -> None:
    store = mythos.SqliteStore(tmp_path / "assistants.db")
    with mythos.Mythos.with_store(store) as mine:
        entry = fill(mine)
        assert mine.sqlite() is None
    assert_filled(mine, entry)
    store.close()


def test_a_backup_is_restored(tmp_path: Path) -> None:
    told: list[BackupProgress] = []
    with mythos.Mythos.open(tmp_path / "assistants.db") as mine:
        entry, store = fill(mine), opened(mine)
        store.backup(tmp_path / "backup.db", progress=told.append)
        shaped(told, list[BackupProgress])
        assert told and told[-1]["copied_pages"] == told[-1]["total_pages"]
        mine.rituals().save("helper", "refund", b"after the backup")
        with pytest.raises(mythos.Invalid, match="backup.db"):
            store.backup(tmp_path / "backup.db")
    mythos.SqliteStore.restore(tmp_path / "backup.db", tmp_path / "restored.db")
    with mythos.Mythos.open(tmp_path / "restored.db") as restored:
        assert_filled(restored, entry)
        latest = restored.rituals().latest("helper", "refund")
        assert latest is not None and latest["entry"]["entry"] == entry
    with pytest.raises(mythos.Invalid, match="restored.db"):
        mythos.SqliteStore.restore(tmp_path / "backup.db", tmp_path / "restored.db")


def test_what_a_progress_raises_is_raised(tmp_path: Path) -> None:
    def progress(_made: BackupProgress) -> None:
        raise ZeroDivisionError

    with mythos.Mythos.open(tmp_path / "assistants.db") as mine:
        entry, store = fill(mine), opened(mine)
        with pytest.raises(ZeroDivisionError):
            store.backup(tmp_path / "backup.db", progress=progress)
    with mythos.Mythos.open(tmp_path / "backup.db") as backup:
        assert_filled(backup, entry)


def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    with mythos.Mythos.open(tmp_path / "assistants.db") as mine:
        fill(mine)
        opened(mine).backup(tmp_path / "backup.db")
    stored = bytearray((tmp_path / "backup.db").read_bytes())
    # Behind the header, so that the file is a store of this library still.
    stored[4096 * 8 : 4096 * 16] = bytes(4096 * 8)
    (tmp_path / "backup.db").write_bytes(stored)
    with pytest.raises(mythos.Corrupt):
        mythos.SqliteStore.restore(tmp_path / "backup.db", tmp_path / "restored.db")
    assert not (tmp_path / "restored.db").exists()


def test_a_store_is_copied_to_any_other(tmp_path: Path) -> None:
    with mythos.Mythos.open(tmp_path / "assistants.db") as mine:
        entry, source = fill(mine), opened(mine)
        ours = DictStore()
        report = shaped(mythos.copy_store(source, ours), CopyReport)
        assert report["records"] >= 3 and report["cell_bytes"] > 0
        assert_filled(mythos.Mythos.with_store(ours), entry)
    back = mythos.SqliteStore(tmp_path / "back.db")
    assert mythos.copy_store(ours, back) == report
    assert_filled(mythos.Mythos.with_store(back), entry)
    with pytest.raises(mythos.Invalid, match="empty"):
        mythos.copy_store(ours, back)
    back.close()


def test_statistics_count(tmp_path: Path) -> None:
    with mythos.Mythos.open(tmp_path / "assistants.db") as mine:
        store = opened(mine)
        before = shaped(store.statistics(), SqliteStatistics)
        fill(mine)
        assert mine.rituals().list()["items"]
        after = store.statistics()
        assert after["commits"] > before["commits"]
        assert (after["full_scan_steps"], after["sorts"]) == (0, 0)
