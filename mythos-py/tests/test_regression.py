"""`mythos.regression`: what it answers, and how it fails."""

from __future__ import annotations

import doctest
import math
import threading
from array import array
from collections.abc import Iterable

import mythos
import pytest
from mythos import regression
from mythos.records import EmbedderId

OLD = "Refunds are made within 30 days."
NEW = "Refunds are made within 90 days."
POLICY = "# Refunds\n\nYou must answer within 30 days.\n\n- Never share a password.\n"


def test_the_examples_of_the_module_hold() -> None:
    assert doctest.testmod(regression).failed == 0


def test_an_edit_is_assessed_with_its_reason() -> None:
    found = regression.assess(OLD, NEW)
    assert (found["verdict"], found["coverage"], found["similarity"]) == ("accuracy", "covered", None)
    first = found["findings"][0]
    assert (first["signal"], first["severity"]) == ("number", "major")
    assert first["old"] is not None
    assert OLD[first["old"]["start"] : first["old"]["end"]] == "30 days"
    assert found["words"] == (6, 6)


def test_thresholds_are_the_callers() -> None:
    assert regression.assess(OLD, NEW, {"accuracy_threshold": 1.0, "undecided_from": 1.0})["verdict"] == "none"
    with pytest.raises(mythos.Invalid) as refused:
        regression.assess(OLD, NEW, {"accuracy_threshold": 1.5})
    assert refused.value.field == "accuracy_threshold"
    with pytest.raises(mythos.Invalid) as unknown:
        regression.assess(OLD, NEW, {"accuracy": 0.5})  # type: ignore[arg-type]
    assert unknown.value.field is not None


def test_bounds_are_stated() -> None:
    with pytest.raises(mythos.Limit) as refused:
        regression.assess("a" * (16 * 2**20 + 1), "b")
    assert refused.value.field == "old"


def test_many_are_in_order_and_tell_their_progress() -> None:
    pairs = [(OLD, f"Refunds are made within {days} days.") for days in range(3000)]
    told: list[tuple[int, int]] = []
    found = regression.assess_many(pairs, threads=3, progress=lambda done, all: told.append((done, all)))
    assert len(found) == len(pairs)
    assert found[30]["verdict"] == "none"
    assert found[31] == regression.assess(*pairs[31])
    assert told == [(1024, 3000), (2048, 3000), (3000, 3000)]
    assert regression.assess_many([]) == []


def test_an_error_of_many_names_its_pair() -> None:
    pairs = [(OLD, NEW)] * 1500
    pairs[1400] = (OLD, "a" * (16 * 2**20 + 1))
    with pytest.raises(mythos.Limit) as refused:
        regression.assess_many(pairs)
    assert refused.value.field == "pairs[1400].new"
    with pytest.raises(mythos.Invalid) as threads:
        regression.assess_many([], threads=65)
    assert threads.value.field == "threads"


def test_what_progress_raises_ends_the_work() -> None:
    def stop(done: int, all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        regression.assess_many([(OLD, NEW)] * 2000, progress=stop)


def test_other_threads_run_meanwhile() -> None:
    ran = threading.Event()
    is_over = threading.Event()

    def count() -> None:
        # Only a thread that gets its turn between the beginning and the end of the call says so.
        while not is_over.is_set():
            if has_begun.is_set():
                ran.set()

    has_begun = threading.Event()
    other = threading.Thread(target=count)
    other.start()
    text = "You must pay within 30 days. " * 20_000
    newer = text.replace("must", "may")
    has_begun.set()
    regression.assess(text, newer)
    is_over.set()
    other.join()
    assert ran.is_set()


def test_the_measures_have_names() -> None:
    found = regression.measures(OLD, NEW)
    assert any(value != 0 for value in found["accuracy"].values())
    assert set(found["accuracy"]) == set(regression.measures("a", "b")["accuracy"])
    assert set(found["tone"]) == set(regression.measures("a", "b")["tone"])


def test_documents_are_compared_part_by_part() -> None:
    new = POLICY.replace("- Never share a password.\n", "").replace("30", "90")
    found = regression.compare_documents(POLICY, new)
    assert [(change["change"], change["line"]) for change in found["changes"]] == [("changed", 3), ("lost", 3)]
    assert found["verdict"] in ("accuracy", "both")
    assert found["counts"]["unchanged"] == 1


def test_reports_are_written_of_many_documents() -> None:
    edits: list[mythos.regression.DocumentEdit] = [
        {"path": "a.md", "old": OLD, "new": NEW},
        {"path": "b.md", "old": OLD, "new": OLD},
        {"path": "c.md", "new": NEW, "new_revision": "HEAD"},
    ]
    documents = regression.compare_many(edits)
    assert [document["status"] for document in documents] == ["compared", "compared", "created"]
    assert "3 documents, 1 flagged" in regression.write_report(documents, "table")
    assert regression.write_report(documents, "github").startswith("::warning file=a.md,line=1,")
    with pytest.raises(mythos.Invalid) as refused:
        regression.write_report(documents, "html")  # type: ignore[arg-type]
    assert refused.value.field == "format"


class Letters:
    """Counts letters."""

    identity: EmbedderId = {"model": "letters", "version": "1", "dimension": 26}

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: list[str]) -> Iterable[Iterable[float]]:
        self.texts += texts
        return [array("f", [text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"]) for text in texts]


def test_the_embedder_may_be_the_hosts_own() -> None:
    embedder = Letters()
    found = regression.similarity([("abc", "cab"), ("a", "b")] * 200, embedder)
    assert len(found) == 400
    assert math.isclose(found[0]["cosine"], 1, rel_tol=1e-6)
    assert found[1] == {"cosine": 0, "embedder": Letters.identity}
    assert embedder.texts[:4] == ["abc", "cab", "a", "b"]


def test_the_built_in_embedder_needs_nothing() -> None:
    [same, other] = regression.similarity([(OLD, OLD), (OLD, "Cookies track visitors.")])
    assert same["cosine"] > 0.999 > other["cosine"]
    assert same["embedder"]["model"] == "mythos-hashed-ngrams"


def test_an_embedder_that_fails_is_told() -> None:
    class Broken(Letters):
        def embed(self, texts: list[str]) -> Iterable[Iterable[float]]:
            raise ValueError("no model")

    class Short(Letters):
        def embed(self, texts: list[str]) -> Iterable[Iterable[float]]:
            return [[1.0]] * len(texts)

    class Text(Letters):
        def embed(self, texts: list[str]) -> Iterable[Iterable[float]]:
            return "no vectors"  # type: ignore[return-value]

    class Away(Letters):
        def embed(self, texts: list[str]) -> Iterable[Iterable[float]]:
            raise mythos.Unavailable("try later")

    pairs = [("a", "b")]
    with pytest.raises(mythos.Internal) as broken:
        regression.similarity(pairs, Broken())
    assert isinstance(broken.value.__cause__, ValueError)
    with pytest.raises(mythos.Invalid) as short:
        regression.similarity(pairs, Short())
    assert short.value.field == "embedder"
    with pytest.raises(mythos.Internal):
        regression.similarity(pairs, Text())
    with pytest.raises(mythos.Unavailable):
        regression.similarity(pairs, Away())
    with pytest.raises(mythos.Invalid) as none:
        regression.similarity(pairs, object())  # type: ignore[arg-type]
    assert none.value.field == "embedder"
