"""The native half of the package. Import from `mythos` instead."""

from collections.abc import Callable
from os import PathLike
from typing import Literal, TypeVar, final

from typing_extensions import disjoint_base

from .store import Answer, Json, Maintained, Schema, Store
from .testing import ConformanceCase

_S = TypeVar("_S", bound=Store | BuiltInStore)

__version__: str

@final
class Mythos:
    """A store and the services on it. Every method may be called from any thread."""

    @staticmethod
    def open(path: str | PathLike[str]) -> Mythos:
        """Opens or creates a SQLite store at `path`."""

    @staticmethod
    def in_memory() -> Mythos:
        """A store in memory, gone with the last reference to it."""

    @staticmethod
    def with_store(store: Store | BuiltInStore) -> Mythos:
        """Any store: a built-in one, or an object with the four methods of `Store`."""

    def tenant(self, tenant: str) -> Mythos:
        """The same store for another tenant; what one tenant stores no other sees."""

    def maintain(self, *, max_bytes: int | None = None) -> Maintained:
        """Lets the store do housekeeping, in which at most about `max_bytes` are moved or given back."""

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
    def close(self) -> None:
        """Closes the file; every later call is `Unavailable`."""


def conformance_cases() -> list[ConformanceCase]:
    """All conformance cases, grouped by obligation."""

def run_conformance_case(
    name: str,
    fresh: Callable[[list[Schema]], _S],
    reopen: Callable[[_S], _S],
) -> None:
    """Runs the case `name` on stores that `fresh` makes and `reopen` opens again; an `AssertionError` if it fails."""

# For the package's own tests.
def _round_trip(sample: object) -> dict[str, Json]: ...
def _panic(message: str) -> None: ...
def _exercise(
    store: Store | BuiltInStore, name: str, *, threaded: bool = False
) -> tuple[list[Answer], Maintained]: ...
