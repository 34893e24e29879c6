"""Whether values are what the declared types say."""

from __future__ import annotations

import collections.abc
from types import UnionType
from typing import Literal, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

from mythos.store import Json


def fits(value: object, shape: object) -> bool:
    """Whether a value has exactly the shape that a type says, keys included, also those that are `NotRequired`."""
    if shape is Json:
        return True
    origin, arguments = get_origin(shape), get_args(shape)
    declared = origin or shape
    if isinstance(declared, type) and is_typeddict(declared):
        # A generic dict here has one parameter.
        hints = {
            key: list[arguments[0]] if arguments and get_args(hint) and isinstance(get_args(hint)[0], TypeVar) else hint
            for key, hint in get_type_hints(declared).items()
        }
        return (
            isinstance(value, dict)
            and value.keys() == hints.keys()
            and all(fits(value[key], hint) for key, hint in hints.items())
        )
    if origin in (list, collections.abc.Sequence):
        return type(value) is list and all(fits(item, arguments[0]) for item in value)
    if origin is dict:
        return type(value) is dict and all(type(key) is str for key in value)
    if origin is Literal:
        return value in arguments
    if origin in (Union, UnionType):
        return any(fits(value, argument) for argument in arguments)
    return type(value) is shape


def check(value: object, shape: object) -> None:
    """Fails with the value if it has not the shape."""
    assert fits(value, shape), f"this is no {shape}: {value!r}"
