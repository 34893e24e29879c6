"""Encryption at rest, with keys in memory and keys of the host's own."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import mythos
import pytest

from dict_store import DictStore

FIRST, SECOND = b"1" * 32, b"2" * 32
STATE = b"the secret state " * 20


class HostKeys:
    """Keys of a host, and what it raises."""

    def __init__(self, **keys: Any) -> None:
        self.keys = keys
        self.now: Any = next(iter(keys), None)
        self.raised: BaseException | None = None
        self.asked: list[str | None] = []

    def active(self, /) -> str | None:
        self.asked.append(None)
        if self.raised is not None:
            raise self.raised
        now: str | None = self.now
        return now

    def key(self, id: str, /) -> bytes | None:
        self.asked.append(id)
        if self.raised is not None:
            raise self.raised
        return self.keys.get(id)


def ring(**keys: bytes) -> mythos.KeyRing:
    made = mythos.KeyRing()
    for id, key in keys.items():
        made.insert(id, key)
    made.activate(next(iter(keys)))
    return made


def cell_bytes(store: DictStore) -> bytes:
    return b"".join(cell for cells in store._cells.values() for cell in cells.values())


@pytest.mark.parametrize("make", [ring, HostKeys])
def test_what_is_sealed_is_read_with_its_key_alone(make: Callable[..., Any]) -> None:
    store = DictStore()
    home = mythos.Mythos.with_store(store)
    sealed = home.with_rituals(keys=make(first=FIRST)).rituals()
    entry = sealed.save("ana", "refund", STATE)
    assert entry["compressed_ritual_data"]["key"] == "first"
    assert STATE[:17] not in cell_bytes(store)
    # Keys outlive the cache that they were given to.
    again = home.with_rituals(keys=make(second=SECOND, first=FIRST)).rituals()
    assert again.restore(entry["entry"])["payload"] == STATE
    assert again.save("ana", "refund", STATE + b"!")["compressed_ritual_data"]["key"] == "second"
    assert again.restore(entry["entry"])["payload"] == STATE
    for other in (make(second=SECOND), None):
        with pytest.raises(mythos.NotFound) as caught:
            home.with_rituals(keys=other, hot_bytes=0).rituals().restore(entry["entry"])
        assert caught.value.field == "key"
    with pytest.raises(mythos.Corrupt):
        home.with_rituals(keys=make(first=SECOND)).rituals().restore(entry["entry"])


def test_a_destroyed_key_erases_and_refuses_saves() -> None:
    keys = ring(first=FIRST)
    rituals = mythos.Mythos.in_memory().with_rituals(keys=keys, hot_bytes=0).rituals()
    rituals.save("ana", "refund", STATE)
    assert (keys.destroy("first"), keys.destroy("first"), keys.active()) == (True, False, "first")
    for call in (lambda: rituals.latest("ana", "refund"), lambda: rituals.save("ana", "refund", b"")):
        with pytest.raises(mythos.NotFound) as caught:
            call()
        assert caught.value.field == "key"
    keys.deactivate()
    assert keys.active() is None
    assert rituals.save("ana", "other", b"")["compressed_ritual_data"]["key"] is None


def test_keys_are_rotated_by_compaction() -> None:
    keys = ring(first=FIRST, second=SECOND)
    rituals = mythos.Mythos.in_memory().with_rituals(keys=keys).rituals()
    saved = {rituals.save("ana", "refund", STATE + bytes([n]))["entry"]: STATE + bytes([n]) for n in range(5)}
    keys.activate("second")
    assert rituals.compact()["next"] is None
    assert keys.destroy("first")
    assert {entry["compressed_ritual_data"]["key"] for entry in rituals.list()["items"]} == {"second"}
    assert {entry: rituals.restore(entry)["payload"] for entry in saved} == saved


def test_a_ring_keeps_its_ids_and_its_secrets() -> None:
    secret = b"QZ9!" * 8
    keys = mythos.KeyRing.with_active("one", bytearray(secret))
    keys.insert("one", memoryview(secret))
    with pytest.raises(mythos.Invalid, match="another key") as caught:
        keys.insert("one", FIRST)
    assert caught.value.field == "key"
    with pytest.raises(mythos.NotFound) as missing:
        keys.activate("two")
    assert missing.value.field == "key"
    for id, key, field in (("", FIRST, "id"), ("two", FIRST[1:], "key"), ("two", "text", "key"), (3, FIRST, "id")):
        with pytest.raises(mythos.Invalid) as wrong:
            keys.insert(id, key)  # type: ignore[arg-type]
        assert wrong.value.field == field
    assert "QZ9" not in f"{keys!r} {keys} {dir(keys)}"
    with pytest.raises(TypeError):
        pickle.dumps(keys)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (mythos.Unavailable("the key service is away"), mythos.Unavailable),
        (OSError("no route"), mythos.Internal),
    ],
)
def test_what_a_provider_raises_is_typed_and_the_cause(raised: Exception, kind: type[mythos.MythosError]) -> None:
    keys = HostKeys(first=FIRST)
    rituals = mythos.Mythos.in_memory().with_rituals(keys=keys, hot_bytes=0).rituals()
    rituals.save("ana", "refund", STATE)
    keys.raised = raised
    for call, method in (
        (lambda: rituals.save("ana", "refund", b""), "active"),
        (lambda: rituals.latest("ana", "refund"), "key"),
    ):
        with pytest.raises(kind, match=f"the key provider's {method}") as caught:
            call()
        assert caught.value.__cause__ is raised
    keys.raised = None
    assert len(rituals.list()["items"]) == 1


def test_what_ends_a_program_comes_through_a_provider() -> None:
    keys = HostKeys(first=FIRST)
    rituals = mythos.Mythos.in_memory().with_rituals(keys=keys).rituals()
    keys.raised = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        rituals.save("ana", "refund", STATE)


@pytest.mark.parametrize(("now", "key"), [(3, FIRST), ("", FIRST), ("first", FIRST[1:]), ("first", "QZ9!" * 8)])
def test_a_wrong_answer_of_a_provider_is_its_defect_and_not_repeated(now: object, key: object) -> None:
    keys = HostKeys(first=key)
    keys.now = now
    rituals = mythos.Mythos.in_memory().with_rituals(keys=keys).rituals()
    with pytest.raises(mythos.Internal, match="the key provider gave a wrong answer") as caught:
        rituals.save("ana", "refund", STATE)
    assert "QZ9" not in f"{caught.value} {caught.value.__cause__}"
    assert rituals.list()["items"] == []


def test_what_is_no_provider_is_refused() -> None:
    class OnlyActive:
        def __repr__(self) -> str:
            return "QZ9!"

        def active(self) -> None: ...

    with pytest.raises(mythos.Invalid, match="no key provider: it has no method key") as caught:
        mythos.Mythos.in_memory().with_rituals(keys=OnlyActive())  # type: ignore[arg-type]
    assert caught.value.field == "keys"
    assert "QZ9" not in str(caught.value)
