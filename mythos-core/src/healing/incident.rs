use serde::{Deserialize, Serialize};

use super::{HealingName, HealthDelta, RepairAction, Target, Threshold, Trigger};
use crate::restart::Reason;
use crate::types::Timestamp;

/// One trouble of one target, from when a rule found it ill until it was well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Counted from 1 in the target's life.
    pub number: u64,
    /// The rule that found it.
    pub rule: HealingName,
    /// The rule's trigger.
    pub trigger: Trigger,
    /// The target, as it was when the incident was opened.
    pub target: Target,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What opened it.
    pub cause: Cause,
    /// Where it stands.
    pub phase: Phase,
    /// The step of the ladder that is taken or comes next, from 0.
    pub step: u32,
    /// How often that step was tried.
    pub tries: u32,
    /// What was done, in order.
    pub attempts: Vec<Attempt>,
    /// How it ended; `None` while it is open.
    pub ending: Option<Ending>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Which reading stood against which threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The reading's value.
    pub value: f64,
    /// The threshold, with the reading's name.
    pub threshold: Threshold,
}

/// Where an open incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Phase {
    /// An action is to follow.
    Waiting,
    /// An action was decided; the host has not answered it.
    InFlight {
        /// When it was decided.
        since: Timestamp,
        /// Until when the host must have answered; `None` for what awaits approval.
        deadline: Option<Timestamp>,
    },
    /// An action was carried out; its effect is to be measured.
    Settling {
        /// When it was answered.
        since: Timestamp,
        /// From when on a reading counts.
        settled_at: Timestamp,
        /// Until when a reading must have come.
        until: Timestamp,
    },
    /// An action made things worse and is to be undone.
    RollbackDue,
    /// The host undoes it.
    RollingBack {
        /// When that was decided.
        since: Timestamp,
        /// Until when the host must have answered.
        deadline: Timestamp,
    },
    /// The ladder is at its end, and the target still ill.
    Exhausted,
}

/// One action that was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Counted from 1 in the incident.
    pub number: u32,
    /// The step of the ladder, from 0.
    pub step: u32,
    /// What was to be done.
    pub action: RepairAction,
    /// When it was decided.
    pub issued_at: Timestamp,
    /// When it was answered, or given up.
    pub answered_at: Option<Timestamp>,
    /// What came of it; `None` while it is in flight.
    pub outcome: Option<AttemptOutcome>,
    /// The health score before it, 0 to 1; `None` if a reading was missing.
    pub before: Option<f64>,
    /// The health score after the target settled; `None` until then, and if a reading was missing.
    pub after: Option<f64>,
    /// How far it changed the target's health.
    pub symbolic_health_delta: HealthDelta,
    /// Whether it made things worse, and so is not repeated in this incident.
    pub made_worse: bool,
    /// Whether it was undone; `None` if that was not asked for, or is not answered.
    pub rolled_back: Option<bool>,
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// It was carried out.
    Done {
        /// Whether the host can undo it.
        reversible: bool,
    },
    /// It failed.
    Failed {
        /// Why.
        reason: Reason,
    },
    /// The host cannot do that.
    Unsupported,
    /// Nobody answered in time.
    TimedOut,
    /// The trouble was over, or its target gone, before anything came of it.
    Withdrawn,
    /// Somebody said yes.
    Approved {
        /// Who.
        by: HealingName,
    },
    /// Somebody said no.
    Declined {
        /// Who.
        by: HealingName,
    },
}

/// How an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ending {
    /// The target's readings became healthy.
    Healthy,
    /// The target was retired.
    Retired,
    /// The rule was taken out of the protocol.
    RuleRemoved,
}

impl Ending {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Retired => "retired",
            Self::RuleRemoved => "rule_removed",
        }
    }
}

impl Phase {
    /// Whether an action is in flight, settling, or being undone.
    #[must_use]
    pub const fn is_acting(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Exhausted)
    }

    /// When the host was asked for something that it has not answered.
    #[must_use]
    pub const fn pending_since(&self) -> Option<Timestamp> {
        match self {
            Self::InFlight { since, .. } | Self::RollingBack { since, .. } => Some(*since),
            _ => None,
        }
    }

    /// When it was set and when it is over by itself.
    pub(super) const fn timer(&self) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::InFlight { since, deadline: Some(until) }
            | Self::Settling { since, until, .. }
            | Self::RollingBack { since, deadline: until } => Some((*since, *until)),
            _ => None,
        }
    }
}

impl Incident {
    /// The last action that was decided.
    #[must_use]
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Whether what it is about awaits a person or an audit.
    pub(super) fn awaits_approval(&self) -> bool {
        matches!(self.phase, Phase::InFlight { .. })
            && self.last().is_some_and(|last| last.action.awaits_approval())
    }

    /// Whether an action made things worse in this incident.
    pub(super) fn made_worse(&self, action: &RepairAction) -> bool {
        self.attempts.iter().any(|attempt| attempt.made_worse && attempt.action == *action)
    }
}
