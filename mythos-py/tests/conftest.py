"""Ends the run with every thread's stack if a test hangs: a deadlock is a result, not a timeout of the build."""

import faulthandler
from collections.abc import Iterator

import pytest

MAX_SECONDS = 120.0


@pytest.fixture(autouse=True)
def _no_deadlock() -> Iterator[None]:
    faulthandler.dump_traceback_later(MAX_SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
