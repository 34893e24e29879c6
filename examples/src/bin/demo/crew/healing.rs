//! The rule that finds a worker that goes round in circles, and has it restarted.

use mythos_core::Mythos;
use mythos_core::healing::{
    Budget, Budgets, HandedOut, Healer, HealingEvent, HealingEventFilter, HealingName, HealingProtocol,
    HealingProtocolOptions, HealingRule, HealingRuleOptions, Observation, RepairAction, RepairStep, Side,
    Target, Threshold, Trigger, UnhealthyLimit,
};
use mythos_core::ritual::StallPolicy;
use mythos_core::types::{Runtime, Score};

use super::role::Role;
use crate::Result;

/// So many checkpoints in a row that say nothing new are a stall.
const STALL: u32 = 8;

/// What is less novel than this is nothing new: a copy of what is there scores 0.04, while the digest of a page alone, which
/// is new in each of the checker's steps, scores 0.1.
const NOVELTY: f64 = 0.05;

/// The scope of the protocol.
const SCOPE: &str = "crew";

/// What was measured.
const READING: &str = "stall_length";

/// Watches the checker's checkpoints.
pub(super) struct Watch<'a> {
    mythos: &'a Mythos,
    healer: Healer,
    policy: StallPolicy,
    target: Target,
}

impl<'a> Watch<'a> {
    /// Puts the rule in force.
    pub(super) fn new(mythos: &'a Mythos) -> Result<Self> {
        let threshold =
            Threshold { reading: READING.parse()?, side: Side::Above, enter: f64::from(STALL), exit: 1.0 };
        let ladder = vec![
            RepairStep::new(RepairAction::RestartAssistant).attempts(2),
            RepairStep::new(RepairAction::Notify),
        ];
        let stuck = HealingRuleOptions::new("stuck".parse()?, Trigger::Stall, threshold, ladder);
        let stuck = HealingRule::new(HealingRuleOptions { settle_ms: 0, ..stuck })?;
        let hourly = Budget { max_actions: 3, period_ms: 3_600_000 };
        let budgets = Budgets { target: hourly, zone: hourly, node: hourly, overall: hourly };
        let options = HealingProtocolOptions::new(vec![stuck], budgets, UnhealthyLimit::Unlimited);
        let healer = mythos.healing().engage(&scope()?, &HealingProtocol::new(options)?)?;
        let (assistant, node, zone) = (Role::Checker.assistant()?, "here".parse()?, "demo".parse()?);
        let target = Target { assistant, node, zone, codex: None };
        Ok(Self { mythos, healer, policy: StallPolicy::new(STALL, Score::new(NOVELTY)?)?, target })
    }

    /// Takes a reading, and gives what is to be done.
    pub(super) fn look(&self) -> Result<Option<HandedOut>> {
        let (rituals, role) = (self.mythos.rituals(), Role::Checker);
        let stall = rituals.stalled(&role.assistant()?, &role.ritual()?, &self.policy)?;
        let length = stall.map_or(0.0, |stall| stall.length as f64);
        let readings = [(READING.parse()?, length)].into();
        self.healer.observe(&[Observation {
            target: self.target.clone(),
            at: Runtime::system().now(),
            readings,
        }])?;
        self.healer.plan()?;
        Ok(self.healer.poll_effects(1)?.pop())
    }

    /// The healer that hands out what is to be done, and takes what came of it.
    pub(super) const fn healer(&self) -> &Healer {
        &self.healer
    }
}

/// Every incident of the crew, oldest first.
pub(super) fn events(mythos: &Mythos) -> Result<Vec<HealingEvent>> {
    let filter = HealingEventFilter { scope: Some(scope()?), ..HealingEventFilter::default() };
    let mut events = mythos.healing().events(&filter, None, 100)?.items;
    events.reverse();
    Ok(events)
}

fn scope() -> Result<HealingName> {
    Ok(SCOPE.parse()?)
}
