"""A store in Python, on the standard library's `sqlite3`: a model for a host with an SQL database of its own.

Records are kept as JSON text and filtered by SQLite's JSON functions; a host with tables of its own would put the
declared fields into columns. Text and reach are left to the library.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never

from mythos import CellConflict, RecordConflict, Unavailable
from mythos.store import (
    Answer,
    Batch,
    Budget,
    Capabilities,
    Cell,
    CellOp,
    Expect,
    Filter,
    Maintained,
    Names,
    Owner,
    Read,
    ReadCells,
    ReadCount,
    ReadPage,
    Record,
    RecordOp,
    Scalar,
)

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS record (
    tbl TEXT, id TEXT, version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tbl, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cell (
    tenant TEXT, tbl TEXT, id TEXT, name TEXT, bytes BLOB NOT NULL, PRIMARY KEY (tenant, tbl, id, name)
);
"""
OWNED = "tenant = ? AND tbl = ? AND id = ?"
# SQLite's integers have 64 bits, signed; a cap may have 64, unsigned.
MOST = 2**62

Sql = tuple[str, list[Scalar]]


class SqliteFileStore:
    """Records and cells in one SQLite file, over one connection that its calls take turns on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def capabilities(self) -> Capabilities:
        return {"durability": "power_loss", "text": False, "reach": False, "count": True}

    def read(self, reads: list[Read], /) -> list[Answer]:
        with self._transaction("DEFERRED"):
            return [self._answer(read) for read in reads]

    def commit(self, batch: Batch, /) -> None:
        with self._transaction("IMMEDIATE"):
            for check in batch["checks"]:
                self._expect(check["table"], check["id"], check["expect"])
            for write in batch["records"]:
                self._write(write)
            # Deletions come before puts.
            for op in sorted(batch["cells"], key=lambda op: op["kind"] != "delete"):
                self._write_cell(op)

    def maintain(self, budget: Budget, /) -> Maintained:
        return {"freed_bytes": 0, "done": True}

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        with self._lock:
            try:
                self._connection.execute(f"BEGIN {kind}")
                try:
                    yield
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                raise Unavailable(f"{self.path}: {error}") from error

    def _expect(self, table: str, id: str, expect: Expect) -> None:
        row = self._connection.execute("SELECT version FROM record WHERE tbl = ? AND id = ?", (table, id)).fetchone()
        if (row and row[0]) != (expect["version"] if expect["kind"] == "at" else None):
            raise RecordConflict(table, id)

    def _write(self, op: RecordOp) -> None:
        table, id = op["table"], op["id"]
        match op["kind"]:
            case "put":
                self._expect(table, id, op["expect"])
                version = op["expect"]["version"] + 1 if op["expect"]["kind"] == "at" else 1
            case "import":
                self._expect(table, id, {"kind": "absent"})
                version = op["version"]
            case "delete":
                self._expect(table, id, {"kind": "at", "version": op["version"]})
                self._connection.execute("DELETE FROM record WHERE tbl = ? AND id = ?", (table, id))
                return
            case unknown:
                assert_never(unknown)
        row = (table, id, version, json.dumps(op["body"], ensure_ascii=False))
        self._connection.execute("REPLACE INTO record VALUES (?, ?, ?, ?)", row)

    def _write_cell(self, op: CellOp) -> None:
        place = owner_row(op["owner"])
        if op["kind"] == "delete":
            where, values = chosen(op["names"])
            self._connection.execute(f"DELETE FROM cell WHERE {OWNED} AND {where}", [*place, *values])
            return
        old = self._connection.execute(f"SELECT bytes FROM cell WHERE {OWNED} AND name = ?", (*place, op["name"])).fetchone()
        if old is None:
            self._connection.execute("INSERT INTO cell VALUES (?, ?, ?, ?, ?)", (*place, op["name"], op["bytes"]))
        elif old[0] != op["bytes"]:
            raise CellConflict(op["owner"], op["name"])

    def _answer(self, read: Read) -> Answer:
        match read["kind"]:
            case "record":
                sql = "SELECT id, version, body FROM record WHERE tbl = ? AND id = ?"
                row = self._connection.execute(sql, (read["table"], read["id"])).fetchone()
                return {"kind": "record", "record": None if row is None else as_record(row)}
            case "page":
                return self._page(read)
            case "count":
                return self._count(read)
            case "cells":
                return self._read_cells(read)
            case unknown:
                assert_never(unknown)

    def _page(self, query: ReadPage) -> Answer:
        where, values = passing(query["table"], query["filters"])
        field, after = query["order"]["field"], query["after"]
        descending = query["order"]["direction"] == "descending"
        behind, direction = ("<", "DESC") if descending else (">", "ASC")
        by = "NULL" if field is None else extract(field)
        if after is not None and after["value"] is None:
            # Null comes first, ascending.
            others = "" if descending or field is None else f"OR {by} IS NOT NULL"
            where += f" AND ({by} IS NULL AND id {behind} ? {others})"
            values.append(after["id"])
        elif after is not None:
            nulls = f"OR {by} IS NULL" if descending else ""
            where += f" AND ({by} {behind} ? OR ({by} = ? AND id {behind} ?) {nulls})"
            values += [after["value"], after["value"], after["id"]]
        sql = f"SELECT id, version, body FROM record WHERE {where} ORDER BY {by} {direction}, id {direction} LIMIT ?"
        rows = self._connection.execute(sql, [*values, query["limit"]])
        return {"kind": "page", "records": [as_record(row) for row in rows]}

    def _count(self, read: ReadCount) -> Answer:
        where, values = passing(read["table"], read["filters"])
        cap = min(read["cap"], MOST)
        passed = f"SELECT body FROM record WHERE {where} LIMIT ?"
        (found,) = self._connection.execute(f"SELECT count(*) FROM ({passed})", [*values, cap + 1]).fetchone()
        # `->` keeps what `json_extract` loses: that true is not 1.
        by, text = ("NULL", "'null'") if read["by"] is None else (extract(read["by"]), f"body -> '$.{read['by']}'")
        sql = f"SELECT min({text}), count(*) FROM ({passed}) GROUP BY {by} ORDER BY {by}"
        rows = self._connection.execute(sql, [*values, cap]).fetchall()
        groups = [(json.loads(text or "null"), count) for text, count in rows if count]
        return {"kind": "count", "groups": [{"value": v, "count": n} for v, n in groups], "capped": found > cap}

    def _read_cells(self, read: ReadCells) -> Answer:
        names = read["names"]
        where, values = chosen(names)
        order, limit = ("DESC" if names["reverse"] else "ASC", names["limit"]) if names["kind"] == "range" else ("ASC", -1)
        sql = f"SELECT name, bytes FROM cell WHERE {OWNED} AND {where} ORDER BY name {order} LIMIT ?"
        cells: list[Cell] = []
        left = read["max_bytes"]
        for name, content in self._connection.execute(sql, [*owner_row(read["owner"]), *values, limit]):
            left -= len(content)
            if left < 0:
                return {"kind": "cells", "cells": cells, "more": True}
            cells.append({"name": name, "bytes": content})
        return {"kind": "cells", "cells": cells, "more": False}


def owner_row(owner: Owner) -> tuple[str, str, str]:
    """The owner's columns."""
    return owner["tenant"], owner["table"], owner["id"]


def as_record(row: tuple[str, int, str]) -> Record:
    """A record from its row."""
    return {"id": row[0], "version": row[1], "body": json.loads(row[2])}


def extract(field: str) -> str:
    """The SQL value of a declared field, whose name is lower-case letters, digits and underscores."""
    return f"json_extract(body, '$.{field}')"


def chosen(names: Names) -> Sql:
    """The condition for the cells named."""
    if names["kind"] == "these":
        return "name IN (SELECT value FROM json_each(?))", [json.dumps(names["names"])]
    low, high = names["from"], names["until"]
    return "name >= coalesce(?, '') AND (? IS NULL OR name < ?)", [low, high, high]


def passing(table: str, filters: list[Filter]) -> Sql:
    """The condition for the records of a table that pass all filters."""
    conditions, values = ["tbl = ?"], list[Scalar]([table])
    for test in filters:
        condition, more = passing_one(test)
        conditions.append(condition)
        values += more
    return " AND ".join(conditions), values


def passing_one(test: Filter) -> Sql:
    """The condition for the records that pass a filter."""
    value = extract(test["field"])
    match test["kind"]:
        case "in":
            return f"{value} IN ({', '.join('?' * len(test['values']))})", test["values"]
        case "range":
            low, high = test["min"], test["below"]
            bounds = [(f"{value} >= ?", low)] * (low is not None) + [(f"{value} < ?", high)] * (high is not None)
            return " AND ".join([f"{value} IS NOT NULL", *(sql for sql, _ in bounds)]), [bound for _, bound in bounds]
        case "null":
            return f"{value} IS {'' if test['is_null'] else 'NOT '}NULL", []
        case "tags_all" | "tags_any" | "tags_none":
            held = f"SELECT value FROM json_each(body, '$.{test['field']}')"
            condition = {
                "tags_all": f"NOT EXISTS (SELECT value FROM json_each(?) EXCEPT {held})",
                "tags_any": f"EXISTS (SELECT value FROM json_each(?) INTERSECT {held})",
                "tags_none": f"NOT EXISTS (SELECT value FROM json_each(?) INTERSECT {held})",
            }
            return condition[test["kind"]], [json.dumps(test["tags"])]
        case "text" | "reach":
            raise NotImplementedError(f"{test['kind']} was declined")
        case unknown:
            assert_never(unknown)
