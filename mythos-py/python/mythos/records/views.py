"""What the read models answer."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

from .rituals import RitualPoint, Stall

__all__ = [
    "RitualOverview",
    "RitualVerb",
]

RitualVerb: TypeAlias = Literal["verify", "prune", "compact", "restore"]
"""What a user of a page may do; each is a method of `RitualCompressionCache`."""


class RitualOverview(TypedDict):
    """One ritual at a glance: how its states grow, and the stall that it ends in, if it does."""

    points: list[RitualPoint]
    stall: Stall | None
