"""The native half of the package. Import from `mythos` instead."""

import builtins
from collections.abc import Callable, Sequence
from datetime import datetime
from os import PathLike
from types import TracebackType
from typing import ClassVar, Literal, TypeVar, final

from typing_extensions import Buffer, disjoint_base

from .records import (
    Agreement,
    AnchorCursor,
    AnchorHead,
    AnchorPage,
    AnchorReport,
    AnchorStatement,
    AnchorVerification,
    AnchorVerificationCursor,
    AnchoredName,
    AnchoredVerification,
    AppendedMutations,
    Assessment,
    AuditDecision,
    AuditInFull,
    AuditRequirement,
    AuditStatus,
    BackupProgress,
    Beginning,
    Blame,
    CarriedOut,
    ChangeKind,
    Clause,
    ClauseAuditDetail,
    ClauseAuditRow,
    ClauseDifference,
    CodexAt,
    CodexAudit,
    CodexClause,
    CodexClauseAudit,
    CodexHead,
    CodexLineage,
    CodexProofRow,
    CodexVerification,
    CompactionReport,
    ComparedDocument,
    CompressedRitual,
    ConsistencyProof,
    CopyReport,
    Decision,
    DeletionReport,
    Deployment,
    DeploymentRestart,
    DeploymentSpec,
    DeploymentStatus,
    DetectorPolicy,
    DirectedMutation,
    DocumentComparison,
    DocumentEdit,
    EditMeasures,
    Effect,
    ErasedOpening,
    EventVerification,
    EvidenceVerification,
    Exit,
    FailureKind,
    FallbackHistory,
    ForgottenSteps,
    GroupDecision,
    GroupMember,
    GroupPolicy,
    GroupStateName,
    GuardPolicy,
    GuardVerdict,
    GuardedProof,
    HandedOut,
    HealingEffectId,
    HealingEnding,
    HealingEvent,
    HealingOutcome,
    HealingProtocol,
    HealingStatus,
    HealingTarget,
    HealthTotals,
    InclusionProof,
    Listing,
    MergeProposal,
    Moment,
    Mutation,
    Observation,
    ObservedCodices,
    Outcome,
    Page,
    PairLine,
    ParentExpectation,
    PinnedAnchorVerification,
    PlanEntry,
    ProofVerificationStatus,
    PruneReport,
    PruneWhat,
    RecoveryOverview,
    Refit,
    RefitTarget,
    ReportFormat,
    Resolution,
    RestartDiagram,
    RestoredRitual,
    RestoredSteps,
    RetentionPolicy,
    RetentionStatus,
    RitualBudget,
    RitualCopyReport,
    RitualDictionaries,
    RitualHead,
    RitualOverview,
    RitualPoint,
    RitualProgress,
    RitualTotals,
    RitualVerb,
    RitualVerification,
    ScoredEntry,
    ScrubReport,
    Shutdown,
    Signal,
    Similarity,
    SqliteStatistics,
    Stall,
    StateName,
    Step,
    StepRun,
    StepState,
    StoredCheckpoint,
    SupervisionGroup,
    SupervisionTotals,
    Suspicion,
    SymbolProof,
    SymbolicIntent,
    TakenClause,
    TrailPage,
    TrainingReport,
    VerifiableRitual,
    VerifiedCodices,
)
from .regression import Embedder
from .seal import KeyProvider
from .store import Answer, Cursor, Json, Maintained, Schema, Store
from .testing import ConformanceCase
from .tlog import Checkpoint, NoteSigner, ProvenClause, Verdict

_S = TypeVar("_S", bound=Store | BuiltInStore)

__version__: str

@final
class Mythos:
    """A store and the services on it. Every method may be called from any thread.

    In a `with` statement it is closed at the end.
    """

    @staticmethod
    def open(
        path: str | PathLike[str],
        *,
        synchronous: Literal["full", "normal"] = "full",
        read_only: bool = False,
        busy_timeout_ms: int = 30_000,
        origin: str | None = None,
    ) -> Mythos:
        """Opens or creates a SQLite store at `path`.

        The options are those of `SqliteStore`, and the `origin` of `with_codices`.
        """

    @staticmethod
    def in_memory() -> Mythos:
        """A store in memory, gone with the last reference to it."""

    @staticmethod
    def with_store(store: Store | BuiltInStore) -> Mythos:
        """Any store: a built-in one, or an object with the four methods of `Store`."""

    def tenant(self, tenant: str) -> Mythos:
        """The same store for another tenant; what one tenant stores no other sees."""

    def with_rituals(
        self,
        *,
        keys: KeyRing | KeyProvider | None = None,
        formats: PayloadFormats | None = None,
        hot_bytes: int | None = None,
    ) -> Mythos:
        """The same store with other options for its rituals.

        `keys` says where the keys come from that payloads are sealed under; without it nothing is sealed. `formats` are
        the payload formats that the host reads. `hot_bytes` is how many bytes are kept in memory of newest states and
        of what saves go on from (compressed beginnings, heads and cards), by default 32 MiB, 0 for none; states of more
        than an eighth of it are not kept. What is not given has its default, also if this was made with other options
        before.
        """

    def with_codices(
        self,
        *,
        origin: str | None = None,
        tail_bytes: int | None = None,
        tile_bytes: int | None = None,
    ) -> Mythos:
        """The same store with other options for its codices.

        `origin` is what the origins of checkpoints begin with: a URL without its scheme, under the control of who runs
        the store, such as `example.com/rules`. `tail_bytes` and `tile_bytes` are how many bytes are kept in memory of
        the ends of logs, which the next event is derived from, and of the tiles that proofs are read from, both by
        default 16 MiB. What is not given has its default, also if this was made with other options before.
        """

    def rituals(self) -> RitualCompressionCache:
        """The checkpoints of assistants' state."""

    def steps(self) -> StepJournal:
        """The journal of what assistants do to the outside world."""

    def codices(self) -> CodexProofOfSymbolEngine:
        """The rule books and their logs."""

    def deployments(self) -> AssistantDeploymentAutoRestarter:
        """The deployments of assistants, and their restarts."""

    def healing(self) -> SelfHealingProtocolEngine:
        """What finds ill assistants by rules, plans repairs within budgets, and measures what they did."""

    def regressions(self) -> CodexRegressionGuard:
        """What compares edits of rules and prompts, keeps what it found, asks people, and learns how often they agree."""

    def anchors(self, *, mac_key: Buffer | None = None) -> AnchorLog:
        """The log over everything that this tenant stores: what finds that something is gone, or older than it was.

        With `mac_key`, 32 bytes, its head is written and read with a code that only who knows the key can make, for stores
        that others can write: without the key, nobody can make statements up or take them away, other than by putting back
        an older state of the whole log, which `verify_against` finds. A log is begun with the key, and used by all with the
        same: a head without a code, or with another's, is `Corrupt` with the field `mac`, and who has no key cannot write
        on.
        """

    def sqlite(self) -> SqliteStore | None:
        """The store that `open` opened, for backups and statistics; `None` on a store of the host's."""

    def maintain(self, *, max_bytes: int | None = None) -> Maintained:
        """Lets the store do housekeeping, in which at most about `max_bytes` are moved or given back."""

    def close(self) -> None:
        """Closes the file that `open` opened, for all tenants and services: every later call is `Unavailable`.

        A store that the host brought is the host's to close.
        """

    def __enter__(self) -> Mythos: ...
    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
        /,
    ) -> None: ...

@final
class StepJournal:
    """The journal of what assistants do to the outside world, so that nothing is done twice after a restart.

    Every method may be called from any thread.
    """

    def begin(
        self,
        assistant: str,
        ritual: str,
        key: str,
        intent: Buffer,
        *,
        run: StepRun | None = None,
        operation: str | None = None,
    ) -> Beginning:
        """Asks whether a step is to be done, and records that it is begun if so.

        `key` names the effect within the ritual, in 1 to 200 bytes of UTF-8. `intent`, at most 64 KiB, says what is to be
        done, and is the same whenever the step is begun again: `Invalid` with the field `intent` if it is not. With a
        `run`, it is refused as `Conflict` with the field `epoch` once a newer one was named in the ritual. `operation`
        repeats a call whose outcome is not known: it must be new for each try, and not be derived from the key, or a
        crash would look like a repetition.
        """

    def complete(
        self,
        assistant: str,
        ritual: str,
        key: str,
        outcome: Buffer,
        *,
        attempt: int | None = None,
    ) -> Step:
        """Records that a step was done and what came of it, at most 64 KiB, and returns the step.

        Saying it again, with the same outcome, is harmless; another outcome is a `Conflict` with the field `outcome`.
        `attempt` is the one that `begin` told, the current one if not given: an attempt that was resolved meanwhile is a
        `Conflict`. `NotFound` with the field `key` if it was never begun.
        """

    def resolve(
        self,
        assistant: str,
        ritual: str,
        key: str,
        *,
        attempt: int,
        resolution: Resolution,
    ) -> Step:
        """Records what was found out about a step in doubt, and returns it. Saying the same again is harmless.

        A step is resolved as undone only by who knows that nobody is still doing it. `Conflict` with the field `state` if
        something else is known of it, `attempt` if another one was begun.
        """

    def step(self, assistant: str, ritual: str, key: str) -> Step | None:
        """A step as it stands; `None` if it was never begun, or was forgotten."""

    def steps(
        self,
        assistant: str,
        ritual: str,
        *,
        state: StepState | None = None,
        settled_since: str | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[Step]:
        """Lists steps of a ritual, in the order in which they were first begun.

        `settled_since` are those that were settled when this entry was the newest of the ritual, or a later one. `after`
        is the `next` of the page before; `limit` is 1 to 256.
        """

    def after_restore(
        self,
        assistant: str,
        ritual: str,
        *,
        entry: str | None = None,
        run: StepRun | None = None,
        limit: int | None = None,
    ) -> RestoredSteps:
        """What a restored assistant has to know.

        The steps that were completed since its `entry` was saved, and those in doubt; all completed ones without an entry.
        If a `run` is given, earlier ones are refused from here on. At most `limit` of each, 1 to 256, by default 256.
        """

    def forget(
        self,
        assistant: str,
        ritual: str,
        *,
        before_entry: str | None = None,
        before: datetime | None = None,
        limit: int | None = None,
    ) -> ForgottenSteps:
        """Deletes settled steps, the first begun first; those in doubt stay. Repeat it until `done`.

        Those that were settled when an entry before `before_entry` was the newest, and before the moment `before`, as far
        as they are given. A key that is forgotten is new again. At most `limit`, 1 to 1,000, by default 1,000.
        """

@final
class RitualCompressionCache:
    """The checkpoints of assistants' state. Every method may be called from any thread."""

    def save(
        self,
        assistant: str,
        ritual: str,
        payload: Buffer,
        *,
        intent: SymbolicIntent | None = None,
        parent: ParentExpectation | None = None,
        operation: str | None = None,
    ) -> CompressedRitual:
        """Appends an entry with `payload` to a ritual and returns it.

        When this returns, the state survives what the store promises. `payload` is any bytes-like object of at most
        64 MiB and kept byte for byte. `parent` says which entry must be the newest, by default whichever is. With the
        same `operation`, a repetition is harmless.
        """

    def latest(self, assistant: str, ritual: str) -> RestoredRitual | None:
        """Restores the newest entry of a ritual, verified; `None` if the ritual has none.

        `Corrupt` if what is stored is not what was saved; see `latest_verifiable`. `NotFound` with the field `key` if
        its key was destroyed.
        """

    def restore(self, entry: str) -> RestoredRitual:
        """Restores one entry, verified. `Corrupt` if what is stored is not what was saved."""

    def entry(self, entry: str) -> CompressedRitual:
        """The record of one entry, without its payload."""

    def latest_verifiable(self, assistant: str, ritual: str, *, before: int | None = None) -> VerifiableRitual | None:
        """Restores the newest entry that verifies, before position `before` if that is given.

        Says which newer ones do not verify; `None` if none does.
        """

    def list(
        self,
        *,
        assistant: str | None = None,
        ritual: str | None = None,
        labels: Sequence[str] | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        min_raw_bytes: int | None = None,
        max_raw_bytes: int | None = None,
        verified: bool | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[CompressedRitual]:
        """Lists entries that pass all of the filters, newest first.

        By position if assistant and ritual are named, otherwise by time. `labels` are those an entry must all have;
        it was saved at `since` or later, and before `before`; its payload has `min_raw_bytes` to `max_raw_bytes`.
        `verified` are those that the last scrub found sound, or the others. `after` is the `next` of the page before.
        """

    def rituals(
        self,
        *,
        assistant: str | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[RitualHead]:
        """Lists rituals by their heads, the last saved to first. No entry is read.

        They were last saved to at `since` or later, and before `before`. `after` is the `next` of the page before.
        Rituals whose head is damaged are left out; `scrub` names them.
        """

    def verify(self, entry: str) -> RitualVerification:
        """Verifies one entry by every way that leads to it.

        Also damage that another way still makes good is found. Damage is not an error but a finding. `NotFound` if there
        never was such an entry, or it was pruned; with the field `key`, if its key was destroyed.
        """

    def train(self, assistant: str) -> TrainingReport:
        """Trains a dictionary from the newest states of an assistant's rituals.

        New states are compressed with it if it earns its bytes. It takes seconds; no save waits for it. What is stored
        already changes over with `compact`.
        """

    def dictionaries(self, assistant: str) -> RitualDictionaries | None:
        """The dictionaries of an assistant; `None` if it never had one."""

    def compact(
        self,
        *,
        assistant: str | None = None,
        cold_for_seconds: int | None = None,
        budget: RitualBudget | None = None,
        after: RitualProgress | None = None,
    ) -> CompactionReport:
        """Makes what is stored as small as it can be, under the present dictionary and the active key.

        Deletes dictionaries that no entry needs. Restored payloads do not change. It may be interrupted at any point.
        Call it again with the `next` of its report as `after` until that is `None`.
        """

    def prune(
        self,
        what: PruneWhat,
        *,
        dry_run: bool = False,
        budget: RitualBudget | None = None,
        after: RitualProgress | None = None,
    ) -> PruneReport:
        """Deletes entries, at any position; every entry that stays restores as before.

        `what` says which: those that a policy does not keep, all of a ritual but some, or exactly some. `dry_run` only
        says what would go. It may be interrupted at any point. Call it again with the `next` of its report as `after`
        until that is `None`. `NotFound` if a ritual that is named is not there.
        """

    def delete_ritual(self, assistant: str, ritual: str) -> DeletionReport:
        """Deletes a ritual with all that is stored of it, damaged or not. Deleting what is not there is no error.

        A later save under the same name begins another ritual. `Conflict` if writers kept changing it.
        """

    def delete_assistant(self, assistant: str, *, budget: RitualBudget | None = None) -> DeletionReport:
        """Deletes all that this cache holds of an assistant: its rituals, dictionaries and retention.

        Repeat the call until the `done` of its report. Stop the assistant first: what it saves meanwhile may stay.
        """

    def fork(
        self,
        entry: str,
        ritual: str,
        *,
        assistant: str | None = None,
        operation: str | None = None,
    ) -> CompressedRitual:
        """Begins the new ritual `ritual` with the state of an entry and returns its first entry.

        Its parent is that entry, and neither ritual depends on the other. `assistant` is by default that of the entry.
        With the same `operation`, a repetition is harmless. `Conflict` if the new ritual is there already.
        """

    def copy(
        self,
        assistant: str,
        ritual: str,
        to_ritual: str,
        *,
        to_assistant: str | None = None,
        budget: RitualBudget | None = None,
    ) -> RitualCopyReport:
        """Copies a ritual wholly to `to_ritual`, under new ids and the active key.

        `to_assistant` is by default the same assistant. Repeat the call until the `done` of its report; until then the
        copy shows no entries. `Conflict` if the target is there and no unfinished copy of this ritual.
        """

    def set_retention(self, assistant: str, policy: RetentionPolicy | None) -> None:
        """Sets what is kept of each ritual of an assistant, now and of rituals to come; `None` keeps everything.

        It runs by itself: on a ritual with every 16th save, in small parts, and on all rituals of the tenant with
        `Mythos.maintain`. A save never fails for it.
        """

    def retention(self, assistant: str) -> RetentionStatus | None:
        """What is kept of an assistant's rituals, and what that did so far; `None` if everything is kept."""

    def scrub(
        self,
        *,
        assistant: str | None = None,
        ritual: str | None = None,
        budget: RitualBudget | None = None,
        after: RitualProgress | None = None,
    ) -> ScrubReport:
        """Verifies everything that is stored. Nothing is mended; damage is not an error but a finding.

        Notes in each ritual's head what it saw, for the filter `verified` of `list`. Call it again with the `next` of its
        report as `after` until that is `None`. A ritual whose head is gone without a trace is found if `assistant` and
        `ritual` name it.
        """

    def totals(
        self,
        *,
        assistant: str | None = None,
        ritual: str | None = None,
        by_encoding: bool = False,
        after: RitualProgress | None = None,
    ) -> RitualTotals:
        """Adds up what rituals take, from their heads; `by_encoding` reads the cards of all entries too.

        No payload is read. One call adds up at most 1,000 rituals, and by encoding about 100,000 entries. Call it again
        with the `next` of its answer as `after`, and `mythos.add_totals`, until that is `None`.
        """

    def curve(self, assistant: str, ritual: str, *, max_points: int = 100) -> builtins.list[RitualPoint]:
        """How the states of a ritual grow: at most `max_points` of its entries, 2 to 1,000.

        They lie evenly over the positions, oldest first, with the oldest and the newest. Empty if there is no such
        ritual. `Limit` for `max_points` out of bounds.
        """

    def stalled(
        self,
        assistant: str,
        ritual: str,
        *,
        min_length: int | None = None,
        threshold: float | None = None,
    ) -> Stall | None:
        """The stall that a ritual's newest entries end in; `None` if they do not.

        `min_length` and `threshold` are those of `mythos.stall`. At most 20,000 entries are looked at.
        """

@final
class RitualCompressionView:
    """What a page at `/ritual/compression` shows. Nothing of it reads a payload, and every answer is bounded.

    Every method may be called from any thread.
    """

    VERBS: ClassVar[tuple[RitualVerb, ...]]
    """What a user of the page may do, in the order in which a page offers it."""

    def __new__(cls, rituals: RitualCompressionCache) -> RitualCompressionView:
        """The view of a cache, for its tenant."""

    def totals(
        self,
        *,
        assistant: str | None = None,
        ritual: str | None = None,
        by_encoding: bool = False,
        after: RitualProgress | None = None,
    ) -> RitualTotals:
        """What rituals take together: see `RitualCompressionCache.totals`."""

    def rituals(
        self,
        *,
        assistant: str | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[RitualHead]:
        """One page of rituals, the last saved to first: see `RitualCompressionCache.rituals`."""

    def entries(
        self,
        *,
        assistant: str | None = None,
        ritual: str | None = None,
        labels: Sequence[str] | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        min_raw_bytes: int | None = None,
        max_raw_bytes: int | None = None,
        verified: bool | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[CompressedRitual]:
        """One page of entries, the newest first: see `RitualCompressionCache.list`."""

    def overview(self, assistant: str, ritual: str, *, max_points: int = 100) -> RitualOverview:
        """How one ritual grows, in at most `max_points` points, 2 to 1,000, and whether it stalls by default."""

@final
class CodexProofView:
    """What a page at `/codex/proof` shows. Every answer is bounded. Every method may be called from any thread."""

    def __new__(cls, codices: CodexProofOfSymbolEngine) -> CodexProofView:
        """The view of an engine, for its tenant."""

    def log(
        self,
        *,
        codex: str | None = None,
        clause: str | None = None,
        change: ChangeKind | None = None,
        directive_prefix: Sequence[str] | None = None,
        status: ProofVerificationStatus | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        actor: str | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[CodexProofRow]:
        """One page of proofs, newest first, with their actors and reasons: see `CodexProofOfSymbolEngine.list`.

        With an `actor`, only those that it made. Proofs name nobody, so what the other filters let through is opened and
        compared, about 10,000 events for a page, which may have fewer than `limit` although there are more: go on while
        there is a `next`.
        """

    def codices(self, *, after: Cursor | None = None, limit: int = 100) -> Page[CodexHead]:
        """Codices by id: see `CodexProofOfSymbolEngine.codices`."""

    def lineage(self, codex: str, *, start: int = 0, limit: int = 100) -> CodexLineage:
        """The graph of a codex's events from position `start`, with branches and merges.

        The next part starts at the `next` of this one; `limit` is 1 to 1,000.
        """

    def event(self, codex: str, sequence: int) -> EventVerification:
        """Everything that speaks for one event: see `CodexProofOfSymbolEngine.verify_event`."""

    def verify(self, codex: str) -> CodexVerification:
        """Verifies one codex: see `CodexProofOfSymbolEngine.verify`."""

    def verify_all(self, *, after: Cursor | None = None, limit: int = 100) -> VerifiedCodices:
        """Verifies the next codices: see `CodexProofOfSymbolEngine.verify_all`."""

@final
class CodexRegressionView:
    """What a page at `/codex/regression/:clauseId` shows. Every answer is bounded. Every method may be called from any thread."""

    def __new__(cls, regressions: CodexRegressionGuard) -> CodexRegressionView:
        """The view of a guard, for its tenant."""

    def history(
        self, clause: str, *, codex: str | None = None, after: Cursor | None = None, limit: int = 50
    ) -> Page[ClauseAuditRow]:
        """One page of the audits of a clause, newest first, each with what the edit changed.

        With a `codex`, only those of that codex; `limit` is 1 to 50.
        """

    def audit(self, audit: str) -> ClauseAuditDetail:
        """One audit with its texts, all reviews, and the whole difference, at most 10,000 segments of it."""

    def queue(
        self,
        *,
        clause: str | None = None,
        codex: str | None = None,
        regression_flag: bool | None = None,
        verdict: GuardVerdict | None = None,
        signal: Signal | None = None,
        is_reviewed: bool | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[CodexClauseAudit]:
        """One page of the audits that wait for a person: see `CodexRegressionGuard.queue`."""

@final
class SystemHealthRecoveryView:
    """What a page at `/system/health/recovery` shows. Every method may be called from any thread."""

    def __new__(cls, healing: SelfHealingProtocolEngine) -> SystemHealthRecoveryView:
        """The view of an engine, for its tenant."""

    def overview(self, scope: str, *, limit: int = 100) -> RecoveryOverview:
        """One scope at a glance, with at most `limit` open and as many ended incidents."""

    def events(
        self,
        *,
        scope: str | None = None,
        assistant: str | None = None,
        node_id: str | None = None,
        zone: str | None = None,
        rule: str | None = None,
        triggered_by: str | None = None,
        is_open: bool | None = None,
        ending: HealingEnding | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[HealingEvent]:
        """One page of incidents, newest first: see `SelfHealingProtocolEngine.events`."""

@final
class AssistantRestartView:
    """What a page at `/assistants/:id/restart` shows of one assistant. Every answer is bounded.

    Every method may be called from any thread.
    """

    def __new__(cls, deployments: AssistantDeploymentAutoRestarter) -> AssistantRestartView:
        """The view of a restarter, for its tenant."""

    def deployments(
        self, assistant: str, *, after: Cursor | None = None, limit: int = 100
    ) -> Page[DeploymentStatus]:
        """The deployments of an assistant, one for each of its supervisors, with what each waits for."""

    def history(
        self, assistant: str, *, supervisor: str | None = None, after: Cursor | None = None, limit: int = 100
    ) -> Page[DeploymentRestart]:
        """One page of an assistant's incidents, newest first, under one supervisor or all.

        See `AssistantDeploymentAutoRestarter.history`.
        """

    def fallbacks(
        self, assistant: str, *, supervisor: str | None = None, after: Cursor | None = None, limit: int = 100
    ) -> FallbackHistory:
        """What was tried in at most `limit` incidents of an assistant, 1 to 1,000, newest first, and how often it helped."""

    def diagram(self, supervisor: str, assistant: str) -> RestartDiagram:
        """The state diagram of a deployment, with the path of the incident that is open or was the last."""

def add_totals(totals: RitualTotals, following: RitualTotals) -> RitualTotals:
    """`totals`, and those that the next call gave, together; `next` is that of the latter."""

def compression_ratio(totals: RitualTotals) -> float | None:
    """Stored bytes for one byte of payload: below 1 if compression gained anything; `None` without payloads."""

@final
class HeartbeatMonitor:
    """Watches the heartbeats of many assistants, and says which of them are suspected to have failed.

    For each it keeps a phi-accrual failure detector (Hayashibara et al., 2004). It reads no clock and calls nobody: it
    is told of heartbeats, says when to look again, and then whom to report. Every method may be called from any thread.
    Every `now` is an aware `datetime`, of one clock.
    """

    def __new__(cls, policy: DetectorPolicy | None = None) -> HeartbeatMonitor:
        """A monitor that has heard of no assistant."""

    @property
    def watched(self) -> int:
        """How many assistants are watched, those included that were reported."""

    def heartbeat(self, assistant: str, run: int, now: datetime) -> bool:
        """Takes a heartbeat of run `run` of an assistant that came at `now`, and tells whether it counts.

        One of an older run does not. From its first heartbeat on an assistant is watched; the launch is a good one.
        `Limit` for more than 100,000 assistants.
        """

    def poll_timeout(self) -> datetime | None:
        """When the next assistant will be suspected if no heartbeat comes; `None` if none will.

        Call `suspects` then. Every other method may change the answer.
        """

    def suspects(self, now: datetime) -> list[Suspicion]:
        """The assistants that are suspected at `now`, in the order in which they began to be.

        Each is told of once, until its next heartbeat. Give `assistant`, `run` and `reason` of each to
        `Supervisor.report_failure`, as `unresponsive`.
        """

    def phi(self, assistant: str, now: datetime) -> float | None:
        """How strongly an assistant is suspected at `now`; `None` if it is not watched.

        It is `-log10` of the probability that a heartbeat still comes, up to 300.
        """

    def forget(self, assistant: str) -> bool:
        """Watches an assistant no longer, and tells whether it was watched."""

@final
class KeyRing:
    """Keys held in memory, for hosts that read them from a secrets manager at their start, and for tests.

    Every method may be called from any thread; a change holds from the next save or restore on.
    """

    def __new__(cls) -> KeyRing:
        """A ring without keys, so that new payloads are stored unsealed."""

    @staticmethod
    def with_active(id: str, key: Buffer) -> KeyRing:
        """A ring of one key of 32 bytes, under which new payloads are sealed."""

    def insert(self, id: str, key: Buffer) -> None:
        """Adds a key of 32 bytes, which opens what was sealed under it; `activate` lets it seal.

        `Invalid` if the id stands for another key.
        """

    def activate(self, id: str) -> None:
        """Seals new payloads under this key from now on. `NotFound` if it is not known."""

    def deactivate(self) -> None:
        """Stores new payloads unsealed from now on. The keys stay known."""

    def destroy(self, id: str) -> bool:
        """Forgets a key, and says whether it was known.

        All that was sealed under it is lost, unless the key is kept elsewhere. If it was the active one, saves are
        refused until another is activated, or `deactivate` is called.
        """

    def active(self) -> str | None:
        """The id of the key that new payloads are sealed under; `None` if they are stored unsealed."""

@final
class PayloadFormats:
    """The formats of payloads that a host can read, and the steps that lead from old ones to them.

    Without any declaration every payload is handed out as it is. With one, an entry that is restored is brought up
    step by step to a format that is declared current, and an unknown format is refused, at a save too. What is stored
    never changes. A declaration counts for what `with_rituals` makes of it afterwards.
    """

    def __new__(cls) -> PayloadFormats:
        """No declarations."""

    def current(self, format: str) -> PayloadFormats:
        """Declares a format that the host reads as it is. Gives itself, to declare further ones."""

    def upcast(self, source: str, to: str, upcast: Callable[[bytes], Buffer]) -> PayloadFormats:
        """Declares how a payload of the format `source` becomes one of the format `to`. Gives itself.

        What the function raises is the cause of the `Invalid` of the restore.
        """

@final
class CodexProofOfSymbolEngine:
    """The tamper-evident log of every change to the rules. Every method may be called from any thread."""

    def create(
        self,
        codex: str,
        clauses: Sequence[Clause],
        *,
        directive_path: Sequence[str],
        actor: str,
        reason: str | None = None,
        evidence: str | None = None,
        operation: str | None = None,
    ) -> SymbolProof:
        """Begins a codex and returns the proof of its first event.

        `evidence` is a digest of whatever the change rests on. With the same `operation`, a repetition is harmless.
        """

    def mutate(
        self,
        codex: str,
        mutation: Mutation,
        *,
        directive_path: Sequence[str],
        actor: str,
        parent: int | None = None,
        reason: str | None = None,
        evidence: str | None = None,
        operation: str | None = None,
    ) -> SymbolProof:
        """Appends a mutation to a codex's log and returns its proof. Nothing is changed if this fails.

        `parent` is the position of the event that it follows, by default the only head; one that is no head makes a
        branch. With the same `operation`, a repetition is harmless.
        """

    def mutate_all(
        self,
        codex: str,
        mutations: Sequence[DirectedMutation],
        *,
        listing: Listing | None = None,
        operation: str | None = None,
    ) -> AppendedMutations:
        """Appends many mutations in one commit, each of which follows from the one before: all of them, or none.

        `mutations` are 1 to 4,096. `listing` says whether their proofs are listed at once, which is the default, or
        with the next `list_pending`. With the same `operation`, a repetition is harmless.
        """

    def redact(
        self,
        codex: str,
        erase: Sequence[ErasedOpening],
        *,
        directive_path: Sequence[str],
        actor: str,
        parent: int | None = None,
        reason: str | None = None,
        operation: str | None = None,
    ) -> SymbolProof:
        """Erases texts, actors or reasons for good, in one commit with the event that says so.

        Returns its proof; every proof stays valid. `erase` is what `openings_of_clause` and `openings_of_actor` give,
        or a part of it. `Mythos.maintain`, until it is done, then drops what the store's file may still hold of them.
        Backups, and bundles that were given away, are out of reach.
        """

    def openings_of_clause(self, codex: str, clause: str) -> builtins.list[ErasedOpening]:
        """The texts and notes that a clause ever had, and that are not erased: what `redact` takes."""

    def openings_of_actor(self, codex: str, actor: str) -> builtins.list[ErasedOpening]:
        """Where a codex names this actor: what `redact` takes."""

    def list_pending(self, codex: str, *, limit: int = 1_000) -> int:
        """Lists the proofs of the next events that have none yet, at most `limit` (1 to 10,000).

        Gives how many are left.
        """

    def codex(self, codex: str) -> CodexHead:
        """The head of a codex: its length, its chain, and the root that assistants are aligned with."""

    def codices(self, *, after: Cursor | None = None, limit: int = 100) -> Page[CodexHead]:
        """Lists codices by id. `after` is the `next` of the page before."""

    def clauses(self, codex: str, *, head: int | None = None) -> builtins.list[CodexClause]:
        """The clauses of a codex with their texts, as they stand at its only head, or at the head at position `head`."""

    def state_at(
        self,
        codex: str,
        *,
        sequence: int | None = None,
        checkpoint: int | None = None,
        time: datetime | None = None,
    ) -> CodexAt:
        """What a codex said at a moment, of which exactly one is given.

        After the event at position `sequence`, after the last event that a `checkpoint` of this size speaks of, or after
        the last event recorded at `time` or before.
        """

    def diff(self, codex: str, before: Moment, after: Moment) -> builtins.list[ClauseDifference]:
        """What changed from one moment to another, by clause.

        First those that are there after, in order, then those that are gone. A moment is such as
        `{"kind": "sequence", "at": 3}`.
        """

    def blame(self, codex: str, clause: str, *, head: int | None = None) -> Blame:
        """Which events gave a clause what it says now, at the only head, or at the head at position `head`."""

    def trail(self, codex: str, *, start: int = 0, limit: int = 100) -> TrailPage:
        """The trail of a codex from position `start`, oldest first; the next page starts at the `next` of this one."""

    def list(
        self,
        *,
        codex: str | None = None,
        clause: str | None = None,
        change: ChangeKind | None = None,
        directive_prefix: Sequence[str] | None = None,
        status: ProofVerificationStatus | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[SymbolProof]:
        """Lists proofs that pass all of the filters, newest first.

        By position if a codex and no time is named, otherwise by time. `directive_prefix` is what their directive paths
        begin with. They were recorded at `since` or later, and before `before`. `after` is the `next` of the page
        before.
        """

    def verify(self, codex: str) -> CodexVerification:
        """Verifies a codex whole: replays every event, and compares everything stored with what the replay derives.

        Damage is not an error but a finding. A writer of the database who replaces the whole log with another, or rolls
        the whole file back, cannot be seen from inside: see `verify_against`.
        """

    def verify_all(self, *, after: Cursor | None = None, limit: int = 100) -> VerifiedCodices:
        """Verifies the next codices whole, by id; at most `limit`, 1 to 1,000.

        `after` is the `next` of the part before; the `total` tells how far it is. Damage is not an error but a finding,
        also of a head that cannot be read.
        """

    def verify_event(self, codex: str, sequence: int) -> EventVerification:
        """Verifies one event with everything that speaks for it, step by step.

        Its bytes, the event that it names as the one before it, the derivation of its state, what is open of its texts,
        and its place in the Merkle tree. That the states it is derived from are what the events before derive is what
        `verify` tells. Damage is not an error but a step that does not hold. `NotFound` if there is no such event.
        """

    def verify_against(self, codex: str, policy: str, *, pinned: Sequence[str] | None = None) -> AnchoredVerification:
        """Verifies a codex whole, and compares it with signed checkpoints.

        Those are the stored ones, and those that the caller `pinned` elsewhere, out of reach of who can write the store.
        `policy` says whose signatures count: see `mythos.tlog`. `Invalid` with the field `pinned` if one of these is of
        another origin, or not signed as the policy asks.
        """

    def tree(self, codex: str) -> CodexTree:
        """The Merkle tree over a codex's events, as its head is now."""

    def origin(self, codex: str) -> str:
        """The origin of a codex's checkpoints, which is also the name of the key that signs them.

        It is the `origin` that the store was opened with, the tenant and the codex, joined by `/`.
        """

    def checkpoint(self, codex: str, signers: Sequence[NoteSigner]) -> str:
        """Signs a checkpoint of all events of a codex, stores it, and returns it: a signed note.

        One of the signers is called as the codex's `origin`. `Invalid` with the field `signers` if none is, or if the
        log names keys and this is none of them. What a signer raises is the cause.
        """

    def add_checkpoint(self, codex: str, checkpoint: str) -> StoredCheckpoint:
        """Stores a checkpoint of a codex that came from elsewhere, such as with the cosignatures of witnesses.

        It must be of this log: `Conflict` if it speaks of other events. Keep it then, it is evidence. Its signatures are
        verified when it is used.
        """

    def checkpoints(self, codex: str, *, limit: int = 100) -> builtins.list[str]:
        """The stored checkpoints of a codex, the newest first; at most `limit`, 1 to 1,000."""

    def export(
        self,
        codex: str,
        checkpoint: str,
        directory: str | PathLike[str],
        *,
        had: int = 0,
        with_events: bool = False,
    ) -> None:
        """Writes a codex's log below `directory` as static files that clients of C2SP tlog-tiles can follow.

        Entry bundles of the events' digests, tiles, the events as `events/POSITION` if `with_events`, and last the file
        `checkpoint`. `had` is the size of the log that an earlier export wrote there, 0 for none: only what is new since
        is written. Each file takes its name once it is whole. After a power loss, export everything again. `Unavailable`
        with the `OSError` as its cause if a file cannot be written.
        """

    def evidence(
        self, codex: str, clause: str, checkpoint: str, *, actors: bool = False, reasons: bool = False
    ) -> str:
        """Proves what a clause says after the last event of a checkpoint, as one JSON text.

        Anyone can verify it offline, with `mythos.tlog.verify_evidence`. It holds the text and the notes of the clause,
        as far as they are not erased; `actors` and `reasons` disclose who made its changes, and why.
        """

@final
class CodexRegressionGuard:
    """What stands between an edit of a rule or a prompt and production. Every method may be called from any thread.

    It compares, keeps what it found, asks people, and learns how often they agree.
    """

    def with_embedder(self, embedder: Embedder) -> CodexRegressionGuard:
        """The same guard, which also notes how alike `embedder` finds the versions. It decides nothing."""

    def audit(
        self,
        clause: str,
        previous_version: str,
        new_version: str,
        *,
        codex: str | None = None,
        policy: GuardPolicy | None = None,
        operation: str | None = None,
    ) -> CodexClauseAudit:
        """Compares two versions, of at most 8 MiB each, stores what was found, and returns it.

        `clause` may be the name of a prompt or file; `codex` only says under whose name it is listed. It waits in the `queue`
        if a person should look at it. With the same `operation`, which is the audit's id, a repetition is harmless.
        """

    def audit_codex(
        self,
        codex: str,
        before: Moment,
        after: Moment,
        *,
        policy: GuardPolicy | None = None,
        keep: bool = False,
        operation: str | None = None,
    ) -> CodexAudit:
        """Compares a codex between two moments of its log.

        Clauses are matched by id and by content, also when they were moved, renamed, split or merged, and each pair that is
        not the same is assessed. With `keep`, an audit of each is stored; with the same `operation`, a repetition makes no
        second ones.
        """

    def get(self, audit: str) -> AuditInFull:
        """An audit with its texts, whatever their length, and all reviews."""

    def list(
        self,
        *,
        clause: str | None = None,
        codex: str | None = None,
        regression_flag: bool | None = None,
        verdict: GuardVerdict | None = None,
        signal: Signal | None = None,
        status: AuditStatus | None = None,
        is_reviewed: bool | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[CodexClauseAudit]:
        """Lists audits that pass all of the filters, newest first.

        `after` is the `next` of the page before; `limit` is 1 to 256.
        """

    def queue(
        self,
        *,
        clause: str | None = None,
        codex: str | None = None,
        regression_flag: bool | None = None,
        verdict: GuardVerdict | None = None,
        signal: Signal | None = None,
        is_reviewed: bool | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[CodexClauseAudit]:
        """Lists audits that wait for a person, oldest first: see `list`."""

    def review(
        self,
        audit: str,
        decision: AuditDecision,
        *,
        reviewer: str,
        reason: str | None = None,
        operation: str | None = None,
    ) -> CodexClauseAudit:
        """Stores what a person says of an audit, and returns the audit.

        A later review supersedes an earlier one, which stays readable; the machine's verdict stays in any case. With the same
        `operation`, a repetition is harmless.
        """

    def erase(self, audit: str) -> CodexClauseAudit:
        """Erases the texts of an audit for good, and the excerpts in its findings, and returns what is left.

        Repeating it is harmless. `Mythos.maintain` then drops what the store's file may still hold of them.
        """

    def mutate(
        self,
        codex: str,
        mutation: Mutation,
        *,
        directive_path: Sequence[str],
        actor: str,
        parent: int | None = None,
        reason: str | None = None,
        operation: str | None = None,
        require: AuditRequirement | None = None,
        policy: GuardPolicy | None = None,
    ) -> GuardedProof:
        """Appends a mutation to a codex's log if the audit of its texts is as required.

        The event, its proof and the audit are one commit, and the audit's digest is the event's evidence. One that is refused,
        `Invalid` with the field `audit` and the audit's id as `operation`, leaves the codex as it was, and its audit in the
        `queue`: once a person accepted that, the same call under the same `operation` goes through, and so does one that names
        the audit. Merges are not guarded; mutations that change no clause's text need no audit.
        """

    def verify_evidence(self, codex: str, sequence: int) -> EvidenceVerification:
        """Finds the audit that an event has as its evidence, and compares it with what the event did."""

    def agreement(
        self,
        *,
        clause: str | None = None,
        codex: str | None = None,
        regression_flag: bool | None = None,
        verdict: GuardVerdict | None = None,
        signal: Signal | None = None,
        status: AuditStatus | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
    ) -> Agreement:
        """How often people agree with the machine, over the reviewed audits that pass all of the filters.

        At most the newest 100,000 are counted.
        """

    def refit(
        self,
        target: RefitTarget,
        policy: GuardPolicy | None = None,
        *,
        clause: str | None = None,
        codex: str | None = None,
        regression_flag: bool | None = None,
        verdict: GuardVerdict | None = None,
        signal: Signal | None = None,
        status: AuditStatus | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
    ) -> Refit:
        """Proposes thresholds for a target from the reviewed audits that pass all of the filters.

        At least 50 in covered languages, with 10 regressions and 10 others among them. Nothing is changed: `policy`, which they
        start from, is the caller's.
        """

@final
class CodexTree:
    """The Merkle tree over the events of a codex, as its head was when this was made: for many proofs at once.

    The leaf of an event is `mythos.tlog.leaf_hash` of its digest's 32 bytes, so that standard verifiers accept the
    proofs. Every method may be called from any thread.
    """

    @property
    def head(self) -> CodexHead:
        """The head that it is of."""

    def inclusion(self, index: int, *, size: int | None = None) -> InclusionProof:
        """Proves that the event at position `index` is in the log of the first `size` events, by default of all."""

    def consistency(self, old: int, *, new: int | None = None) -> ConsistencyProof:
        """Proves that the log of the first `old` events is the beginning of that of the first `new`, by default of all."""

    def root(self, size: int) -> str:
        """The root of the tree over the first `size` events, in base64."""

    def log_proof(self, index: int, checkpoint: str, extra: Buffer | None = None) -> str:
        """Proves that the event at position `index` is in the log that `checkpoint` speaks of, as one text.

        Anyone can verify it offline, with `mythos.tlog.verify_log_proof` or another implementation of C2SP tlog-proof.
        `extra` is data for the reader, 1 to 65,536 bytes, which nobody vouches for. `Invalid` with the field `checkpoint` if
        that is not of this log, and with the field `index` if it speaks of no such event.
        """

@final
class AnchorLog:
    """The super-log of a tenant: what finds that something is gone, or older than it was.

    A log proves its own past, but not that it is there. `anchor` states from time to time how long each head is and what it
    says, and `verify` compares every head with what was last stated of it. What happened to a head between two runs is not
    seen: a run as often as one could bear to lose what is newer. Every method may be called from any thread.
    """

    def anchor(self, *, limit: int = 100_000, full: bool = False) -> AnchorReport:
        """States every head that changed since the last run. If nothing changed, nothing is written.

        At most `limit` heads are looked at, 1 to 100,000. `full` looks at all, and not only at those that say they were
        changed: also at copies of rituals, what was retired, and what a writer changed whose clock was ten minutes late.
        Heads that are damaged or contradict the log are findings, and not stated. Runs may be concurrent, and may be ended
        at any time: what was committed counts.
        """

    def anchor_on(self, cursor: AnchorCursor, *, limit: int = 100_000) -> AnchorReport:
        """Goes on with a run that its limit ended: `cursor` is the `next` of its report."""

    def head(self) -> AnchorHead | None:
        """The head of the log; `None` if nothing was ever anchored.

        `Corrupt` if it is damaged, or gone while the rest of the log is there; with the field `mac` if it was not written
        with the `mac_key`.
        """

    def statements(self, *, start: int = 0, limit: int = 100) -> AnchorPage:
        """The statements from position `start`, oldest first; `limit` is 1 to 4,096.

        `start` goes on at the `next` of the page before.
        """

    def last_statement(self, name: AnchoredName) -> AnchorStatement | None:
        """The last statement about `name`, with its position; `None` if there is none."""

    def tree(self) -> AnchorTree:
        """The Merkle tree over the statements, as the head is now. `NotFound` if nothing was ever anchored."""

    def retire(self, name: AnchoredName) -> AnchorStatement:
        """States that what `name` names was deleted, or written anew, on purpose: what was stated of it counts no more.

        The next run states what is there, if anything; a full one, if that did not change lately. Returns the statement;
        that of before, if it was stated already. `NotFound` if nothing was ever stated of it.
        """

    def authorize(self, key: str) -> AnchorStatement:
        """Lets a verifier key sign checkpoints of this log from this statement on.

        As soon as the log names keys, only they may. Returns the statement; that of before, if it was stated already.
        """

    def revoke(self, key: str) -> AnchorStatement:
        """Takes `authorize` back. `NotFound` if nothing was ever stated of the key."""

    def origin(self) -> str:
        """The origin of the log's checkpoints, which is also the name of the keys that sign them.

        It is the `origin` of the codices, the tenant, and `@anchors`, joined by `/`.
        """

    def checkpoint(self, signers: Sequence[NoteSigner]) -> str:
        """Signs a checkpoint of all statements, stores it, and returns it: a signed note.

        One of the `signers` is called as the log's `origin`. Kept elsewhere, it vouches for the whole store. `Invalid` with
        the field `signers` if none has that name, or if the log names keys and this is none of them.
        """

    def add_checkpoint(self, checkpoint: str) -> StoredCheckpoint:
        """Stores a checkpoint that came from elsewhere, such as one with cosignatures, if it is of this log.

        Its signatures are verified when it is used. `Conflict` if it speaks of other statements: keep it, it is evidence.
        """

    def checkpoints(self, *, limit: int = 100) -> list[str]:
        """The stored checkpoints, the newest first; at most `limit`, 1 to 1,000."""

    def verify(self) -> AnchorVerification:
        """Verifies the log, and compares every head with what is stated of it. Damage is not an error but a finding.

        That heads agree with the log says nothing of what lies under them: each service verifies that. Who puts an older
        state of everything back, also of this log, cannot be seen from inside: see `verify_against`.
        """

    def verify_part(
        self, *, after: AnchorVerificationCursor | None = None, limit: int = 100_000
    ) -> AnchorVerification:
        """As `verify`, in parts: the first verifies the log; each looks at no more than `limit` heads, 1 to 100,000.

        `after` is the `next` of the part before. Counts and findings are the part's own.
        """

    def verify_against(self, policy: str, *, pinned: Sequence[str] | None = None) -> PinnedAnchorVerification:
        """Verifies the log and all heads, and compares the log with signed checkpoints.

        Those are the stored ones, and those that the caller `pinned` elsewhere, out of reach of who can write the store.
        `policy` says whose signatures count: see `mythos.tlog`. `Invalid` with the field `pinned` if one of these is of
        another origin, or not signed as the policy asks.
        """

@final
class AnchorTree:
    """The Merkle tree over the statements of a super-log, as its head was when this was made: for many proofs at once.

    The leaf of a statement is `mythos.tlog.leaf_hash` of its digest's 32 bytes, which are the `previous` of the statement
    behind it, and of the last one the `last` of the head. Every method may be called from any thread.
    """

    @property
    def head(self) -> AnchorHead:
        """The head that it is of."""

    def inclusion(self, index: int, *, size: int | None = None) -> InclusionProof:
        """Proves that the statement at position `index` is in the log of the first `size`, by default of all."""

    def consistency(self, old: int, *, new: int | None = None) -> ConsistencyProof:
        """Proves that the log of the first `old` statements is how that of the first `new` began, by default of all."""

    def root(self, size: int) -> str:
        """The root of the tree over the first `size` statements, in base64."""

@final
class Ed25519Signer:
    """Signs checkpoints with Ed25519, with a key in memory.

    The key is overwritten when it is dropped, and printed by nothing. Every method may be called from any thread.
    """

    def __new__(cls, name: str, seed: Buffer) -> Ed25519Signer:
        """The key pair that belongs to 32 secret bytes (RFC 8032). `name` is the origin of the log that it signs."""

    @staticmethod
    def from_private_text(text: str) -> Ed25519Signer:
        """The signer whose `private_text` this is, `PRIVATE+KEY+NAME+ID+BASE64`. No error repeats any of it."""

    def private_text(self) -> str:
        """The private key as text: whoever has it can sign. Python overwrites no copy of it."""

    @property
    def verifier_key(self) -> str:
        """The public half, as C2SP signed notes write it: `NAME+ID+BASE64`."""

    def sign(self, text: str) -> bytes:
        """Signs the text of a note, which ends in a newline: 64 bytes."""

@final
class CosignatureSigner:
    """Cosigns checkpoints as a witness does, with a key in memory.

    A cosignature says that this is the largest consistent tree of its log that the cosigner has seen at that time. The
    caller sees to it that this is true: it keeps the last checkpoint it cosigned for each log, and cosigns a next one
    only after `verify_consistency`. The key is overwritten when it is dropped, and printed by nothing. Every method may
    be called from any thread.
    """

    def __new__(cls, name: str, seed: Buffer) -> CosignatureSigner:
        """The key pair that belongs to 32 secret bytes (RFC 8032), which no other cosigner has."""

    @staticmethod
    def from_private_text(text: str) -> CosignatureSigner:
        """The signer whose `private_text` this is, `PRIVATE+KEY+NAME+ID+BASE64`. No error repeats any of it."""

    def private_text(self) -> str:
        """The private key as text: whoever has it can cosign. Python overwrites no copy of it."""

    @property
    def verifier_key(self) -> str:
        """The public half, as C2SP signed notes write it: `NAME+ID+BASE64`."""

    def cosign(self, checkpoint: str, unix_seconds: int) -> str:
        """The checkpoint with a cosignature at `unix_seconds`, in the place of an older one of this cosigner."""

def read_checkpoint(checkpoint: str) -> Checkpoint:
    """Reads a checkpoint. Nothing in it may be believed before `evaluate_policy`."""

def leaf_hash(data: Buffer) -> str:
    """The hash of a leaf that holds `data`, in base64. The data of an event's leaf are the 32 bytes of its digest."""

def verify_inclusion(proof: InclusionProof, leaf: str, root: str) -> None:
    """Verifies that the tree with this `root` holds this `leaf` where `proof` says. `Corrupt` if it does not."""

def verify_consistency(proof: ConsistencyProof, old_root: str, new_root: str) -> None:
    """Verifies that the tree with `new_root` begins with all of the tree with `old_root`. `Corrupt` if it does not."""

def verify_chain(events: Sequence[Buffer], *, threads: int = 1) -> str | None:
    """Verifies that `events`, such as the files that `export` writes, are a chain from the beginning of a log.

    Each names the digest of the one before it. Gives the digest of the last, which stands for them all; `None` for no
    events. `Corrupt` at the first that does not. It takes one hash of each event, and as many threads as it is given.
    """

def policy_of_log(verifier_key: str) -> str:
    """The policy that believes the log with this key, with no witness."""

def evaluate_policy(policy: str, checkpoint: str) -> Verdict:
    """Verifies the signatures of a checkpoint by the policy's logs and witnesses, and says whether they are enough.

    `Corrupt` if a signature of a key of the policy is not the key's. That too few signed is no error, but the verdict.
    """

def verify_log_proof(proof: str, leaf_data: Buffer, policy: str) -> Verdict:
    """Verifies that a log which `policy` believes holds an entry with the data `leaf_data`, where `proof` says.

    Gives what the policy says of the checkpoint. The data of an event's entry are the 32 bytes of its digest. `Corrupt` if
    the proof does not lead from them to the checkpoint, or that is not signed as the policy asks. Nothing else is needed: no
    store, no network.
    """

def verify_evidence(bundle: str, policy: str) -> ProvenClause:
    """Verifies an evidence bundle against the keys of `policy`, and gives what it proves.

    Nothing else is needed: no store, no network. `Corrupt` if anything does not follow from its checkpoint, or that is
    not signed as the policy asks.
    """

def verify_equivocation(evidence: str, log_keys: Sequence[str]) -> str:
    """Verifies that a log lied, and gives the key that did.

    One of `log_keys` signed both checkpoints of the evidence, which are of one size and have different roots. `Corrupt`
    if that is not so.
    """

@final
class AssistantDeploymentAutoRestarter:
    """Brings failed deployments of assistants back to a verified, codex-aligned, ready state.

    What changes a deployment goes through a `Supervisor`; what only looks needs none. Every method may be called from
    any thread.
    """

    def supervise(self, supervisor: str) -> Supervisor:
        """Takes the supervision over: from now on only what the returned `Supervisor` decides counts.

        One that held it before, perhaps in a process that only seemed dead, is refused by the store.
        """

    def deployment(self, supervisor: str, assistant: str) -> Deployment:
        """A deployment as it stands."""

    def deployments(
        self,
        *,
        supervisor: str | None = None,
        assistant: str | None = None,
        state: StateName | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[Deployment]:
        """Lists deployments that pass all of the filters, by assistant. `after` is the `next` of the page before."""

    def group(self, supervisor: str, group: str) -> SupervisionGroup:
        """A group as it stands."""

    def groups(
        self,
        *,
        supervisor: str | None = None,
        state: GroupStateName | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[SupervisionGroup]:
        """Lists groups that pass all of the filters, by name. `after` is the `next` of the page before."""

    def members(self, supervisor: str, group: str, *, after: int = 0, limit: int = 100) -> list[GroupMember]:
        """Lists at most `limit` members of a group in the order in which they are started.

        The first is the one behind the position `after`. Another page may follow one that is full.
        """

    def history(
        self,
        *,
        assistant: str | None = None,
        supervisor: str | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[DeploymentRestart]:
        """Lists incidents that pass all of the filters, newest first. `after` is the `next` of the page before."""

@final
class Supervisor:
    """The holder of a supervision: decides about its deployments and hands out their effects.

    Nothing here calls the host or waits: the host calls `tick` when `next_timeout` says so, takes what `poll_effects`
    gives, and answers. Every method may be called from any thread, and fails with `Conflict` and the field `epoch`
    once another supervisor took over: stop using this one.
    """

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def epoch(self) -> int:
        """Its epoch: higher than that of every supervisor that held the supervision before."""

    def deploy(self, assistant: str, spec: DeploymentSpec, *, operation: str | None = None) -> Decision:
        """Supervises an assistant that the host launched, or launched anew.

        Anew, an open incident ends, and earlier restarts no longer count. With the same `operation`, a repetition is
        harmless.
        """

    def report_failure(
        self,
        assistant: str,
        *,
        kind: FailureKind,
        reason: str,
        run: int | None = None,
        operation: str | None = None,
    ) -> Decision:
        """Reports that an assistant failed: what follows is what follows a failed exit by the policy's `exits`.

        A report that comes late or twice changes nothing. `run` is which run of it failed, from a decision or an effect;
        the current one if not given. Of `reason`, the first 100 characters are kept.
        """

    def report_exit(
        self, assistant: str, exit: Exit, *, run: int | None = None, operation: str | None = None
    ) -> Decision:
        """Reports that a run of an assistant ended: `exit` says how.

        What follows is a matter of the policy's `exits`: a restart, rest, or a notice to an operator. A report that comes
        late or twice changes nothing. `run` is which run of it ended, from a decision or an effect; the current one if not
        given.
        """

    def stop(self, assistant: str, *, operation: str | None = None) -> Decision:
        """Lets a deployment rest: at once if nothing of the assistant runs, otherwise once the host has ended it.

        The host is asked for that by an effect `stop`, and by a `kill` once the time is over that the group gives the
        assistant, or five seconds. What was pending before is overtaken.
        """

    def restart_now(self, assistant: str, *, reason: str, operation: str | None = None) -> Decision:
        """Restarts a deployment at once, from any state, without backoff; earlier restarts no longer count."""

    def create_group(
        self,
        group: str,
        policy: GroupPolicy | None = None,
        *,
        within: str | None = None,
        is_significant: bool = False,
        operation: str | None = None,
    ) -> GroupDecision:
        """Makes a group without members, or replaces the policy of one that there is.

        `within` is the group that holds it, if one does; a group that exists already stays where it is. `is_significant`
        says whether its end can end that group. With the same `operation`, a repetition is harmless.
        """

    def start_child(
        self,
        group: str,
        assistant: str,
        spec: DeploymentSpec,
        *,
        is_significant: bool = False,
        shutdown: Shutdown | None = None,
        is_running: bool = False,
        operation: str | None = None,
    ) -> Decision:
        """Makes an assistant a member of a group, behind all others, and has it started.

        At once if the group is up, otherwise when its turn comes: from the newest entry of its ritual, as after a failure.
        If the host launched it already, `is_running`, it is not started. `is_significant` says whether its end can end the
        group, and `shutdown` how the group stops it: by default it has five seconds. One that is deployed already, is in no
        group and down, or launched anew, is taken in with its history; `Invalid` with the field `assistant` otherwise.
        """

    def restart_child(self, assistant: str, *, reason: str, operation: str | None = None) -> Decision:
        """Starts a member that is down: stopped, completed or given up. What happened before still counts.

        `restart_now` starts it from any state, and clears that. `Invalid` with the field `assistant` if it is no member,
        runs, or is being restarted, or if a group around it is ending or has ended. If its group is about to start members
        of which it is one, its turn comes then.
        """

    def delete_child(self, assistant: str, *, operation: str | None = None) -> Decision:
        """Takes a member that is down out of its group. Its deployment stays, at rest."""

    def start_group(self, group: str, *, reason: str, operation: str | None = None) -> GroupDecision:
        """Starts the members of a group that ended, in order; earlier restarts no longer count.

        A member that was stopped by itself, by `stop`, stays down.
        """

    def stop_group(self, group: str, *, reason: str, operation: str | None = None) -> GroupDecision:
        """Stops the members of a group for good, in reverse order.

        The host ends each when an effect `stop` or `kill` asks for it, and answers `stopped`.
        """

    def delete_group(self, group: str) -> None:
        """Deletes a group that has no members; `Invalid` with the field `group` if it has: delete them first."""

    def delete_deployment(self, assistant: str) -> None:
        """Deletes a deployment that is down and in no group, or one whose record cannot be read. Its history stays.

        A group that waited for one that cannot be read goes on without it. Runs and effects of a later deployment of the
        same assistant are counted from 1 again: delete it once the host has nothing underway for it. `Invalid` with the
        field `assistant` if it is a member of a group, runs, or is being restarted.
        """

    def tick(self) -> list[Decision]:
        """Fires the timers that are due, and tells what was decided."""

    def next_timeout(self) -> datetime | None:
        """When the next timer is due; `None` if none is set. Call `tick` then.

        Every method that decides something may change the answer.
        """

    def poll_effects(self, *, limit: int = 100) -> list[Effect]:
        """Hands out at most `limit` pending effects, oldest first, each once until it is given back.

        One that takes over hands all of them out again.
        """

    def give_back(self, effect: str) -> None:
        """Takes an effect back, by its id, that could not be carried out.

        `poll_effects` hands it out again, if it is still pending.
        """

    def still_pending(self, effects: Sequence[str]) -> list[str]:
        """Which of these effects, by their ids and at most 1,000, are pending still, in their order.

        One that is not was answered, or overtaken by a later decision: whoever carries it out stops doing so.
        """

    def carry_out(self, effect: Effect) -> CarriedOut:
        """Carries out an effect `restore` or `align` through this library's own services.

        Restores, verifies and aligns, step by step of the path, until something is up to the host. If this fails with
        a retryable error, the effect is handed out again.
        """

    def answer(self, effect: str, outcome: Outcome) -> Decision:
        """Answers an effect, by its id, that the host carried out.

        Only the first answer counts; later ones, and those that come after the effect was overtaken, change nothing.
        """

    def totals(self) -> SupervisionTotals:
        """How the deployments are, all together. Reads all of them."""

    def deployment(self, assistant: str) -> Deployment:
        """A deployment as it stands."""

@final
class SelfHealingProtocolEngine:
    """Finds ill assistants by rules, plans repairs within budgets, and measures what they did.

    What changes anything goes through the `Healer` that `engage` gives; what only looks needs none. Every method may be
    called from any thread.
    """

    def engage(self, scope: str, protocol: HealingProtocol) -> Healer:
        """Takes a scope over and puts a protocol in force.

        From now on only what the returned healer decides counts, and one that held it before, perhaps in a process that
        only seemed dead, is refused by the store. After `Unknown`, call it again.
        """

    def status(self, scope: str) -> HealingStatus:
        """A scope as it stands: its targets all together, and what would be decided now. Reads all its targets."""

    def events(
        self,
        *,
        scope: str | None = None,
        assistant: str | None = None,
        node_id: str | None = None,
        zone: str | None = None,
        rule: str | None = None,
        triggered_by: str | None = None,
        is_open: bool | None = None,
        ending: HealingEnding | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[HealingEvent]:
        """Lists incidents that pass all of the filters, newest first. `after` is the `next` of the page before."""

    def targets(
        self,
        *,
        scope: str | None = None,
        assistant: str | None = None,
        is_ill: bool | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[HealingTarget]:
        """Lists targets that pass all of the filters, by assistant. `after` is the `next` of the page before."""

    def merge_proposals(self, scope: str, *, limit: int = 100) -> list[MergeProposal]:
        """Lists the merges of a scope that wait for a person or an audit, oldest first.

        Each with what its codex says now, which is verified whole. `limit` is 1 to 256.
        """

@final
class Healer:
    """The holder of a scope: takes observations, plans, and hands out effects.

    Nothing here calls the host or waits: the host observes, lets it `plan`, takes what `poll_effects` gives, and answers.
    Every method may be called from any thread, and fails with `Conflict` and the field `epoch` once another healer took
    over: stop using this one.
    """

    @property
    def scope(self) -> str:
        """The scope."""

    @property
    def epoch(self) -> int:
        """Its epoch: higher than that of every healer that held the scope before."""

    def observe(self, observations: Sequence[Observation]) -> int:
        """Takes observations, at most 10,000, and opens, measures and ends incidents by them.

        How many told anything new: what is not newer than what is known of a target changes nothing.
        """

    def observe_codices(self, observations: Sequence[Observation]) -> ObservedCodices:
        """As `observe`, with the reading `codex_heads` of each target that names a codex: how many heads it has.

        A codex is verified whole when this healer sees it first and whenever its head is another since. One that does not
        verify, or is not there, gives no reading. A merge that was approved and made, but not answered before its process
        died, is answered first.
        """

    def plan(self) -> list[PlanEntry]:
        """Lets due timers fire and decides about every open incident."""

    def dry_run(self) -> list[PlanEntry]:
        """What `plan` would decide now, without deciding it."""

    def poll_effects(self, *, limit: int = 100) -> list[HandedOut]:
        """Hands out at most `limit` pending effects, oldest first, each once until it is given back.

        One that takes over hands all of them out again: tell a repetition by its `idempotency_key`.
        """

    def give_back(self, effect: HealingEffectId) -> None:
        """Takes an effect back, by its id, that could not be carried out.

        `poll_effects` hands it out again, if it is still pending.
        """

    def still_pending(self, effects: Sequence[HealingEffectId]) -> list[HealingEffectId]:
        """Which of these effects, by their ids and at most 1,000, are pending still, in their order.

        One that is not was answered, withdrawn or timed out: whoever carries it out stops doing so.
        """

    def answer(self, effect: HealingEffectId, outcome: HealingOutcome) -> bool:
        """Takes what came of an effect, by its id. Whether it changed anything.

        Only the first answer counts; later ones, and those that come after the effect was withdrawn or timed out, change
        nothing.
        """

    def approve_merge(
        self,
        effect: HealingEffectId,
        *,
        by: str,
        ours: int,
        theirs: int,
        take: Sequence[TakenClause],
        directive_path: Sequence[str],
        reason: str | None = None,
        evidence: str | None = None,
    ) -> SymbolProof:
        """Makes a merge that a person or an audit approved, once, answers its effect, and returns the proof of the merge.

        `ours` and `theirs` are the positions of the two heads' events, and `take` names the clauses of the result, in
        order. If the two are not both heads any more, it is `Invalid` with the field `theirs`, and nothing is merged.
        """

    def retire(self, assistant: str) -> bool:
        """Takes a target out: its incidents end, and it counts no more until it is observed again.

        Whether anything changed.
        """

    def next_timeout(self) -> datetime | None:
        """When to `plan` again if nothing is observed or answered; `None` if nothing will be due."""

    def totals(self) -> HealthTotals:
        """How the targets are, all together."""

@disjoint_base
class BuiltInStore:
    """A store that comes with the library. Hand it over wherever a store is expected."""

@final
class MemoryStore(BuiltInStore):
    """A store in memory: gone with the process."""

    def __new__(cls) -> MemoryStore: ...

@final
class SqliteStore(BuiltInStore):
    """A store in one SQLite file, which several threads and processes may use at the same time.

    After a fork, the child can neither use the store nor open the same file: each call is `Unavailable`. Close it
    before forking, or open stores in each worker. In the same process, do not open the file with Python's `sqlite3`,
    whose closing would drop this store's locks.
    """

    def __new__(
        cls,
        path: str | PathLike[str],
        *,
        synchronous: Literal["full", "normal"] = "full",
        read_only: bool = False,
        busy_timeout_ms: int = 30_000,
    ) -> SqliteStore:
        """Opens or creates the file at `path`.

        `synchronous` is `"full"`, by which every acknowledged commit survives a power loss, or `"normal"`, by which a
        power loss may undo the last ones. A call waits `busy_timeout_ms` for another process's write before it is
        `Unavailable`.
        """

    def backup(
        self, path: str | PathLike[str], *, progress: Callable[[BackupProgress], object] | None = None
    ) -> None:
        """Copies the store, as it is at one moment, to a new file at `path`, while others read and write.

        The copy takes its name only once it was checked whole. `progress` is told how far it is; what it raises is
        raised when the copy is done.
        """

    @staticmethod
    def restore(backup: str | PathLike[str], path: str | PathLike[str]) -> None:
        """Makes a store at `path` from a backup.

        The backup is checked, copied, and the copy checked; nothing is overwritten.
        """

    def statistics(self) -> SqliteStatistics:
        """What the store has done since it was opened."""

    def close(self) -> None:
        """Waits for the calls under way and closes the file; every later call is `Unavailable`."""

def novelty_score(previous: Buffer | None, payload: Buffer) -> float:
    """How much information `payload` adds to `previous`, the payload before it.

    0 for nothing, 0.5 for 256 novel bytes, 1 if there is no predecessor.
    """

def stall(
    entries: Sequence[CompressedRitual] | Sequence[ScoredEntry],
    *,
    min_length: int | None = None,
    threshold: float | None = None,
) -> Stall | None:
    """The stall that `entries`, of one ritual and oldest first, end in; `None` if they do not.

    A stall is a run of at least `min_length` (10) successive entries whose novelty lies below `threshold` (0.3).
    """

def assess(old: str, new: str, policy: GuardPolicy | None = None) -> Assessment:
    """Compares two versions of a rule or a prompt.

    `Limit`, field `old` or `new`, of a version of more than 16 MiB; `Invalid`, naming the threshold, of a policy that is
    none. Takes time linear in the texts.
    """

def assess_many(
    pairs: Sequence[tuple[str, str]],
    policy: GuardPolicy | None = None,
    *,
    threads: int | None = None,
    first: int = 0,
) -> list[Assessment]:
    """Compares many pairs; `first` is the number of the first, as errors name it."""

def measures(old: str, new: str) -> EditMeasures:
    """What the models weigh of an edit, by name: for training, and for whoever wants to know why."""

def compare_documents(old: str, new: str, policy: GuardPolicy | None = None) -> DocumentComparison:
    """Compares two versions of a document, plain text or Markdown, part by part.

    Its headings, items of lists, paragraphs, rows of tables and parts of code are matched by what they say, also where they
    were moved, split or merged. `Limit`, field `old` or `new`, of more than 16 MiB or 100,000 parts.
    """

def compare_many(
    documents: Sequence[DocumentEdit],
    policy: GuardPolicy | None = None,
    *,
    threads: int | None = None,
    first: int = 0,
) -> list[ComparedDocument]:
    """Compares the versions of many documents; `first` is the number of the first, as errors name it."""

def write_report(
    documents: Sequence[ComparedDocument], format: ReportFormat, policy: GuardPolicy | None = None
) -> str:
    """Writes a report on compared documents, under the policy that they were compared with."""

def score_lines(
    lines: Sequence[str], policy: GuardPolicy | None = None, *, threads: int | None = None, first: int = 1
) -> list[PairLine]:
    """Scores lines of a file of pairs: each an object with `text_a` and `text_b`, and perhaps an `id` or a `key`.

    `first` is the number of the first. A line that cannot be read is answered with its number and why.
    """

def similarity(pairs: Sequence[tuple[str, str]], embedder: Embedder | None = None) -> list[Similarity]:
    """How alike an embedder finds the texts of each pair."""

def schemas() -> list[Schema]:
    """The tables that a store is to hold, for a store that must make them."""

def copy_store(source: Store | BuiltInStore, to: Store | BuiltInStore) -> CopyReport:
    """Copies everything from the store `source` into the empty store `to`, and verifies it by reading both back.

    Nobody else may write to either meanwhile. If it fails, `to` holds a part.
    """

def conformance_cases() -> list[ConformanceCase]:
    """All conformance cases, grouped by obligation."""

def run_conformance_case(
    name: str,
    fresh: Callable[[list[Schema]], _S],
    reopen: Callable[[_S], _S],
) -> None:
    """Runs the case `name` on stores that `fresh` makes and `reopen` opens again; an `AssertionError` if it fails."""

# For the package's own tests.
def _round_trip(sample: object) -> dict[str, Json]: ...
def _panic(message: str) -> None: ...
def _exercise(
    store: Store | BuiltInStore, name: str, *, threaded: bool = False
) -> tuple[list[Answer], Maintained]: ...
