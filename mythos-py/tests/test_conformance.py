"""The conformance cases, run on stores written in Python; and that each sort of defect fails the cases it should."""

from __future__ import annotations

from pathlib import Path

import mythos
import pytest
from mythos.store import Answer, Batch, Budget, CellOp, Expect, Maintained, Read, Schema
from mythos.testing import conformance_cases, run_conformance_case

from dict_store import DictStore
from shapes import fits
from sqlite_store import SqliteFileStore

CASES = conformance_cases()
NAMES = [case["name"] for case in CASES]


class Watched(DictStore):
    """A sound store that sees to it that what crosses is what `mythos.store` declares."""

    def read(self, reads: list[Read], /) -> list[Answer]:
        assert fits(reads, list[Read]), reads
        return super().read(reads)

    def commit(self, batch: Batch, /) -> None:
        assert fits(batch, Batch), batch
        super().commit(batch)

    def maintain(self, budget: Budget, /) -> Maintained:
        assert fits(budget, Budget), budget
        return super().maintain(budget)


def test_the_shapes_are_told_apart() -> None:
    good: Batch = {"checks": [{"table": "t", "id": "00", "expect": {"kind": "at", "version": 1}}], "records": [], "cells": []}
    assert fits(good, Batch)
    for bad in ({**good, "more": 1}, {**good, "checks": [{}]}, {**good, "cells": [{"kind": "put"}]}, {**good, "records": ()}):
        assert not fits(bad, Batch)


def test_there_are_cases() -> None:
    assert len(NAMES) == len(set(NAMES)) > 50
    assert all(name.isidentifier() for name in NAMES)
    assert all(case["about"] and case["obligation"] for case in CASES)


@pytest.mark.parametrize("name", NAMES)
def test_a_store_on_dicts_conforms(name: str) -> None:
    run_conformance_case(name, lambda tables: Watched(), lambda store: store)


@pytest.mark.parametrize("name", NAMES)
def test_the_store_in_memory_conforms(name: str) -> None:
    run_conformance_case(name, lambda tables: mythos.MemoryStore(), lambda store: store)


@pytest.mark.parametrize("name", NAMES)
def test_a_store_on_sqlite3_conforms(name: str, tmp_path: Path) -> None:
    stores: list[SqliteFileStore] = []

    def opened() -> SqliteFileStore:
        stores.append(SqliteFileStore(tmp_path / f"{len(stores)}.db"))
        return stores[-1]

    def reopened(store: SqliteFileStore) -> SqliteFileStore:
        store.close()
        stores.append(SqliteFileStore(store.path))
        return stores[-1]

    try:
        run_conformance_case(name, lambda tables: opened(), reopened)
    finally:
        for store in stores:
            store.close()


class Careless(DictStore):
    """Writes whatever version it finds."""

    def _expect(self, table: str, id: str, expect: Expect) -> None: ...


class Overwriting(DictStore):
    """Gives a cell new bytes."""

    def commit(self, batch: Batch, /) -> None:
        gone: list[CellOp] = [
            {"kind": "delete", "owner": op["owner"], "names": {"kind": "these", "names": [op["name"]]}}
            for op in batch["cells"]
            if op["kind"] == "put"
        ]
        super().commit({**batch, "cells": [*gone, *batch["cells"]]})


class Partial(DictStore):
    """Writes the records of a batch before it finds that it cannot write the rest."""

    def commit(self, batch: Batch, /) -> None:
        for op in batch["records"]:
            super().commit({"checks": [], "records": [op], "cells": []})
        super().commit({**batch, "records": []})


BROKEN = [
    (DictStore, False, set[str]()),
    (DictStore, True, {"durable"}),
    (Careless, False, {"atomic", "created", "deleted", "exclusive"}),
    (Overwriting, False, {"written_once"}),
    (Partial, False, {"atomic", "written_once"}),
]


@pytest.mark.parametrize(("store", "lost", "obligations"), BROKEN)
def test_a_broken_store_fails_the_cases_for_it(store: type[DictStore], lost: bool, obligations: set[str]) -> None:
    def reopened(kept: DictStore) -> DictStore:
        return store() if lost else kept

    failed = set()
    for case in CASES:
        # What large cells and racing readers show, no store here gets wrong.
        if case["name"].startswith("large_") or case["obligation"] == "consistent":
            continue
        try:
            run_conformance_case(case["name"], lambda tables: store(), reopened)
        except AssertionError as error:
            assert str(error).startswith(f"case {case['name']}")
            failed.add(case["obligation"])
    assert failed == obligations


def test_a_factory_that_raises_fails_the_case() -> None:
    def fresh(tables: list[Schema]) -> DictStore:
        assert {table["name"] for table in tables} >= {"things"}
        assert all(fits(table, Schema) for table in tables)
        raise ZeroDivisionError("no disk")

    def reopen(store: DictStore) -> DictStore:
        return store

    with pytest.raises(AssertionError, match="ZeroDivisionError: no disk"):
        run_conformance_case(NAMES[0], fresh, reopen)


def test_an_unknown_case_fails() -> None:
    with pytest.raises(AssertionError, match="there is no case of this name"):
        run_conformance_case("unheard_of", lambda tables: DictStore(), lambda store: store)
