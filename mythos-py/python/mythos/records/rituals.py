"""What `RitualCompressionCache` takes and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "AbsentParent",
    "Compacted",
    "CompactionReport",
    "CompressedRitual",
    "EntryParent",
    "LatestParent",
    "ParentExpectation",
    "RestoredRitual",
    "RitualBudget",
    "RitualDictionaries",
    "RitualDictionary",
    "RitualHead",
    "RitualProgress",
    "RitualVerification",
    "ScoredEntry",
    "Scrubbed",
    "SkippedEntry",
    "SkippedRitual",
    "Stall",
    "StoredFrame",
    "SymbolicIntent",
    "TrainingReport",
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
    """How the payload of an entry is stored at present: as it is, as a zstd frame, or as what makes it out of the payload
    of the next newer entry.

    `stored_bytes` is all that is stored of it: the whole payload, the patch, or both. `dictionary` is the number of the
    dictionary that the frame needs, and `key` the id of the key that it is sealed under.
    """

    encoding: Literal["raw", "zstd", "patch"]
    raw_bytes: int
    stored_bytes: int
    dictionary: int | None
    key: str | None


class CompressedRitual(TypedDict):
    """One entry of a ritual, without its payload. Both scores lie between 0 and 1: the Shannon entropy of the payload's
    bytes, and the information in it that its parent's lacks (see `mythos.novelty_score`)."""

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
    novelty_score: float
    created_at: datetime


class RestoredRitual(TypedDict):
    """An entry and its payload, verified: byte for byte what was saved, or what `PayloadFormats` made of it; `format` is
    the format that it is in now."""

    entry: CompressedRitual
    payload: bytes
    format: str | None


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


class Compacted(TypedDict):
    """What a ritual was compacted to: its highest position, the dictionary and the key then."""

    sequence: int
    dictionary: int | None
    key: str | None


class Scrubbed(TypedDict):
    """What the last scrub found of the entries up to a position: the positions of at most 100 damaged ones."""

    at: datetime
    sequence: int
    damaged: list[int]


class RitualHead(TypedDict):
    """The head of a ritual: what is kept of all its entries together.

    `sequence` is the highest position that was given to an entry, `newest` are the positions of the (at most two) newest
    entries. What says nothing is left out.
    """

    format: int
    tenant: str
    assistant: str
    ritual: str
    root: str
    seed: str
    sequence: int
    newest: list[int]
    signature: str
    intent: NotRequired[SymbolicIntent]
    entries: int
    raw_bytes: int
    stored_bytes: int
    labels: NotRequired[list[str]]
    dictionaries: NotRequired[list[int]]
    compacted: NotRequired[Compacted]
    scrubbed: NotRequired[Scrubbed]
    first_at: datetime
    updated_at: datetime


class RitualDictionary(TypedDict):
    """One dictionary of an assistant. One that another took the place of is deleted once no entry needs it."""

    number: int
    is_trained_by_zstd: bool
    bytes: int
    stored_bytes: int
    key: str | None
    trained_at: datetime
    retired_at: datetime | None


class RitualDictionaries(TypedDict):
    """The dictionaries of an assistant, oldest first; `active` is the number of the one that new states get."""

    format: int
    tenant: str
    assistant: str
    highest: int
    active: int | None
    dictionaries: list[RitualDictionary]
    updated_at: datetime


class TrainingReport(TypedDict):
    """What a training came to: the number of the new dictionary, if it would earn its bytes, tried on so many states; and
    what the assistant's whole payloads take without and with it, estimated from these."""

    trained: int | None
    states: int
    bytes_without: int
    bytes_with: int


class RitualBudget(TypedDict, total=False):
    """How much one call does: it stops once it has worked on so many bytes of payloads, by default 64 MiB, or for so long;
    always after some work."""

    max_bytes: int
    max_milliseconds: int | None


class RitualProgress(TypedDict):
    """Where work on all rituals goes on."""

    ritual: str
    sequence: int


class SkippedRitual(TypedDict):
    """A ritual that could not be worked on, or not wholly, as far as its head still says which, and why."""

    assistant: str | None
    ritual: str | None
    finding: str


class CompactionReport(TypedDict):
    """What a compaction did, and the rituals of which it had to leave something as it is. `saved_bytes` is by how much the
    stored bytes of payloads have shrunk. `next` is what to give as `after` to go on, `None` when all is done."""

    rituals: int
    entries: int
    saved_bytes: int
    dictionaries_deleted: int
    skipped: list[SkippedRitual]
    next: RitualProgress | None


class ScoredEntry(TypedDict):
    """An entry as far as stalls go; every `CompressedRitual` is one."""

    sequence: int
    novelty_score: float


class Stall(TypedDict):
    """A run of entries that say hardly anything new: the assistant is probably going round in circles. The state before
    `since_sequence` is the last that went ahead."""

    since_sequence: int
    length: int
    mean_novelty: float
