//! Heals assistants that grow ill: rules find trouble in readings, a plan says what is done and why, and what it did to the
//! target's health is measured.
//!
//! A *target* is an assistant with the node and zone where it runs. A [`HealingProtocol`] is data: rules with thresholds
//! (with hysteresis), conditions, ladders of repair actions, and what bounds them: settling and cooldown, budgets, the share
//! of targets that may be ill, flap damping. A pure [`HealingMachine`] decides: it takes observations and answers with the
//! time, and gives plans and effects; the host carries the effects out. [`SelfHealingProtocolEngine`] keeps machines in a
//! store, so that no decision is lost with its process.
//!
//! # What it promises
//! - Never more actions than each [`Budget`] allows in any sliding period.
//! - Never two actions in flight for one incident, nor for one target but for a merge that awaits approval.
//! - No action while more targets are ill than the [`UnhealthyLimit`] allows, while the rule's state flaps, or upon readings
//!   that are too old.
//! - An action that made things worse is not repeated in its incident; where the host can, it is rolled back.
//! - Heads of a codex are merged only upon a person's or an audit's approval, and then once.
//! - A [dry run](HealingMachine::dry_run) is the plan.

mod action;
mod budget;
mod commit;
mod condition;
mod effect;
mod flap;
mod healer;
mod incident;
mod machine;
mod merge;
mod name;
mod observation;
mod plan;
mod protocol;
mod record;
mod rule;
mod score;
mod service;
mod target;
#[cfg(test)]
mod tests;
mod transition;

pub use action::{RepairAction, RepairStep};
pub use budget::{Budget, BudgetScope, Budgets, BudgetsLeft};
pub use condition::{Comparison, Condition};
pub use effect::{Effect, EffectId, Outcome};
pub use flap::{FlapPolicy, FlapWindow};
pub use healer::{HandedOut, Healer};
pub use incident::{Attempt, AttemptOutcome, Cause, Ending, Incident, Phase};
pub use machine::{Changes, HealingMachine, HealthTotals};
pub use merge::{ApproveMerge, DisputedClause, MergeOffer, MergeProposal, ObservedCodices};
pub use name::HealingName;
pub use plan::{Decision, Hold, PlanEntry};
pub use protocol::{HealingProtocol, HealingProtocolDraft, HealingProtocolOptions, UnhealthyLimit};
pub use record::{HealingEvent, HealingNumbering, HealingScope, HealingTarget};
pub use rule::{FLAPPING_PERCENT, HealingRule, HealingRuleOptions, Side, Threshold, Trigger};
pub use score::{HealthDelta, ScoreTerm, Unresolved};
pub use service::{HealingEventFilter, HealingStatus, HealingTargetFilter, SelfHealingProtocolEngine};
pub use target::{CODEX_HEADS, Observation, Readings, Target, TargetState};
