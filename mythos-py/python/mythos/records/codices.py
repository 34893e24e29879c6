"""What `CodexProofOfSymbolEngine` takes and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

from ..store import Cursor

__all__ = [
    "AddChange",
    "AddClause",
    "AnchoredVerification",
    "AnnotateChange",
    "AnnotateClause",
    "AppendedMutations",
    "AuthorizeChange",
    "AuthorizeKey",
    "Blame",
    "Change",
    "ChangeKind",
    "CheckpointMoment",
    "Clause",
    "ClauseChange",
    "ClauseDelta",
    "ClauseDifference",
    "CodexAt",
    "CodexClause",
    "CodexHead",
    "CodexHeadState",
    "CodexVerification",
    "CommittedClause",
    "ConsistencyProof",
    "CreateChange",
    "DifferenceKind",
    "DirectedMutation",
    "ErasedOpening",
    "Event",
    "EventVerification",
    "Finding",
    "InclusionProof",
    "Listing",
    "MergeChange",
    "MergeHeads",
    "Moment",
    "Mutation",
    "Origin",
    "ProofVerificationStatus",
    "RedactChange",
    "RemoveChange",
    "RemoveClause",
    "ReorderChange",
    "ReorderClauses",
    "ReplaceChange",
    "ReplaceClause",
    "RevokeChange",
    "RevokeKey",
    "SequenceMoment",
    "StoredCheckpoint",
    "SymbolProof",
    "TakenClause",
    "TimeMoment",
    "TrailEntry",
    "TrailPage",
    "VerificationStep",
    "VerificationStepName",
    "VerifiedCodices",
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


class AuthorizeKey(TypedDict):
    """Lets a key sign checkpoints of the codex from here on: a verifier key whose name is the codex's origin.

    As soon as a log names keys, only they may.
    """

    kind: Literal["authorize"]
    key: str


class RevokeKey(TypedDict):
    """Takes that back: what the key signs of this event and later is worth nothing."""

    kind: Literal["revoke"]
    key: str


Mutation: TypeAlias = (
    AddClause
    | ReplaceClause
    | RemoveClause
    | ReorderClauses
    | AnnotateClause
    | MergeHeads
    | AuthorizeKey
    | RevokeKey
)
"""What a caller asks to be changed in a codex."""


class DirectedMutation(TypedDict):
    """One mutation of a batch: what to change, the directives that led to it, and who makes it."""

    mutation: Mutation
    directive_path: Sequence[str]
    actor: str
    reason: NotRequired[str | None]
    evidence: NotRequired[str | None]


Listing: TypeAlias = Literal["now", "later"]
"""When proofs are listed: with the events, or with the next `list_pending`. The log itself is complete either way."""

ChangeKind: TypeAlias = Literal[
    "create", "add", "replace", "remove", "reorder", "annotate", "merge", "redact", "authorize", "revoke"
]
"""What kind of change an event made."""

ProofVerificationStatus: TypeAlias = Literal[
    "verified", "redacted", "unanchored", "forked", "tampered", "unverifiable"
]
"""What a verification concluded.

`redacted`: verified, and some texts were erased, as the log says. `unanchored`: sound, but too few of those who were
asked for vouch for it. `forked`: a checkpoint that is signed for this log speaks of another.
"""


class ErasedOpening(TypedDict):
    """A text to erase: the position of its event, and its number there.

    0 is the actor, 1 the reason, and from 2 on come texts and notes.
    """

    sequence: int
    opening: int


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
    directive_key: str
    mutation_trail_hash: str
    proof_verification_status: ProofVerificationStatus
    created_at: datetime


class CodexHeadState(TypedDict):
    """One head of a codex: an event that no other follows yet, and the root of the clauses that it leaves."""

    sequence: int
    event: str
    codex_root: str
    symbolic_checksum: str


class StoredCheckpoint(TypedDict):
    """Which signed checkpoint is stored: how many events it speaks of, and its number among those of this size."""

    size: int
    number: int


class CodexHead(TypedDict):
    """A codex as it stands.

    `tree_root` is the root of the Merkle tree over all events, in base64: what a checkpoint signs. Replay need not
    begin with the first `snapshot` events, and the first `listed` ones have their proofs listed. `checkpoint` is the
    newest one that is stored; without one, the key is not there.
    """

    format: int
    tenant: str
    codex: str
    length: int
    mutation_trail_hash: str
    tree_root: str
    heads: list[CodexHeadState]
    snapshot: int
    listed: int
    checkpoint: NotRequired[StoredCheckpoint]
    created_at: datetime
    updated_at: datetime


class AppendedMutations(TypedDict):
    """What a batch appended: the position of the first event, the digests of all, and the head that they leave."""

    first: int
    events: list[str]
    head: CodexHead


class CodexClause(TypedDict):
    """A clause as it stands. Texts are `None` once erased; `since` is the position of the event that gave the text."""

    clause: str
    digest: str
    text: str | None
    notes: list[str | None]
    since: int


class SequenceMoment(TypedDict):
    """After the event at this position."""

    kind: Literal["sequence"]
    at: int


class CheckpointMoment(TypedDict):
    """After the last event that a checkpoint of this size speaks of."""

    kind: Literal["checkpoint"]
    at: int


class TimeMoment(TypedDict):
    """After the last event recorded at this time or before."""

    kind: Literal["time"]
    at: datetime


Moment: TypeAlias = SequenceMoment | CheckpointMoment | TimeMoment
"""A moment in the history of a codex."""


class CodexAt(TypedDict):
    """What a codex said at some moment, and the event that left it so."""

    codex: str
    sequence: int
    event: str
    codex_root: str
    symbolic_checksum: str
    clauses: list[CodexClause]


DifferenceKind: TypeAlias = Literal["added", "removed", "replaced", "annotated", "moved"]
"""In what way a clause differs. A clause that was replaced may have got notes or moved, too."""


class ClauseChange(TypedDict):
    """How a clause changed, without what it says."""

    clause: str
    kind: DifferenceKind


class ClauseDifference(TypedDict):
    """How a clause differs between two moments; `None` where it was not there."""

    clause: str
    kind: DifferenceKind
    before: CodexClause | None
    position_before: int | None
    after: CodexClause | None
    position_after: int | None


class Origin(TypedDict):
    """The event that a text comes from, and the text. Actor, reason and text are `None` once erased."""

    sequence: int
    event: str
    change: ChangeKind
    directive_path: list[str]
    actor: str | None
    reason: str | None
    text: str | None
    recorded_at: datetime


class Blame(TypedDict):
    """Where what a clause says comes from: its text, and its notes, oldest first."""

    clause: str
    digest: str
    text: Origin
    notes: list[Origin]


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


class RedactChange(TypedDict):
    """Texts, actors or reasons were erased. The clauses keep their commitments."""

    kind: Literal["redact"]
    erased: list[ErasedOpening]


class AuthorizeChange(TypedDict):
    """A key was allowed to sign checkpoints."""

    kind: Literal["authorize"]
    key: str


class RevokeChange(TypedDict):
    """A key was forbidden to."""

    kind: Literal["revoke"]
    key: str


Change: TypeAlias = (
    CreateChange
    | AddChange
    | ReplaceChange
    | RemoveChange
    | ReorderChange
    | AnnotateChange
    | MergeChange
    | RedactChange
    | AuthorizeChange
    | RevokeChange
)
"""What an event changed, with commitments in place of texts."""


class ClauseDelta(TypedDict):
    """A clause that an event changed: its digest before (`None`: new) and after (`None`: removed)."""

    clause: str
    before: str | None
    after: str | None


class Event(TypedDict):
    """One entry of a codex's log.

    `previous` is the digest of the event before it in the log, so that the digest of the last stands for them all.
    `parents` are the positions of the events that it follows from. Actor and reason are commitments.
    """

    format: int
    tenant: str
    codex: str
    sequence: int
    previous: str | None
    parents: list[int]
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
    tree_root: str
    heads: list[CodexHeadState]
    finding: Finding | None


class VerifiedCodices(TypedDict):
    """What the verification of some codices found, by id.

    `total` is how many codices there are. `next` is where the next part begins, `None` when this was the last.
    """

    verified: list[CodexVerification]
    total: int
    next: Cursor | None


class InclusionProof(TypedDict):
    """What shows that a leaf is in a tree: the hashes beside the way to the root, the lowest first."""

    index: int
    size: int
    hashes: list[str]


class ConsistencyProof(TypedDict):
    """What shows that one tree is how another began."""

    old_size: int
    new_size: int
    hashes: list[str]


VerificationStepName: TypeAlias = Literal["event", "previous", "derivation", "openings", "inclusion"]
"""What was checked of an event.

`event`: it is spelled as events are. `previous`: it names the event before it. `derivation`: its state follows from its
parents'. `openings`: what is open of its texts is what was committed to. `inclusion`: it is in the tree.
"""


class VerificationStep(TypedDict):
    """One thing that was checked, whether it holds, and what was found if it does not."""

    name: VerificationStepName
    holds: bool
    found: str | None


class EventVerification(TypedDict):
    """One event, verified step by step.

    The verdict over it is `verified`, `redacted` or `tampered`. `entry` is the event with its texts, `None` if it cannot be
    read. After a step that does not hold, those that rest on it are left out. `inclusion` proves to anyone that the event is
    in the log with the root `tree_root`, `None` if it cannot be made: see `mythos.tlog.verify_inclusion`. `path` has the
    positions of the events that led to this one, by the first parents, newest first, at most 1,000.
    """

    proof_verification_status: ProofVerificationStatus
    entry: TrailEntry | None
    steps: list[VerificationStep]
    inclusion: InclusionProof | None
    tree_root: str
    path: list[int]


class AnchoredVerification(TypedDict):
    """What a verification against checkpoints found.

    The verdict in `verification` is over both. `anchored` is how many events the policy's signers vouch for, `None` if
    they vouch for none. `equivocation` is the text of two checkpoints of equal size, both signed by the log's key, of
    different logs: `mythos.tlog.verify_equivocation` verifies it.
    """

    verification: CodexVerification
    anchored: int | None
    equivocation: str | None
