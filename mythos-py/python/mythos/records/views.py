"""What the read models answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias, TypedDict

from ..store import Cursor
from .codices import ChangeKind, CodexHead, SymbolProof
from .deployments import Incident, State, StateName, StepTaken, Visit
from .effects import Action
from .policies import FallbackStep
from .rituals import RitualPoint, Stall

__all__ = [
    "CodexLineage",
    "CodexProofRow",
    "DeploymentStatus",
    "DiagramEdge",
    "FallbackHistory",
    "FallbackTaken",
    "FallbackTally",
    "LineageNode",
    "PendingEffectStatus",
    "RestartDiagram",
    "RitualOverview",
    "RitualVerb",
    "TimerStatus",
    "TransitionCause",
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


class TimerStatus(TypedDict):
    """A timer that is set. `remaining_ms` is how long it still runs, rounded up; 0 if it is due."""

    set_at: datetime
    due_at: datetime
    remaining_ms: int


class PendingEffectStatus(TypedDict):
    """An effect that waits for its answer, without the epoch, which only the supervisor that hands it out knows."""

    id: str
    run: int
    issued_at: datetime
    action: Action


class DeploymentStatus(TypedDict):
    """A deployment at a glance. `attempts` is how many restarts in a row count for the backoff."""

    supervisor: str
    assistant: str
    state: State
    timer: TimerStatus | None
    effect: PendingEffectStatus | None
    run: int
    attempts: int
    incident: Incident | None
    updated_at: datetime
    read_at: datetime


class FallbackTaken(TypedDict):
    """A step that was tried, in incident number `incident`, and what came of it."""

    supervisor: str
    incident: int
    opened_at: datetime
    restart_trigger_reason: str
    taken: StepTaken


class FallbackTally(TypedDict):
    """How often a step was tried and with what success; the rest is underway or was overtaken."""

    step: FallbackStep
    tried: int
    succeeded: int
    failed: int


class FallbackHistory(TypedDict):
    """What was tried in so many `incidents`, the newest first. `next` is where older ones go on."""

    incidents: int
    steps: list[FallbackTaken]
    tallies: list[FallbackTally]
    next: Cursor | None


TransitionCause: TypeAlias = Literal["recovery", "late_exit", "request", "group"]
"""What leads from one state to another."""


DiagramEdge = TypedDict(
    "DiagramEdge",
    {
        "from": StateName,
        "to": StateName,
        "by": TransitionCause | None,
        "taken": list[int],
    },
)
"""A step between two states, with the numbers of the visits that it led to; `by` is `None` for an unknown one."""


class RestartDiagram(TypedDict):
    """The states of a deployment, the steps between them, and which of them its incident took, from 1 in order.

    `mermaid` is a `stateDiagram-v2`; `svg` a document that needs nothing else. `gap_after` is the number of the visit after
    which visits were left out, if any were.
    """

    supervisor: str
    assistant: str
    state: StateName
    incident: int | None
    path: list[Visit]
    gap_after: int | None
    edges: list[DiagramEdge]
    mermaid: str
    svg: str
