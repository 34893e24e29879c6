"""Checkpoints, on the built-in store and on one written in Python."""

from __future__ import annotations

import array
import datetime as dt
import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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

from dict_store import DictStore
from shapes import shaped

OPERATION = str(uuid.uuid4())


def test_what_is_saved_is_restored_byte_for_byte(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    assert rituals.latest("ana", "refund") is None
    intent: SymbolicIntent = {
        "labels": ["b", "a"],
        "procedure": "refund order",
        "payload_format": "application/json",
        "codex": "support",
        "codex_root": "0f" * 32,
    }
    entry = shaped(rituals.save("ana", "refund", b"\0\xff" * 500, intent=intent), CompressedRitual)
    assert entry["labels"] == ["a", "b"]
    assert (entry["codex"], entry["codex_root"], entry["sequence"]) == ("support", "0f" * 32, 1)
    assert abs(dt.datetime.now(dt.timezone.utc) - entry["created_at"]) < dt.timedelta(minutes=1)
    for restored in (rituals.latest("ana", "refund"), rituals.restore(entry["entry"])):
        assert restored == {"entry": entry, "payload": b"\0\xff" * 500}
        shaped(restored, RestoredRitual)
    assert rituals.entry(entry["entry"]) == entry
    verified = shaped(rituals.verify(entry["entry"]), RitualVerification)
    assert verified == {"entry": entry["entry"], "verified": True, "finding": None}
    assert home.tenant("other").rituals().latest("ana", "refund") is None


@pytest.mark.parametrize(
    "payload", [b"", bytearray(b"abc"), memoryview(b"abcdef")[::2], array.array("d", [1.5, -2.0])]
)
def test_any_bytes_like_object_is_a_payload(payload: Any) -> None:
    rituals = mythos.Mythos.in_memory().rituals()
    entry = rituals.save("ana", "refund", payload)
    assert rituals.restore(entry["entry"])["payload"] == memoryview(payload).tobytes()


@pytest.mark.parametrize("payload", ["text", 3, None, [1, 2]])
def test_what_is_not_bytes_like_is_no_payload(payload: Any) -> None:
    with pytest.raises(mythos.Invalid, match="bytes-like") as caught:
        mythos.Mythos.in_memory().rituals().save("ana", "refund", payload)
    assert caught.value.field == "payload"


def test_a_save_is_repeated_by_its_operation(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    entry = rituals.save("ana", "refund", b"state", operation=OPERATION)
    assert entry["entry"] == OPERATION
    assert rituals.save("ana", "refund", b"state", operation=OPERATION) == entry
    with pytest.raises(mythos.Invalid, match="used for another save") as caught:
        rituals.save("ana", "refund", b"another state", operation=OPERATION)
    assert caught.value.field == "operation"
    assert len(rituals.list()["items"]) == 1


def test_a_save_may_insist_on_its_parent(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    first = rituals.save("ana", "refund", b"1", parent={"kind": "absent"})
    second = rituals.save("ana", "refund", b"2", parent={"kind": "entry", "entry": first["entry"]})
    assert second["parent"] == first["entry"]
    with pytest.raises(mythos.Conflict) as caught:
        rituals.save("ana", "refund", b"3", parent={"kind": "absent"})
    assert (caught.value.field, caught.value.is_retryable) == ("parent", True)
    assert rituals.save("ana", "refund", b"3", parent={"kind": "latest"})["sequence"] == 3


def test_entries_are_listed_page_by_page(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    entries = [rituals.save("ana", "refund", bytes([n]), intent={"labels": [f"{n % 2}"]}) for n in range(5)]
    rituals.save("bob", "refund", b"")
    seen, after = [], None
    while True:
        page = shaped(rituals.list(assistant="ana", ritual="refund", after=after, limit=2), Page[CompressedRitual])
        seen += page["items"]
        if (after := page["next"]) is None:
            break
    assert seen == entries[::-1]
    assert [entry["sequence"] for entry in rituals.list(assistant="ana", labels=["1"])["items"]] == [4, 2]
    start = entries[0]["created_at"]
    assert len(rituals.list(since=start)["items"]) == 6
    assert rituals.list(before=start)["items"] == []
    for limit in (0, 100_000):
        with pytest.raises(mythos.Limit):
            rituals.list(limit=limit)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"assistant": ""}, "assistant"),
        ({"ritual": None}, "ritual"),
        ({"operation": "no uuid"}, "operation"),
        ({"parent": {"kind": "eldest"}}, "parent"),
        ({"intent": {"labels": [3]}}, "intent.labels[0]"),
        ({"intent": {"codex_root": "00" * 32}}, "codex"),
    ],
)
def test_what_is_not_acceptable_is_named(arguments: dict[str, Any], field: str) -> None:
    rituals = mythos.Mythos.in_memory().rituals()
    with pytest.raises(mythos.Invalid) as caught:
        rituals.save(**{"assistant": "ana", "ritual": "refund", "payload": b"", **arguments})
    assert caught.value.field is not None
    assert caught.value.field.startswith(field)
    assert rituals.list()["items"] == []


def test_too_large_a_payload_is_refused() -> None:
    with pytest.raises(mythos.Limit) as caught:
        mythos.Mythos.in_memory().rituals().save("ana", "refund", bytes((64 << 20) + 1))
    assert caught.value.field == "payload"


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(mythos.Invalid, match="naive") as caught:
        mythos.Mythos.in_memory().rituals().list(since=dt.datetime(2026, 11, 21))
    assert caught.value.field == "since"


def test_what_does_not_exist_is_not_found(home: mythos.Mythos) -> None:
    for call in (home.rituals().restore, home.rituals().entry, home.rituals().verify):
        with pytest.raises(mythos.NotFound):
            call(OPERATION)


def damaged_by_dicts(tmp_path: Path) -> mythos.Mythos:
    store = DictStore()
    home = mythos.Mythos.with_store(store)
    save_two(home)
    for cells in store._cells.values():
        cells[max(cells)] += b"!"
    return home


def damaged_in_the_file(tmp_path: Path) -> mythos.Mythos:
    path = tmp_path / "mythos.db"
    with mythos.Mythos.open(path) as home:
        save_two(home)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE cells SET bytes = CAST(bytes || x'21' AS BLOB) WHERE name = (SELECT max(name) FROM cells)")
    connection.close()
    return mythos.Mythos.open(path)


def save_two(home: mythos.Mythos) -> None:
    home.rituals().save("ana", "refund", b"first")
    home.rituals().save("ana", "refund", b"second")


@pytest.mark.parametrize("damage", [damaged_by_dicts, damaged_in_the_file])
def test_a_damaged_cell_is_never_restored(damage: Any, tmp_path: Path) -> None:
    with damage(tmp_path) as home:
        rituals = home.rituals()
        with pytest.raises(mythos.Corrupt, match="damaged: expected [0-9a-f]{64}, found [0-9a-f]{64}"):
            rituals.latest("ana", "refund")
        found = shaped(rituals.latest_verifiable("ana", "refund"), VerifiableRitual)
        assert found["restored"]["payload"] == b"first"
        assert [skipped["sequence"] for skipped in found["skipped"]] == [2]
        assert rituals.latest_verifiable("ana", "refund", before=1) is None
        damaged = found["skipped"][0]["entry"]
        assert damaged is not None
        verification = rituals.verify(damaged)
        assert not verification["verified"]
        assert verification["finding"] is not None


def test_many_threads_save_into_one_line(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(lambda n: rituals.save("ana", "refund", bytes([n])), range(40)))
    assert sorted(entry["sequence"] for entry in saved) == list(range(1, 41))
    assert {rituals.restore(entry["entry"])["payload"] for entry in saved} == {bytes([n]) for n in range(40)}


def test_of_racing_saves_behind_one_entry_one_wins(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    parent = rituals.save("ana", "refund", b"")["entry"]

    def save(thread: int) -> str:
        try:
            return rituals.save("ana", "refund", bytes([thread]), parent={"kind": "entry", "entry": parent})["entry"]
        except mythos.Conflict:
            return "conflict"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(save, range(8)))[1:] == ["conflict"] * 7


class LosesOneAnswer(DictStore):
    """Commits the first batch, and then cannot tell whether it did."""

    lost = False

    def commit(self, batch: mythos.store.Batch, /) -> None:
        super().commit(batch)
        if not self.lost:
            self.lost = True
            raise mythos.Unknown("the connection broke")


def test_an_unknown_outcome_names_the_operation_to_repeat() -> None:
    rituals = mythos.Mythos.with_store(LosesOneAnswer()).rituals()
    with pytest.raises(mythos.Unknown) as caught:
        rituals.save("ana", "refund", b"state")
    assert caught.value.operation is not None
    entry = rituals.save("ana", "refund", b"state", operation=caught.value.operation)
    assert (entry["entry"], entry["sequence"]) == (caught.value.operation, 1)
    with pytest.raises(mythos.NotFound) as missing:
        rituals.entry(str(uuid.uuid4()))
    assert missing.value.operation is None
