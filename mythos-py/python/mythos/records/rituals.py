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
    "DeletionReport",
    "Encoding",
    "EncodingTotals",
    "EntryParent",
    "LatestParent",
    "ParentExpectation",
    "PruneByName",
    "PruneByPolicy",
    "PruneReport",
    "PruneToKept",
    "PruneWhat",
    "RestoredRitual",
    "RetentionPolicy",
    "RetentionStatus",
    "RitualBudget",
    "RitualCopyReport",
    "RitualDictionaries",
    "RitualDictionary",
    "RitualHead",
    "RitualPart",
    "RitualPoint",
    "RitualProgress",
    "RitualTotals",
    "RitualVerification",
    "ScoredEntry",
    "ScrubFinding",
    "ScrubReport",
    "Scrubbed",
    "SequenceRange",
    "SkippedEntry",
    "SkippedRitual",
    "Stall",
    "StoredFrame",
    "SymbolicIntent",
    "TrainingReport",
    "UnfinishedCopy",
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


Encoding: TypeAlias = Literal["raw", "zstd", "patch"]
"""How a payload is stored: as it is, as a zstd frame, or as what makes it out of the payload of the next newer entry."""


class StoredFrame(TypedDict):
    """How the payload of an entry is stored at present; `encoding` is that of the whole payload if there is a patch
    beside it.

    `stored_bytes` is all that is stored of it: the whole payload, the patch, or both. `dictionary` is the number of the
    dictionary that the frame needs, and `key` the id of the key that it is sealed under.
    """

    encoding: Encoding
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


RitualPart: TypeAlias = Literal["head", "card", "intent", "whole", "patch", "dictionary", "operation", "orphan"]
"""A part of what is stored of rituals: the head record of a ritual; what is kept of an entry beside its payload, or the
block that it stands in; what entries are for; a payload that needs no other; what makes a payload out of the next newer
one; a dictionary or the record of them; the position of the entry that an operation saved; a cell that nothing names."""


class SequenceRange(TypedDict):
    """Positions of entries that follow one another, from the oldest to the newest."""

    first: int
    last: int


class ScrubFinding(TypedDict):
    """One thing that is damaged, as far as it can still be told whose it is.

    `sequence` is the position of `entry`; of a block of entries, both are those of the newest. `expected` and `found` are
    the digests that it should have and has, if digests were compared, and `message` says it in words. `lost` are the
    entries that can no longer be restored by any way because of it, newest first, in at most 1,000 ranges; they may hold
    positions of entries that were pruned.
    """

    assistant: str | None
    ritual: str | None
    entry: str | None
    sequence: int | None
    part: RitualPart
    expected: str | None
    found: str | None
    message: str
    lost: list[SequenceRange]


class RitualVerification(TypedDict):
    """What the verification of one entry found: whether all that is stored of it agrees, whether it can be restored all the
    same, and what is damaged."""

    entry: str
    verified: bool
    restorable: bool
    findings: list[ScrubFinding]


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
    """What the last scrub found of the entries up to the position `sequence`: the positions of at most 100 that did not
    verify, newest first. It tells nothing of the entries at the position `above` and below; that is 0 if it tells of all."""

    at: datetime
    sequence: int
    above: int
    damaged: list[int]


class UnfinishedCopy(TypedDict):
    """A ritual that is being copied: what the ids of the origin's entries derive from, and how many were copied so far."""

    of: str
    entries: int


class RitualHead(TypedDict):
    """The head of a ritual: what is kept of all its entries together.

    `sequence` is the highest position that was given to an entry, `newest` are the positions of the (at most two) newest
    entries, and `copying` is there until a copy is complete. What says nothing is left out.
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
    copying: NotRequired[UnfinishedCopy]
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


class RetentionPolicy(TypedDict, total=False):
    """What is kept of each ritual: an entry that any of the bounds excludes goes, unless one of its labels keeps it.

    The newest `max_entries`, at least 1; those saved within `max_age_seconds`; as many of the newest as together take at
    most `max_stored_bytes`. At least one bound is given. Entries with one of at most 256 `keep_labels` stay beside what
    the bounds keep, and the newest entry always.
    """

    max_entries: int | None
    max_age_seconds: int | None
    max_stored_bytes: int | None
    keep_labels: Sequence[str]


class RetentionStatus(TypedDict):
    """An assistant's retention, and what it did since it was set.

    `last_run_at` is when it last deleted something, got further in a long pass, or met an obstacle or no longer did.
    `bytes_freed` is negative if giving entries another base took more. `last_finding` is what was in the way of the last
    run.
    """

    policy: RetentionPolicy
    last_run_at: datetime | None
    entries_deleted: int
    bytes_freed: int
    last_finding: str | None


class PruneByPolicy(TypedDict):
    """What a policy does not keep: of one ritual, of all of an assistant, or of all."""

    kind: Literal["policy"]
    assistant: NotRequired[str | None]
    ritual: NotRequired[str | None]
    policy: RetentionPolicy


class PruneToKept(TypedDict):
    """All entries of a ritual but these, the newest too."""

    kind: Literal["keep"]
    assistant: str
    ritual: str
    entries: Sequence[str]


class PruneByName(TypedDict):
    """Exactly these entries of one ritual, at least one, as far as they are there."""

    kind: Literal["entries"]
    entries: Sequence[str]


PruneWhat: TypeAlias = PruneByPolicy | PruneToKept | PruneByName
"""Which entries go."""


class PruneReport(TypedDict):
    """What was pruned, or would be.

    How many rituals were looked at to their end, how many entries were deleted, and how many that stay were given another
    base (`rerooted`). `bytes_freed` is by how much the stored bytes of payloads have shrunk; of a dry run, the stored bytes
    of what would be deleted. Of the rituals `skipped` something had to be left as it is. `next` is what to give as `after`
    to go on, `None` when all is done.
    """

    rituals: int
    entries: int
    rerooted: int
    bytes_freed: int
    skipped: list[SkippedRitual]
    next: RitualProgress | None


class DeletionReport(TypedDict):
    """What was deleted, as far as the rituals' heads could say it. The rituals `skipped` are still there, since writers kept
    changing them. Repeat the call until `done`."""

    rituals: int
    entries: int
    bytes_freed: int
    dictionaries: int
    skipped: list[SkippedRitual]
    done: bool


class RitualCopyReport(TypedDict):
    """How many entries one call copied, the bytes of their payloads, and the entries of the origin that it could not copy,
    since they are damaged or their key was destroyed. Repeat the call until `done`."""

    entries: int
    raw_bytes: int
    skipped: list[SkippedEntry]
    done: bool


class ScrubReport(TypedDict):
    """What a scrub saw and found.

    How many rituals were seen to their end, how many entries, and the length of the payloads that verified, in bytes.
    `damaged` are the first 1,000 of its `findings`, which are counted. `skipped` is what could not be verified although
    nothing says that it is damaged: what is sealed under a key that is not known, and what writers kept changing. `next`
    is what to give as `after` to go on, `None` when all is done.
    """

    rituals: int
    entries: int
    bytes: int
    damaged: list[ScrubFinding]
    findings: int
    skipped: list[SkippedRitual]
    next: RitualProgress | None


class EncodingTotals(TypedDict):
    """What the entries of one encoding take together; of a whole payload with a patch beside it, both."""

    encoding: Encoding
    entries: int
    raw_bytes: int
    stored_bytes: int


class RitualTotals(TypedDict):
    """What rituals take together: the bytes of all payloads, and of all that is stored of them.

    `encodings` is the same by encoding, empty if that was not asked for. `damaged` counts heads and blocks of entries that
    cannot be read and are left out. `next` is what to give as `after` to go on, `None` when all are added up.
    """

    rituals: int
    entries: int
    raw_bytes: int
    stored_bytes: int
    encodings: list[EncodingTotals]
    damaged: int
    next: RitualProgress | None


class RitualPoint(TypedDict):
    """One entry on the curve of a ritual. Both scores lie between 0 and 1, as in `CompressedRitual`."""

    sequence: int
    raw_bytes: int
    stored_bytes: int
    entropy: float
    novelty: float
    created_at: datetime


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
