//! Golden file of a scope of healing: targets that are ill, were healed, and await someone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damage;
mod dump;

use std::sync::Arc;
use std::time::Duration;

use dump::{dump, golden, load};
use mythos_core::Mythos;
use mythos_core::healing::*;
use mythos_core::store::MemoryStore;
use mythos_core::testing::simulated_runtime;
use mythos_core::types::{Clock, Timestamp};

fn start() -> Timestamp {
    "2026-11-22T06:00:00Z".parse().unwrap()
}

fn name(name: &str) -> HealingName {
    name.parse().unwrap()
}

fn rule(
    rule: &str,
    trigger: Trigger,
    reading: &str,
    enter: f64,
    ladder: &[RepairAction],
) -> HealingRuleOptions {
    let threshold = Threshold { reading: name(reading), side: Side::Above, enter, exit: enter / 2.0 };
    let ladder = ladder.iter().cloned().map(RepairStep::new).collect();
    HealingRuleOptions::new(name(rule), trigger, threshold, ladder)
}

fn protocol() -> HealingProtocol {
    let compare = |reading, is| Condition::Compare { reading: name(reading), is, value: 0.5 };
    let busy = Condition::All {
        of: vec![
            Condition::Any {
                of: vec![compare("load", Comparison::Above), compare("load", Comparison::AtMost)],
            },
            Condition::Not { of: Box::new(compare("load", Comparison::Below)) },
        ],
    };
    let restore = RepairAction::RestoreRitual { ritual: Some("refund".parse().unwrap()) };
    let calm =
        rule("calm", Trigger::EntropySpike, "entropy", 0.8, &[restore, RepairAction::RestartAssistant]);
    let rules = [
        HealingRuleOptions { condition: Some(busy), ..calm },
        rule("heads", Trigger::CodexConflict, CODEX_HEADS, 2.0, &[RepairAction::ProposeMerge]),
        rule("swings", Trigger::Flapping, FLAPPING_PERCENT, 30.0, &[RepairAction::Quarantine]),
        rule(
            "über",
            Trigger::Custom { name: name("überlast") },
            "load",
            0.9,
            &[RepairAction::ReduceLoad { percent: 50 }, RepairAction::Custom { name: name("shed") }],
        ),
    ];
    let rules = rules.into_iter().map(|rule| HealingRule::new(rule).unwrap()).collect();
    let hourly = |max_actions| Budget { max_actions, period_ms: 3_600_000 };
    let budgets = Budgets { target: hourly(5), zone: hourly(20), node: hourly(10), overall: hourly(50) };
    HealingProtocol::new(HealingProtocolOptions::new(
        rules,
        budgets,
        UnhealthyLimit::Between { min: 1, max: 3 },
    ))
    .unwrap()
}

fn engine(store: Arc<MemoryStore>, now: Timestamp) -> (SelfHealingProtocolEngine, impl Clock, impl Fn(u64)) {
    let (runtime, clock) = simulated_runtime(2026, now);
    let moved = clock.clone();
    let advance = move |seconds| {
        moved.advance(Duration::from_secs(seconds));
    };
    (Mythos::with_store(store, runtime).healing(), clock, advance)
}

fn observation(assistant: &str, at: Timestamp, readings: &[(&str, f64)]) -> Observation {
    let codex = Some("support".parse().unwrap());
    let target =
        Target { assistant: assistant.parse().unwrap(), node: name("node-1"), zone: name("eu"), codex };
    let readings = readings.iter().map(|(reading, value)| (name(reading), *value)).collect();
    Observation { target, at, readings }
}

fn written() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let (engine, clock, advance) = engine(store.clone(), start());
    let healer = engine.engage(&name("support"), &protocol()).unwrap();
    let see = |assistant, readings: &[(&str, f64)]| {
        healer.observe(&[observation(assistant, clock.now(), readings)]).unwrap();
    };
    see("ana", &[("entropy", 0.9), ("load", 0.7)]);
    see("bob", &[(CODEX_HEADS, 3.0)]);
    see("eve", &[("load", 0.25)]);
    healer.plan().unwrap();
    let restore = healer.poll_effects(1).unwrap().remove(0).effect;
    advance(10);
    assert!(healer.answer(&restore.id, &Outcome::Done { reversible: true }).unwrap());
    advance(100);
    see("ana", &[("entropy", 0.2), ("load", 0.7)]);
    see("eve", &[("load", 0.95)]);
    healer.plan().unwrap();
    see("max", &[("load", 0.1)]);
    assert!(healer.retire(&"max".parse().unwrap()).unwrap());
    store
}

#[test]
fn a_scope_of_version_1_is_read_and_continued() {
    let stored = golden("healing_v1.json", || dump(&*written()));
    let store = load(&stored);
    assert!(dump(&*store) == stored, "a dump comes back as it was");
    let (engine, clock, _) = engine(store, start().saturating_add(Duration::from_secs(120)));
    let status = engine.status(&name("support")).unwrap();
    assert_eq!((status.totals.known, status.totals.unhealthy, status.totals.pending), (3, 2, 2));
    let healer = engine.engage(&name("support"), &protocol()).unwrap();
    assert_eq!(healer.epoch().get(), 2);
    let pending = healer.poll_effects(10).unwrap();
    assert_eq!(pending[0].effect.action, RepairAction::ProposeMerge);
    assert!(healer.answer(&pending[0].effect.id, &Outcome::Declined { by: name("ana") }).unwrap());
    let ended = HealingEventFilter { is_open: Some(false), ..HealingEventFilter::default() };
    let ended = engine.events(&ended, None, 10).unwrap().items;
    assert!(ended.len() == 1 && ended[0].symbolic_health_delta.value().unwrap() > 0.5, "{ended:?}");
    healer.observe(&[observation("eve", clock.now(), &[("load", 0.1)])]).unwrap();
}

#[test]
fn the_same_inputs_give_the_same_scope() {
    let stored = golden("healing_v1.json", || dump(&*written()));
    assert!(dump(&*written()) == stored, "the same inputs give another scope");
}
