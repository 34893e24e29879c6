"""What the services take and answer: dicts, with the fields of the core's types.

Ids, digests and commitments are `str`; ids of entries and operations are UUIDs, digests lower-case hexadecimal.
Timestamps are aware `datetime`s in UTC. A key that is `NotRequired` may be left out of what you give, and has its
default; in what you get, every key is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, Literal, NotRequired, TypeAlias, TypedDict, TypeVar

from .store import Cursor

T = TypeVar("T")


class Page(TypedDict, Generic[T]):
    """One page of a listing. `next` is what to give as `after` for the next one, `None` on the last."""

    items: list[T]
    next: Cursor | None


# The store


class BackupProgress(TypedDict):
    """How far a backup is, in pages of the file."""

    copied_pages: int
    total_pages: int


class SqliteStatistics(TypedDict):
    """What a SQLite store has done since it was opened.

    `commits` were acknowledged, in `flushes` transactions. `full_scan_steps` of listings no index guided, and `sorts`
    listings had to be sorted.
    """

    commits: int
    flushes: int
    full_scan_steps: int
    sorts: int


class CopyReport(TypedDict):
    """What a copy of a store carried over, and found equal on both sides."""

    records: int
    cells: int
    cell_bytes: int


# Rituals


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


# Codices


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


# Deployments: what they are restored to, and how


class RestartWindow(TypedDict):
    """How many restarts within which period; more, and the deployment is given up."""

    max_restarts: int
    period_ms: int


class ConstantBackoff(TypedDict):
    """The same delay every time."""

    kind: Literal["constant"]
    delay_ms: int


class ExponentialBackoff(TypedDict):
    """A delay that grows by `factor` each time, up to `cap_ms`."""

    kind: Literal["exponential"]
    initial_ms: int
    factor: float
    cap_ms: int


Backoff: TypeAlias = ConstantBackoff | ExponentialBackoff
"""The delay before each restart in a row."""


class LatestStep(TypedDict):
    """The newest entry of the deployment's ritual: always the first step, never named in a fallback path."""

    kind: Literal["latest"]


class OlderEntryStep(TypedDict):
    """The newest verifiable entry of the deployment's ritual older than the one tried before."""

    kind: Literal["older_entry"]


class NamedRitualStep(TypedDict):
    """The newest entry of another ritual of the assistant, one that is always safe to resume."""

    kind: Literal["named_ritual"]
    ritual: str


class EscalateStep(TypedDict):
    """Asks an operator and waits, instead of giving up. Only as the last step."""

    kind: Literal["escalate"]


FallbackStep: TypeAlias = LatestStep | OlderEntryStep | NamedRitualStep | EscalateStep
"""One way to bring an assistant back."""

AlignmentPolicy: TypeAlias = Literal["same_root", "adopt_current", "ask_operator"]
"""What to do when an entry ran under another codex root than the one in force."""


class RestartPolicy(TypedDict):
    """How a deployment is brought back after a failure."""

    strategy: NotRequired[Literal["one_for_one"]]
    window: NotRequired[RestartWindow]
    """By default 10 restarts within ten minutes."""
    backoff: NotRequired[Backoff]
    """By default 1 s, doubled up to 60 s."""
    jitter: NotRequired[Literal["none", "full"]]
    """By default fully: anything from nothing to the delay."""
    free_restarts: NotRequired[int]
    """So many restarts in a row come without a delay; by default none."""
    quiet_period_ms: NotRequired[int]
    """After so long up without a failure, earlier restarts no longer count; by default ten minutes."""
    launches_per_entry: NotRequired[int]
    """An entry whose launches failed so often is passed over; by default 5."""
    symbolic_fallback_path: NotRequired[Sequence[FallbackStep]]
    """What to try when the newest entry cannot be brought back; by default an older entry."""
    alignment: NotRequired[AlignmentPolicy]
    """By default `adopt_current`."""
    probe_deadline_ms: NotRequired[int]
    """How long a launched assistant has to become ready; by default 30 s."""
    seed: NotRequired[int]
    """The seed of the jitter."""


class DeploymentSpec(TypedDict):
    """What a deployment is restored to: a ritual's newest entry, aligned with a codex if any, under a policy."""

    ritual: str
    codex: NotRequired[str | None]
    policy: NotRequired[RestartPolicy]


# Deployments: where they stand

StateName: TypeAlias = Literal[
    "running",
    "failed",
    "backing_off",
    "restoring",
    "aligning",
    "awaiting_operator",
    "verifying",
    "mythpath_ready",
    "given_up",
    "stopped",
]
"""The name of a `State`, and of `failed`, which a deployment passes through without resting in it."""

FailureKind: TypeAlias = Literal["crashed", "stalled", "unhealthy", "unready", "requested"]
"""What kind of failure was reported."""

GiveUp: TypeAlias = Literal["window_exceeded", "path_exhausted", "declined"]
"""Why a deployment was given up."""

Ending: TypeAlias = Literal["ready", "given_up", "stopped", "redeployed"]
"""How an incident ended."""


class RestoredEntry(TypedDict):
    """A checkpoint whose bytes were restored and verified."""

    entry: str
    ritual: str
    sequence: int
    symbolic_signature_hash: str
    codex: str | None
    codex_root: str | None


class Alignment(TypedDict):
    """How a restored entry compares with the codex in force: the same if the two roots are."""

    codex: str
    proven_root: str
    entry_root: str | None


class MisalignedQuestion(TypedDict):
    """May the assistant resume under the codex in force? Declined, the next step of the path is taken."""

    kind: Literal["misaligned"]
    step: int
    older_than: int | None
    entry: RestoredEntry
    alignment: Alignment


class PathExhaustedQuestion(TypedDict):
    """Try the whole path once more? Declined, the deployment is given up."""

    kind: Literal["path_exhausted"]


Question: TypeAlias = MisalignedQuestion | PathExhaustedQuestion
"""What an operator is asked."""


class Running(TypedDict):
    """The host deployed the assistant, and it has not failed since."""

    kind: Literal["running"]
    since: datetime


class BackingOff(TypedDict):
    """It failed; a restart follows when the timer fires."""

    kind: Literal["backing_off"]
    set_at: datetime
    until: datetime
    generation: int


class Restoring(TypedDict):
    """An entry is to be restored and verified; step 0 is the newest entry."""

    kind: Literal["restoring"]
    step: int
    older_than: int | None


class Aligning(TypedDict):
    """The restored entry is to be compared with the codex in force."""

    kind: Literal["aligning"]
    step: int
    older_than: int | None
    entry: RestoredEntry


class AwaitingOperator(TypedDict):
    """An operator was asked."""

    kind: Literal["awaiting_operator"]
    question: Question


class Verifying(TypedDict):
    """The host launches the assistant from the restored entry and probes its readiness, until the deadline."""

    kind: Literal["verifying"]
    entry: RestoredEntry
    alignment: Alignment | None
    set_at: datetime
    deadline: datetime
    generation: int


class MythpathReady(TypedDict):
    """Restored from a verified entry, aligned, probed, and not failed since."""

    kind: Literal["mythpath_ready"]
    entry: RestoredEntry
    alignment: Alignment | None
    since: datetime


class GivenUp(TypedDict):
    """No restart follows until someone asks for one."""

    kind: Literal["given_up"]
    why: GiveUp


class Stopped(TypedDict):
    """Stopped by request."""

    kind: Literal["stopped"]


State: TypeAlias = (
    Running
    | BackingOff
    | Restoring
    | Aligning
    | AwaitingOperator
    | Verifying
    | MythpathReady
    | GivenUp
    | Stopped
)
"""Where a deployment stands."""


class PlainResult(TypedDict):
    """What came of a step, where there is nothing more to say."""

    kind: Literal["underway", "interrupted", "passed_over", "misaligned", "ready", "approved", "declined"]


class FailedResult(TypedDict):
    """Why a step failed."""

    kind: Literal["not_restored", "not_aligned", "not_ready"]
    reason: str


StepResult: TypeAlias = PlainResult | FailedResult
"""What came of a step."""


class StepTaken(TypedDict):
    """One step of the path that was tried, in the beginning of the path number `restart`."""

    restart: int
    step: FallbackStep
    entry: RestoredEntry | None
    result: StepResult


class Visit(TypedDict):
    """A state that was passed through, and when it was entered."""

    state: StateName
    at: datetime


class Incident(TypedDict):
    """What happened to a deployment from a failure until it was ready again, given up, stopped or deployed anew."""

    number: int
    kind: FailureKind
    reason: str
    operation: str
    opened_at: datetime
    restarts: int
    waited_ms: int
    steps: list[StepTaken]
    path: list[Visit]
    left_out: int
    entry: RestoredEntry | None
    alignment: Alignment | None
    ending: Ending | None
    ended_at: datetime | None


class PendingEffect(TypedDict):
    """An effect that waits for its answer."""

    number: int
    issued_at: datetime


class FailedLaunches(TypedDict):
    """How often launches from an entry failed."""

    entry: str
    count: int


class Machine(TypedDict):
    """The machine of one deployment: its state, and what its next decisions depend on."""

    state: State
    incident: Incident | None
    run: int
    generation: int
    effects: int
    pending: PendingEffect | None
    history: list[datetime]
    attempts: int
    failed_launches: list[FailedLaunches]


class Deployment(TypedDict):
    """A deployment as it stands."""

    format: int
    tenant: str
    supervisor: str
    assistant: str
    state: StateName
    timer_at: datetime | None
    timer_set_at: datetime | None
    effect_at: datetime | None
    spec: DeploymentSpec
    machine: Machine
    incident_version: int
    created_at: datetime
    updated_at: datetime


class DeploymentRestart(TypedDict):
    """One incident of a deployment, as it is listed. `last_known_state` and `symbolic_fallback_path` are text."""

    format: int
    tenant: str
    supervisor: str
    assistant: str
    incident: int
    last_known_state: str
    symbolic_fallback_path: str
    restart_trigger_reason: str
    successful_redeploy_flag: bool
    created_at: datetime
    failure_kind: FailureKind
    restarts: int
    waited_ms: int
    steps: list[StepTaken]
    path: list[Visit]
    left_out: int
    entry: RestoredEntry | None
    alignment: Alignment | None
    ending: Ending | None
    ended_at: datetime | None
    ready_at: datetime | None
    operation: str


class Decision(TypedDict):
    """What was decided about a deployment; `effect` is the one that is pending after it."""

    assistant: str
    changed: bool
    state: State
    run: int
    incident: int
    effect: str | None
    decided_at: datetime


# Effects


class LatestEntry(TypedDict):
    """The newest entry."""

    kind: Literal["latest"]


class OlderThan(TypedDict):
    """The newest verifiable entry older than another; `None` stands for the newest."""

    kind: Literal["older_than"]
    sequence: int | None


Which: TypeAlias = LatestEntry | OlderThan
"""Which entry of a ritual to restore."""


class MisalignedEscalation(TypedDict):
    """A question: may the assistant resume from `entry` under the codex in force, which is another?"""

    kind: Literal["misaligned"]
    entry: RestoredEntry
    alignment: Alignment


class PathExhaustedEscalation(TypedDict):
    """A question: every step of the path failed; try again, now that something was mended?"""

    kind: Literal["path_exhausted"]


class GivenUpEscalation(TypedDict):
    """A notice: the deployment was given up."""

    kind: Literal["given_up"]
    why: GiveUp


Escalation: TypeAlias = MisalignedEscalation | PathExhaustedEscalation | GivenUpEscalation
"""What an operator is told."""


class RestoreAction(TypedDict):
    """Restore an entry of `ritual` and verify its bytes: `Supervisor.carry_out` does it."""

    kind: Literal["restore"]
    ritual: str
    which: Which


class AlignAction(TypedDict):
    """Prove the codex and compare its root with the entry's: `Supervisor.carry_out` does it."""

    kind: Literal["align"]
    codex: str
    entry: RestoredEntry


class ProbeAction(TypedDict):
    """End whatever still runs of the assistant, launch it from `entry`, and probe its readiness.

    Answered by the host with `ready` or `not_ready`; past the deadline the launch counts as failed.
    """

    kind: Literal["probe"]
    entry: RestoredEntry
    deadline: datetime


class EscalateAction(TypedDict):
    """Tell an operator. A question is answered with `approved` or `declined`, a notice with `acknowledged`."""

    kind: Literal["escalate"]
    escalation: Escalation


Action: TypeAlias = RestoreAction | AlignAction | ProbeAction | EscalateAction
"""What an effect asks for."""


class Effect(TypedDict):
    """Something to be carried out for a deployment. It may be handed out again, and answered more than once."""

    id: str
    epoch: int
    assistant: str
    run: int
    issued_at: datetime
    action: Action


class PlainOutcome(TypedDict):
    """What came of a probe, a question or a notice."""

    kind: Literal["ready", "approved", "declined", "acknowledged"]


class NotReady(TypedDict):
    """Of a probe: the assistant could not be launched or is not ready. The reason has at most 100 characters."""

    kind: Literal["not_ready"]
    reason: str


Outcome: TypeAlias = PlainOutcome | NotReady
"""What came of an effect that the host carries out."""


class CarriedOut(TypedDict):
    """What `Supervisor.carry_out` did, and what is to be carried out next."""

    decision: Decision
    restored: RestoredRitual | None
    alignment: Alignment | None
    next: Effect | None
