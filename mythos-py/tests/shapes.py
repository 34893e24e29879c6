"""Holds what crosses the binding to the types that declare it."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Literal, NotRequired, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

from mythos.store import Json

V = TypeVar("V")


def fits(value: object, shape: object) -> bool:
    """Whether a value has exactly the shape that a type says, keys included but for those that need not be there."""
    if shape is Json:
        return True
    origin, arguments = get_origin(shape), get_args(shape)
    declared = origin if is_typeddict(origin) else shape
    if isinstance(declared, type) and is_typeddict(declared):
        hints = get_type_hints(declared)
        # The argument of a generic one stands wherever its variable does.
        hints = {key: hint[arguments] if getattr(hint, "__parameters__", ()) else hint for key, hint in hints.items()}
        is_sparse = not getattr(declared, "__total__", True)
        extras = get_type_hints(declared, include_extras=True)
        left_out = {key for key, hint in extras.items() if is_sparse or get_origin(hint) is NotRequired}
        required = hints.keys() - left_out
        return (
            isinstance(value, dict)
            and required <= value.keys() <= hints.keys()
            and all(fits(member, hints[key]) for key, member in value.items())
        )
    if origin in (list, Sequence):
        return type(value) is list and all(fits(item, arguments[0]) for item in value)
    if origin is tuple:
        return type(value) is tuple and len(value) == len(arguments) and all(map(fits, value, arguments))
    if origin is dict:
        return type(value) is dict and all(type(key) is str for key in value)
    if origin is Literal:
        return value in arguments
    if origin in (Union, UnionType):
        return any(fits(value, argument) for argument in arguments)
    return type(value) is shape


def shaped(value: V, shape: object) -> V:
    """The value, once it was held to the type."""
    assert fits(value, shape), (value, shape)
    return value
