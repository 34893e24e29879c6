"""What `RitualCompressionCache` takes and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias, TypedDict

__all__ = [
    "AbsentParent",
    "CompressedRitual",
    "EntryParent",
    "LatestParent",
    "ParentExpectation",
    "RestoredRitual",
    "RitualVerification",
    "SkippedEntry",
    "StoredFrame",
    "SymbolicIntent",
    "VerifiableRitual",
]


class SymbolicIntent(TypedDict, total=False):
    """What a payload is for. At most 64 labels; `codex_root` is the root of `codex` that the state runs under."""

    labels: Sequence[str]
    procedure: str | None
    payload_format: str | None
    codex: str | None
    codex_root: str | None


class LatestParent(TypedDict):
    """Behind whatever is the newest entry, also none."""

    kind: Literal["latest"]


class AbsentParent(TypedDict):
    """Behind none: this save begins the ritual."""

    kind: Literal["absent"]


class EntryParent(TypedDict):
    """Behind this entry: if another writer was faster, the save is a `Conflict`."""

    kind: Literal["entry"]
    entry: str


ParentExpectation: TypeAlias = LatestParent | AbsentParent | EntryParent
"""Which entry a save must come behind."""


class StoredFrame(TypedDict):
    """How the payload of an entry is stored at present."""

    encoding: Literal["raw", "zstd"]
    cell: str
    raw_bytes: int
    stored_bytes: int
    frame_digest: str


class CompressedRitual(TypedDict):
    """One entry of a ritual, without its payload."""

    format: int
    tenant: str
    entry: str
    assistant: str
    ritual: str
    sequence: int
    parent: str | None
    labels: list[str]
    procedure: str | None
    payload_format: str | None
    codex: str | None
    codex_root: str | None
    compressed_ritual_data: StoredFrame
    payload_commitment: str
    symbolic_signature_hash: str
    entropy_score: float
    created_at: datetime


class RestoredRitual(TypedDict):
    """An entry and its payload, verified: byte for byte what was saved."""

    entry: CompressedRitual
    payload: bytes


class RitualVerification(TypedDict):
    """What the verification of one entry found; `finding` says what does not agree, if anything does not."""

    entry: str
    verified: bool
    finding: str | None


class SkippedEntry(TypedDict):
    """Something that did not verify, and what is wrong with it: an entry, as far as its record still says which and where,
    or with neither the ritual's head."""

    entry: str | None
    sequence: int | None
    finding: str


class VerifiableRitual(TypedDict):
    """The newest entry that verifies, and the newer ones that do not, newest first."""

    restored: RestoredRitual
    skipped: list[SkippedEntry]
