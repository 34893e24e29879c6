//! The read model of `/system/health/recovery`: which assistants are ill, what is done about it, and whether it helped.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::healing::{
    HealingEvent, HealingEventFilter, HealingName, HealthTotals, PlanEntry, SelfHealingProtocolEngine,
};
use crate::store::{Cursor, Page};

/// What a page at `/system/health/recovery` shows of one tenant.
///
/// ```
/// use mythos_core::Mythos;
/// use mythos_core::healing::*;
/// use mythos_core::view::SystemHealthRecoveryView;
///
/// let engine = Mythos::in_memory().healing();
/// let threshold = Threshold { reading: "stalls".parse()?, side: Side::Above, enter: 3.0, exit: 1.0 };
/// let ladder = vec![RepairStep::new(RepairAction::RestartAssistant)];
/// let rule = HealingRule::new(HealingRuleOptions::new("stuck".parse()?, Trigger::Stall, threshold, ladder))?;
/// let hourly = Budget { max_actions: 3, period_ms: 3_600_000 };
/// let budgets = Budgets { target: hourly, zone: hourly, node: hourly, overall: hourly };
/// let options = HealingProtocolOptions::new(vec![rule], budgets, UnhealthyLimit::Unlimited);
/// engine.engage(&"support".parse()?, &HealingProtocol::new(options)?)?;
///
/// let overview = SystemHealthRecoveryView::new(engine).overview(&"support".parse()?, 10)?;
/// assert_eq!((overview.totals.known, overview.totals.budget_left), (0, 3));
/// assert!(overview.active.is_empty() && overview.ended.is_empty());
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SystemHealthRecoveryView {
    engine: SelfHealingProtocolEngine,
}

/// One scope at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoveryOverview {
    /// How its targets are all together, and what the overall budget has left.
    pub totals: HealthTotals,
    /// What would be decided now about every open incident, why, and what the budgets have left.
    pub plan: Vec<PlanEntry>,
    /// The newest open incidents, with their actions and deltas.
    pub active: Vec<HealingEvent>,
    /// The newest ended incidents, with their actions and deltas.
    pub ended: Vec<HealingEvent>,
}

impl SystemHealthRecoveryView {
    /// The view of an engine, for one tenant.
    #[must_use]
    pub const fn new(engine: SelfHealingProtocolEngine) -> Self {
        Self { engine }
    }

    /// One scope at a glance, with at most `limit` open and as many ended incidents; 1 to
    /// [`MAX_PAGE_RECORDS`](crate::store::MAX_PAGE_RECORDS).
    ///
    /// # Errors
    /// Those of [`SelfHealingProtocolEngine::status`] and [`SelfHealingProtocolEngine::events`].
    pub fn overview(&self, scope: &HealingName, limit: u32) -> Result<RecoveryOverview> {
        let status = self.engine.status(scope)?;
        let events = |is_open| -> Result<Vec<HealingEvent>> {
            let filter = HealingEventFilter {
                scope: Some(scope.clone()),
                is_open: Some(is_open),
                ..HealingEventFilter::default()
            };
            Ok(self.engine.events(&filter, None, limit)?.items)
        };
        let (active, ended) = (events(true)?, events(false)?);
        Ok(RecoveryOverview { totals: status.totals, plan: status.plan, active, ended })
    }

    /// One page of incidents, newest first: see [`SelfHealingProtocolEngine::events`].
    ///
    /// # Errors
    /// Those of [`SelfHealingProtocolEngine::events`].
    pub fn events(
        &self,
        filter: &HealingEventFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<HealingEvent>> {
        self.engine.events(filter, after, limit)
    }
}
