"""What `CodexRegressionGuard` and `CodexRegressionView` take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

from .assessments import Assessment, GuardPolicy, GuardVerdict, Signal, Span
from .codices import SymbolProof

__all__ = [
    "AcceptDecision",
    "Agreement",
    "AuditDecision",
    "AuditInFull",
    "AuditRequirement",
    "AuditReview",
    "AuditStatus",
    "AuditedPair",
    "ClauseAuditDetail",
    "ClauseAuditRow",
    "CodexAudit",
    "CodexClauseAudit",
    "DiffPart",
    "DiffPartKind",
    "EvidenceFinding",
    "EvidenceVerification",
    "F1Target",
    "GuardedProof",
    "MatchKind",
    "OverrideDecision",
    "PassingOrReviewedRequirement",
    "PassingRequirement",
    "PrecisionTarget",
    "Proportion",
    "RecordOnlyRequirement",
    "Refit",
    "RefitFigures",
    "RefitTarget",
    "RegressionDiff",
    "RejectDecision",
    "SignalAgreement",
    "VerdictAgreement",
]

AuditStatus: TypeAlias = Literal["passed", "awaiting_review", "accepted", "rejected"]
"""Where an audit stands: nothing to look at, waiting for a person, or what that person said."""


class AcceptDecision(TypedDict):
    """The edit is taken, and the machine's flag is right; of an undecided edit, it is no regression."""

    kind: Literal["accept"]


class RejectDecision(TypedDict):
    """The edit is a regression and is not taken."""

    kind: Literal["reject"]


class OverrideDecision(TypedDict):
    """The machine is wrong: the flag becomes this one. The edit is taken if it is `False`."""

    kind: Literal["override"]
    flag: bool


AuditDecision: TypeAlias = AcceptDecision | RejectDecision | OverrideDecision
"""What a person decides about an audit."""


class AuditReview(TypedDict):
    """What a person said of an audit. Its `number` counts from 1: the highest is in force."""

    number: int
    operation: str
    decision: AuditDecision
    flag: bool
    reviewer: str
    reason: NotRequired[str]
    reviewed_at: datetime


class CodexClauseAudit(TypedDict):
    """Two versions of a clause or a prompt, what the guard says of the edit, and what people said after it.

    `verdict` and `prompt_delta` are the machine's, which no review changes; `regression_flag` is the one in force. Erasing
    the texts takes them, the `salt`, and the messages of the findings.
    """

    format: int
    tenant: str
    audit: str
    """The operation that made it, which is its id."""
    clause: str
    codex: NotRequired[str]
    event: NotRequired[int]
    """The position of the event by which it entered the codex's log, if it did."""
    previous_version: NotRequired[str]
    """Not there if it is longer than 2,048 bytes, for which `get` brings it, or was erased."""
    new_version: NotRequired[str]
    previous_bytes: int
    new_bytes: int
    salt: NotRequired[str]
    previous_commitment: str
    new_commitment: str
    delta_commitment: str
    prompt_delta: Assessment
    policy: GuardPolicy
    verdict: GuardVerdict
    signals: list[Signal]
    regression_flag: bool
    status: AuditStatus
    is_reviewed: bool
    review: NotRequired[AuditReview]
    """The newest."""
    reviews: int
    digest: str
    """What an event names as its evidence; neither a review nor erasing the texts changes it."""
    created_at: datetime
    updated_at: datetime


class AuditInFull(TypedDict):
    """An audit, with both texts unless they were erased, and what people said of it, oldest first."""

    audit: CodexClauseAudit
    reviews: list[AuditReview]


MatchKind: TypeAlias = Literal["unchanged", "edited", "renamed", "renamed_and_edited", "split", "merged"]
"""How clauses of two states belong together."""


class AuditedPair(TypedDict):
    """Clauses that belong together, compared.

    `old` are the ids before, several if they were merged, and `new` those after, several if it was split. The assessment has at
    most 32 findings; `audit` is `None` unless it was kept.
    """

    kind: MatchKind
    is_moved: bool
    old: list[str]
    new: list[str]
    assessment: Assessment
    audit: str | None


CodexAudit = TypedDict(
    "CodexAudit",
    {
        "codex": str,
        "from": int,
        "to": int,
        "pairs": list[AuditedPair],
        "unchanged": int,
        "added": list[str],
        "removed": list[str],
        "erased": list[str],
    },
)
"""What became of a rule book between the events at positions `from` and `to`.

`pairs` are what changed, in the order of the newer state, and `unchanged` how many clauses say the same under the same id. Those
in `erased`, whose text is gone, are compared with nothing.
"""


class RecordOnlyRequirement(TypedDict):
    """Nothing but that the audit is kept."""

    kind: Literal["record_only"]


class PassingRequirement(TypedDict):
    """That the machine finds no regression, but perhaps another tone, and nobody rejected it."""

    kind: Literal["passing"]
    allow_tone: NotRequired[bool]


class PassingOrReviewedRequirement(TypedDict):
    """That it passes, or that a person accepted it.

    `audit` is one of exactly these texts, which no event has as its evidence yet; if not given, one is made, or the one is
    taken that an earlier try of the same operation left.
    """

    kind: Literal["passing_or_reviewed"]
    allow_tone: NotRequired[bool]
    audit: NotRequired[str | None]


AuditRequirement: TypeAlias = RecordOnlyRequirement | PassingRequirement | PassingOrReviewedRequirement
"""What is required of the audit of a mutation; by default `passing_or_reviewed`."""


class GuardedProof(TypedDict):
    """What a guarded mutation made; `audit` is `None` if it changes no clause's text."""

    proof: SymbolProof
    audit: CodexClauseAudit | None


EvidenceFinding: TypeAlias = Literal[
    "not_named", "no_audit", "damaged", "other_event", "other_clause", "other_texts", "erased"
]
"""Why an event's evidence does not speak for it."""


class EvidenceVerification(TypedDict):
    """What came of looking for the audit behind an event; `finding` is `None` if it is of this event, clause and texts."""

    evidence: str | None
    audit: CodexClauseAudit | None
    finding: EvidenceFinding | None


class Proportion(TypedDict):
    """A share, from 0 to 1, with its Wilson score interval at 95 %."""

    successes: int
    trials: int
    rate: float
    low: float
    high: float


class VerdictAgreement(TypedDict):
    """How many of the audits with a verdict have the flag in force."""

    verdict: GuardVerdict
    regressions: Proportion


class SignalAgreement(TypedDict):
    """How many of the audits in which a signal found something have the flag in force."""

    signal: Signal
    regressions: Proportion


class Agreement(TypedDict):
    """What people said of audits, against what the machine said.

    Of `flagged` audits, `confirmed` have the flag in force after the newest review and `overturned` have not; of `passed` ones,
    `missed` have it. `undecided` ones were left to a person. `is_capped` says that there are more than were counted.
    """

    reviewed: int
    flagged: int
    confirmed: int
    overturned: int
    passed: int
    missed: int
    undecided: int
    undecided_regressions: int
    precision: Proportion | None
    by_verdict: list[VerdictAgreement]
    by_signal: list[SignalAgreement]
    is_capped: bool


class PrecisionTarget(TypedDict):
    """The highest precision of flags at which at least this share of regressions, from 0 to 1, is flagged."""

    kind: Literal["precision"]
    recall: float


class F1Target(TypedDict):
    """The highest harmonic mean of precision and recall."""

    kind: Literal["f1"]


RefitTarget: TypeAlias = PrecisionTarget | F1Target
"""What thresholds are to reach on the reviewed cases."""


class RefitFigures(TypedDict):
    """What thresholds do on reviewed cases."""

    flagged: int
    undecided: int
    precision: Proportion | None
    recall: Proportion | None
    f1: float


class Refit(TypedDict):
    """Proposed thresholds, and what those so far and the proposed ones do on the cases that they were chosen on."""

    policy: GuardPolicy
    cases: int
    regressions: int
    before: RefitFigures
    after: RefitFigures


DiffPartKind: TypeAlias = Literal["equal", "removed", "added"]
"""What became of a segment."""


class DiffPart(TypedDict):
    """A part of a difference.

    Behind `text`, `elided_bytes` are left out, and it ends with `tail`. `findings` are the places of those about it among those
    of the assessment.
    """

    kind: DiffPartKind
    text: str
    elided_bytes: int
    tail: str
    old: Span | None
    new: Span | None
    findings: list[int]


class RegressionDiff(TypedDict):
    """The difference of two versions word by word, in the order of reading. `is_truncated` says that there is more."""

    segments: list[DiffPart]
    is_truncated: bool


class ClauseAuditRow(TypedDict):
    """One audit in the history of a clause; `diff` is `None` if the texts were erased."""

    audit: CodexClauseAudit
    diff: RegressionDiff | None


class ClauseAuditDetail(TypedDict):
    """One audit with its texts, all reviews, oldest first, and what changed."""

    audit: CodexClauseAudit
    reviews: list[AuditReview]
    diff: RegressionDiff | None
