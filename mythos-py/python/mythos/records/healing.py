"""What `SelfHealingProtocolEngine` and `Healer` take and answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

from .codices import CodexClause, CodexHeadState, CodexVerification, TakenClause

__all__ = [
    "ActDecision",
    "AllCondition",
    "AnyCondition",
    "ApprovalHold",
    "ApprovedOutcome",
    "AtMostLimit",
    "AtMostPercentLimit",
    "AttemptOutcome",
    "BetweenLimit",
    "Budget",
    "BudgetHold",
    "BudgetScope",
    "Budgets",
    "BudgetsLeft",
    "Cause",
    "CompareCondition",
    "Comparison",
    "Condition",
    "CooldownHold",
    "CountedAction",
    "CustomRepair",
    "CustomTrigger",
    "DeclinedOutcome",
    "DisputedClause",
    "DoneAttempt",
    "DoneOutcome",
    "FailedOutcome",
    "FlapPolicy",
    "FlapWindow",
    "FlappingHold",
    "HandedOut",
    "HealingAttempt",
    "HealingDecision",
    "HealingEffect",
    "HealingEffectId",
    "HealingEnding",
    "HealingEvent",
    "HealingHold",
    "HealingIncident",
    "HealingOutcome",
    "HealingPhase",
    "HealingProtocol",
    "HealingRule",
    "HealingStatus",
    "HealingTarget",
    "HealthDelta",
    "HealthTotals",
    "HoldDecision",
    "InFlightHold",
    "InFlightPhase",
    "MeasuredDelta",
    "MergeOffer",
    "MergeProposal",
    "NotCondition",
    "Observation",
    "ObservedCodices",
    "PlainAttempt",
    "PlainHold",
    "PlainPhase",
    "PlainRepair",
    "PlainTrigger",
    "PlanEntry",
    "RealignCodexRepair",
    "RecoveryOverview",
    "ReduceLoadRepair",
    "RepairAction",
    "RepairStep",
    "RestoreRitualRepair",
    "RollBackDecision",
    "RollingBackHold",
    "RollingBackPhase",
    "RuleState",
    "ScoreTerm",
    "SettlingHold",
    "SettlingPhase",
    "ShareHold",
    "StaleReadingsHold",
    "Target",
    "TargetBusyHold",
    "TargetState",
    "Threshold",
    "Trigger",
    "UnhealthyLimit",
    "UnlimitedLimit",
    "Unresolved",
    "UnresolvedDelta",
    "UnsupportedOutcome",
]


class PlainTrigger(TypedDict):
    """States grow disordered, rituals fail, the codex has several heads, no progress is made, or another rule swings."""

    kind: Literal["entropy_spike", "ritual_failure", "codex_conflict", "stall", "flapping"]


class CustomTrigger(TypedDict):
    """Something of your own; none of the names of the others."""

    kind: Literal["custom"]
    name: str


Trigger: TypeAlias = PlainTrigger | CustomTrigger
"""What kind of trouble a rule finds. A rule of `flapping` reads `flapping_percent`, which is measured here."""


class Threshold(TypedDict):
    """When a reading is ill and when it is well again: between `enter` and `exit`, it stays what it was."""

    reading: str
    side: Literal["above", "below"]
    enter: float
    exit: float


Comparison: TypeAlias = Literal["above", "at_least", "below", "at_most", "equal"]
"""How a reading must stand to a value."""


class AllCondition(TypedDict):
    """Every one of them."""

    kind: Literal["all"]
    of: Sequence[Condition]


class AnyCondition(TypedDict):
    """At least one of them."""

    kind: Literal["any"]
    of: Sequence[Condition]


class NotCondition(TypedDict):
    """The opposite."""

    kind: Literal["not"]
    of: Condition


CompareCondition = TypedDict(
    "CompareCondition", {"kind": Literal["compare"], "reading": str, "is": Comparison, "value": float}
)
"""A reading against a value."""

Condition: TypeAlias = AllCondition | AnyCondition | NotCondition | CompareCondition
"""What else must hold of the readings when an incident is opened; what is not known holds not."""


class ScoreTerm(TypedDict):
    """What one reading adds to a health score: 1 at `healthy` and beyond, 0 at `worst` and beyond, linear between."""

    reading: str
    healthy: float
    worst: float
    weight: float


class RestoreRitualRepair(TypedDict):
    """Restore the assistant's state from a checkpoint of `ritual`, or of the ritual that it is in."""

    kind: Literal["restore_ritual"]
    ritual: NotRequired[str | None]


class RealignCodexRepair(TypedDict):
    """Bring the assistant back under `codex`, or the target's codex."""

    kind: Literal["realign_codex"]
    codex: NotRequired[str | None]


class ReduceLoadRepair(TypedDict):
    """Take so many percent of its load away, 1 to 100."""

    kind: Literal["reduce_load"]
    percent: int


class CustomRepair(TypedDict):
    """Something of your own."""

    kind: Literal["custom"]
    name: str


class PlainRepair(TypedDict):
    """Restart it, keep work away from it, add another beside it, tell a person, or propose a merge and wait for approval."""

    kind: Literal["restart_assistant", "quarantine", "clone", "notify", "propose_merge"]


RepairAction: TypeAlias = RestoreRitualRepair | RealignCodexRepair | ReduceLoadRepair | CustomRepair | PlainRepair
"""What may be done for an ill target. The host carries it out."""


class RepairStep(TypedDict):
    """One step of a rule's ladder: it is tried so often, 1 to 8 times, and must be answered within the deadline.

    By default it is tried once, and must be answered within ten minutes.
    """

    action: RepairAction
    attempts: NotRequired[int]
    deadline_ms: NotRequired[int]


class HealingRule(TypedDict):
    """What is wrong with a target, when, and what is done about it, step by step, until the target is well."""

    rule: str
    trigger: Trigger
    threshold: Threshold
    condition: NotRequired[Condition | None]
    score: Sequence[ScoreTerm]
    """How healthy a target is: 1 to 8 terms."""
    repair_actions: Sequence[RepairStep]
    """A rule of `codex_conflict` only proposes merges, notifies and quarantines."""
    settle_ms: NotRequired[int]
    """How long after an action its target needs before its health is measured again; by default a minute."""
    measure_within_ms: NotRequired[int]
    """How long behind that a reading may take to come; by default five minutes."""
    cooldown_ms: NotRequired[int]
    """How long lies at least between the beginnings of two actions for a target; by default a minute."""
    worse_margin: NotRequired[float]
    """An action made things worse if its delta is below minus this; by default 0.05."""


class Budget(TypedDict):
    """How many actions may be begun within a sliding period; at most 250."""

    max_actions: int
    period_ms: int


class Budgets(TypedDict):
    """The four budgets, which hold together: of each target, of a zone's, of a node's, and of all."""

    target: Budget
    zone: Budget
    node: Budget
    overall: Budget


class UnlimitedLimit(TypedDict):
    """Any number."""

    kind: Literal["unlimited"]


class AtMostLimit(TypedDict):
    """At most so many."""

    kind: Literal["at_most"]
    count: int


class AtMostPercentLimit(TypedDict):
    """At most such a share of all targets, 0 to 100, rounded down."""

    kind: Literal["at_most_percent"]
    percent: float


class BetweenLimit(TypedDict):
    """From so many to so many, both included."""

    kind: Literal["between"]
    min: int
    max: int


UnhealthyLimit: TypeAlias = UnlimitedLimit | AtMostLimit | AtMostPercentLimit | BetweenLimit
"""How many targets may be ill at the same time for actions to be begun."""


class FlapPolicy(TypedDict):
    """When a rule's state counts as flapping, in percent state change of the last 21 checks; by default 20 and 5."""

    low_percent: float
    high_percent: float


class HealingProtocol(TypedDict):
    """The rules by which targets are healed, and what bounds them."""

    rules: Sequence[HealingRule]
    """1 to 16, each with a name of its own. Where budgets are short, an earlier rule goes before a later one."""
    budgets: Budgets
    unhealthy: UnhealthyLimit
    flapping: NotRequired[FlapPolicy]
    max_reading_age_ms: NotRequired[int]
    """An action follows only upon readings at most so old; by default five minutes."""


class Target(TypedDict):
    """What is healed: an assistant, the node and zone where it runs, and the codex that it follows, if any."""

    assistant: str
    node: str
    zone: str
    codex: NotRequired[str | None]


class Observation(TypedDict):
    """What was measured of a target at one moment: at most 64 readings, which take the place of those before."""

    target: Target
    at: datetime
    readings: Mapping[str, float]


class Cause(TypedDict):
    """Which reading stood against which threshold."""

    value: float
    threshold: Threshold


class MeasuredDelta(TypedDict):
    """How far an action changed a target's health: the score after it settled minus that before, -1 to 1."""

    kind: Literal["measured"]
    value: float


Unresolved: TypeAlias = Literal["not_settled", "no_reading", "not_carried_out"]
"""Why a delta could not be told."""


class UnresolvedDelta(TypedDict):
    """It could not be told, which is not 0."""

    kind: Literal["unresolved"]
    why: Unresolved


HealthDelta: TypeAlias = MeasuredDelta | UnresolvedDelta
"""`symbolic_health_delta`: how far an action changed a target's health."""


class DoneOutcome(TypedDict):
    """It was carried out; `reversible` says whether you can undo it. No answer to what awaits approval."""

    kind: Literal["done"]
    reversible: NotRequired[bool]


class FailedOutcome(TypedDict):
    """It failed; trying again may help. Of the reason, the first 100 characters are kept."""

    kind: Literal["failed"]
    reason: str


class UnsupportedOutcome(TypedDict):
    """That cannot be done here: the next step is taken."""

    kind: Literal["unsupported"]


class ApprovedOutcome(TypedDict):
    """Of what awaits approval: yes, by this person or audit, and it was done."""

    kind: Literal["approved"]
    by: str


class DeclinedOutcome(TypedDict):
    """Of what awaits approval: no, by this person or audit. The next step is taken."""

    kind: Literal["declined"]
    by: str


HealingOutcome: TypeAlias = DoneOutcome | FailedOutcome | UnsupportedOutcome | ApprovedOutcome | DeclinedOutcome
"""What came of an effect, as you answer it."""


class DoneAttempt(TypedDict):
    """It was carried out."""

    kind: Literal["done"]
    reversible: bool


class PlainAttempt(TypedDict):
    """It cannot be done, nobody answered in time, or the trouble was over before anything came of it."""

    kind: Literal["unsupported", "timed_out", "withdrawn"]


AttemptOutcome: TypeAlias = DoneAttempt | FailedOutcome | PlainAttempt | ApprovedOutcome | DeclinedOutcome
"""What came of an action."""


class HealingAttempt(TypedDict):
    """One action that was decided, and what it did: `before` and `after` are health scores, 0 to 1."""

    number: int
    step: int
    action: RepairAction
    issued_at: datetime
    answered_at: datetime | None
    outcome: AttemptOutcome | None
    before: float | None
    after: float | None
    symbolic_health_delta: HealthDelta
    made_worse: bool
    """Whether it made things worse, and so is not repeated in this incident."""
    rolled_back: bool | None


class PlainPhase(TypedDict):
    """An action is to follow or to be undone, or the ladder is at its end."""

    kind: Literal["waiting", "rollback_due", "exhausted"]


class InFlightPhase(TypedDict):
    """An action was decided; you have not answered it. What awaits approval has no deadline."""

    kind: Literal["in_flight"]
    since: datetime
    deadline: datetime | None


class SettlingPhase(TypedDict):
    """An action was carried out; a reading counts from `settled_at` on, and must have come until `until`."""

    kind: Literal["settling"]
    since: datetime
    settled_at: datetime
    until: datetime


class RollingBackPhase(TypedDict):
    """An action that made things worse is being undone."""

    kind: Literal["rolling_back"]
    since: datetime
    deadline: datetime


HealingPhase: TypeAlias = PlainPhase | InFlightPhase | SettlingPhase | RollingBackPhase
"""Where an open incident stands."""

HealingEnding: TypeAlias = Literal["healthy", "retired", "rule_removed"]
"""How an incident ended."""


class HealingIncident(TypedDict):
    """One trouble of one target, from when a rule found it ill until it was well."""

    number: int
    rule: str
    trigger: Trigger
    target: Target
    opened_at: datetime
    cause: Cause
    phase: HealingPhase
    step: int
    tries: int
    attempts: list[HealingAttempt]
    ending: HealingEnding | None
    ended_at: datetime | None


class HealingEvent(TypedDict):
    """One incident of a target, as it is listed."""

    format: int
    tenant: str
    scope: str
    node_id: str
    zone: str
    triggered_by: str
    assistant: str
    repair_actions: list[HealingAttempt]
    symbolic_health_delta: HealthDelta
    """How far all of it changed the target's health."""
    created_at: datetime
    rule: str
    incident: int
    attempt: int
    outcome: AttemptOutcome | None
    before: float | None
    after: float | None
    cause: Cause
    phase: HealingPhase
    is_open: bool
    ending: HealingEnding | None
    ended_at: datetime | None


class FlapWindow(TypedDict):
    """The last 21 checks of a rule on a target, one bit each, and whether they flap."""

    states: int
    is_flapping: bool


class RuleState(TypedDict):
    """What is remembered of one rule on one target."""

    is_ill: bool
    flaps: FlapWindow
    acted_at: datetime | None
    incident: HealingIncident | None


class CountedAction(TypedDict):
    """An action that budgets count, and where its target was at the time."""

    at: datetime
    node: str
    zone: str


class TargetState(TypedDict):
    """All that is remembered of one target."""

    target: Target
    observed_at: datetime
    readings: dict[str, float]
    is_retired: bool
    incidents: int
    rules: dict[str, RuleState]
    counted: list[CountedAction]


class HealingTarget(TypedDict):
    """A target of a scope as it stands."""

    format: int
    tenant: str
    scope: str
    assistant: str
    is_ill: bool
    state: TargetState
    updated_at: datetime


class HealingEffectId(TypedDict):
    """Which action of which incident an effect is, or, with `rollback`, its undoing."""

    assistant: str
    rule: str
    incident: int
    attempt: int
    rollback: NotRequired[bool]


class HealingEffect(TypedDict):
    """Something to be carried out for a target, as it is handed out. Deduplicate by its `idempotency_key`."""

    id: HealingEffectId
    idempotency_key: str
    target: Target
    rule: str
    trigger: Trigger
    action: RepairAction
    issued_at: datetime
    deadline: datetime | None


class HandedOut(TypedDict):
    """An effect, and the epoch of the healer that hands it out: pass it on to whatever should refuse an older one."""

    epoch: int
    effect: HealingEffect


BudgetScope: TypeAlias = Literal["target", "zone", "node", "overall"]
"""Whose budget."""


class BudgetsLeft(TypedDict):
    """How many actions each budget has left."""

    target: int
    zone: int
    node: int
    overall: int


class PlainHold(TypedDict):
    """Every step was taken."""

    kind: Literal["exhausted"]


class InFlightHold(TypedDict):
    """Its action is in flight."""

    kind: Literal["in_flight"]
    since: datetime
    until: datetime


class ApprovalHold(TypedDict):
    """Its merge waits for a person or an audit."""

    kind: Literal["awaiting_approval"]
    since: datetime


class SettlingHold(TypedDict):
    """Its target settles after an action."""

    kind: Literal["settling"]
    settled_at: datetime
    until: datetime


class RollingBackHold(TypedDict):
    """Its last action is being undone."""

    kind: Literal["rolling_back"]
    until: datetime


class TargetBusyHold(TypedDict):
    """Another incident of the target has an action in flight, settling or being undone."""

    kind: Literal["target_busy"]
    rule: str


class FlappingHold(TypedDict):
    """The rule's state on the target flaps."""

    kind: Literal["flapping"]
    percent: float
    low_percent: float


class StaleReadingsHold(TypedDict):
    """The target's readings are too old to act upon, or older than its last action."""

    kind: Literal["stale_readings"]
    observed_at: datetime


class ShareHold(TypedDict):
    """Too many targets are ill at the same time, or too few."""

    kind: Literal["share"]
    unhealthy: int
    known: int


class CooldownHold(TypedDict):
    """The rule's last action for the target was begun too recently."""

    kind: Literal["cooldown"]
    until: datetime


class BudgetHold(TypedDict):
    """A budget is spent; `until` is when it has room again, `None` if it allows none at all."""

    kind: Literal["budget"]
    scope: BudgetScope
    until: datetime | None


HealingHold: TypeAlias = (
    PlainHold
    | InFlightHold
    | ApprovalHold
    | SettlingHold
    | RollingBackHold
    | TargetBusyHold
    | FlappingHold
    | StaleReadingsHold
    | ShareHold
    | CooldownHold
    | BudgetHold
)
"""Why nothing is begun for an open incident."""


class ActDecision(TypedDict):
    """The action of a step is begun."""

    kind: Literal["act"]
    step: int
    action: RepairAction
    effect: HealingEffectId
    idempotency_key: str


class RollBackDecision(TypedDict):
    """The last action made things worse and is undone."""

    kind: Literal["roll_back"]
    action: RepairAction
    effect: HealingEffectId
    idempotency_key: str


class HoldDecision(TypedDict):
    """Nothing is begun."""

    kind: Literal["hold"]
    why: HealingHold


HealingDecision: TypeAlias = ActDecision | RollBackDecision | HoldDecision
"""What is decided about an incident."""


class PlanEntry(TypedDict):
    """What is decided about one open incident, and why; `budgets_left` is after this decision."""

    target: Target
    rule: str
    trigger: Trigger
    incident: int
    opened_at: datetime
    cause: Cause
    reading: float | None
    score: float | None
    decision: HealingDecision
    budgets_left: BudgetsLeft


class HealthTotals(TypedDict):
    """How the targets of a scope are, all together."""

    known: int
    unhealthy: int
    incidents: int
    pending: int
    is_within_limit: bool
    budget_left: int


class HealingStatus(TypedDict):
    """A scope as it is stored, and what would be decided now."""

    totals: HealthTotals
    plan: list[PlanEntry]


class ObservedCodices(TypedDict):
    """How many observations told anything new, what was found of each codex that targets name, and which are not there."""

    taken: int
    codices: list[CodexVerification]
    missing: list[str]


class DisputedClause(TypedDict):
    """A clause that two heads of a codex do not have alike, as each has it; `None` for the one that has not."""

    clause: str
    ours: CodexClause | None
    theirs: CodexClause | None


class MergeOffer(TypedDict):
    """The oldest two heads of a codex: the clauses that both have alike, and those to be decided about."""

    ours: CodexHeadState
    theirs: CodexHeadState
    agreed: list[TakenClause]
    disputed: list[DisputedClause]


class MergeProposal(TypedDict):
    """A merge that waits for a person or an audit.

    `verification` is what is found of the codex now, `None` if the target names none, or none that is there. `merge` is
    `None` without several heads in a log that was verified.
    """

    effect: HealingEffectId
    idempotency_key: str
    target: Target
    rule: str
    since: datetime
    verification: CodexVerification | None
    merge: MergeOffer | None


class RecoveryOverview(TypedDict):
    """One scope at a glance: its totals, what would be decided now, and its newest open and ended incidents."""

    totals: HealthTotals
    plan: list[PlanEntry]
    active: list[HealingEvent]
    ended: list[HealingEvent]
