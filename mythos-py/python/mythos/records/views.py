"""What the read models answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias, TypedDict

from .codices import ChangeKind, CodexHead, SymbolProof
from .rituals import RitualPoint, Stall

__all__ = [
    "CodexLineage",
    "CodexProofRow",
    "LineageNode",
    "RitualOverview",
    "RitualVerb",
]

RitualVerb: TypeAlias = Literal["verify", "prune", "compact", "restore"]
"""What a user of a page may do; each is a method of `RitualCompressionCache`."""


class RitualOverview(TypedDict):
    """One ritual at a glance: how its states grow, and the stall that it ends in, if it does."""

    points: list[RitualPoint]
    stall: Stall | None


class CodexProofRow(TypedDict):
    """A proof with what is open of its event. The actor is `None` once erased, the reason also if none was given."""

    proof: SymbolProof
    actor: str | None
    reason: str | None


class LineageNode(TypedDict):
    """An event in the graph: `parents` are the positions of those that it follows from, two for a merge.

    `is_head` says whether no other event follows from it.
    """

    sequence: int
    event: str
    parents: list[int]
    change: ChangeKind
    clause: str | None
    directive_path: list[str]
    codex_root: str
    is_head: bool
    recorded_at: datetime


class CodexLineage(TypedDict):
    """A part of the graph of a codex's events, oldest first. `next` is where the next part starts, `None` at the end."""

    head: CodexHead
    nodes: list[LineageNode]
    next: int | None
