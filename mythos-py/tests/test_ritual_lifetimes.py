"""What becomes of checkpoints: pruning, retention, forks, copies, deletion, scrubbing; and what pages show of them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Any

import mythos
import pytest
from mythos.records import (
    CompressedRitual,
    DeletionReport,
    Page,
    PruneByName,
    PruneReport,
    PruneWhat,
    RetentionPolicy,
    RetentionStatus,
    RitualCopyReport,
    RitualHead,
    RitualOverview,
    RitualPoint,
    RitualProgress,
    RitualTotals,
    ScrubReport,
    Stall,
)

from dict_store import DictStore
from shapes import shaped

OPERATION = str(uuid.uuid4())


def states(count: int) -> list[bytes]:
    """States that grow at their end."""
    steps = [f"step {n}: {random.Random(n).randbytes(20).hex()}" for n in range(count)]
    return ["\n".join(steps[: n + 1]).encode() for n in range(count)]


def save(rituals: mythos.RitualCompressionCache, ritual: str, count: int) -> dict[str, bytes]:
    """The payloads of so many new entries of Ana's ritual, by entry."""
    return {rituals.save("ana", ritual, state)["entry"]: state for state in states(count)}


def restored(rituals: mythos.RitualCompressionCache, **which: Any) -> dict[str, bytes]:
    """The payloads of all entries, oldest first."""
    entries = [entry["entry"] for entry in rituals.list(limit=1000, **which)["items"]]
    return {entry: rituals.restore(entry)["payload"] for entry in reversed(entries)}


def in_parts(call: Callable[[RitualProgress | None], Any]) -> list[Any]:
    """The reports of a work that is done in several calls."""
    reports = [call(None)]
    while reports[-1]["next"] is not None:
        reports.append(call(reports[-1]["next"]))
    return reports


def until_done(call: Callable[[], Any]) -> list[Any]:
    """The reports of a call that is repeated."""
    reports = [call()]
    while not reports[-1]["done"]:
        reports.append(call())
    return reports


def refused(field: str, call: Callable[..., object], *arguments: object, **named: object) -> None:
    """Holds that a call is refused for the input that `field` names."""
    with pytest.raises((mythos.Invalid, mythos.Limit)) as caught:
        call(*arguments, **named)
    assert caught.value.field is not None
    assert caught.value.field.startswith(field), caught.value.field


def test_a_policy_prunes_all_that_it_does_not_keep(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    for ritual in ("order", "refund"):
        save(rituals, ritual, 100)
    labelled = rituals.save("ana", "refund", b"kept", intent={"labels": ["keep"]})["entry"]
    last = {**save(rituals, "refund", 10)}
    other = rituals.save("bob", "refund", b"first")["entry"]
    rituals.save("bob", "refund", b"second")
    policy: RetentionPolicy = {"max_entries": 5, "keep_labels": ["keep"]}
    what: PruneWhat = {"kind": "policy", "assistant": "ana", "policy": policy}
    before = restored(rituals)
    would = shaped(rituals.prune(what, dry_run=True), PruneReport)
    assert (would["rituals"], would["entries"], would["skipped"]) == (2, 95 + 105, [])
    assert would["bytes_freed"] > 0
    assert restored(rituals) == before
    reports = in_parts(lambda after: shaped(rituals.prune(what, budget={"max_bytes": 1}, after=after), PruneReport))
    assert len(reports) > 2
    assert sum(report["entries"] for report in reports) == would["entries"]
    assert sum(report["rituals"] for report in reports) == 2
    left = restored(rituals, assistant="ana", ritual="refund")
    assert list(left) == [labelled, *list(last)[-5:]]
    assert restored(rituals, assistant="ana", ritual="order").items() <= before.items()
    assert left == {entry: before[entry] for entry in left}
    assert other in restored(rituals)
    assert rituals.scrub()["findings"] == 0
    one: PruneWhat = {"kind": "policy", "assistant": "ana", "ritual": "order", "policy": {"max_entries": 1}}
    assert rituals.prune(one)["entries"] == 4
    everyone: PruneWhat = {"kind": "policy", "policy": {"max_entries": 1}}
    assert rituals.prune(everyone)["rituals"] == 3
    assert [head["entries"] for head in rituals.rituals()["items"]] == [1, 1, 1]


def test_entries_are_pruned_by_name(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    saved = save(rituals, "refund", 8)
    names = list(saved)
    gone: PruneByName = {"kind": "entries", "entries": [names[0], names[3], names[7]]}
    assert rituals.prune(gone, dry_run=True)["entries"] == 3
    assert restored(rituals) == saved
    report = rituals.prune(gone)
    assert (report["rituals"], report["entries"], report["next"]) == (1, 3, None)
    # The one before what went was a patch from it.
    assert report["rerooted"] >= 1
    left = {entry: saved[entry] for entry in saved if entry not in gone["entries"]}
    assert restored(rituals) == left
    assert rituals.prune(gone)["entries"] == 0
    with pytest.raises(mythos.NotFound):
        rituals.restore(names[3])
    kept: PruneWhat = {"kind": "keep", "assistant": "ana", "ritual": "refund", "entries": (names[1], names[5])}
    assert rituals.prune(kept)["entries"] == 3
    assert restored(rituals) == {entry: saved[entry] for entry in (names[1], names[5])}
    # Positions are never given again.
    assert rituals.save("ana", "refund", b"next")["sequence"] == 9


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ({"kind": "policy", "policy": {}}, "policy"),
        ({"kind": "policy", "policy": {"max_entries": 0}}, "max_entries"),
        ({"kind": "policy", "policy": {"max_age": 1}}, "what"),
        ({"kind": "policy", "ritual": "refund", "policy": {"max_entries": 1}}, "assistant"),
        ({"kind": "entries", "entries": []}, "entries"),
        ({"kind": "entries", "entries": ["no uuid"]}, "what"),
        ({"kind": "all"}, "what"),
        (None, "what"),
    ],
)
def test_what_cannot_be_pruned_is_named(what: Any, field: str) -> None:
    rituals = mythos.Mythos.in_memory().rituals()
    saved = save(rituals, "refund", 3)
    refused(field, rituals.prune, what)
    assert restored(rituals) == saved


def test_entries_of_two_rituals_are_not_pruned_together(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    saved = {**save(rituals, "order", 2), **save(rituals, "refund", 2)}
    refused("entries", rituals.prune, {"kind": "entries", "entries": list(saved)})
    assert restored(rituals, assistant="ana", ritual="order").keys() < saved.keys()
    assert len(restored(rituals)) == 4
    with pytest.raises(mythos.NotFound):
        rituals.prune({"kind": "keep", "assistant": "ana", "ritual": "other", "entries": []})


def test_retention_runs_by_itself(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    assert rituals.retention("ana") is None
    policy: RetentionPolicy = {"max_entries": 4}
    rituals.set_retention("ana", policy)
    status = shaped(rituals.retention("ana"), RetentionStatus)
    assert status == {
        "policy": {"max_entries": 4, "max_age_seconds": None, "max_stored_bytes": None, "keep_labels": []},
        "last_run_at": None,
        "entries_deleted": 0,
        "bytes_freed": 0,
        "last_finding": None,
    }
    saved = save(rituals, "refund", 15)
    assert restored(rituals) == saved
    sixteenth = rituals.save("ana", "refund", b"sixteenth")
    kept = {entry: saved[entry] for entry in list(saved)[-3:]}
    assert restored(rituals) == {**kept, sixteenth["entry"]: b"sixteenth"}
    status = shaped(rituals.retention("ana"), RetentionStatus)
    assert status is not None
    assert (status["entries_deleted"], status["last_finding"]) == (12, None)
    assert status["last_run_at"] is not None
    assert status["last_run_at"] >= sixteenth["created_at"]
    rituals.set_retention("ana", {"max_entries": 1, "keep_labels": ("gone",)})
    home.maintain()
    assert restored(rituals) == {sixteenth["entry"]: b"sixteenth"}
    rituals.set_retention("ana", None)
    assert rituals.retention("ana") is None
    save(rituals, "refund", 16)
    assert len(restored(rituals)) == 17


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({}, "policy"),
        ({"max_entries": 0}, "max_entries"),
        ({"max_entries": -1}, "policy.max_entries"),
        ({"max_entries": 1, "keep_labels": [f"{n}" for n in range(257)]}, "keep_labels"),
        ({"entries": 1}, "policy"),
    ],
)
def test_a_policy_that_is_none_is_refused(policy: Any, field: str) -> None:
    rituals = mythos.Mythos.in_memory().rituals()
    refused(field, rituals.set_retention, "ana", policy)
    assert rituals.retention("ana") is None


def test_a_fork_goes_its_own_way(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    saved = save(rituals, "refund", 5)
    origin = list(saved)[2]
    fork = shaped(rituals.fork(origin, "what if", operation=OPERATION), CompressedRitual)
    assert (fork["assistant"], fork["ritual"], fork["sequence"], fork["parent"]) == ("ana", "what if", 1, origin)
    assert rituals.fork(origin, "what if", operation=OPERATION) == fork
    assert rituals.fork(origin, "refund", assistant="bob")["assistant"] == "bob"
    with pytest.raises(mythos.Conflict):
        rituals.fork(origin, "what if")
    with pytest.raises(mythos.NotFound):
        rituals.fork(str(uuid.uuid4()), "another")
    refused("ritual", rituals.fork, origin, "")
    rituals.delete_ritual("ana", "refund")
    assert restored(rituals, assistant="ana") == {fork["entry"]: saved[origin]}


def test_a_copy_restores_the_same_bytes(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    saved = save(rituals, "refund", 130)
    progress: list[RitualCopyReport] = []
    while not progress or not progress[-1]["done"]:
        report = rituals.copy("ana", "refund", "backup", to_assistant="bob", budget={"max_bytes": 1})
        progress.append(shaped(report, RitualCopyReport))
        if not progress[-1]["done"]:
            assert rituals.list(assistant="bob")["items"] == []
            (head,) = shaped(rituals.rituals(assistant="bob")["items"], list[RitualHead])
            assert head["copying"]["entries"] == sum(report["entries"] for report in progress)
    assert len(progress) > 2
    assert sum(report["entries"] for report in progress) == 130
    assert sum(report["raw_bytes"] for report in progress) == sum(map(len, saved.values()))
    assert all(report["skipped"] == [] for report in progress)
    copied = restored(rituals, assistant="bob", ritual="backup")
    assert list(copied.values()) == list(saved.values())
    assert copied.keys().isdisjoint(saved)
    (head,) = rituals.rituals(assistant="bob")["items"]
    assert "copying" not in head
    with pytest.raises(mythos.Conflict) as caught:
        rituals.copy("ana", "refund", "backup", to_assistant="bob")
    assert caught.value.field == "to_ritual"
    assert rituals.copy("ana", "refund", "twin")["done"]
    assert len(restored(rituals, assistant="ana", ritual="twin")) == 130
    with pytest.raises(mythos.NotFound):
        rituals.copy("ana", "no such", "another")


def test_a_deleted_ritual_leaves_nothing() -> None:
    store = DictStore()
    rituals = mythos.Mythos.with_store(store).rituals()
    saved = save(rituals, "refund", 20)
    report = shaped(rituals.delete_ritual("ana", "refund"), DeletionReport)
    assert report["bytes_freed"] > 0
    assert {**report, "bytes_freed": 0} == {
        "rituals": 1,
        "entries": 20,
        "bytes_freed": 0,
        "dictionaries": 0,
        "skipped": [],
        "done": True,
    }
    assert not any(store._cells.values())
    assert not any(store._records.values())
    with pytest.raises(mythos.NotFound):
        rituals.restore(next(iter(saved)))
    again = rituals.delete_ritual("ana", "refund")
    assert (again["rituals"], again["done"]) == (0, True)


def test_a_deleted_assistant_leaves_others_alone(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    for n in range(12):
        save(rituals, f"refund {n}", 5)
    assert rituals.train("ana")["trained"] is not None
    rituals.set_retention("ana", {"max_entries": 100})
    other = rituals.save("bob", "refund", b"state")["entry"]
    reports = until_done(lambda: shaped(rituals.delete_assistant("ana", budget={"max_bytes": 1}), DeletionReport))
    assert len(reports) > 2
    assert sum(report["rituals"] for report in reports) == 12
    assert sum(report["entries"] for report in reports) == 60
    assert sum(report["dictionaries"] for report in reports) == 1
    assert all(report["skipped"] == [] for report in reports)
    assert rituals.retention("ana") is None
    assert rituals.dictionaries("ana") is None
    assert rituals.latest("ana", "refund 0") is None
    assert restored(rituals) == {other: b"state"}


def test_a_scrub_goes_on_where_it_stopped(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    payloads = {**save(rituals, "order", 130), **save(rituals, "refund", 3)}
    reports = in_parts(lambda after: shaped(rituals.scrub(budget={"max_bytes": 1}, after=after), ScrubReport))
    assert len(reports) > 2
    assert sum(report["entries"] for report in reports) == 133
    assert sum(report["bytes"] for report in reports) == sum(map(len, payloads.values()))
    assert sum(report["findings"] for report in reports) == 0
    assert len(rituals.list(verified=True, limit=1000)["items"]) == 133
    assert rituals.scrub(ritual="refund")["rituals"] == 1
    refused("budget", rituals.scrub, budget={"bytes": 1})


def test_a_ritual_that_lost_its_head_is_found_by_its_name() -> None:
    store = DictStore()
    rituals = mythos.Mythos.with_store(store).rituals()
    save(rituals, "refund", 3)
    store._records["ritual_heads"].clear()
    assert rituals.scrub()["findings"] == 0
    report = shaped(rituals.scrub(assistant="ana", ritual="refund"), ScrubReport)
    assert [finding["part"] for finding in report["damaged"]] == ["head"]
    assert report["entries"] == 3


def test_any_damaged_cell_is_found_by_a_scrub() -> None:
    store = DictStore()
    rituals = mythos.Mythos.with_store(store).rituals()
    # Patches between random states are long enough for cells of their own.
    saved = [rituals.save("ana", "refund", random.Random(n).randbytes(4000))["entry"] for n in range(3)]
    (cells,) = (cells for cells in store._cells.values() if cells)
    intact = dict(cells)
    damaged = {}
    for name in intact:
        cells[name] += b"!"
        report = shaped(rituals.scrub(), ScrubReport)
        assert report["findings"] >= 1, name
        damaged[name] = report["damaged"][0]["part"]
        cells.update(intact)
    assert {"card", "whole"} <= set(damaged.values())
    assert rituals.scrub()["findings"] == 0
    assert all(rituals.verify(entry)["verified"] for entry in saved)


def test_totals_add_up(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    payloads = {**save(rituals, "order", 6), **save(rituals, "refund", 4)}
    rituals.save("bob", "refund", bytes(1000))
    totals = shaped(rituals.totals(), RitualTotals)
    assert (totals["rituals"], totals["entries"]) == (3, 11)
    assert totals["raw_bytes"] == sum(map(len, payloads.values())) + 1000
    assert (totals["encodings"], totals["damaged"], totals["next"]) == ([], 0, None)
    heads = rituals.rituals()["items"]
    assert totals["stored_bytes"] == sum(head["stored_bytes"] for head in heads)
    full = shaped(rituals.totals(by_encoding=True), RitualTotals)
    assert {**full, "encodings": []} == totals
    assert {each["encoding"] for each in full["encodings"]} >= {"zstd", "patch"}
    for field in ("entries", "raw_bytes", "stored_bytes"):
        assert sum(each[field] for each in full["encodings"]) == totals[field]
    assert rituals.totals(assistant="ana")["rituals"] == 2
    assert rituals.totals(ritual="refund")["rituals"] == 2
    (only,) = (head for head in heads if head["assistant"] == "bob")
    assert rituals.totals(assistant="bob", ritual="refund")["stored_bytes"] == only["stored_bytes"]
    refused("assistant", rituals.totals, assistant="")
    parts = [rituals.totals(assistant=assistant, by_encoding=True) for assistant in ("ana", "bob")]
    assert shaped(mythos.add_totals(*parts), RitualTotals) == full
    assert mythos.compression_ratio(totals) == totals["stored_bytes"] / totals["raw_bytes"]
    assert mythos.compression_ratio(rituals.totals(assistant="nobody")) is None
    refused("following", mythos.add_totals, totals, None)


def test_totals_go_on_where_they_stopped() -> None:
    rituals = mythos.Mythos.in_memory().rituals()
    # One call adds up a thousand rituals.
    for n in range(1005):
        rituals.save("ana", f"refund {n}", b"state")
    totals = rituals.totals()
    assert (totals["rituals"], totals["next"] is None) == (1000, False)
    totals = mythos.add_totals(totals, rituals.totals(after=totals["next"]))
    assert (totals["rituals"], totals["raw_bytes"], totals["next"]) == (1005, 5025, None)


def test_a_curve_goes_from_the_oldest_to_the_newest(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    payloads = list(save(rituals, "refund", 10).values())
    points = shaped(rituals.curve("ana", "refund"), list[RitualPoint])
    assert [point["sequence"] for point in points] == list(range(1, 11))
    assert [point["raw_bytes"] for point in points] == list(map(len, payloads))
    entries = rituals.list(assistant="ana", ritual="refund")["items"][::-1]
    assert [point["entropy"] for point in points] == [entry["entropy_score"] for entry in entries]
    assert [point["novelty"] for point in points] == [entry["novelty_score"] for entry in entries]
    assert [point["created_at"] for point in points] == [entry["created_at"] for entry in entries]
    few = [point["sequence"] for point in rituals.curve("ana", "refund", max_points=3)]
    assert (len(few), few[0], few[-1]) == (3, 1, 10)
    assert rituals.curve("ana", "no such") == []
    for max_points in (1, 1001):
        refused("max_points", rituals.curve, "ana", "refund", max_points=max_points)


def test_a_ritual_that_stalls_says_so(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    save(rituals, "refund", 5)
    assert rituals.stalled("ana", "refund") is None
    for _ in range(12):
        rituals.save("ana", "refund", states(5)[-1])
    found = shaped(rituals.stalled("ana", "refund"), Stall)
    assert found is not None
    assert found["length"] >= 12
    entries = rituals.list(assistant="ana", ritual="refund")["items"][::-1]
    assert found == mythos.stall(entries)
    assert rituals.stalled("ana", "refund", min_length=18) is None
    strict: dict[str, Any] = {"min_length": 3, "threshold": 0.01}
    assert rituals.stalled("ana", "refund", **strict) == mythos.stall(entries, **strict)
    assert rituals.stalled("ana", "no such") is None
    refused("min_length", rituals.stalled, "ana", "refund", min_length=1)
    refused("threshold", rituals.stalled, "ana", "refund", threshold=1.5)


def test_the_view_shows_what_the_cache_says(home: mythos.Mythos) -> None:
    rituals = home.rituals()
    save(rituals, "refund", 3)
    for _ in range(12):
        rituals.save("ana", "refund", states(3)[-1], intent={"labels": ["again"]})
    rituals.save("bob", "order", b"state")
    view = mythos.RitualCompressionView(rituals)
    assert view.VERBS == mythos.RitualCompressionView.VERBS == ("verify", "prune", "compact", "restore")
    assert all(callable(getattr(rituals, verb)) for verb in view.VERBS)
    totals = shaped(view.totals(by_encoding=True), RitualTotals)
    assert totals == rituals.totals(by_encoding=True)
    assert view.totals(assistant="bob")["entries"] == 1
    first = shaped(view.rituals(limit=1), Page[RitualHead])
    assert [head["assistant"] for head in first["items"]] == ["bob"]
    assert [head["assistant"] for head in view.rituals(after=first["next"])["items"]] == ["ana"]
    page = shaped(view.entries(assistant="ana", labels=["again"], limit=5), Page[CompressedRitual])
    assert [entry["sequence"] for entry in page["items"]] == [15, 14, 13, 12, 11]
    assert view.entries(max_raw_bytes=5) == rituals.list(max_raw_bytes=5)
    overview = shaped(view.overview("ana", "refund", max_points=4), RitualOverview)
    assert overview["points"] == rituals.curve("ana", "refund", max_points=4)
    assert overview["stall"] == rituals.stalled("ana", "refund")
    assert overview["stall"] is not None
    assert view.overview("ana", "no such") == {"points": [], "stall": None}
    assert mythos.RitualCompressionView(home.tenant("other").rituals()).totals()["rituals"] == 0
    refused("max_points", view.overview, "ana", "refund", max_points=0)
