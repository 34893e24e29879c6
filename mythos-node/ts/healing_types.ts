import type { CodexClause, CodexHeadState, TakenClause } from './codex.js';
import type { CodexVerification } from './codex_proofs.js';
import type { Hex } from './protocol.js';

/**
 * What kind of trouble a rule finds.
 *
 * - `entropy_spike`: the assistant's states grow disordered.
 * - `ritual_failure`: its rituals fail.
 * - `codex_conflict`: its codex has several heads.
 * - `stall`: it makes no progress.
 * - `flapping`: another rule's state swings; the reading is `flapping_percent`, which is measured here.
 * - `custom`: something of the host's own; none of the names above.
 */
export type Trigger =
  | { readonly kind: 'entropy_spike' | 'ritual_failure' | 'codex_conflict' | 'stall' | 'flapping' }
  | { readonly kind: 'custom'; readonly name: string };

/** When a reading is ill and when it is well again: between `enter` and `exit`, it stays what it was. */
export interface Threshold {
  /** The name of the reading. */
  readonly reading: string;
  /** On which side it is ill. */
  readonly side: 'above' | 'below';
  /** It becomes ill at this value or beyond. */
  readonly enter: number;
  /** It becomes well once it is no longer at this value or beyond. */
  readonly exit: number;
}

/** How a reading must stand to a value. */
export type Comparison = 'above' | 'at_least' | 'below' | 'at_most' | 'equal';

/**
 * What else must hold of the readings when an incident is opened: at most 8 levels and 64 nodes. A comparison with a reading
 * that is missing is neither true nor false.
 */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'compare'; readonly reading: string; readonly is: Comparison; readonly value: number };

/** What one reading adds to a health score: 1 at `healthy` and beyond, 0 at `worst` and beyond, linear between. */
export interface ScoreTerm {
  readonly reading: string;
  readonly healthy: number;
  readonly worst: number;
  /** How much it counts, above 0 and at most 1,000. */
  readonly weight: number;
}

/**
 * What may be done for an ill target. The host carries it out.
 *
 * - `restore_ritual`: restore its state from a checkpoint of `ritual`, or of the ritual that it is in.
 * - `realign_codex`: bring it back under `codex`, or the target's codex.
 * - `restart_assistant`: restart it.
 * - `quarantine`: keep work away from it, and let it live.
 * - `reduce_load`: take so many percent of its load away, 1 to 100.
 * - `clone`: add another assistant beside it.
 * - `notify`: tell a person.
 * - `propose_merge`: propose how the heads of its codex are merged, and wait for approval.
 * - `custom`: something of the host's own.
 */
export type RepairAction =
  | { readonly kind: 'restore_ritual'; readonly ritual?: string | null | undefined }
  | { readonly kind: 'realign_codex'; readonly codex?: string | null | undefined }
  | { readonly kind: 'restart_assistant' | 'quarantine' | 'clone' | 'notify' | 'propose_merge' }
  | { readonly kind: 'reduce_load'; readonly percent: number }
  | { readonly kind: 'custom'; readonly name: string };

/** One step of a rule's ladder. */
export interface RepairStep {
  readonly action: RepairAction;
  /** How often it is tried in one incident: 1 to 8, by default 1. What made things worse is not tried again. */
  readonly attempts?: number;
  /** How many milliseconds the host has to answer; by default ten minutes. Without meaning for what awaits approval. */
  readonly deadline_ms?: number;
}

/** What is wrong with a target, when, and what is done about it. */
export interface HealingRule {
  /** Its name, unique in its protocol. */
  readonly rule: string;
  readonly trigger: Trigger;
  readonly threshold: Threshold;
  readonly condition?: Condition | null | undefined;
  /** How healthy a target is: 1 to 8 terms. */
  readonly score: readonly ScoreTerm[];
  /** The ladder: what is done, step by step, until the target is well. One of `codex_conflict` only proposes merges, notifies and quarantines. */
  readonly repair_actions: readonly RepairStep[];
  /** How long after an action its target needs before its health is measured again; by default a minute. */
  readonly settle_ms?: number;
  /** How long behind that a reading may take to come; by default five minutes. */
  readonly measure_within_ms?: number;
  /** How long lies at least between the beginnings of two actions for a target; by default a minute. */
  readonly cooldown_ms?: number;
  /** An action made things worse if its delta is below minus this; by default 0.05. */
  readonly worse_margin?: number;
}

/** How many actions may be begun within a sliding period. */
export interface HealingBudget {
  /** At most 250. */
  readonly max_actions: number;
  readonly period_ms: number;
}

/** The four budgets, which hold together: of each target, of a zone's, of a node's, and of all. */
export interface HealingBudgets {
  readonly target: HealingBudget;
  readonly zone: HealingBudget;
  readonly node: HealingBudget;
  readonly overall: HealingBudget;
}

/** How many targets may be ill at the same time for actions to be begun. A percentage is of all, rounded down. */
export type UnhealthyLimit =
  | { readonly kind: 'unlimited' }
  | { readonly kind: 'at_most'; readonly count: number }
  | { readonly kind: 'at_most_percent'; readonly percent: number }
  | { readonly kind: 'between'; readonly min: number; readonly max: number };

/** The rules by which targets are healed, and what bounds them. */
export interface HealingProtocol {
  /** 1 to 16. Where budgets are short, an earlier rule goes before a later one, then an older incident before a younger. */
  readonly rules: readonly HealingRule[];
  readonly budgets: HealingBudgets;
  readonly unhealthy: UnhealthyLimit;
  /** When a rule's state counts as flapping, in percent state change of the last 21 checks; by default 20 and 5. */
  readonly flapping?: { readonly low_percent: number; readonly high_percent: number };
  /** An action follows only upon readings at most so old; by default five minutes. */
  readonly max_reading_age_ms?: number;
}

/** What is healed: an assistant, and where it runs. */
export interface Target {
  readonly assistant: string;
  readonly node: string;
  readonly zone: string;
  /** The codex that it follows, if any. */
  readonly codex?: string | null | undefined;
}

/** What was measured of a target at one moment. */
export interface Observation {
  readonly target: Target;
  /** When, in ISO 8601. What is not newer than what is known of the target changes nothing. */
  readonly at: string;
  /** At most 64, each a finite number. They take the place of the readings before. */
  readonly readings: Readonly<Record<string, number>>;
}

/** Which reading stood against which threshold. */
export interface Cause {
  readonly value: number;
  readonly threshold: Threshold;
}

/** How far an action changed a target's health, -1 to 1. That it could not be told is not 0. */
export type HealthDelta =
  | { readonly kind: 'measured'; readonly value: number }
  | { readonly kind: 'unresolved'; readonly why: 'not_settled' | 'no_reading' | 'not_carried_out' };

/**
 * What came of an effect, as the host answers it. What awaits approval is approved, after it was done, or declined; `done` is no
 * answer to it. Of a reason, the first 100 characters are kept.
 */
export type HealingOutcome =
  | { readonly kind: 'done'; readonly reversible?: boolean }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'approved' | 'declined'; readonly by: string };

/** What came of an action. */
export type AttemptOutcome =
  | { readonly kind: 'done'; readonly reversible: boolean }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'unsupported' | 'timed_out' | 'withdrawn' }
  | { readonly kind: 'approved' | 'declined'; readonly by: string };

/** One action that was decided. */
export interface HealingAttempt {
  /** Counted from 1 in the incident. */
  readonly number: number;
  /** The step of the ladder, from 0. */
  readonly step: number;
  readonly action: RepairAction;
  readonly issued_at: string;
  readonly answered_at: string | null;
  readonly outcome: AttemptOutcome | null;
  /** The health score before it, 0 to 1; null if a reading was missing. */
  readonly before: number | null;
  /** The health score after the target settled. */
  readonly after: number | null;
  readonly symbolic_health_delta: HealthDelta;
  /** Whether it made things worse, and so is not repeated in this incident. */
  readonly made_worse: boolean;
  /** Whether it was undone; null if that was not asked for, or is not answered. */
  readonly rolled_back: boolean | null;
}

/** Where an open incident stands. */
export type HealingPhase =
  | { readonly kind: 'waiting' | 'rollback_due' | 'exhausted' }
  | { readonly kind: 'in_flight'; readonly since: string; readonly deadline: string | null }
  | { readonly kind: 'settling'; readonly since: string; readonly settled_at: string; readonly until: string }
  | { readonly kind: 'rolling_back'; readonly since: string; readonly deadline: string };

/** How an incident ended. */
export type HealingEnding = 'healthy' | 'retired' | 'rule_removed';

/** One trouble of one target, from when a rule found it ill until it was well. */
export interface HealingIncident {
  /** Counted from 1 in the target's life. */
  readonly number: number;
  readonly rule: string;
  readonly trigger: Trigger;
  readonly target: Target;
  readonly opened_at: string;
  readonly cause: Cause;
  readonly phase: HealingPhase;
  /** The step of the ladder that is taken or comes next, from 0. */
  readonly step: number;
  /** How often that step was tried. */
  readonly tries: number;
  readonly attempts: readonly HealingAttempt[];
  readonly ending: HealingEnding | null;
  readonly ended_at: string | null;
}

/** One incident of a target, as it is listed. */
export interface HealingEvent {
  readonly format: number;
  readonly tenant: string;
  readonly scope: string;
  readonly node_id: string;
  readonly zone: string;
  /** The name of the trigger. */
  readonly triggered_by: string;
  readonly assistant: string;
  /** What was done, in order. */
  readonly repair_actions: readonly HealingAttempt[];
  /** How far all of it changed the target's health. */
  readonly symbolic_health_delta: HealthDelta;
  readonly created_at: string;
  readonly rule: string;
  readonly incident: number;
  /** How many actions were begun. */
  readonly attempt: number;
  /** What came of the last one. */
  readonly outcome: AttemptOutcome | null;
  readonly before: number | null;
  readonly after: number | null;
  readonly cause: Cause;
  readonly phase: HealingPhase;
  readonly is_open: boolean;
  readonly ending: HealingEnding | null;
  readonly ended_at: string | null;
}

/** All that is remembered of one target. */
export interface TargetState {
  readonly target: Target;
  readonly observed_at: string;
  readonly readings: Readonly<Record<string, number>>;
  /** Whether it was taken out. */
  readonly is_retired: boolean;
  /** How many incidents were opened for it. */
  readonly incidents: number;
  /** By rule. */
  readonly rules: Readonly<
    Record<
      string,
      {
        readonly is_ill: boolean;
        readonly flaps: { readonly states: number; readonly is_flapping: boolean };
        readonly acted_at: string | null;
        readonly incident: HealingIncident | null;
      }
    >
  >;
  /** The actions that budgets count. */
  readonly counted: readonly { readonly at: string; readonly node: string; readonly zone: string }[];
}

/** A target of a scope as it stands. */
export interface HealingTarget {
  readonly format: number;
  readonly tenant: string;
  readonly scope: string;
  readonly assistant: string;
  readonly is_ill: boolean;
  readonly state: TargetState;
  readonly updated_at: string;
}

/** Which incidents to list; all conditions hold together. */
export interface HealingEventFilter {
  readonly scope?: string | null | undefined;
  readonly assistant?: string | null | undefined;
  readonly node_id?: string | null | undefined;
  readonly zone?: string | null | undefined;
  readonly rule?: string | null | undefined;
  readonly triggered_by?: string | null | undefined;
  readonly is_open?: boolean | null | undefined;
  readonly ending?: HealingEnding | null | undefined;
  /** Opened at this moment, in ISO 8601, or later. */
  readonly since?: string | null | undefined;
  /** Opened before this moment. */
  readonly before?: string | null | undefined;
}

/** Which targets to list; all conditions hold together. */
export interface HealingTargetFilter {
  readonly scope?: string | null | undefined;
  readonly assistant?: string | null | undefined;
  readonly is_ill?: boolean | null | undefined;
}

/** Which action of which incident an effect is, or, with `rollback`, its undoing. */
export interface HealingEffectId {
  readonly assistant: string;
  readonly rule: string;
  readonly incident: number;
  readonly attempt: number;
  readonly rollback?: boolean;
}

/** Something to be carried out for a target, as it is handed out. */
export interface HealingEffect {
  readonly id: HealingEffectId;
  /** What the host deduplicates by. */
  readonly idempotency_key: Hex;
  readonly target: Target;
  readonly rule: string;
  readonly trigger: Trigger;
  /** What to do, or, if the id says so, what to undo. */
  readonly action: RepairAction;
  readonly issued_at: string;
  /** Until when it must be answered; null for what awaits approval. */
  readonly deadline: string | null;
}

/** An effect, and the epoch of the healer that hands it out: pass it on to whatever should refuse an older one. */
export interface HandedOut {
  readonly epoch: number;
  readonly effect: HealingEffect;
}

/** How many actions each budget has left. */
export interface BudgetsLeft {
  readonly target: number;
  readonly zone: number;
  readonly node: number;
  readonly overall: number;
}

/** Why nothing is begun for an open incident. */
export type HealingHold =
  | { readonly kind: 'in_flight'; readonly since: string; readonly until: string }
  | { readonly kind: 'awaiting_approval'; readonly since: string }
  | { readonly kind: 'settling'; readonly settled_at: string; readonly until: string }
  | { readonly kind: 'rolling_back'; readonly until: string }
  | { readonly kind: 'exhausted' }
  | { readonly kind: 'target_busy'; readonly rule: string }
  | { readonly kind: 'flapping'; readonly percent: number; readonly low_percent: number }
  | { readonly kind: 'stale_readings'; readonly observed_at: string }
  | { readonly kind: 'share'; readonly unhealthy: number; readonly known: number }
  | { readonly kind: 'cooldown'; readonly until: string }
  | { readonly kind: 'budget'; readonly scope: 'target' | 'zone' | 'node' | 'overall'; readonly until: string | null };

/** What is decided about an incident. */
export type HealingDecision =
  | {
      readonly kind: 'act';
      readonly step: number;
      readonly action: RepairAction;
      readonly effect: HealingEffectId;
      readonly idempotency_key: Hex;
    }
  | {
      readonly kind: 'roll_back';
      readonly action: RepairAction;
      readonly effect: HealingEffectId;
      readonly idempotency_key: Hex;
    }
  | { readonly kind: 'hold'; readonly why: HealingHold };

/** What is decided about one open incident, and why. */
export interface PlanEntry {
  readonly target: Target;
  readonly rule: string;
  readonly trigger: Trigger;
  readonly incident: number;
  readonly opened_at: string;
  readonly cause: Cause;
  /** The threshold's reading as it is now; null if it is not known. */
  readonly reading: number | null;
  /** The health score as it is now. */
  readonly score: number | null;
  readonly decision: HealingDecision;
  /** What the budgets have left after this decision. */
  readonly budgets_left: BudgetsLeft;
}

/** How the targets of a scope are, all together. */
export interface HealthTotals {
  readonly known: number;
  readonly unhealthy: number;
  /** How many incidents are open. */
  readonly incidents: number;
  /** How many effects wait for an answer. */
  readonly pending: number;
  /** Whether so many may be ill for actions to be begun. */
  readonly is_within_limit: boolean;
  /** How many actions the overall budget has left. */
  readonly budget_left: number;
}

/** A scope as it is stored, and what would be decided now. */
export interface HealingStatus {
  readonly totals: HealthTotals;
  readonly plan: readonly PlanEntry[];
}

/** What `observeCodices` of a healer did. */
export interface ObservedCodices {
  /** How many observations told anything new. */
  readonly taken: number;
  /** What was found of each codex that a target names, by id. */
  readonly codices: readonly CodexVerification[];
  /** The codices that targets name and that are not there. */
  readonly missing: readonly string[];
}

/** A merge that waits for a person or an audit. */
export interface MergeProposal {
  /** What is approved or declined. */
  readonly effect: HealingEffectId;
  readonly idempotency_key: Hex;
  readonly target: Target;
  readonly rule: string;
  /** Since when it waits. */
  readonly since: string;
  /** What is found of the target's codex now; null if it names none, or none that is there. */
  readonly verification: CodexVerification | null;
  /** What can be merged; null without several heads in a log that was verified. */
  readonly merge: MergeOffer | null;
}

/** The oldest two heads of a codex, and what is to be decided to join them. */
export interface MergeOffer {
  readonly ours: CodexHeadState;
  readonly theirs: CodexHeadState;
  /** The clauses that both have alike. */
  readonly agreed: readonly TakenClause[];
  /** The others. */
  readonly disputed: readonly DisputedClause[];
}

/** A clause that two heads of a codex do not have alike, as each has it; null for the one that has not. */
export interface DisputedClause {
  readonly clause: string;
  readonly ours: CodexClause | null;
  readonly theirs: CodexClause | null;
}

/** That a person or an audit approves a merge, and which. */
export interface ApproveMerge {
  /** The effect of the proposal. */
  readonly effect: HealingEffectId;
  /** The person or audit: the actor of the merge in the codex's log. */
  readonly by: string;
  /** The position of one head's event. */
  readonly ours: number;
  /** The position of the other head's event. */
  readonly theirs: number;
  /** The clauses of the result, in order. */
  readonly take: readonly TakenClause[];
  /** The directives that led to it. */
  readonly directive_path: readonly string[];
  readonly reason?: string | null | undefined;
  /** The digest of evidence that the merge was examined. */
  readonly evidence?: Hex | null | undefined;
}

/** One scope at a glance. */
export interface RecoveryOverview {
  readonly totals: HealthTotals;
  /** What would be decided now about every open incident, and why. */
  readonly plan: readonly PlanEntry[];
  /** The newest open incidents. */
  readonly active: readonly HealingEvent[];
  /** The newest ended incidents. */
  readonly ended: readonly HealingEvent[];
}
