"""A host's own persistence: the `Store` protocol and the dicts that cross it.

A store keeps two things. **Records** are JSON objects under a table and an id, with a version that counts their
writes. **Cells** are bytes under an owner and a name, written once. Ids and cell names are arbitrary bytes that cross
as lower-case hexadecimal text, whose order is the order of the bytes.

`mythos.testing` holds the cases by which a store proves that it keeps the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, TypedDict, Union

Json: TypeAlias = Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]
"""A JSON value. Integers have at most 53 bits, floats are finite."""

Scalar: TypeAlias = None | bool | int | float | str
"""A value of a field that can be ordered."""


class Record(TypedDict):
    """What a table holds."""

    id: str
    version: int
    body: dict[str, Json]


class Owner(TypedDict):
    """Who owns a cell: a head record, whose version guards every change to its cells."""

    tenant: str
    table: str
    id: str


class Cell(TypedDict):
    """A cell as read. A store may answer `bytes` with `bytearray` or `memoryview` too, as database drivers do."""

    name: str
    bytes: bytes | bytearray | memoryview


class TheseNames(TypedDict):
    """These cells, as far as they exist; answered in ascending order of names."""

    kind: Literal["these"]
    names: list[str]


# `from` is a keyword, so this one needs the functional form.
NameRange = TypedDict(
    "NameRange",
    {"kind": Literal["range"], "from": str | None, "until": str | None, "limit": int, "reverse": bool},
)
"""The cells from `from` on (`None`: the first) and before `until` (`None`: to the last), at most `limit` of them.

`reverse` answers from the end of the range, in descending order; in a deletion it is `False` and the limit 2^32 - 1.
"""

Names: TypeAlias = TheseNames | NameRange
"""Which cells of an owner."""


# Reads


class In(TypedDict):
    """The field equals one of the values; none passes nothing."""

    kind: Literal["in"]
    field: str
    values: list[Scalar]


class Range(TypedDict):
    """The field is at least `min` and less than `below`, as far as they are not `None`."""

    kind: Literal["range"]
    field: str
    min: Scalar
    below: Scalar


class Null(TypedDict):
    """The field is null or absent; with `is_null` false, it has a value."""

    kind: Literal["null"]
    field: str
    is_null: bool


class TagsAll(TypedDict):
    """The field holds all of these tags; none passes everything."""

    kind: Literal["tags_all"]
    field: str
    tags: list[str]


class TagsAny(TypedDict):
    """The field holds any of these tags; none passes nothing."""

    kind: Literal["tags_any"]
    field: str
    tags: list[str]


class TagsNone(TypedDict):
    """The field holds none of these tags; none passes everything."""

    kind: Literal["tags_none"]
    field: str
    tags: list[str]


class Text(TypedDict):
    """The text contains every word of the query. Asked only of a store with the capability `text`."""

    kind: Literal["text"]
    field: str
    query: str


class Reach(TypedDict):
    """The record can be reached from `start` over the edges. Asked only of a store with the capability `reach`."""

    kind: Literal["reach"]
    field: str
    start: str
    walk: Literal["ancestors", "descendants"]


Filter: TypeAlias = In | Range | Null | TagsAll | TagsAny | TagsNone | Text | Reach
"""What a record must pass. Comparisons are never true of null, except `Null`."""


class Order(TypedDict):
    """The order of a page, ties broken by id in the same direction; null first when ascending.

    A `field` of `None` orders by id alone. Text is ordered by its UTF-8 bytes, which is also how Python orders `str`.
    """

    field: str | None
    direction: Literal["ascending", "descending"]


class Cursor(TypedDict):
    """The place behind a record in an order: its value of the order's field, and its id."""

    value: Scalar
    id: str


class ReadRecord(TypedDict):
    """The record of that id, if it exists. Answered by `RecordAnswer`."""

    kind: Literal["record"]
    table: str
    id: str


class ReadPage(TypedDict):
    """At most `limit` records that pass all filters, in one order, behind a cursor. Answered by `PageAnswer`."""

    kind: Literal["page"]
    table: str
    filters: list[Filter]
    order: Order
    after: Cursor | None
    limit: int


class ReadCount(TypedDict):
    """How many records pass all filters, by the values of a field. Answered by `CountAnswer`.

    Asked only of a store with the capability `count`. Records beyond `cap` need not be counted.
    """

    kind: Literal["count"]
    table: str
    filters: list[Filter]
    by: str | None
    cap: int


class ReadCells(TypedDict):
    """Cells of one owner. Answered by `CellsAnswer`, which ends before the cell that would exceed `max_bytes`."""

    kind: Literal["cells"]
    owner: Owner
    names: Names
    max_bytes: int


Read: TypeAlias = ReadRecord | ReadPage | ReadCount | ReadCells
"""One question to a store."""


# Answers


class RecordAnswer(TypedDict):
    """To `ReadRecord`."""

    kind: Literal["record"]
    record: Record | None


class PageAnswer(TypedDict):
    """To `ReadPage`: fewer records than its limit only if there are no more."""

    kind: Literal["page"]
    records: list[Record]


class Group(TypedDict):
    """One group of a count."""

    value: Scalar
    count: int


class CountAnswer(TypedDict):
    """To `ReadCount`: ascending by value, one group with `None` when no field was named; no groups of none."""

    kind: Literal["count"]
    groups: list[Group]
    capped: bool


class CellsAnswer(TypedDict):
    """To `ReadCells`: `more` says whether `max_bytes` ended it before a cell that was asked for."""

    kind: Literal["cells"]
    cells: list[Cell]
    more: bool


Answer: TypeAlias = RecordAnswer | PageAnswer | CountAnswer | CellsAnswer
"""The answer to a `Read`, of the same `kind`."""


# Writes


class Absent(TypedDict):
    """The record does not exist."""

    kind: Literal["absent"]


class At(TypedDict):
    """The record exists at this version."""

    kind: Literal["at"]
    version: int


Expect: TypeAlias = Absent | At
"""What a commit expects of a record before it."""


class Check(TypedDict):
    """An expectation about a record that the batch does not write."""

    table: str
    id: str
    expect: Expect


class PutRecord(TypedDict):
    """Creates or replaces a record. Its version becomes 1, or the expected one plus 1."""

    kind: Literal["put"]
    table: str
    id: str
    expect: Expect
    body: dict[str, Json]


class ImportRecord(TypedDict):
    """Creates a record at a version of its own, for a copy from another store. The record must not exist."""

    kind: Literal["import"]
    table: str
    id: str
    version: int
    body: dict[str, Json]


class DeleteRecord(TypedDict):
    """Deletes a record at this version."""

    kind: Literal["delete"]
    table: str
    id: str
    version: int


RecordOp: TypeAlias = PutRecord | ImportRecord | DeleteRecord
"""A write of one record."""


class PutCell(TypedDict):
    """Creates a cell. If it exists with the same bytes nothing happens, with other bytes it is a `CellConflict`."""

    kind: Literal["put"]
    owner: Owner
    name: str
    bytes: bytes


class DeleteCells(TypedDict):
    """Deletes these cells, as far as they exist."""

    kind: Literal["delete"]
    owner: Owner
    names: Names


CellOp: TypeAlias = PutCell | DeleteCells
"""A write of cells. The deletions of a batch are applied before its puts."""


class Batch(TypedDict):
    """Changes that are made together or not at all. Each record is named at most once."""

    checks: list[Check]
    records: list[RecordOp]
    cells: list[CellOp]


# What a store says of itself


class Capabilities(TypedDict):
    """What a store promises, and which optional reads it answers itself; the library emulates the others."""

    durability: Literal["memory", "process", "power_loss"]
    text: bool
    reach: bool
    count: bool


class Budget(TypedDict):
    """How much housekeeping one `Store.maintain` may do: at most about so many bytes are moved or given back."""

    max_bytes: int


class Maintained(TypedDict):
    """What one `Store.maintain` did, and whether nothing is left to do at present."""

    freed_bytes: int
    done: bool


class Field(TypedDict):
    """One top-level field of a table's records that can be filtered by."""

    name: str
    kind: Literal["text", "integer", "real", "boolean", "tags", "edges"]


class Schema(TypedDict):
    """A table: its declared fields, and the listings (fields compared, then the order's field) asked for often."""

    name: str
    fields: list[Field]
    indexes: list[list[str]]
    owns_cells: bool


class Store(Protocol):
    """A host's persistence. Any object with these four methods is one; it need not inherit from this class.

    The library is correct only on a store that keeps all of these:

    1. Atomic: a batch is visible entirely or not at all, to every reader, also after a crash.
    2. Exclusive: of concurrent commits that expect the same version of a record, at most one succeeds.
    3. Durable and monotonic: after `commit` returned, every later `read` sees the batch, and it survives what
       `capabilities` promises.
    4. Consistent: all answers of one `read` come from one snapshot.
    5. Ordered: a page has the declared order, ties broken by id in the same direction, each record at most once.
    6. Faithful: bodies, names and bytes come back as they were written, also empty, also with any Unicode.

    The methods are called from any thread, also concurrently, with no lock of the library held; they may call the
    library. Any `MythosError` a method raises is reported as that kind; any other exception is a defect of the store
    and reported as `Internal`, with it as the cause. After an exception nothing of a batch may be visible, except
    that after `Unknown` all of it may be.
    """

    def capabilities(self) -> Capabilities:
        """What this store promises. Asked once, when the store is handed over."""
        ...

    def read(self, reads: list[Read], /) -> Sequence[Answer]:
        """Answers `reads`, in their order, from one snapshot."""
        ...

    def commit(self, batch: Batch, /) -> None:
        """Evaluates all checks and expectations against the state before the batch, then applies all of it.

        Raises `mythos.RecordConflict` or `mythos.CellConflict` for an expectation that does not hold, and
        `mythos.Unknown` if the outcome cannot be told.
        """
        ...

    def maintain(self, budget: Budget, /) -> Maintained:
        """Does housekeeping within the budget. May do nothing: `{"freed_bytes": 0, "done": True}`."""
        ...
