"""A store in Python, on dicts: a model for a host's own.

It answers `count` itself and leaves `text` and `reach` to the library, as most hosts would.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable
from typing import assert_never

from mythos import CellConflict, RecordConflict
from mythos.store import (
    Answer,
    Batch,
    Budget,
    Capabilities,
    Cell,
    Expect,
    Filter,
    Group,
    Json,
    Maintained,
    Names,
    Owner,
    Read,
    ReadPage,
    Record,
    RecordOp,
    Scalar,
)

Key = tuple[int, bool | int | float | str]


def scalar(body: dict[str, Json], field: str) -> Scalar:
    """The value of a field, or `None`."""
    value = body.get(field)
    return None if isinstance(value, (list, dict)) else value


def key(value: Scalar) -> Key:
    """What values are compared by: null first, then by value (text by code point, as UTF-8 bytes are)."""
    return (0, 0) if value is None else (1, value)


def equal(a: Scalar, b: Scalar) -> bool:
    """Equality of two values that are not null; `True == 1` in Python, but not here."""
    return isinstance(a, bool) == isinstance(b, bool) and a is not None and a == b


def passes(body: dict[str, Json], test: Filter) -> bool:
    """Whether a record passes a filter."""
    value = body.get(test["field"])
    match test["kind"]:
        case "in":
            return any(equal(scalar(body, test["field"]), wanted) for wanted in test["values"])
        case "range":
            found = scalar(body, test["field"])
            low, high = test["min"], test["below"]
            return (
                found is not None
                and (low is None or key(found) >= key(low))
                and (high is None or key(found) < key(high))
            )
        case "null":
            return (value is None) == test["is_null"]
        case "tags_all":
            return all(tag in tags(value) for tag in test["tags"])
        case "tags_any":
            return any(tag in tags(value) for tag in test["tags"])
        case "tags_none":
            return not any(tag in tags(value) for tag in test["tags"])
        case "text" | "reach":
            raise NotImplementedError(f"{test['kind']} was declined")
        case unknown:
            assert_never(unknown)


def tags(value: Json) -> list[Json]:
    """The tags in a field."""
    return value if isinstance(value, list) else []


class DictStore:
    """Records and cells in dicts under one lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, dict[str, Record]] = {}
        self._cells: dict[tuple[str, str, str], dict[str, bytes]] = {}

    def capabilities(self) -> Capabilities:
        return {"durability": "memory", "text": False, "reach": False, "count": True}

    def read(self, reads: list[Read], /) -> list[Answer]:
        with self._lock:
            return [self._answer(read) for read in reads]

    def commit(self, batch: Batch, /) -> None:
        with self._lock:
            for check in batch["checks"]:
                self._expect(check["table"], check["id"], check["expect"])
            for op in batch["records"]:
                self._expect(op["table"], op["id"], expected(op))
            # The cells that are deleted, to tell whether a put meets an old content.
            gone = {
                (owner_key(cell["owner"]), name)
                for cell in batch["cells"]
                if cell["kind"] == "delete"
                for name in self._select(cell["owner"], cell["names"])
            }
            puts: dict[tuple[tuple[str, str, str], str], bytes] = {}
            for cell in batch["cells"]:
                if cell["kind"] == "put":
                    place = (owner_key(cell["owner"]), cell["name"])
                    kept = None if place in gone else self._cells.get(place[0], {}).get(place[1])
                    if puts.get(place, kept) not in (None, cell["bytes"]):
                        raise CellConflict(cell["owner"], cell["name"])
                    puts[place] = cell["bytes"]
            # Nothing fails from here on.
            for op in batch["records"]:
                table = self._records.setdefault(op["table"], {})
                match op["kind"]:
                    case "put":
                        version = op["expect"]["version"] + 1 if op["expect"]["kind"] == "at" else 1
                        table[op["id"]] = {"id": op["id"], "version": version, "body": op["body"]}
                    case "import":
                        table[op["id"]] = {"id": op["id"], "version": op["version"], "body": op["body"]}
                    case "delete":
                        del table[op["id"]]
            for owner, name in gone:
                self._cells[owner].pop(name, None)
            for (owner, name), content in puts.items():
                self._cells.setdefault(owner, {})[name] = content

    def maintain(self, budget: Budget, /) -> Maintained:
        return {"freed_bytes": 0, "done": True}

    def _expect(self, table: str, id: str, expect: Expect) -> None:
        record = self._records.get(table, {}).get(id)
        version = None if record is None else record["version"]
        if version != (expect["version"] if expect["kind"] == "at" else None):
            raise RecordConflict(table, id)

    def _answer(self, read: Read) -> Answer:
        match read["kind"]:
            case "record":
                return {"kind": "record", "record": copy.deepcopy(self._records.get(read["table"], {}).get(read["id"]))}
            case "page":
                return {"kind": "page", "records": copy.deepcopy(self._page(read))}
            case "count":
                by = read["by"]
                groups: dict[Key, Group] = {}
                counted = 0
                for record in self._passing(read["table"], read["filters"]):
                    if counted == read["cap"]:
                        return {"kind": "count", "groups": ordered(groups), "capped": True}
                    value = None if by is None else scalar(record["body"], by)
                    groups.setdefault(key(value), {"value": value, "count": 0})["count"] += 1
                    counted += 1
                return {"kind": "count", "groups": ordered(groups), "capped": False}
            case "cells":
                cells: list[Cell] = []
                left = read["max_bytes"]
                owned = self._cells.get(owner_key(read["owner"]), {})
                for name in self._select(read["owner"], read["names"]):
                    left -= len(owned[name])
                    if left < 0:
                        return {"kind": "cells", "cells": cells, "more": True}
                    cells.append({"name": name, "bytes": owned[name]})
                return {"kind": "cells", "cells": cells, "more": False}
            case unknown:
                assert_never(unknown)

    def _passing(self, table: str, filters: Iterable[Filter]) -> Iterable[Record]:
        for record in self._records.get(table, {}).values():
            if all(passes(record["body"], test) for test in filters):
                yield record

    def _page(self, query: ReadPage) -> list[Record]:
        field, descending = query["order"]["field"], query["order"]["direction"] == "descending"
        place: Callable[[Record], tuple[Key, str]] = lambda record: (
            key(None if field is None else scalar(record["body"], field)),
            record["id"],
        )
        records = sorted(self._passing(query["table"], query["filters"]), key=place, reverse=descending)
        if (after := query["after"]) is not None:
            last = (key(after["value"]), after["id"])
            records = [record for record in records if (place(record) < last if descending else place(record) > last)]
        return records[: query["limit"]]

    def _select(self, owner: Owner, names: Names) -> list[str]:
        owned = self._cells.get(owner_key(owner), {})
        if names["kind"] == "these":
            return sorted(owned.keys() & set(names["names"]))
        low, high = names["from"], names["until"]
        chosen = [name for name in owned if (low is None or name >= low) and (high is None or name < high)]
        return sorted(chosen, reverse=names["reverse"])[: names["limit"]]


def expected(op: RecordOp) -> Expect:
    """What a write of a record expects before it."""
    match op["kind"]:
        case "put":
            return op["expect"]
        case "import":
            return {"kind": "absent"}
        case "delete":
            return {"kind": "at", "version": op["version"]}


def owner_key(owner: Owner) -> tuple[str, str, str]:
    """The owner as a key of a dict."""
    return owner["tenant"], owner["table"], owner["id"]


def ordered(groups: dict[Key, Group]) -> list[Group]:
    """The groups, ascending by value."""
    return [groups[place] for place in sorted(groups)]
