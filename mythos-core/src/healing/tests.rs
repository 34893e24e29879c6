use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::types::{AssistantId, Timestamp};

mod cases;
mod properties;

fn name(name: &str) -> HealingName {
    name.parse().unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_microseconds(i64::try_from(seconds).unwrap() * 1_000_000).unwrap()
}

fn target(number: u32) -> Target {
    let assistant = AssistantId::new(format!("assistant-{number}")).unwrap();
    let (node, zone) = (name(&format!("node-{}", number % 3)), name(&format!("zone-{}", number % 2)));
    Target { assistant, node, zone, codex: None }
}

fn observation(number: u32, seconds: u64, readings: &[(&str, f64)]) -> Observation {
    let readings = readings.iter().map(|(reading, value)| (name(reading), *value)).collect();
    Observation { target: target(number), at: at(seconds), readings }
}

/// Ill above 0.8, well below 0.5; 1 at 0.5 and 0 at 1.1; ten seconds to settle and twenty to cool down.
fn entropy(ladder: Vec<RepairStep>) -> HealingRuleOptions {
    let threshold = Threshold { reading: name("entropy"), side: Side::Above, enter: 0.8, exit: 0.5 };
    HealingRuleOptions {
        settle_ms: 10_000,
        measure_within_ms: 30_000,
        cooldown_ms: 20_000,
        ..HealingRuleOptions::new(name("calm"), Trigger::EntropySpike, threshold, ladder)
    }
}

fn plenty() -> Budgets {
    let budget = Budget { max_actions: 100, period_ms: 3_600_000 };
    Budgets { target: budget, zone: budget, node: budget, overall: budget }
}

fn protocol(rules: Vec<HealingRuleOptions>, budgets: Budgets, limit: UnhealthyLimit) -> HealingProtocol {
    let rules = rules.into_iter().map(|rule| HealingRule::new(rule).unwrap()).collect();
    let options = HealingProtocolOptions::new(rules, budgets, limit);
    // Flapping is for the tests that are about it.
    let flapping = FlapPolicy { low_percent: 99.0, high_percent: 100.0 };
    HealingProtocol::new(HealingProtocolOptions { flapping, ..options }).unwrap()
}

fn machine(rules: Vec<HealingRuleOptions>) -> HealingMachine {
    HealingMachine::new(name("test"), protocol(rules, plenty(), UnhealthyLimit::Unlimited))
}

fn restore() -> RepairStep {
    RepairStep::new(RepairAction::RestoreRitual { ritual: None })
}

fn restart() -> RepairStep {
    RepairStep::new(RepairAction::RestartAssistant)
}

fn done() -> Outcome {
    Outcome::Done { reversible: false }
}

impl HealingMachine {
    fn see(&mut self, number: u32, seconds: u64, entropy: f64) {
        let observation = observation(number, seconds, &[("entropy", entropy)]);
        assert_eq!(self.observe(&[observation], at(seconds)).unwrap(), 1);
    }

    /// The only decision at a moment.
    fn decides(&mut self, seconds: u64) -> Decision {
        let dry = self.dry_run(at(seconds));
        let plan = self.plan(at(seconds));
        assert_eq!(dry, plan);
        assert_eq!(plan.len(), 1, "{plan:?}");
        plan[0].decision.clone()
    }

    fn holds(&mut self, seconds: u64) -> Hold {
        match self.decides(seconds) {
            Decision::Hold { why } => why,
            other => panic!("{other:?}"),
        }
    }

    fn acts(&mut self, seconds: u64) -> RepairAction {
        match self.decides(seconds) {
            Decision::Act { action, .. } => action,
            other => panic!("{other:?}"),
        }
    }

    /// Answers the only effect that is pending.
    fn answers(&mut self, seconds: u64, outcome: &Outcome) -> EffectId {
        let effects = self.poll_effects(10);
        assert_eq!(effects.len(), 1, "{effects:?}");
        assert!(self.answer(&effects[0].id, outcome, at(seconds)).unwrap());
        effects[0].id.clone()
    }

    fn only_incident(&self) -> Incident {
        assert_eq!(self.changes().incidents.len(), 1);
        self.changes().incidents[0].clone()
    }
}
