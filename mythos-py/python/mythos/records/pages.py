"""One page of any service's listing."""

from __future__ import annotations

from typing import Generic, TypedDict, TypeVar

from ..store import Cursor

__all__ = [
    "Page",
]

T = TypeVar("T")


class Page(TypedDict, Generic[T]):
    """One page of a listing. `next` is what to give as `after` for the next one, `None` on the last."""

    items: list[T]
    next: Cursor | None
