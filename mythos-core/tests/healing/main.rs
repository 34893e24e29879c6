//! The service of healing: what it stores, who may write, and what a crash changes, which is nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod merges;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mythos_core::healing::*;
use mythos_core::store::{
    Answer, Batch, Expect, MemoryStore, Model, Query, Read, Record, RecordOp, SqliteOptions, SqliteStore,
    Store,
};
use mythos_core::testing::{Fault, FaultStore, SimulatedClock, simulated_runtime};
use mythos_core::types::{AssistantId, Digest, Timestamp};
use mythos_core::view::SystemHealthRecoveryView;
use mythos_core::{Error, ErrorKind, Mythos};

fn start() -> Timestamp {
    "2026-11-21T08:30:00Z".parse().unwrap()
}

fn name(name: &str) -> HealingName {
    name.parse().unwrap()
}

fn scope() -> HealingName {
    name("support")
}

fn target(number: usize) -> Target {
    let assistant = AssistantId::new(format!("assistant-{number}")).unwrap();
    Target { assistant, node: name(&format!("node-{}", number % 2)), zone: name("eu"), codex: None }
}

fn step(action: RepairAction) -> RepairStep {
    RepairStep::new(action)
}

fn protocol() -> HealingProtocol {
    let entropy = Threshold { reading: name("entropy"), side: Side::Above, enter: 0.8, exit: 0.5 };
    let ladder = vec![
        step(RepairAction::RestoreRitual { ritual: None }).attempts(2),
        step(RepairAction::RestartAssistant),
    ];
    let calm = HealingRuleOptions {
        settle_ms: 5_000,
        measure_within_ms: 20_000,
        cooldown_ms: 10_000,
        ..HealingRuleOptions::new(name("calm"), Trigger::EntropySpike, entropy, ladder)
    };
    let heads = Threshold { reading: name(CODEX_HEADS), side: Side::Above, enter: 2.0, exit: 2.0 };
    let ladder = vec![step(RepairAction::ProposeMerge), step(RepairAction::Notify)];
    let heads = HealingRuleOptions {
        settle_ms: 0,
        ..HealingRuleOptions::new(name("heads"), Trigger::CodexConflict, heads, ladder)
    };
    let rules = [calm, heads].map(|rule| HealingRule::new(rule).unwrap()).to_vec();
    let plenty = Budget { max_actions: 100, period_ms: 3_600_000 };
    let overall = Budget { max_actions: 3, period_ms: 30_000 };
    let budgets = Budgets { target: plenty, zone: plenty, node: plenty, overall };
    let limit = UnhealthyLimit::AtMostPercent { percent: 90.0 };
    HealingProtocol::new(HealingProtocolOptions::new(rules, budgets, limit)).unwrap()
}

/// A host with five assistants, each with a trouble of its own.
struct World {
    store: FaultStore,
    clock: SimulatedClock,
    engine: SelfHealingProtocolEngine,
    healer: Option<Healer>,
    entropy: [f64; 5],
    heads: f64,
    /// What was carried out, by idempotency key, and how it is answered.
    carried_out: BTreeMap<Digest, Outcome>,
    failures: u32,
}

impl World {
    fn new() -> Self {
        Self::on(FaultStore::new(MemoryStore::new()))
    }

    fn on(store: FaultStore) -> Self {
        let (runtime, clock) = simulated_runtime(2026, start());
        let handle: Arc<dyn Store> = Arc::new(store.clone());
        let engine = Mythos::with_store(handle, runtime).healing();
        let entropy = [0.1, 0.9, 0.9, 0.95, 0.1];
        let carried_out = BTreeMap::new();
        Self { store, clock, engine, healer: None, entropy, heads: 3.0, carried_out, failures: 0 }
    }

    fn observations(&self) -> Vec<Observation> {
        let at = self.now();
        let observe = |number: usize| {
            let mut readings: Readings = [(name("entropy"), self.entropy[number])].into();
            if number == 4 {
                readings.insert(name(CODEX_HEADS), self.heads);
            }
            Observation { target: target(number), at, readings }
        };
        (0..5).map(observe).collect()
    }

    fn now(&self) -> Timestamp {
        use mythos_core::types::Clock;
        self.clock.now()
    }

    /// Carries an effect out, unless its key says that it was.
    fn carry_out(&mut self, effect: &Effect) -> Outcome {
        if let Some(before) = self.carried_out.get(&effect.idempotency_key) {
            return before.clone();
        }
        let number: usize =
            effect.target.assistant.as_str().trim_start_matches("assistant-").parse().unwrap();
        let outcome = match (&effect.action, number, effect.id.rollback) {
            (RepairAction::ProposeMerge, ..) => {
                self.heads = 1.0;
                Outcome::Approved { by: name("audit") }
            }
            // It makes the second one worse, and is undone.
            (_, 2, true) => {
                self.entropy[2] = 0.9;
                Outcome::Done { reversible: false }
            }
            (RepairAction::RestoreRitual { .. }, 2, false) => {
                self.entropy[2] = 1.0;
                Outcome::Done { reversible: true }
            }
            (RepairAction::RestoreRitual { .. }, 3, _) => {
                Outcome::Failed { reason: "no entry".try_into().unwrap() }
            }
            _ => {
                self.entropy[number] = 0.2;
                Outcome::Done { reversible: false }
            }
        };
        self.carried_out.insert(effect.idempotency_key, outcome.clone());
        outcome
    }

    /// One turn of the host's loop.
    fn turn(&mut self) -> Result<(), Error> {
        let healer = match &self.healer {
            Some(healer) => healer.clone(),
            None => self.healer.insert(self.engine.engage(&scope(), &protocol())?).clone(),
        };
        healer.observe(&self.observations())?;
        healer.plan()?;
        for handed_out in healer.poll_effects(100)? {
            assert_eq!(handed_out.epoch, healer.epoch());
            let outcome = self.carry_out(&handed_out.effect);
            healer.answer(&handed_out.effect.id, &outcome)?;
        }
        Ok(())
    }

    fn run(&mut self, turns: u32) {
        for _ in 0..turns {
            let mut attempts = 0;
            while let Err(error) = self.turn() {
                assert!(error.is_retryable(), "{error}");
                self.failures += 1;
                attempts += 1;
                assert!(attempts < 10);
                if self.store.is_down() {
                    // The process dies with its store.
                    self.store.restart();
                    self.healer = None;
                }
            }
            self.clock.advance(Duration::from_secs(5));
        }
    }

    fn outcome(&self) -> (Vec<HealingEvent>, Vec<TargetState>, usize) {
        let events = self.engine.events(&HealingEventFilter::default(), None, 100).unwrap().items;
        let targets = self.engine.targets(&HealingTargetFilter::default(), None, 100).unwrap().items;
        (events, targets.into_iter().map(|target| target.state).collect(), self.carried_out.len())
    }
}

/// Long enough for all of them to be well.
const TURNS: u32 = 16;

#[test]
fn every_trouble_is_healed_as_the_protocol_says() {
    let mut world = World::new();
    world.run(TURNS);
    let (mut events, targets, carried_out) = world.outcome();
    assert_eq!((events.len(), targets.len(), carried_out), (4, 5, 8), "{events:#?}");
    assert!(events.iter().all(|event| event.ending == Some(Ending::Healthy) && !event.is_open));
    events.sort_by(|a, b| a.assistant.cmp(&b.assistant));
    let told = |event: &HealingEvent| -> Vec<String> {
        event.repair_actions.iter().map(|attempt| attempt.action.name().to_owned()).collect()
    };
    assert_eq!(told(&events[0]), ["restore_ritual"]);
    assert_eq!(told(&events[1]), ["restore_ritual", "restart_assistant"]);
    assert_eq!(told(&events[2]), ["restore_ritual", "restore_ritual", "restart_assistant"]);
    assert_eq!(told(&events[3]), ["propose_merge"]);
    let worse = &events[1].repair_actions[0];
    assert!(worse.made_worse && worse.rolled_back == Some(true));
    assert!(worse.symbolic_health_delta.value().unwrap() < 0.0);
    assert!(events.iter().all(|event| event.symbolic_health_delta.value().unwrap() > 0.0));
    assert_eq!(events[3].outcome, Some(AttemptOutcome::Approved { by: name("audit") }));
    assert_eq!((events[1].node_id.as_str(), events[1].triggered_by.as_str()), ("node-0", "entropy_spike"));
}

#[test]
fn a_fault_at_any_call_changes_nothing() {
    let mut undisturbed = World::new();
    undisturbed.run(TURNS);
    // Counted before the outcome is read.
    let calls = undisturbed.store.calls();
    let expected = undisturbed.outcome();
    for fault in Fault::ALL {
        for call in 1..=calls {
            let mut world = World::new();
            world.store.plan(call, fault);
            world.run(TURNS);
            assert_eq!(world.outcome(), expected, "{fault:?} at call {call} of {calls}");
        }
    }
}

#[test]
fn sqlite_and_memory_heal_alike() {
    let directory = tempfile::tempdir().unwrap();
    let (path, options) = (directory.path().join("mythos.db"), SqliteOptions::default());
    let sqlite = SqliteStore::open(&path, mythos_core::TABLES, &options).unwrap();
    let mut world = World::on(FaultStore::new(sqlite));
    let mut in_memory = World::new();
    for world in [&mut world, &mut in_memory] {
        world.run(TURNS);
    }
    assert_eq!(world.outcome(), in_memory.outcome());
}

#[test]
fn an_older_healer_is_refused_and_a_newer_one_hands_out_again() {
    let mut world = World::new();
    let older = world.engine.engage(&scope(), &protocol()).unwrap();
    older.observe(&world.observations()).unwrap();
    older.plan().unwrap();
    let handed_out = older.poll_effects(100).unwrap();
    assert!(!handed_out.is_empty() && older.poll_effects(100).unwrap().is_empty());
    older.give_back(&handed_out[0].effect.id);
    assert_eq!(older.poll_effects(100).unwrap(), handed_out[..1]);

    let newer = world.engine.engage(&scope(), &protocol()).unwrap();
    assert!(newer.epoch() > older.epoch());
    let again = newer.poll_effects(100).unwrap();
    let effects =
        |handed_out: &[HandedOut]| -> Vec<_> { handed_out.iter().map(|it| it.effect.clone()).collect() };
    assert_eq!(effects(&again), effects(&handed_out));
    let id = &handed_out[0].effect.id;
    let outcome = world.carry_out(&handed_out[0].effect);
    world.clock.advance(Duration::from_secs(1));
    let errors = [
        older.observe(&world.observations()).map(drop),
        older.plan().map(drop),
        older.dry_run().map(drop),
        older.poll_effects(1).map(drop),
        older.answer(id, &outcome).map(drop),
        older.retire(&target(0).assistant).map(drop),
        older.next_timeout().map(drop),
        older.totals().map(drop),
    ];
    for error in errors.map(Result::unwrap_err) {
        assert_eq!((error.kind(), error.field()), (ErrorKind::Conflict, Some("epoch")), "{error}");
    }
    assert!(newer.answer(id, &outcome).unwrap());
    assert!(!newer.answer(id, &outcome).unwrap());
}

#[test]
fn incidents_and_targets_are_listed_by_what_they_are() {
    let mut world = World::new();
    world.run(1);
    let events = |filter: HealingEventFilter| world.engine.events(&filter, None, 10).unwrap().items.len();
    let all = HealingEventFilter::default;
    assert_eq!(events(all()), 4);
    assert_eq!(events(HealingEventFilter { is_open: Some(true), ..all() }), 4);
    assert_eq!(events(HealingEventFilter { ending: Some(Ending::Healthy), ..all() }), 0);
    assert_eq!(events(HealingEventFilter { node_id: Some(name("node-1")), ..all() }), 2);
    assert_eq!(events(HealingEventFilter { triggered_by: Some("codex_conflict".into()), ..all() }), 1);
    assert_eq!(events(HealingEventFilter { rule: Some(name("calm")), ..all() }), 3);
    assert_eq!(events(HealingEventFilter { zone: Some(name("us")), ..all() }), 0);
    assert_eq!(events(HealingEventFilter { scope: Some(name("other")), ..all() }), 0);
    let ill = HealingTargetFilter { is_ill: Some(true), ..HealingTargetFilter::default() };
    assert_eq!(world.engine.targets(&ill, None, 10).unwrap().items.len(), 4);

    let view = SystemHealthRecoveryView::new(world.engine.clone());
    let overview = view.overview(&scope(), 10).unwrap();
    assert_eq!((overview.totals.known, overview.totals.unhealthy, overview.totals.budget_left), (5, 4, 0));
    assert_eq!((overview.plan.len(), overview.active.len(), overview.ended.len()), (4, 4, 0));
    let budget = |entry: &PlanEntry| {
        matches!(&entry.decision, Decision::Hold { why: Hold::Budget { scope: BudgetScope::Overall, .. } })
    };
    assert_eq!(overview.plan.iter().filter(|entry| budget(entry)).count(), 1);
    let error = view.overview(&name("nobody"), 10).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::NotFound, Some("scope")));
}

/// What a call commits is what it is about, not all there is.
#[test]
fn an_observation_writes_only_its_target() {
    let world = World::new();
    let healer = world.engine.engage(&scope(), &protocol()).unwrap();
    healer.observe(&world.observations()).unwrap();
    world.clock.advance(Duration::from_secs(1));
    let before = world.engine.targets(&HealingTargetFilter::default(), None, 10).unwrap().items;
    healer.observe(&world.observations()[..1]).unwrap();
    let after = world.engine.targets(&HealingTargetFilter::default(), None, 10).unwrap().items;
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert_eq!(changed, 1);
    let bad = Observation { readings: [(name("x"), f64::INFINITY)].into(), ..world.observations().remove(0) };
    assert_eq!(healer.observe(&[bad]).unwrap_err().field(), Some("readings.x"));
}

/// So many at once are more than one batch takes.
#[test]
fn as_many_observations_as_one_call_takes_are_taken_also_by_many_rules() {
    const RULES: usize = 10;
    let world = World::new();
    let rule = |number: usize| {
        let entropy = Threshold { reading: name("entropy"), side: Side::Above, enter: 0.8, exit: 0.5 };
        let ladder = vec![step(RepairAction::Notify)];
        HealingRule::new(HealingRuleOptions::new(
            name(&format!("rule-{number}")),
            Trigger::EntropySpike,
            entropy,
            ladder,
        ))
        .unwrap()
    };
    let few = Budget { max_actions: 250, period_ms: 60_000 };
    let budgets = Budgets { target: few, zone: few, node: few, overall: few };
    let rules = (0..RULES).map(rule).collect();
    let options = HealingProtocolOptions::new(rules, budgets, UnhealthyLimit::Unlimited);
    let protocol = HealingProtocol::new(options).unwrap();
    let healer = world.engine.engage(&scope(), &protocol).unwrap();
    let observation = |number: usize| Observation {
        target: target(number),
        at: start(),
        readings: [(name("entropy"), 0.9)].into(),
    };
    let observations: Vec<_> = (0..Healer::MAX_OBSERVATIONS).map(observation).collect();
    assert_eq!(healer.observe(&observations).unwrap(), Healer::MAX_OBSERVATIONS);
    let most = Healer::MAX_OBSERVATIONS as u64;
    let totals = healer.totals().unwrap();
    assert_eq!((totals.known, totals.incidents), (most, most * RULES as u64));
    // What was committed in several batches is what a healer that takes over finds.
    let newer = world.engine.engage(&scope(), &protocol).unwrap();
    assert_eq!(newer.totals().unwrap(), totals);
    assert_eq!(healer.observe(&observations[..1]).unwrap_err().field(), Some("epoch"));
}

#[test]
fn the_record_of_a_retired_target_is_deleted_and_its_numbers_never_come_again() {
    let mut world = World::new();
    world.run(1);
    let retired = target(1).assistant;
    let healer = world.engine.engage(&scope(), &protocol()).unwrap();
    assert!(healer.retire(&retired).unwrap());
    let records = || {
        let page = world.engine.targets(&HealingTargetFilter::default(), None, 10).unwrap();
        page.items.into_iter().map(|target| target.assistant).collect::<Vec<_>>()
    };
    healer.plan().unwrap();
    assert!(records().contains(&retired), "its actions count still");
    world.clock.advance(Duration::from_secs(2 * 3_600));
    healer.plan().unwrap();
    assert_eq!(records().len(), 4);
    assert!(!records().contains(&retired));
    let events = |number: usize| {
        let filter =
            HealingEventFilter { assistant: Some(target(number).assistant), ..HealingEventFilter::default() };
        world.engine.events(&filter, None, 10).unwrap().items
    };
    let before = events(1)[0].incident;
    assert_eq!(events(1)[0].ending, Some(Ending::Retired));

    // Also for a healer that takes over, and for a target that is new altogether.
    let newer = world.engine.engage(&scope(), &protocol()).unwrap();
    let ill = |number: usize| Observation {
        target: target(number),
        at: world.now(),
        readings: [(name("entropy"), 0.9)].into(),
    };
    newer.observe(&[ill(1), ill(7)]).unwrap();
    assert_eq!(events(1)[0].incident, before + 1);
    assert_eq!(events(7)[0].incident, before + 1);
    assert_eq!(records().len(), 6);
}

#[test]
fn a_target_that_cannot_be_read_is_named_and_nothing_is_done_without_it() {
    let mut world = World::new();
    world.run(1);
    let page = Read::Page(Query::new(HealingTarget::TABLE).limit(1));
    let Answer::Page { records } = world.store.read(&[page]).unwrap().remove(0) else { panic!() };
    let Record { id, version, mut body } = records.into_iter().next().unwrap();
    let named = body["assistant"].as_str().unwrap().to_owned();
    let whole = body.clone();
    body.insert("state".to_owned(), "damaged".into());
    let write = |body, version| {
        let mut batch = Batch::new();
        let expect = Expect::At(version);
        batch.records.push(RecordOp::Put { table: HealingTarget::TABLE, id, expect, body });
        world.store.commit(&batch).unwrap();
    };
    write(body, version);
    let healer = world.engine.engage(&scope(), &protocol()).unwrap();
    let error = healer.plan().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(&named), "{error}");
    write(whole, version.next().unwrap());
    healer.plan().unwrap();
}
