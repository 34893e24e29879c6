"""The exceptions: one base, one class per kind, and the two ways in which a store reports a conflict."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .store import Owner


class ErrorKind(enum.StrEnum):
    """What a caller should do about an error. Its text is the name of the exception class."""

    CONFLICT = "Conflict"
    CORRUPT = "Corrupt"
    INVALID = "Invalid"
    NOT_FOUND = "NotFound"
    UNAVAILABLE = "Unavailable"
    UNKNOWN = "Unknown"
    LIMIT = "Limit"
    INTERNAL = "Internal"


class MythosError(Exception):
    """What every failure of this package raises.

    The stored state is the same as before the call that failed; after `Unknown` it is either that or the state after
    the whole call, never something between. `__cause__` is the exception of a store, key provider, signer or upcast
    written in Python, if one caused this.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    """What a caller should do about it; the same as the name of the subclass."""

    is_retryable: ClassVar[bool] = False
    """Whether the same call may succeed when made again."""

    field: str | None
    """The input that was not acceptable, for `Invalid` and `Limit`, such as `"clauses[2].text"`; `"key"` for the
    `NotFound` of a key that something was sealed with."""

    operation: str | None
    """The operation id to repeat the call with, for `Unknown`, also when the caller gave none."""

    def __init__(self, message: str = "", *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.operation = None


class Conflict(MythosError):
    """Someone else changed what this call was about to change. Reload and retry."""

    kind = ErrorKind.CONFLICT
    is_retryable = True


class Corrupt(MythosError):
    """Stored data failed its integrity check. Do not use it: fall back to an older entry, or restore a backup."""

    kind = ErrorKind.CORRUPT


class Invalid(MythosError):
    """The caller's input is not acceptable; `field` names it. Mend the input."""

    kind = ErrorKind.INVALID


class NotFound(MythosError):
    """What was asked for does not exist (any more)."""

    kind = ErrorKind.NOT_FOUND


class Unavailable(MythosError):
    """The store cannot serve the call now (locked, full, closed, unreachable). Nothing was changed; retry later."""

    kind = ErrorKind.UNAVAILABLE
    is_retryable = True


class Unknown(MythosError):
    """The store cannot tell whether the change was made. Repeat the call with the same operation id."""

    kind = ErrorKind.UNKNOWN
    is_retryable = True


class Limit(MythosError):
    """A stated bound was exceeded; the message names the bound and the value."""

    kind = ErrorKind.LIMIT


class Internal(MythosError):
    """A defect of this package, or of a store, key provider or signer written in Python. Report it."""

    kind = ErrorKind.INTERNAL


class RecordConflict(Conflict):
    """Raised by a store's `commit`: a record is not what a check or a write of the batch expects."""

    def __init__(self, table: str, id: str) -> None:
        super().__init__(f"record {id} of table {table} is not at the expected version")
        self.table = table
        self.id = id

    def __reduce__(self) -> tuple[type[RecordConflict], tuple[str, str]]:
        return type(self), (self.table, self.id)


class CellConflict(Conflict):
    """Raised by a store's `commit`: a cell of this name exists with other bytes."""

    def __init__(self, owner: Owner, name: str) -> None:
        super().__init__(f"cell {name} of {owner['tenant']}/{owner['table']}/{owner['id']} exists with other bytes")
        self.owner = owner
        self.name = name

    def __reduce__(self) -> tuple[type[CellConflict], tuple[Owner, str]]:
        return type(self), (self.owner, self.name)
