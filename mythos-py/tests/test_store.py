"""Stores of all sorts behind the library: sound, broken, slow, re-entrant."""

from __future__ import annotations

import concurrent.futures
import gc
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable
from typing import cast

import mythos
import pytest
from mythos import _mythos
from mythos.store import Answer, Batch, Budget, Capabilities, Maintained, Read, Store

from dict_store import DictStore

CELL = b"\x00\xff"
NAME = "a name".encode().hex()


def broken(method: str, behaviour: Callable[..., object]) -> Store:
    """A sound store but for one method."""
    store = DictStore()
    setattr(store, method, behaviour)
    return store


def raising(error: BaseException) -> Callable[..., object]:
    """A method that raises."""

    def method(*_arguments: object) -> object:
        raise error

    return method


def failure(store: object) -> mythos.MythosError:
    """How the library fails on a store."""
    with pytest.raises(mythos.MythosError) as caught:
        _mythos._exercise(cast(Store, store), "a name")
    return caught.value


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("kind", [DictStore, mythos.MemoryStore])
def test_a_sound_store_serves(kind: type[DictStore | mythos.MemoryStore], threaded: bool) -> None:
    answers, maintained = _mythos._exercise(kind(), "a name", threaded=threaded)
    body = {"tenant": "default", "number": 7, "noted_at": "1970-01-01T00:00:00.000000Z"}
    record = {"id": NAME, "version": 1, "body": body}
    assert answers == [
        {"kind": "record", "record": record},
        {"kind": "page", "records": [record]},
        {"kind": "count", "groups": [{"value": 7, "count": 1}], "capped": False},
        {"kind": "cells", "cells": [{"name": b"cell".hex(), "bytes": CELL}], "more": False},
    ]
    assert maintained["done"]


def test_a_conflict_is_a_conflict() -> None:
    store = DictStore()
    _mythos._exercise(store, "a name")
    error = failure(store)
    assert isinstance(error, mythos.Conflict)
    assert error.is_retryable
    assert NAME in str(error)


def test_a_cell_conflict_is_a_conflict() -> None:
    def commit(batch: Batch) -> None:
        cell = batch["cells"][0]
        assert cell["kind"] == "put"
        raise mythos.CellConflict(cell["owner"], cell["name"])

    error = failure(broken("commit", commit))
    assert isinstance(error, mythos.Conflict)
    assert b"cell".hex() in str(error)


@pytest.mark.parametrize(
    "senseless",
    [
        mythos.Conflict("no record named"),
        mythos.RecordConflict("samples", "00"),
        mythos.RecordConflict("other", NAME),
        mythos.CellConflict({"tenant": "default", "table": "samples", "id": "00"}, b"cell".hex()),
        mythos.NotFound("a store has no such error"),
    ],
)
def test_a_conflict_about_something_else_is_a_defect(senseless: mythos.MythosError) -> None:
    error = failure(broken("commit", raising(senseless)))
    assert isinstance(error, mythos.Internal)
    assert error.__cause__ is senseless
    assert isinstance(failure(broken("read", raising(mythos.RecordConflict("samples", NAME)))), mythos.Internal)


@pytest.mark.parametrize("method", ["capabilities", "read", "commit", "maintain"])
@pytest.mark.parametrize("kind", ["Corrupt", "Invalid", "Unavailable", "Unknown", "Limit", "Internal"])
def test_other_kinds_are_kept(method: str, kind: str) -> None:
    raised = getattr(mythos, kind)("the disk is on fire")
    error = failure(broken(method, raising(raised)))
    assert (error.kind, type(error).__name__) == (kind, kind)
    assert f"the store's {method}" in str(error)
    assert "the disk is on fire" in str(error)
    if kind in {"Unavailable", "Unknown", "Internal"}:
        assert error.__cause__ is raised


@pytest.mark.parametrize("method", ["capabilities", "read", "commit", "maintain"])
@pytest.mark.parametrize("threaded", [False, True])
def test_any_other_exception_is_a_defect_with_its_cause(method: str, threaded: bool) -> None:
    raised = ZeroDivisionError("oops")
    with pytest.raises(mythos.Internal, match=f"the store's {method} raised ZeroDivisionError: oops") as caught:
        _mythos._exercise(broken(method, raising(raised)), "a name", threaded=threaded)
    assert caught.value.__cause__ is raised
    assert raised.__traceback__ is not None


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


def test_an_exception_without_a_text_is_one_still() -> None:
    assert isinstance(failure(broken("read", raising(Unprintable()))).__cause__, Unprintable)


@pytest.mark.parametrize("method", ["capabilities", "read", "commit", "maintain"])
@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_program_comes_through(method: str, end: type[BaseException]) -> None:
    with pytest.raises(end):
        _mythos._exercise(broken(method, raising(end())), "a name")


def test_an_interrupt_during_a_call_comes_through() -> None:
    def read(reads: list[Read]) -> list[Answer]:
        signal.raise_signal(signal.SIGINT)
        time.sleep(10)
        return []

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _mythos._exercise(broken("read", read), "a name")
    assert time.monotonic() - started < 5


WRONG: list[object] = [3, "text", b"bytes", {}, [None], [{}], [{"kind": "page"}], object(), [{"kind": "weird"}], {1: 2}]


@pytest.mark.parametrize("answer", [*WRONG, None, [], [{"kind": "record", "record": None}]])
def test_a_wrong_answer_to_a_read_is_a_defect(answer: object) -> None:
    error = failure(broken("read", lambda _reads: answer))
    assert isinstance(error, mythos.Internal)
    assert "wrong" in str(error) or "answers" in str(error)


@pytest.mark.parametrize("answer", [*WRONG, True, []])
def test_a_wrong_answer_to_a_commit_is_a_defect(answer: object) -> None:
    error = failure(broken("commit", lambda _batch: answer))
    assert isinstance(error, mythos.Internal)
    assert "the store gave a wrong answer: commit" in str(error)


@pytest.mark.parametrize("answer", [*WRONG, None, {"freed_bytes": -1, "done": True}, {"freed_bytes": 0, "done": 1}])
def test_a_wrong_answer_to_housekeeping_is_a_defect(answer: object) -> None:
    error = failure(broken("maintain", lambda _budget: answer))
    assert isinstance(error, mythos.Internal)
    assert "the store gave a wrong answer: maintain" in str(error)


SOUND = DictStore().capabilities()


@pytest.mark.parametrize("answer", [*WRONG, None, {**SOUND, "durability": "eternal"}, {**SOUND, "text": "no"}])
def test_wrong_capabilities_are_a_defect(answer: object) -> None:
    error = failure(broken("capabilities", lambda: answer))
    assert isinstance(error, mythos.Internal)
    assert "the store gave a wrong answer: capabilities" in str(error)


def test_a_wrong_answer_names_the_place() -> None:
    error = failure(broken("read", lambda _reads: [{"kind": "record", "record": {"id": "00", "body": {1: 2}}}]))
    assert "read[0].record.body: a key is of type int, not str" in str(error)


def test_a_coroutine_is_a_wrong_answer() -> None:
    async def commit(batch: Batch) -> None: ...

    with pytest.warns(RuntimeWarning, match="never awaited"):
        error = failure(broken("commit", commit))
        gc.collect()
    assert "coroutine" in str(error)


@pytest.mark.parametrize("thing", [None, 3, "store.db", object(), DictStore])
def test_what_is_no_store_is_refused(thing: object) -> None:
    error = failure(thing)
    if thing is not DictStore:
        assert (error.kind, error.field) == ("Invalid", "store")


def test_bytes_of_database_drivers_are_taken() -> None:
    class Driver(DictStore):
        def read(self, reads: list[Read], /) -> list[Answer]:
            answers = super().read(reads)
            for answer in answers:
                if answer["kind"] == "cells":
                    for kind, cell in zip([memoryview, bytearray] * 2, answer["cells"]):
                        cell["bytes"] = kind(cell["bytes"])
            return answers

    answers, _ = _mythos._exercise(Driver(), "a name")
    assert answers[3] == {"kind": "cells", "cells": [{"name": b"cell".hex(), "bytes": CELL}], "more": False}


def test_many_threads_do_not_deadlock() -> None:
    stores = [DictStore() for _ in range(4)]
    calls = [(stores[n % 4], f"{n}", n % 3 == 0) for n in range(16 * 60)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        done = [pool.submit(_mythos._exercise, store, name, threaded=own) for store, name, own in calls]
        for call in concurrent.futures.as_completed(done, timeout=60):
            call.result()
    answer = stores[0].read([{"kind": "count", "table": "samples", "filters": [], "by": None, "cap": 2**64 - 1}])[0]
    assert answer == {"kind": "count", "groups": [{"value": None, "count": 240}], "capped": False}


def test_threads_of_racing_writers_have_one_winner() -> None:
    store = DictStore()
    start = threading.Barrier(8)

    def write() -> str:
        start.wait()
        try:
            _mythos._exercise(store, "the same name")
        except mythos.Conflict:
            return "conflict"
        return "written"

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        outcomes = sorted(call.result(timeout=30) for call in [pool.submit(write) for _ in range(8)])
    assert outcomes == ["conflict"] * 7 + ["written"]


def test_a_store_may_call_the_library() -> None:
    class Journalled(DictStore):
        def __init__(self) -> None:
            super().__init__()
            self.journal = DictStore()
            self.calls = 0

        def commit(self, batch: Batch, /) -> None:
            self.calls += 1
            _mythos._exercise(self.journal, f"entry {self.calls}", threaded=self.calls % 2 == 0)
            super().commit(batch)

    store = Journalled()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for call in [pool.submit(_mythos._exercise, store, f"{n}", threaded=n % 2 == 0) for n in range(40)]:
            call.result(timeout=30)


def test_other_threads_run_during_a_call() -> None:
    arrived = threading.Event()

    class Waiting(DictStore):
        def maintain(self, budget: Budget, /) -> Maintained:
            assert arrived.wait(20), "the other thread never ran"
            return super().maintain(budget)

    thread = threading.Timer(0.05, arrived.set)
    thread.start()
    _mythos._exercise(Waiting(), "a name")
    thread.join()


def test_a_store_is_let_go() -> None:
    store = DictStore()
    reference = weakref.ref(store)
    _mythos._exercise(store, "a name", threaded=True)
    del store
    gc.collect()
    assert reference() is None


def test_capabilities_are_asked_for_once() -> None:
    asked = 0

    class Counting(DictStore):
        def capabilities(self) -> Capabilities:
            nonlocal asked
            asked += 1
            return super().capabilities()

    _mythos._exercise(Counting(), "a name")
    assert asked == 1


def test_calls_of_daemon_threads_finish_before_the_interpreter_ends() -> None:
    # Without that, CPython 3.11 unwinds the threads through the library, which aborts the process.
    program = """
        import sys, threading, time
        sys.path.insert(0, "tests")
        from mythos import _mythos
        from dict_store import DictStore

        class Slow(DictStore):
            def commit(self, batch, /):
                time.sleep(0.001)
                super().commit(batch)

        def work():
            store = Slow()
            for n in range(100_000):
                _mythos._exercise(store, f"{n}", threaded=n % 2 == 0)

        for _ in range(8):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.2)
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, b"")


def test_options_of_a_store_are_checked() -> None:
    with pytest.raises(mythos.Invalid, match='"full" or "normal", not "off"') as caught:
        mythos.SqliteStore("never.db", synchronous="off")  # type: ignore[arg-type]
    assert caught.value.field == "synchronous"
