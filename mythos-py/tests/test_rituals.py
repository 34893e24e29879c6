"""Checkpoints, on the built-in store and on one written in Python."""

from __future__ import annotations

import array
import datetime as dt
import random
import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mythos
import pytest
from mythos.records import (
    CompactionReport,
    CompressedRitual,
    Page,
    RestoredRitual,
    RitualDictionaries,
    RitualHead,
    RitualVerification,
    ScrubReport,
    Stall,
    SymbolicIntent,
    TrainingReport,
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
        assert restored == {"entry": entry, "payload": b"\0\xff" * 500, "format": "application/json"}
        shaped(restored, RestoredRitual)
    assert rituals.entry(entry["entry"]) == entry
    verified = shaped(rituals.verify(entry["entry"]), RitualVerification)
    assert verified == {"entry": entry["entry"], "verified": True, "restorable": True, "findings": []}
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


def signed(entry: CompressedRitual) -> dict[str, object]:
    """All of an entry that never changes."""
    return {name: value for name, value in entry.items() if name != "compressed_ritual_data"}


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
    # How an older one is stored changes with each save; what was signed does not.
    assert [signed(entry) for entry in seen] == [signed(entry) for entry in entries[::-1]]
    assert [entry["sequence"] for entry in rituals.list(assistant="ana", labels=["1"])["items"]] == [4, 2]
    start = entries[0]["created_at"]
    assert len(rituals.list(since=start)["items"]) == 6
    assert rituals.list(before=start)["items"] == []
    for limit in (0, 100_000):
        with pytest.raises(mythos.Limit):
            rituals.list(limit=limit)


def test_entries_are_filtered_by_size_and_verification(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    for length in (10, 20, 30):
        rituals.save("ana", "refund", bytes(length))

    def lengths(**filters: Any) -> list[int]:
        items = rituals.list(assistant="ana", ritual="refund", **filters)["items"]
        return [entry["compressed_ritual_data"]["raw_bytes"] for entry in items]

    assert lengths(min_raw_bytes=20) == [30, 20]
    assert lengths(max_raw_bytes=20) == [20, 10]
    assert lengths(min_raw_bytes=11, max_raw_bytes=29) == [20]
    # No scrub has seen them.
    assert (lengths(verified=True), lengths(verified=False)) == ([], [30, 20, 10])
    with pytest.raises(mythos.Invalid) as caught:
        rituals.list(min_raw_bytes=-1)
    assert caught.value.field == "min_raw_bytes"


def test_rituals_are_listed_by_their_heads(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    rituals.save("ana", "refund", b"1", intent={"labels": ["urgent"]})
    last = rituals.save("ana", "refund", b"22")
    rituals.save("bob", "order", b"3")
    page = shaped(rituals.rituals(limit=1), Page[RitualHead])
    assert [head["ritual"] for head in page["items"]] == ["order"]
    (head,) = rituals.rituals(after=page["next"])["items"]
    assert (head["assistant"], head["entries"], head["raw_bytes"], head["newest"]) == ("ana", 2, 3, [2, 1])
    assert (head["labels"], head["updated_at"]) == (["urgent"], last["created_at"])
    assert "compacted" not in head
    assert rituals.rituals(assistant="ana")["items"] == [head]
    assert rituals.rituals(before=head["first_at"])["items"] == []
    assert len(rituals.rituals(since=head["first_at"])["items"]) == 2


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
    # One that keeps no newest state in memory.
    return mythos.Mythos.with_store(store)


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
        with pytest.raises(mythos.Corrupt, match="damaged or misplaced: expected [0-9a-f]{32}, found [0-9a-f]{32}"):
            rituals.latest("ana", "refund")
        found = shaped(rituals.latest_verifiable("ana", "refund"), VerifiableRitual)
        assert found["restored"]["payload"] == b"first"
        assert [skipped["sequence"] for skipped in found["skipped"]] == [2]
        assert rituals.latest_verifiable("ana", "refund", before=1) is None
        damaged = found["skipped"][0]["entry"]
        assert damaged is not None
        verification = shaped(rituals.verify(damaged), RitualVerification)
        assert (verification["verified"], verification["restorable"]) == (False, False)
        (finding,) = verification["findings"]
        assert (finding["part"], finding["entry"], finding["sequence"]) == ("whole", damaged, 2)
        assert (finding["assistant"], finding["ritual"]) == ("ana", "refund")
        assert finding["lost"] == [{"first": 2, "last": 2}]
        assert None not in (finding["expected"], finding["found"])
        assert finding["expected"] != finding["found"]
        # Nothing is noted of the entries until a scrub has seen them.
        assert rituals.list(verified=True)["items"] == []
        report = shaped(rituals.scrub(), ScrubReport)
        assert (report["rituals"], report["entries"], report["bytes"]) == (1, 2, len(b"first"))
        assert (report["damaged"], report["findings"]) == ([finding], 1)
        assert (report["skipped"], report["next"]) == ([], None)
        assert rituals.scrub(assistant="ana", ritual="refund")["damaged"] == [finding]
        assert rituals.scrub(assistant="bob")["rituals"] == 0
        assert [entry["sequence"] for entry in rituals.list(verified=True)["items"]] == [1]
        (head,) = shaped(rituals.rituals()["items"], list[RitualHead])
        scrubbed = head["scrubbed"]
        assert (scrubbed["sequence"], scrubbed["above"], scrubbed["damaged"]) == (2, 0, [2])


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
        assert list(pool.map(save, range(8))).count("conflict") == 7


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
    assert entry["sequence"] == 1
    assert rituals.list()["items"] == [entry]
    with pytest.raises(mythos.NotFound) as missing:
        rituals.entry(str(uuid.uuid4()))
    assert missing.value.operation is None


def conversation(ritual: int, steps: int) -> list[bytes]:
    """States that grow at their end, and have their beginning in common with those of other rituals."""
    rules = " ".join(f"rule {n}: an order of {n * 7} EUR is refunded within {n} days." for n in range(20))
    return [f"{rules} ritual {ritual}: {' '.join(f'step {n} of {ritual}' for n in range(step))}".encode() for step in range(1, steps + 1)]


def test_a_trained_and_compacted_cache_is_smaller_and_holds_what_was_saved(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    assert rituals.dictionaries("ana") is None
    assert rituals.train("ana") == {"trained": None, "states": 0, "bytes_without": 0, "bytes_with": 0}
    saved = {
        rituals.save("ana", f"refund {ritual}", state)["entry"]: state
        for ritual in range(12)
        for state in conversation(ritual, 5)
    }
    before = sum(head["stored_bytes"] for head in rituals.rituals()["items"])
    report = shaped(rituals.train("ana"), TrainingReport)
    number = report["trained"]
    assert number is not None
    assert report["bytes_with"] < report["bytes_without"]
    known = shaped(rituals.dictionaries("ana"), RitualDictionaries)
    assert known is not None
    assert (known["active"], [each["number"] for each in known["dictionaries"]]) == (number, [number])
    rounds, after = 0, None
    while True:
        done = shaped(rituals.compact(assistant="ana", budget={"max_bytes": 1}, after=after), CompactionReport)
        assert done["skipped"] == []
        rounds += 1
        if (after := done["next"]) is None:
            break
    assert rounds > 1
    assert rituals.compact()["entries"] == 0
    heads = shaped(rituals.rituals()["items"], list[RitualHead])
    assert sum(head["stored_bytes"] for head in heads) < before
    assert {head["compacted"]["dictionary"] for head in heads} == {number}
    assert {entry: rituals.restore(entry)["payload"] for entry in saved} == saved
    encodings = {entry["compressed_ritual_data"]["encoding"] for entry in rituals.list()["items"]}
    assert encodings == {"zstd", "patch"}
    with pytest.raises(mythos.Invalid) as caught:
        rituals.compact(budget={"max_bites": 1})  # type: ignore[arg-type]
    assert caught.value.field is not None
    assert caught.value.field.startswith("budget")


def test_what_says_nothing_new_is_a_stall(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    ahead = [random.Random(n).randbytes(1000) for n in range(5)]
    entries = [rituals.save("ana", "refund", state) for state in [*ahead, *[ahead[-1]] * 12]]
    assert entries[0]["novelty_score"] == 1.0
    assert [entry["novelty_score"] for entry in entries[5:]] == [0.0] * 12
    assert mythos.stall(entries[:5]) is None
    found = shaped(mythos.stall(entries), Stall)
    assert found == {"since_sequence": 6, "length": 12, "mean_novelty": 0.0}
    assert mythos.stall(entries, min_length=13) is None
    assert mythos.stall([{"sequence": n, "novelty_score": 0.25} for n in (1, 2)], min_length=2, threshold=0.26) == {
        "since_sequence": 1,
        "length": 2,
        "mean_novelty": 0.25,
    }
    for arguments, field in (({"min_length": 1}, "min_length"), ({"threshold": 1.5}, "threshold")):
        with pytest.raises(mythos.Invalid) as caught:
            mythos.stall(entries, **arguments)
        assert caught.value.field == field


def test_novelty_is_scored_of_any_bytes() -> None:
    assert mythos.novelty_score(None, b"[]") == 1.0
    assert mythos.novelty_score(b"[1,2]", bytearray(b"[1,2]")) == 0.0
    assert mythos.novelty_score(memoryview(b"[1,2]"), b"[1,4]") == 1 / 257
    with pytest.raises(mythos.Invalid) as caught:
        mythos.novelty_score("[1]", b"[1]")  # type: ignore[arg-type]
    assert caught.value.field == "previous"


def test_many_entries_restore_from_a_memory_of_any_size(home: mythos.Mythos) -> None:
    for hot_bytes in (0, 1 << 20):
        rituals = home.with_rituals(hot_bytes=hot_bytes).rituals()
        for state in conversation(hot_bytes, 3):
            rituals.save("ana", f"refund {hot_bytes}", state)
            for _ in range(2):
                latest = rituals.latest("ana", f"refund {hot_bytes}")
                assert latest is not None
                assert latest["payload"] == state
    with pytest.raises(mythos.Invalid) as caught:
        home.with_rituals(hot_bytes=-1)
    assert caught.value.field == "hot_bytes"


def test_the_newest_state_is_the_object_that_was_saved() -> None:
    rituals = mythos.Mythos.in_memory().rituals()
    state = bytes(range(256)) * 100
    rituals.save("ana", "refund", state)
    latest = rituals.latest("ana", "refund")
    assert latest is not None and latest["payload"] is state
    # What may still change was copied.
    changing = bytearray(state)
    rituals.save("ana", "refund", changing)
    changing[0] = 255
    latest = rituals.latest("ana", "refund")
    assert latest is not None and latest["payload"] == state


def test_a_subclass_of_bytes_comes_back_as_plain_bytes() -> None:
    class Named(bytes):
        name = "state"

    rituals = mythos.Mythos.in_memory().rituals()
    rituals.save("ana", "refund", Named(b"state" * 100))
    latest = rituals.latest("ana", "refund")
    assert latest is not None
    assert type(latest["payload"]) is bytes and latest["payload"] == b"state" * 100


def test_the_newest_state_of_a_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    state = random.Random(1).randbytes(100_000)
    with mythos.Mythos.open(path) as home:
        entry = home.rituals().save("ana", "refund", state)["entry"]
    with mythos.Mythos.open(path) as home:
        first = home.rituals().latest("ana", "refund")
        second = home.rituals().latest("ana", "refund")
        assert first is not None and second is not None
        assert first["payload"] == state and first["payload"] is second["payload"]
        assert first["entry"] == second["entry"] and first["entry"]["entry"] == entry
        assert home.rituals().restore(entry)["payload"] == state
