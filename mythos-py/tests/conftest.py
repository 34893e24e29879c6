"""What every test stands on: a bound on its time, and the stores that services are tested on."""

import faulthandler
from collections.abc import Iterator
from pathlib import Path

import mythos
import pytest

from dict_store import DictStore

MAX_SECONDS = 120.0


@pytest.fixture(autouse=True)
def _no_deadlock() -> Iterator[None]:
    """Ends the run with every thread's stack if a test hangs: a deadlock is a result, not a timeout of the build."""
    faulthandler.dump_traceback_later(MAX_SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(params=["sqlite", "memory", "dicts"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[mythos.Mythos]:
    """The services on a SQLite file, in memory, and on a store written in Python."""
    if request.param == "memory":
        yield mythos.Mythos.in_memory()
        return
    if request.param == "dicts":
        yield mythos.Mythos.with_store(DictStore())
        return
    with mythos.Mythos.open(tmp_path / "mythos.db") as opened:
        yield opened
