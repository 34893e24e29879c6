"""The conformance cases, run on stores written in Python; and that each sort of defect fails the cases it should."""

from __future__ import annotations

from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import mythos
import pytest
from mythos.store import Answer, Batch, Budget, Json, Maintained, Read
from mythos.testing import conformance_cases, run_conformance_case

from stores import DictStore

CASES = conformance_cases()
NAMES = [case["name"] for case in CASES]


def fits(value: object, shape: object) -> bool:
    """Whether a value has exactly the shape that a type says, keys included."""
    if shape is Json:
        return True
    if isinstance(shape, type) and is_typeddict(shape):
        hints = get_type_hints(shape)
        return (
            isinstance(value, dict)
            and value.keys() == hints.keys()
            and all(fits(value[key], hint) for key, hint in hints.items())
        )
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is list:
        return type(value) is list and all(fits(item, arguments[0]) for item in value)
    if origin is dict:
        return type(value) is dict and all(type(key) is str for key in value)
    if origin is Literal:
        return value in arguments
    if origin in (Union, UnionType):
        return any(fits(value, argument) for argument in arguments)
    return type(value) is shape


class Watched(DictStore):
    """A sound store that sees to it that what crosses is what `mythos.store` declares."""

    def read(self, reads: list[Read], /) -> list[Answer]:
        assert fits(reads, list[Read]), reads
        return super().read(reads)

    def commit(self, batch: Batch, /) -> None:
        assert fits(batch, Batch), batch
        super().commit(batch)

    def maintain(self, budget: Budget, /) -> Maintained:
        assert fits(budget, Budget), budget
        return super().maintain(budget)


def test_the_shapes_are_told_apart() -> None:
    good: Batch = {"checks": [{"table": "t", "id": "00", "expect": {"kind": "at", "version": 1}}], "records": [], "cells": []}
    assert fits(good, Batch)
    for bad in ({**good, "more": 1}, {**good, "checks": [{}]}, {**good, "cells": [{"kind": "put"}]}, {**good, "records": ()}):
        assert not fits(bad, Batch)


def test_there_are_cases() -> None:
    assert len(NAMES) == len(set(NAMES)) > 50
    assert all(name.isidentifier() for name in NAMES)
    assert all(case["about"] and case["obligation"] for case in CASES)


@pytest.mark.parametrize("name", NAMES)
def test_a_store_on_dicts_conforms(name: str) -> None:
    run_conformance_case(name, lambda tables: Watched(), lambda store: store)


@pytest.mark.parametrize("name", NAMES)
def test_the_store_in_memory_conforms(name: str) -> None:
    run_conformance_case(name, lambda tables: mythos.MemoryStore(), lambda store: store)
