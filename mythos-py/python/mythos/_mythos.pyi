"""The native half of the package. Import from `mythos` instead."""

from os import PathLike
from typing import Literal, final

from typing_extensions import disjoint_base

from .store import Answer, Json, Maintained, Store

__version__: str

@disjoint_base
class BuiltInStore:
    """A store that comes with the library. Hand it over wherever a store is expected."""

@final
class MemoryStore(BuiltInStore):
    """A store in memory: gone with the process."""

    def __new__(cls) -> MemoryStore: ...

@final
class SqliteStore(BuiltInStore):
    """A store in one SQLite file, which several threads and processes may use at the same time."""

    def __new__(
        cls,
        path: str | PathLike[str],
        *,
        synchronous: Literal["full", "normal"] = "full",
        read_only: bool = False,
        busy_timeout_ms: int = 30_000,
    ) -> SqliteStore: ...

# For the package's own tests.
def _round_trip(sample: object) -> dict[str, Json]: ...
def _panic(message: str) -> None: ...
def _exercise(
    store: Store | BuiltInStore, name: str, *, threaded: bool = False
) -> tuple[list[Answer], Maintained]: ...
