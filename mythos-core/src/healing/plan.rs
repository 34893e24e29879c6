use serde::{Deserialize, Serialize};

use super::{BudgetScope, BudgetsLeft, Cause, EffectId, HealingName, RepairAction, Target, Trigger};
use crate::types::{Digest, Timestamp};

/// What is decided about one open incident, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanEntry {
    /// The target, as it was observed last.
    pub target: Target,
    /// The rule.
    pub rule: HealingName,
    /// The rule's trigger.
    pub trigger: Trigger,
    /// The incident, counted from 1 in the target's life.
    pub incident: u64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Which reading stood against which threshold when it was opened.
    pub cause: Cause,
    /// That reading as it is now, if it is known.
    pub reading: Option<f64>,
    /// The rule's health score as it is now, 0 to 1, if its readings are known.
    pub score: Option<f64>,
    /// What is done, or why nothing is.
    pub decision: Decision,
    /// What the budgets have left after this decision.
    pub budgets_left: BudgetsLeft,
}

/// What is decided about an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// The action of a step is begun.
    Act {
        /// The step of the ladder, from 0.
        step: u32,
        /// What.
        action: RepairAction,
        /// The effect that asks for it.
        effect: EffectId,
        /// Its idempotency key.
        idempotency_key: Digest,
    },
    /// The last action made things worse and is undone.
    RollBack {
        /// What is undone.
        action: RepairAction,
        /// The effect that asks for it.
        effect: EffectId,
        /// Its idempotency key.
        idempotency_key: Digest,
    },
    /// Nothing is begun.
    Hold {
        /// Why.
        why: Hold,
    },
}

/// Why nothing is begun for an open incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Hold {
    /// Its action is in flight.
    InFlight {
        /// Since when.
        since: Timestamp,
        /// Until when the host must have answered.
        until: Timestamp,
    },
    /// Its merge waits for a person or an audit.
    AwaitingApproval {
        /// Since when.
        since: Timestamp,
    },
    /// Its target settles after an action.
    Settling {
        /// From when on a reading counts.
        settled_at: Timestamp,
        /// Until when one must have come.
        until: Timestamp,
    },
    /// Its last action is being undone.
    RollingBack {
        /// Until when the host must have answered.
        until: Timestamp,
    },
    /// Every step was taken.
    Exhausted,
    /// Another incident of the target has an action in flight, settling or being undone.
    TargetBusy {
        /// The rule of that other.
        rule: HealingName,
    },
    /// The rule's state on the target flaps.
    Flapping {
        /// Its percent state change.
        percent: f64,
        /// Below which it ends.
        low_percent: f64,
    },
    /// The target's readings are too old to act upon, or older than its last action.
    StaleReadings {
        /// When it was observed last.
        observed_at: Timestamp,
    },
    /// Too many targets are ill at the same time, or too few.
    Share {
        /// How many.
        unhealthy: u64,
        /// Of how many.
        known: u64,
    },
    /// The rule's last action for the target was begun too recently.
    Cooldown {
        /// Until when.
        until: Timestamp,
    },
    /// A budget is spent.
    Budget {
        /// Whose.
        scope: BudgetScope,
        /// When it has room again, if nothing else is done; `None` if it allows none at all.
        until: Option<Timestamp>,
    },
}

impl Decision {
    /// Whether something is begun.
    #[must_use]
    pub const fn is_action(&self) -> bool {
        !matches!(self, Self::Hold { .. })
    }

    /// When something else may be decided without another observation or answer.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Hold { why } => why.until(),
            Self::Act { .. } | Self::RollBack { .. } => None,
        }
    }
}

impl Hold {
    /// When it is over by itself.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::InFlight { until, .. }
            | Self::Settling { until, .. }
            | Self::RollingBack { until }
            | Self::Cooldown { until } => Some(*until),
            Self::Budget { until, .. } => *until,
            _ => None,
        }
    }
}
