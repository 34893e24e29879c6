"""The entrance."""

from __future__ import annotations

from pathlib import Path

import mythos
import pytest
from mythos.store import Schema

from dict_store import DictStore
from shapes import shaped


def test_any_store_serves() -> None:
    for entrance in (mythos.Mythos.in_memory(), mythos.Mythos.with_store(DictStore())):
        assert entrance.tenant("acme").maintain(max_bytes=1) == {"freed_bytes": 0, "done": True}
    assert mythos.Mythos.with_store(mythos.MemoryStore()).maintain()["done"]


@pytest.mark.parametrize("tenant", ["", "a\0", "x" * 151, 3, None])
def test_a_tenant_is_checked(tenant: str) -> None:
    with pytest.raises(mythos.Invalid) as caught:
        mythos.Mythos.in_memory().tenant(tenant)
    assert caught.value.field == "tenant"


def test_a_file_is_opened_shared_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "assistants.db"
    mine = mythos.Mythos.open(path)
    store = mythos.SqliteStore(path, synchronous="normal", busy_timeout_ms=100)
    theirs = mythos.Mythos.with_store(store)
    assert mine.maintain()["done"]
    assert theirs.maintain()["done"]
    store.close()
    with pytest.raises(mythos.Unavailable):
        theirs.maintain()
    assert mine.maintain()["done"]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    foreign.write_text("no database at all " * 100)
    for path, read_only in ((foreign, False), (tmp_path / "absent.db", True), (tmp_path, False)):
        with pytest.raises(mythos.MythosError, match=path.name) as caught:
            mythos.SqliteStore(path, read_only=read_only)
        assert caught.value.kind in {"Invalid", "Unavailable"}


def test_the_tables_are_told() -> None:
    tables = {table["name"]: table for table in shaped(mythos.schemas(), list[Schema])}
    assert tables["ritual_heads"]["owns_cells"]
    assert {"name": "labels", "kind": "tags"} in tables["ritual_heads"]["fields"]
