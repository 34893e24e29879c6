"""What `CodexProofOfSymbolEngine` takes and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "AddChange",
    "AddClause",
    "AnnotateChange",
    "AnnotateClause",
    "Change",
    "ChangeKind",
    "Clause",
    "ClauseDelta",
    "CodexClause",
    "CodexHead",
    "CodexHeadState",
    "CodexVerification",
    "CommittedClause",
    "CreateChange",
    "Event",
    "Finding",
    "MergeChange",
    "MergeHeads",
    "Mutation",
    "ProofVerificationStatus",
    "RemoveChange",
    "RemoveClause",
    "ReorderChange",
    "ReorderClauses",
    "ReplaceChange",
    "ReplaceClause",
    "SymbolProof",
    "TakenClause",
    "TrailEntry",
    "TrailPage",
]


class Clause(TypedDict):
    """One rule of a codex, of at most 1 MiB."""

    clause: str
    text: str


class AddClause(TypedDict):
    """Adds a clause at the place `position`, from 0; by default behind all others."""

    kind: Literal["add"]
    clause: str
    text: str
    position: NotRequired[int | None]


class ReplaceClause(TypedDict):
    """Gives a clause another text."""

    kind: Literal["replace"]
    clause: str
    text: str


class RemoveClause(TypedDict):
    """Takes a clause away."""

    kind: Literal["remove"]
    clause: str


class ReorderClauses(TypedDict):
    """Puts the clauses into this order, which names each once."""

    kind: Literal["reorder"]
    order: Sequence[str]


class AnnotateClause(TypedDict):
    """Adds a note to a clause."""

    kind: Literal["annotate"]
    clause: str
    note: str


# `from` is a keyword, so this one needs the functional form.
TakenClause = TypedDict("TakenClause", {"clause": str, "from": Literal["ours", "theirs"]})
"""A clause of a merge, and the side it is taken from."""


class MergeHeads(TypedDict):
    """Joins the head at position `other` to the parent; `take` lists the clauses that the result has, in order."""

    kind: Literal["merge"]
    other: int
    take: Sequence[TakenClause]


Mutation: TypeAlias = AddClause | ReplaceClause | RemoveClause | ReorderClauses | AnnotateClause | MergeHeads
"""What a caller asks to be changed in a codex."""

ChangeKind: TypeAlias = Literal["create", "add", "replace", "remove", "reorder", "annotate", "merge"]
"""What kind of change an event made."""

ProofVerificationStatus: TypeAlias = Literal["verified", "redacted", "tampered", "unverifiable"]
"""What a verification concluded."""


class SymbolProof(TypedDict):
    """The proof of one event of a codex."""

    format: int
    tenant: str
    codex: str
    operation: str
    sequence: int
    event: str
    parents: list[int]
    change: ChangeKind
    clause: str | None
    symbolic_checksum: str
    directive_path_log: list[str]
    mutation_trail_hash: str
    proof_verification_status: ProofVerificationStatus
    created_at: datetime


class CodexHeadState(TypedDict):
    """One head of a codex: an event that no other follows yet, and the root of the clauses that it leaves."""

    sequence: int
    event: str
    codex_root: str
    symbolic_checksum: str


class CodexHead(TypedDict):
    """A codex as it stands."""

    format: int
    tenant: str
    codex: str
    length: int
    mutation_trail_hash: str
    heads: list[CodexHeadState]
    created_at: datetime
    updated_at: datetime


class CodexClause(TypedDict):
    """A clause as it stands. Texts are `None` once erased; `since` is the position of the event that gave the text."""

    clause: str
    digest: str
    text: str | None
    notes: list[str | None]
    since: int


class CommittedClause(TypedDict):
    """A clause with the commitment to its text."""

    clause: str
    text: str


class CreateChange(TypedDict):
    """The codex began with these clauses."""

    kind: Literal["create"]
    clauses: list[CommittedClause]


class AddChange(TypedDict):
    """A clause was added. `text` is the commitment to its text, as in every change."""

    kind: Literal["add"]
    clause: str
    text: str
    position: int


class ReplaceChange(TypedDict):
    """A clause was given another text."""

    kind: Literal["replace"]
    clause: str
    text: str


class RemoveChange(TypedDict):
    """A clause was taken away."""

    kind: Literal["remove"]
    clause: str


class ReorderChange(TypedDict):
    """The clauses were put into this order."""

    kind: Literal["reorder"]
    order: list[str]


class AnnotateChange(TypedDict):
    """A note was added to a clause; `note` is the commitment to it."""

    kind: Literal["annotate"]
    clause: str
    note: str


class MergeChange(TypedDict):
    """Two heads were joined; `take` lists the clauses of the result, in order."""

    kind: Literal["merge"]
    take: list[TakenClause]


Change: TypeAlias = (
    CreateChange | AddChange | ReplaceChange | RemoveChange | ReorderChange | AnnotateChange | MergeChange
)
"""What an event changed, with commitments in place of texts."""


class ClauseDelta(TypedDict):
    """A clause that an event changed: its digest before (`None`: new) and after (`None`: removed)."""

    clause: str
    before: str | None
    after: str | None


class Event(TypedDict):
    """One entry of a codex's log, as it is stored and hashed."""

    format: int
    tenant: str
    codex: str
    sequence: int
    parents: list[str]
    directive_path: list[str]
    change: Change
    clauses: list[ClauseDelta]
    codex_before: str | None
    codex_after: str
    actor: str
    reason: str | None
    evidence: str | None
    operation: str
    recorded_at: datetime


class TrailEntry(TypedDict):
    """An event with what opens its commitments: actor, reason and texts, each `None` once erased."""

    digest: str
    event: Event
    actor: str | None
    reason: str | None
    texts: list[str | None]


class TrailPage(TypedDict):
    """A part of a trail. `next` is the position to go on at, `None` at its end."""

    items: list[TrailEntry]
    next: int | None


class Finding(TypedDict):
    """Something stored that does not follow from a codex's log."""

    sequence: int
    clause: str | None
    field: str
    expected: str
    found: str


class CodexVerification(TypedDict):
    """What the verification of a codex found: the events replayed, the texts erased, the first finding if any."""

    codex: str
    proof_verification_status: ProofVerificationStatus
    events: int
    redacted: int
    mutation_trail_hash: str | None
    heads: list[CodexHeadState]
    finding: Finding | None
