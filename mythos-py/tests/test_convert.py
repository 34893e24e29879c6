"""Values in both directions."""

from __future__ import annotations

import collections
import datetime as dt
import enum
import math
import types
from collections.abc import Iterator, Mapping

import mythos
import pytest
from mythos import _mythos

NOON = dt.datetime(2026, 11, 21, 12, 30, 0, 250, tzinfo=dt.timezone.utc)


def json(value: object) -> object:
    """Takes a JSON value in and out."""
    return _mythos._round_trip({"json": value})["json"]


def refused(sample: object) -> mythos.MythosError:
    """The error that names what is wrong with a sample."""
    with pytest.raises(mythos.MythosError) as caught:
        _mythos._round_trip(sample)
    return caught.value


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, -(2**63), 2**64 - 1, 0.1, -0.0, 1e308, "", "Grüße 🜂", [], {}, [[{"": [None]}]], {"a": {"b": 1}}],
)
def test_json_comes_back_as_it_was_with_its_types(value: object) -> None:
    result = json(value)
    assert result == value
    assert type(result) is type(value)
    assert not isinstance(value, float) or math.copysign(1, value) == math.copysign(1, result)  # type: ignore[arg-type]


def test_declared_moments_are_aware_datetimes() -> None:
    east = NOON.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=45)))
    for moment in (NOON, east):
        result = _mythos._round_trip({"observed_at": moment, "json": None})["observed_at"]
        assert isinstance(result, dt.datetime)
        assert result == NOON
        assert result.tzinfo is dt.timezone.utc
    text = _mythos._round_trip({"observed_at": NOON.isoformat(), "json": None})["observed_at"]
    assert text == NOON


def test_the_ends_of_time() -> None:
    first = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
    assert _mythos._round_trip({"observed_at": first, "json": None})["observed_at"] == first
    for outside in (dt.datetime.max, dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))):
        outside = outside.replace(tzinfo=outside.tzinfo or dt.timezone.utc)
        error = refused({"observed_at": outside, "json": None})
        assert (error.kind, error.field) == ("Invalid", "sample.observed_at")


def test_a_hosts_own_json_keeps_its_texts() -> None:
    theirs = {"noted_at": "2026-11-21T12:30:00.000250Z"}
    assert json(theirs) == theirs


def test_moments_inside_json_become_texts() -> None:
    assert json([NOON]) == ["2026-11-21T12:30:00.000250Z"]


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Frozen(Mapping[str, object]):
    def __getitem__(self, key: str) -> object:
        return {"a": 1}[key]

    def __iter__(self) -> Iterator[str]:
        return iter("a")

    def __len__(self) -> int:
        return 1


def test_what_else_is_taken() -> None:
    assert json((1, 2)) == [1, 2]
    assert json(collections.deque([1])) == [1]
    assert json([Colour.RED, Level.HIGH]) == ["red", 3]
    assert json(types.MappingProxyType({"a": 1})) == {"a": 1}
    assert json(Frozen()) == {"a": 1}


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (2**64, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        (math.nan, "finite"),
        (-math.inf, "finite"),
        ("a\ud800", "surrogate"),
        ({1: 2}, "a key is of type int, not str"),
        ({"\udfff": 2}, "surrogate"),
        ({1, 2}, "set"),
        (object(), "object"),
        (1j, "complex"),
        (dt.date(2026, 1, 1), "date"),
        (dt.datetime(2026, 1, 1), "naive"),
    ],
)
def test_what_cannot_be_taken_is_invalid_and_named(value: object, what: str) -> None:
    error = refused({"json": [0, {"deep": value}]})
    assert (error.kind, error.field) == ("Invalid", "sample.json[1].deep")
    assert what in str(error)


def test_core_types_name_their_place_too() -> None:
    error = refused({"observed_at": "yesterday", "json": None})
    assert (error.kind, error.field) == ("Invalid", "sample.observed_at")
    assert "yesterday" in str(error)
    assert refused({"label": 3, "json": None}).field == "sample.label"
    missing = refused({})
    assert missing.field == "sample"
    assert "missing field `json`" in str(missing)
    assert refused([None, None, None]).field == "sample"


def test_a_value_that_contains_itself_is_a_limit() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert refused({"json": endless}).kind == "Limit"
    mapping: dict[str, object] = {}
    mapping["a"] = mapping
    assert refused({"json": mapping}).kind == "Limit"


class Hostile(Mapping[str, object]):
    """A mapping whose items cannot be had."""

    def __getitem__(self, key: str) -> object:
        raise ZeroDivisionError(key)

    def __iter__(self) -> Iterator[str]:
        return iter("ab")

    def __len__(self) -> int:
        return 2


class Timezone(dt.tzinfo):
    """A timezone that fails."""

    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
        raise ZeroDivisionError

    dst = utcoffset

    def tzname(self, moment: dt.datetime | None) -> str:
        return "broken"


def test_values_that_raise_are_invalid_with_the_cause() -> None:
    for value in (Hostile(), dt.datetime(2026, 1, 1, tzinfo=Timezone())):
        error = refused({"json": [value]})
        assert (error.kind, error.field) == ("Invalid", "sample.json[0]")
        assert isinstance(error.__cause__, ZeroDivisionError)
