"""What the regression guard takes and answers: thresholds, findings, assessments, compared documents."""

from __future__ import annotations

from typing import Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "Assessment",
    "ComparedDocument",
    "Coverage",
    "DocumentComparison",
    "DocumentEdit",
    "DocumentFinding",
    "DocumentStatus",
    "EditFinding",
    "EditMeasures",
    "EmbedderId",
    "FindingDirection",
    "GuardPolicy",
    "GuardVerdict",
    "PairLine",
    "Region",
    "ReportFormat",
    "SegmentChange",
    "SegmentChangeKind",
    "SegmentCounts",
    "SegmentKind",
    "Severity",
    "Signal",
    "Similarity",
    "Span",
]

GuardVerdict: TypeAlias = Literal["none", "tone", "accuracy", "both", "undecided"]
"""What the guard says of an edit; `undecided` leaves it to a person."""

Coverage: TypeAlias = Literal["covered", "not_covered"]
"""Whether the guard can read a text: English, or too short to tell."""

Severity: TypeAlias = Literal["note", "minor", "major"]
"""How much a finding matters by itself."""

FindingDirection: TypeAlias = Literal["stricter", "looser", "gained", "lost", "changed", "firmer", "softer"]
"""Which way something changed."""

Signal: TypeAlias = Literal[
    "number",
    "unit",
    "date",
    "reference",
    "negation",
    "modality",
    "party",
    "quantifier",
    "condition",
    "enumeration",
    "sentence",
    "placeholder",
    "identifier",
    "address",
    "default",
    "permission",
    "wording",
    "order",
    "hidden",
    "formality",
    "politeness",
    "hedging",
    "directness",
    "sentiment",
    "readability",
    "length",
]
"""What kind of change was found."""


class GuardPolicy(TypedDict):
    """The thresholds of the guard, each from 0 to 1."""

    accuracy_threshold: NotRequired[float]
    """An edit is flagged if the probability that the rule changed is at least this; by default 0.45."""
    undecided_from: NotRequired[float]
    """From here up to the threshold it is left to a person; by default 0.3."""
    tone_threshold: NotRequired[float]
    """An edit is flagged if the probability that its tone changed is at least this; by default 0.15."""


class Span(TypedDict):
    """A part of a text: offsets into its bytes in UTF-8, the last excluded."""

    start: int
    end: int


class EditFinding(TypedDict):
    """A change that a signal found. `old` is where it is in the older version, `None` if it is not there."""

    signal: Signal
    severity: Severity
    direction: FindingDirection
    old: Span | None
    new: Span | None
    message: str


class EmbedderId(TypedDict):
    """What made a vector: a model, its version, and how many numbers its vectors have."""

    model: str
    version: str
    dimension: int


class Similarity(TypedDict):
    """How alike an embedder finds two texts: the cosine of the angle between their vectors. It decides nothing."""

    cosine: float
    embedder: EmbedderId


class Assessment(TypedDict):
    """The outcome of a comparison.

    `accuracy` is the probability that a reviewer would say that the rule itself changed, `firmer` and `softer` that it is
    said so. `words` and `grades`, the Flesch-Kincaid ones, are those before and after.
    """

    verdict: GuardVerdict
    accuracy: float
    firmer: float
    softer: float
    direction: FindingDirection | None
    coverage: Coverage
    findings: list[EditFinding]
    findings_omitted: int
    words: tuple[int, int]
    grades: tuple[float | None, float | None]
    similarity: Similarity | None


class EditMeasures(TypedDict):
    """What the models weigh of an edit, by the names of their measures."""

    accuracy: dict[str, float]
    tone: dict[str, float]


SegmentKind: TypeAlias = Literal["heading", "item", "paragraph", "row", "code"]
"""What a segment of a document is."""

SegmentChangeKind: TypeAlias = Literal["changed", "moved", "lost", "added"]
"""What became of a segment."""

DocumentStatus: TypeAlias = Literal["compared", "created", "deleted"]
"""What became of a document. In one that was created nothing can have become worse."""

ReportFormat: TypeAlias = Literal["table", "json", "sarif", "github"]
"""How a report is written: for people, as JSON, as SARIF 2.1.0, as annotations of GitHub's workflows."""


class Region(TypedDict):
    """A part of a document. Lines and columns count from 1, columns in characters; `end_column` is behind the last."""

    span: Span
    line: int
    column: int
    end_line: int
    end_column: int


class DocumentFinding(TypedDict):
    """An `EditFinding` in a document."""

    signal: Signal
    severity: Severity
    direction: FindingDirection
    old: Region | None
    new: Region | None
    message: str


class SegmentChange(TypedDict):
    """A segment that is not as it was; `line` is the one of the newer document to show it at."""

    change: SegmentChangeKind
    kind: SegmentKind
    is_moved: bool
    old: Region | None
    new: Region | None
    line: int
    verdict: GuardVerdict
    accuracy: float
    firmer: float
    softer: float
    direction: FindingDirection | None
    coverage: Coverage
    findings: list[DocumentFinding]
    findings_omitted: int


class SegmentCounts(TypedDict):
    """How many segments there are, and what became of them."""

    old: int
    new: int
    unchanged: int
    moved: int
    changed: int
    lost: int
    added: int
    flagged: int
    undecided: int


class DocumentComparison(TypedDict):
    """The outcome of the comparison of two documents. The verdict is the gravest of a segment."""

    verdict: GuardVerdict
    accuracy: float
    firmer: float
    softer: float
    direction: FindingDirection | None
    counts: SegmentCounts
    changes: list[SegmentChange]
    changes_omitted: int


class DocumentEdit(TypedDict):
    """A document to compare: its path, and its text before and after; `None` where it did not exist."""

    path: str
    old: NotRequired[str | None]
    new: NotRequired[str | None]
    old_revision: NotRequired[str | None]
    new_revision: NotRequired[str | None]


class ComparedDocument(TypedDict):
    """A document that was compared."""

    path: str
    status: DocumentStatus
    old_revision: str | None
    new_revision: str | None
    comparison: DocumentComparison


class PairLine(TypedDict):
    """A scored line of a file of pairs: the line of JSON to write; the verdict, `None` if it could not be read."""

    written: str
    verdict: GuardVerdict | None
