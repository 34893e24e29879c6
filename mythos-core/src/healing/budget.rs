use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::HealingName;
use super::rule::check_milliseconds;
use crate::error::{Error, Result};
use crate::types::{AssistantId, Timestamp};

/// How many repair actions may be begun within a sliding period. An action exactly one period ago still counts.
///
/// One in the future does not: the clock was set back since, so that how long ago it was cannot be told, and a count that
/// never ends would keep an assistant ill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The most actions; 0 allows none. At most [`Budget::MAX_ACTIONS`].
    pub max_actions: u32,
    /// The period in milliseconds, above 0, at most `2^53 - 1`.
    pub period_ms: u64,
}

/// The four budgets, which hold together: an action needs room in each. Rollbacks are not counted: they undo an action
/// that was, so there are never more of them, and none may be held back for want of budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// Of each target.
    pub target: Budget,
    /// Of all targets of a zone.
    pub zone: Budget,
    /// Of all targets of a node.
    pub node: Budget,
    /// Of all targets.
    pub overall: Budget,
}

/// Whose budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BudgetScope {
    /// The target's.
    Target,
    /// Its zone's.
    Zone,
    /// Its node's.
    Node,
    /// That of all.
    Overall,
}

/// How many actions each budget has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetsLeft {
    /// For the target.
    pub target: u32,
    /// For its zone.
    pub zone: u32,
    /// For its node.
    pub node: u32,
    /// For all targets.
    pub overall: u32,
}

/// An action that counts, and where its target was at the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counted {
    pub(super) at: Timestamp,
    pub(super) node: HealingName,
    pub(super) zone: HealingName,
}

impl Counted {
    fn purses(&self, assistant: &AssistantId) -> [Purse; 4] {
        [
            Purse::Target(assistant.clone()),
            Purse::Zone(self.zone.clone()),
            Purse::Node(self.node.clone()),
            Purse::Overall,
        ]
    }
}

impl Budget {
    /// The highest count, since the moments of the counted actions are kept with each target.
    pub const MAX_ACTIONS: u32 = 250;

    fn validate(&self, field: &str) -> Result<()> {
        check_milliseconds(&format!("{field}.period_ms"), self.period_ms)?;
        if self.period_ms == 0 {
            return Err(Error::invalid(format!("{field}.period_ms"), "a budget has a period above 0 ms"));
        }
        if self.max_actions > Self::MAX_ACTIONS {
            let message =
                format!("a budget is of at most {} actions, not {}", Self::MAX_ACTIONS, self.max_actions);
            return Err(Error::limit(format!("{field}.max_actions"), message));
        }
        Ok(())
    }

    fn begin(&self, now: Timestamp) -> Timestamp {
        now.saturating_sub(Duration::from_millis(self.period_ms))
    }
}

impl Budgets {
    pub(super) fn validate(&self) -> Result<()> {
        self.target.validate("budgets.target")?;
        self.zone.validate("budgets.zone")?;
        self.node.validate("budgets.node")?;
        self.overall.validate("budgets.overall")
    }

    /// Whether no budget counts an action at `at` any more.
    pub(super) fn has_expired(&self, at: Timestamp, now: Timestamp) -> bool {
        let budgets = [self.target, self.zone, self.node, self.overall];
        budgets.iter().all(|budget| at < budget.begin(now))
    }
}

impl BudgetsLeft {
    /// The first that has none left, the narrowest first.
    pub(super) fn spent(&self) -> Option<BudgetScope> {
        [
            (self.target, BudgetScope::Target),
            (self.node, BudgetScope::Node),
            (self.zone, BudgetScope::Zone),
            (self.overall, BudgetScope::Overall),
        ]
        .into_iter()
        .find_map(|(left, scope)| (left == 0).then_some(scope))
    }
}

/// Whose actions are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purse {
    Target(AssistantId),
    Zone(HealingName),
    Node(HealingName),
    Overall,
}

/// When actions were begun, by purse: exactly what the targets say of themselves, put together.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    moments: BTreeMap<Purse, BTreeMap<Timestamp, u32>>,
}

impl Ledger {
    pub(super) fn add(&mut self, assistant: &AssistantId, counted: &Counted) {
        for purse in counted.purses(assistant) {
            *self.moments.entry(purse).or_default().entry(counted.at).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, assistant: &AssistantId, counted: &Counted) {
        for purse in counted.purses(assistant) {
            let Some(moments) = self.moments.get_mut(&purse) else { continue };
            if let Some(count) = moments.get_mut(&counted.at) {
                *count -= 1;
                if *count == 0 {
                    moments.remove(&counted.at);
                }
            }
            if moments.is_empty() {
                self.moments.remove(&purse);
            }
        }
    }

    /// How many actions `budget` leaves to `purse` at `now`.
    pub(super) fn left(&self, purse: &Purse, budget: &Budget, now: Timestamp) -> u32 {
        let counted = self.moments.get(purse).map_or(0, |moments| {
            moments.range(budget.begin(now)..=now).fold(0_u32, |sum, (_, count)| sum.saturating_add(*count))
        });
        budget.max_actions.saturating_sub(counted)
    }

    /// When `purse` will have room again, if nothing else is done; `None` if it never has.
    pub(super) fn free_at(&self, purse: &Purse, budget: &Budget, now: Timestamp) -> Option<Timestamp> {
        let moments = self.moments.get(purse)?;
        let mut later: u32 = 0;
        // From the newest back: the one that fills the budget is the one whose end makes room.
        for (at, count) in moments.range(budget.begin(now)..=now).rev() {
            later = later.saturating_add(*count);
            if later >= budget.max_actions && budget.max_actions > 0 {
                let ends = at.saturating_add(Duration::from_millis(budget.period_ms));
                return Some(ends.saturating_add(Duration::from_micros(1)));
            }
        }
        None
    }
}
