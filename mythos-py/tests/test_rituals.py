"""Checkpoints, on a file and on a store written in Python."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path

import mythos
import pytest
from mythos.records import (
    CompressedRitual,
    Page,
    RestoredRitual,
    RitualVerification,
    SymbolicIntent,
    VerifiableRitual,
)

from shapes import check

STATE = b'{"order": 4711, "total": 18446744073709551615}\x00\xff'
INTENT: SymbolicIntent = {
    "labels": ["refund", "urgent"],
    "procedure": "refunds/v2",
    "payload_format": "application/json",
}


def failure(call: Callable[[], object]) -> mythos.MythosError:
    """How a call fails."""
    with pytest.raises(mythos.MythosError) as caught:
        call()
    return caught.value


def test_what_is_saved_is_restored(mine: mythos.Mythos) -> None:
    rituals = mine.rituals()
    before = dt.datetime.now(dt.timezone.utc)
    first = rituals.save("helper", "refund", STATE, intent=INTENT)
    check(first, CompressedRitual)
    assert (first["sequence"], first["parent"], first["labels"]) == (1, None, ["refund", "urgent"])
    assert before - dt.timedelta(milliseconds=1) <= first["created_at"] <= dt.datetime.now(dt.timezone.utc)
    assert first["created_at"].tzinfo is dt.timezone.utc

    second = rituals.save("helper", "refund", bytearray(100_000), parent={"kind": "entry", "entry": first["entry"]})
    assert second["compressed_ritual_data"]["stored_bytes"] < 1_000
    assert (second["sequence"], second["parent"]) == (2, first["entry"])

    latest = rituals.latest("helper", "refund")
    check(latest, RestoredRitual)
    assert latest == {"entry": second, "payload": bytes(100_000)}
    restored = rituals.restore(first["entry"])
    assert restored == {"entry": first, "payload": STATE}
    assert type(restored["payload"]) is bytes
    assert rituals.entry(first["entry"]) == first
    assert rituals.latest("helper", "other") is None
    assert rituals.newest_verifiable("helper", "other") is None

    verification = rituals.verify(first["entry"])
    check(verification, RitualVerification)
    assert verification == {"entry": first["entry"], "verified": True, "finding": None}
    assert mine.tenant("acme").rituals().latest("helper", "refund") is None


@pytest.mark.parametrize("payload", [b"", bytearray(b"ab"), memoryview(b"ab"), memoryview(b"a-b-")[::2]])
def test_a_payload_is_any_bytes(mine: mythos.Mythos, payload: bytes | bytearray | memoryview) -> None:
    entry = mine.rituals().save("helper", "refund", payload)
    assert mine.rituals().restore(entry["entry"])["payload"] == bytes(payload)


def test_listings_filter_and_turn_pages(mine: mythos.Mythos) -> None:
    rituals = mine.rituals()
    saved = [rituals.save("helper", "refund", b"%d" % n, intent={"labels": ["even"][n % 2 :]}) for n in range(7)]
    rituals.save("other", "refund", b"")
    page = rituals.list(assistant="helper", ritual="refund", limit=3)
    check(page, Page[CompressedRitual])
    listed = page["items"]
    while (after := page["next"]) is not None:
        page = rituals.list(assistant="helper", ritual="refund", limit=3, after=after)
        listed += page["items"]
    assert listed == saved[::-1]
    assert rituals.list(assistant="helper", labels=["even"])["items"] == saved[::2][::-1]
    assert len(rituals.list()["items"]) == 8
    since = saved[2]["created_at"]
    assert rituals.list(assistant="helper", ritual="refund", since=since)["items"] == saved[2:][::-1]
    elsewhere = since.astimezone(dt.timezone(dt.timedelta(hours=5)))
    assert rituals.list(assistant="helper", ritual="refund", before=elsewhere)["items"] == saved[:2][::-1]


def test_an_operation_is_done_once(mine: mythos.Mythos) -> None:
    rituals, operation = mine.rituals(), str(uuid.uuid4())
    entry = rituals.save("helper", "refund", STATE, operation=operation)
    rituals.save("helper", "refund", b"later")
    assert rituals.save("helper", "refund", STATE, operation=operation) == entry
    assert len(rituals.list()["items"]) == 2
    error = failure(lambda: rituals.save("helper", "refund", b"another", operation=operation))
    assert (type(error), error.field) == (mythos.Invalid, "operation")


def test_errors_have_a_kind_and_a_field(mine: mythos.Mythos) -> None:
    rituals = mine.rituals()
    entry = rituals.save("helper", "refund", STATE)["entry"]
    unheard_of = str(uuid.uuid4())
    naive = dt.datetime(2026, 11, 21)
    failing: list[tuple[Callable[[], object], type[mythos.MythosError], str | None]] = [
        (lambda: rituals.save("", "refund", b""), mythos.Invalid, "assistant"),
        (lambda: rituals.save("helper", 3, b""), mythos.Invalid, "ritual"),  # type: ignore[arg-type]
        (lambda: rituals.save("helper", "refund", "text"), mythos.Invalid, "payload"),  # type: ignore[arg-type]
        (lambda: rituals.save("helper", "refund", bytes(64 * 1024**2 + 1)), mythos.Limit, "payload"),
        (lambda: rituals.save("helper", "refund", b"", intent={"labels": ["\0"]}), mythos.Invalid, "labels"),
        (lambda: rituals.save("helper", "refund", b"", operation="x"), mythos.Invalid, "operation"),
        (lambda: rituals.save("helper", "refund", b"", parent={"kind": "absent"}), mythos.Conflict, "parent"),
        (lambda: rituals.restore("x"), mythos.Invalid, "entry"),
        (lambda: rituals.restore(unheard_of), mythos.NotFound, None),
        (lambda: rituals.entry(unheard_of), mythos.NotFound, None),
        (lambda: rituals.list(since=naive), mythos.Invalid, "since"),
        (lambda: rituals.list(limit=0), mythos.Limit, "limit"),
        (lambda: rituals.list(after={"value": None, "id": "x"}), mythos.Invalid, "after.id"),
    ]
    for call, kind, field in failing:
        error = failure(call)
        assert (type(error), error.field) == (kind, field), error
    assert [entry["entry"] for entry in rituals.list()["items"]] == [entry]


def test_threads_save_side_by_side(mine: mythos.Mythos) -> None:
    rituals = mine.rituals()

    def work(thread: int) -> list[int]:
        return [rituals.save(f"helper {thread}", "refund", b"%d" % step)["sequence"] for step in range(12)]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for thread, sequences in enumerate(pool.map(work, range(8))):
            assert sequences == list(range(1, 13))
            latest = rituals.latest(f"helper {thread}", "refund")
            assert latest is not None and latest["payload"] == b"11"


def test_of_racing_saves_behind_one_entry_one_wins(mine: mythos.Mythos) -> None:
    rituals = mine.rituals()
    parent = rituals.save("helper", "refund", b"")["entry"]

    def save(thread: int) -> str:
        try:
            return rituals.save("helper", "refund", b"%d" % thread, parent={"kind": "entry", "entry": parent})["entry"]
        except mythos.Conflict as error:
            assert error.is_retryable
            return "conflict"

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(save, range(8)))
    assert outcomes[1:] == ["conflict"] * 7


def damage(path: Path, table: str, cell: str) -> None:
    """Flips a bit in the last byte of a cell of a closed file."""
    connection = sqlite3.connect(path)
    with connection:
        (number, stored) = connection.execute(
            "SELECT cell, bytes FROM cells JOIN cell_owners USING (owner) WHERE record_table = ? AND name = ?",
            (table, bytes.fromhex(cell)),
        ).fetchone()
        damaged = stored[:-1] + bytes([stored[-1] ^ 1])
        connection.execute("UPDATE cells SET bytes = ? WHERE cell = ?", (damaged, number))
    connection.close()


def test_damage_is_found_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "assistants.db"
    with mythos.Mythos.open(path) as mine:
        sound = mine.rituals().save("helper", "refund", STATE)
        broken = mine.rituals().save("helper", "refund", bytes(range(256)) * 8)
    damage(path, "ritual_heads", broken["compressed_ritual_data"]["cell"])
    with mythos.Mythos.open(path) as mine:
        rituals = mine.rituals()
        for restore in (lambda: rituals.latest("helper", "refund"), lambda: rituals.restore(broken["entry"])):
            error = failure(restore)
            assert isinstance(error, mythos.Corrupt)
            assert not error.is_retryable
        verification = rituals.verify(broken["entry"])
        assert not verification["verified"] and verification["finding"]
        newest = rituals.newest_verifiable("helper", "refund")
        check(newest, VerifiableRitual)
        assert newest is not None
        assert newest["restored"] == {"entry": sound, "payload": STATE}
        assert [skipped["entry"] for skipped in newest["skipped"]] == [broken["entry"]]
        assert rituals.newest_verifiable("helper", "refund", before=1) is None
