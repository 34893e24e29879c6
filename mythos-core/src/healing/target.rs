use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::Counted;
use super::{FLAPPING_PERCENT, FlapWindow, HealingName, HealingProtocol, Incident};
use crate::error::{Error, Result};
use crate::types::{AssistantId, CodexId, Timestamp};

/// What was measured of a target, by name, each a finite number in a unit of the host's own.
pub type Readings = BTreeMap<HealingName, f64>;

/// The reading that [`Trigger::CodexConflict`](super::Trigger::CodexConflict) usually compares: how many
/// [heads](crate::codex::CodexHead::heads) the target's codex has. Ill at 2, well below.
pub const CODEX_HEADS: &str = "codex_heads";

/// What is healed: an assistant, and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The assistant.
    pub assistant: AssistantId,
    /// The node that it runs on.
    pub node: HealingName,
    /// The zone that it belongs to.
    pub zone: HealingName,
    /// The codex that it follows, if any.
    #[serde(default)]
    pub codex: Option<CodexId>,
}

/// What was measured of a target at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Of which target, and where it is now.
    pub target: Target,
    /// When. What is not newer than what is known of the target changes nothing; a moment of the future counts as now.
    pub at: Timestamp,
    /// What: at most [`Observation::MAX_READINGS`]. They take the place of the readings before: one that is left out is
    /// not known any more.
    pub readings: Readings,
}

impl Observation {
    /// The most readings of one observation.
    pub const MAX_READINGS: usize = 64;

    pub(super) fn validate(&self) -> Result<()> {
        if self.readings.len() > Self::MAX_READINGS {
            let message = format!("{} has {} readings", self.target.assistant, self.readings.len());
            return Err(Error::limit(
                "readings",
                format!("{message}; at most {} are taken", Self::MAX_READINGS),
            ));
        }
        for (name, value) in &self.readings {
            let field = format!("readings.{name}");
            if !value.is_finite() {
                let message = format!("reading {name} of {} is {value}", self.target.assistant);
                return Err(Error::invalid(field, format!("{message}; a reading is a finite number")));
            }
            if name.as_str() == FLAPPING_PERCENT {
                return Err(Error::invalid(field, format!("{name} is measured here and not taken")));
            }
        }
        Ok(())
    }
}

/// All that is remembered of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetState {
    /// The target, as it was observed last.
    pub target: Target,
    /// When.
    pub observed_at: Timestamp,
    /// What was measured then.
    pub readings: Readings,
    /// Whether it was taken out: it counts among no targets, and nothing is done for it until it is observed again.
    pub is_retired: bool,
    /// The number of its newest incident; if it had none, that of the newest of those targets that were forgotten before it
    /// was first observed.
    pub(super) incidents: u64,
    /// By rule.
    pub(super) rules: BTreeMap<HealingName, RuleState>,
    /// The actions that budgets count.
    pub(super) counted: Vec<Counted>,
}

/// What is remembered of one rule on one target.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleState {
    pub(super) is_ill: bool,
    pub(super) flaps: FlapWindow,
    /// When its last action was begun, for the cooldown.
    pub(super) acted_at: Option<Timestamp>,
    pub(super) incident: Option<Incident>,
}

impl TargetState {
    /// A target of which nothing is known, whose incidents are counted on from `incidents`.
    pub(super) fn new(target: Target, observed_at: Timestamp, incidents: u64) -> Self {
        Self {
            target,
            observed_at,
            readings: Readings::new(),
            is_retired: false,
            incidents,
            rules: BTreeMap::new(),
            counted: Vec::new(),
        }
    }

    /// Whether any rule finds it ill.
    #[must_use]
    pub fn is_ill(&self) -> bool {
        !self.is_retired && self.rules.values().any(|rule| rule.is_ill)
    }

    /// Whether it was taken out, and nothing of it decides anything any more: no budget counts what was done for it, no
    /// cooldown goes on, and what comes late of it would be too old to act upon.
    pub(super) fn is_over(&self, protocol: &HealingProtocol, now: Timestamp) -> bool {
        let options = protocol.options();
        let is_past =
            |at: Timestamp, milliseconds| at.saturating_add(Duration::from_millis(milliseconds)) < now;
        let has_cooled_down = |(name, state): (&HealingName, &RuleState)| {
            let cooldown_ms = protocol.rule(name).map_or(0, |(_, rule)| rule.options().cooldown_ms);
            state.acted_at.is_none_or(|acted_at| is_past(acted_at, cooldown_ms))
        };
        self.is_retired
            && is_past(self.observed_at, options.max_reading_age_ms)
            && self.counted.iter().all(|counted| options.budgets.has_expired(counted.at, now))
            && self.rules.iter().all(has_cooled_down)
    }

    /// Its open incidents, by rule.
    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.rules.values().filter_map(|rule| rule.incident.as_ref())
    }

    /// The one of its incidents whose action is in flight, settling or being undone: one at a time, since what two did
    /// together could not be told apart. What awaits approval may do so for days, and keeps nothing else from being done.
    pub(super) fn acting(&self) -> Option<&Incident> {
        self.open().find(|incident| incident.phase.is_acting() && !incident.awaits_approval())
    }
}
