"""What `AnchorLog` takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

from ..store import Cursor
from .codices import ProofVerificationStatus, StoredCheckpoint

__all__ = [
    "AnchorCursor",
    "AnchorFinding",
    "AnchorFindingKind",
    "AnchorHead",
    "AnchorHeadKind",
    "AnchorPage",
    "AnchorReport",
    "AnchorStatement",
    "AnchorVerification",
    "AnchorVerificationCursor",
    "AnchorWatermarks",
    "AnchoredCodex",
    "AnchoredDeployment",
    "AnchoredKey",
    "AnchoredName",
    "AnchoredRitual",
    "PinnedAnchorVerification",
    "StatedStage",
    "UnstatedStage",
]


class AnchoredCodex(TypedDict):
    """The log of a codex."""

    kind: Literal["codex"]
    codex: str


class AnchoredRitual(TypedDict):
    """The entries of a ritual."""

    kind: Literal["ritual"]
    assistant: str
    ritual: str


class AnchoredDeployment(TypedDict):
    """A deployment of a supervisor's, and the newest record of its restart history."""

    kind: Literal["deployment"]
    supervisor: str
    assistant: str


class AnchoredKey(TypedDict):
    """A key that may sign checkpoints of the super-log: a verifier key of C2SP signed notes."""

    kind: Literal["key"]
    key: str


AnchoredName: TypeAlias = AnchoredCodex | AnchoredRitual | AnchoredDeployment | AnchoredKey
"""What a statement is about."""


class AnchorStatement(TypedDict):
    """One entry of the super-log: how long a head was, and what it said, when it was looked at.

    `length` is that of a codex in events, the highest position of a ritual, the version of a deployment's record, 1 for a
    key; 0 if it was retired, or a key revoked. `digest` is what the head said: the root of a codex's Merkle tree, or a
    digest of a ritual's or deployment's head; zeros for a key and for what was retired. `sequence` is the position in the
    log, `previous` the digest of the statement before it, whatever that is about, and `before` the position of the one
    before it about the same.
    """

    format: int
    tenant: str
    name: AnchoredName
    length: int
    digest: str
    sequence: int
    previous: str | None
    before: int | None
    recorded_at: datetime


class AnchorPage(TypedDict):
    """A page of statements, oldest first. `next` is the position to go on at, `None` when this was the last."""

    items: list[AnchorStatement]
    next: int | None


class AnchorWatermarks(TypedDict):
    """Up to which change heads of each kind were looked at, by the time that they say they were changed."""

    codices: datetime | None
    rituals: datetime | None
    deployments: datetime | None


class AnchorHead(TypedDict):
    """The head of a super-log.

    `tree_root` is the root of the Merkle tree over all `length` statements, in base64: what a checkpoint signs. `last` is
    the digest of the last statement, which stands for all. `checkpoint` is the newest one that is stored, and `mac` shows
    that the writer knew the key; without one, the key is not there.
    """

    format: int
    tenant: str
    length: int
    tree_root: str
    last: str | None
    watermarks: AnchorWatermarks
    checkpoint: NotRequired[StoredCheckpoint]
    created_at: datetime
    updated_at: datetime
    mac: NotRequired[str]


AnchorFindingKind: TypeAlias = Literal["missing", "rolled_back", "differs", "damaged"]
"""What is wrong.

`missing`: what the log states is gone. `rolled_back`: a head is shorter than stated. `differs`: a head says something else
at the stated length. `damaged`: a head, or something of the log itself, cannot be read, or does not follow.
"""


class AnchorFinding(TypedDict):
    """Something that does not go with what the super-log states.

    `name` is `None` if it is about the log itself, or if a damaged head no longer tells its name. `sequence` is the
    position of the statement, if it is about one.
    """

    kind: AnchorFindingKind
    name: AnchoredName | None
    sequence: int | None
    field: str
    expected: str
    found: str


AnchorHeadKind: TypeAlias = Literal["codices", "rituals", "deployments"]
"""The kinds of heads, in the order in which they are looked at."""


class AnchorCursor(TypedDict):
    """Where a run goes on that its limit ended. Give it back as it is."""

    kind: AnchorHeadKind
    since: datetime | None
    after: Cursor | None
    full: bool


class AnchorReport(TypedDict):
    """What a run did.

    It looked at so many heads, and appended so many statements; the log now has `length` of them, with the root `tree_root`.
    `findings` are heads that were not stated, since they are damaged or contradict the log. `next` is where `anchor_on`
    goes on, if the limit ended this run.
    """

    looked_at: int
    appended: int
    length: int
    tree_root: str
    findings: list[AnchorFinding]
    next: AnchorCursor | None


# `from` is a keyword, so this one needs the functional form.
StatedStage = TypedDict("StatedStage", {"stage": Literal["stated"], "from": str})
"""Comparing what is stated."""


class UnstatedStage(TypedDict):
    """Looking for heads of which nothing is stated."""

    stage: Literal["unstated"]
    kind: AnchorHeadKind
    after: Cursor | None


AnchorVerificationCursor: TypeAlias = StatedStage | UnstatedStage
"""Where a verification in parts goes on. Give it back as it is."""


class AnchorVerification(TypedDict):
    """What the verification of a super-log found, or a part of it.

    The `status` is `verified` or `tampered`, and against checkpoints also `forked` or `unanchored`. The first part replays
    so many `statements`, and gives the root of their tree and the digest of the last. `compared` heads were compared with
    what is stated of them, of which `behind` have grown since; so many names were `retired`, and of `unanchored` heads
    nothing is stated. There are at most 1,000 `findings`, and `left_out` more. `next` is where the next part goes on.
    """

    status: ProofVerificationStatus
    statements: int
    tree_root: str | None
    last: str | None
    compared: int
    behind: int
    retired: int
    unanchored: int
    findings: list[AnchorFinding]
    left_out: int
    next: AnchorVerificationCursor | None


class PinnedAnchorVerification(TypedDict):
    """What a verification of a super-log against checkpoints found.

    The verdict in `verification` is over both. `anchored` is how many statements the policy's signers vouch for, `None` if
    they vouch for none. `equivocation` is the text of two checkpoints of equal size, both signed by the log's key, of
    different logs: `mythos.tlog.verify_equivocation` verifies it.
    """

    verification: AnchorVerification
    anchored: int | None
    equivocation: str | None
