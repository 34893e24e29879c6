//! The supervisor dies between any two calls of its store, and everything comes out as if it had not.
//!
//! A *world* holds what outlives the supervisor's process: the store, the clock, the host's script of what happens to
//! the assistants, and how launches turn out. A *life* is one process: it supervises, feeds the script, fires timers
//! and carries effects out, until its store crashes it or nothing is left to do. Chance is a function of a seed, and a
//! crash takes no time, so a run with crashes must leave exactly the records that the undisturbed run leaves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use damage::{WHOLE, cell_at, cells, overwrite_cell, owner, records};

use mythos_core::codex::{Clause, CreateCodex, DirectivePath, MutateCodex, Mutation};
use mythos_core::restart::{
    Action, AlignmentPolicy, AutoShutdown, Backoff, ChangeGroup, CreateGroup, DeleteChild, DeployAssistant,
    Deployment, DeploymentFilter, DeploymentRestart, DeploymentSpec, Effect, EffectId, Ending, Escalation,
    Exit, ExitKind, FailureKind, FallbackStep, GroupFilter, GroupPolicy, GroupPolicyOptions, GroupStateName,
    Jitter, Outcome, QuietSince, ReportExit, ReportFailure, RestartAssistant, RestartChild, RestartClass,
    RestartFilter, RestartPolicy, RestartPolicyOptions, RestartWindow, Shutdown, StartChild, StateName,
    StopAssistant, Strategy, SupervisionGroup, Supervisor, WhenGivenUp, WindowKind,
};
use mythos_core::ritual::{CompressedRitual, RitualFilter, RitualHead, SaveRitual};
use mythos_core::store::{Batch, Cell, MemoryStore, Model, Record, RecordOp, Store};
use mythos_core::testing::{Fault, FaultStore, SimulatedClock};
use mythos_core::types::{
    AssistantId, Clock, CodexId, Digest, GroupId, OperationId, RitualId, Runtime, SeededEntropy,
    SupervisorId, Timestamp,
};
use mythos_core::{Error, ErrorKind, Mythos, TABLES};

/// So many random runs by default; `MYTHOS_SIMULATION_SEEDS` asks for more.
const DEFAULT_SEEDS: u64 = 300;

/// What goes wrong in one life: at which call of its store, and how.
type Planned = (u64, Fault);

/// What happens to an assistant, seen from the host.
#[derive(Debug, Clone)]
enum Happening {
    Deploy(DeploymentSpec),
    Fail,
    Exit(Exit),
    Stop,
    RestartNow,
    StartChild(StartChild),
    RestartChild,
    DeleteChild,
    CreateGroup(CreateGroup),
    StartGroup(GroupId),
    StopGroup(GroupId),
}

#[derive(Debug, Clone)]
struct Scripted {
    at_ms: u64,
    assistant: AssistantId,
    happening: Happening,
}

impl Scripted {
    fn at(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.saturating_add(Duration::from_millis(self.at_ms))
    }
}

#[derive(Debug, Clone)]
struct Scenario {
    seed: u64,
    script: Vec<Scripted>,
    /// How many of the newest entries of each assistant are damaged, at most two.
    damaged: BTreeMap<AssistantId, usize>,
    /// How many of a hundred launches fail.
    failing_percent: u64,
}

/// Launches by the effect that asked for them: the host knows a launch by its effect, and makes each once.
type Launches = BTreeMap<EffectId, (AssistantId, Timestamp)>;

/// What outlives a process.
struct World {
    scenario: Scenario,
    store: MemoryStore,
    clock: SimulatedClock,
    /// How much of the script was acknowledged.
    fed: usize,
    launches: Launches,
    answered: BTreeSet<EffectId>,
    /// Supervisors whose processes were paused rather than killed: their stores still work.
    paused: Vec<Supervisor>,
}

/// Everything that must not depend on crashes.
#[derive(Debug, PartialEq)]
struct Outcomes {
    deployments: Vec<Deployment>,
    groups: Vec<SupervisionGroup>,
    history: Vec<DeploymentRestart>,
    launches: Launches,
}

/// What a request is refused for depends on the state, which does not depend on crashes.
fn refused_or<T>(answer: Result<T, Error>) -> Result<(), Error> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

fn draw(seed: u64, what: &str) -> u64 {
    let digest = Digest::of(format!("{seed} {what}").as_bytes());
    u64::from_le_bytes(digest.as_bytes()[..8].try_into().unwrap())
}

fn supervisor_id() -> SupervisorId {
    "simulated".parse().unwrap()
}

fn ritual() -> RitualId {
    "work".parse().unwrap()
}

fn safe_ritual() -> RitualId {
    "safe".parse().unwrap()
}

fn rules() -> CodexId {
    "rules".parse().unwrap()
}

impl World {
    fn new(scenario: Scenario) -> Self {
        let world = Self {
            scenario,
            store: MemoryStore::new(),
            clock: SimulatedClock::new(Timestamp::UNIX_EPOCH),
            fed: 0,
            launches: BTreeMap::new(),
            answered: BTreeSet::new(),
            paused: Vec::new(),
        };
        world.prepare();
        world
    }

    fn mythos(&self, store: Arc<dyn Store>) -> Mythos {
        let entropy = SeededEntropy::new(self.scenario.seed);
        Mythos::with_store(store, Runtime::new(Arc::new(self.clock.clone()), Arc::new(entropy)))
    }

    fn undisturbed_mythos(&self) -> Mythos {
        self.mythos(Arc::new(self.store.clone()))
    }

    /// Three entries for each assistant, a change of the codex, one more entry, and a safe ritual.
    fn prepare(&self) {
        let mythos = self.undisturbed_mythos();
        let codices = mythos.codices();
        let path = || DirectivePath::new(["simulation"]).unwrap();
        let clause = Clause { clause: "limit".parse().unwrap(), text: "one".to_owned() };
        codices.create(&CreateCodex::new(rules(), vec![clause], path(), "host")).unwrap();
        let scripted = self.scenario.script.iter();
        let assistants: BTreeSet<_> = scripted.map(|scripted| scripted.assistant.clone()).collect();
        let operations = std::cell::Cell::new(0);
        let save = |ritual: RitualId, assistant: &AssistantId, payload: &str| {
            let mut save = SaveRitual::new(assistant.clone(), ritual);
            save.intent.codex = Some(rules());
            save.intent.codex_root = Some(codices.codex(&rules()).unwrap().heads[0].codex_root);
            operations.set(operations.get() + 1);
            save.operation = Some(OperationId::from_name(&format!("save {}", operations.get())));
            mythos.rituals().save(&save, payload.as_bytes()).unwrap();
        };
        for step in 0..3 {
            for assistant in &assistants {
                save(ritual(), assistant, &format!("step {step}"));
            }
        }
        let change = Mutation::Replace { clause: "limit".parse().unwrap(), text: "two".to_owned() };
        codices.mutate(&MutateCodex::new(rules(), change, path(), "host")).unwrap();
        for assistant in &assistants {
            save(ritual(), assistant, "step 3");
            save(safe_ritual(), assistant, "from the beginning");
            let filter = RitualFilter {
                assistant: Some(assistant.clone()),
                ritual: Some(ritual()),
                ..RitualFilter::default()
            };
            let entries = mythos.rituals().list(&filter, None, 10).unwrap().items;
            let damaged = self.scenario.damaged.get(assistant).copied().unwrap_or(0);
            entries.iter().take(damaged).for_each(|entry| self.damage(entry));
        }
    }

    /// Replaces the stored frame of one of the two newest entries by other bytes. Without either, no older one is left.
    fn damage(&self, entry: &CompressedRitual) {
        let head = records(&self.store, RitualHead::TABLE).into_iter().find(|record| {
            let head = RitualHead::from_record(record).unwrap();
            head.assistant == entry.assistant && head.ritual == entry.ritual
        });
        let owner = owner(RitualHead::TABLE, &head.unwrap());
        let name = cell_at(&self.store, &owner, WHOLE, entry.sequence).name;
        overwrite_cell(&self.store, &owner, &Cell { name, bytes: b"damaged".to_vec() });
    }

    /// The same world, with a store of its own.
    fn copy(&self) -> Self {
        let mut batch = Batch::new();
        for table in TABLES {
            for record in records(&self.store, *table) {
                if table.schema().owns_cells {
                    let owner = owner(*table, &record);
                    for cell in cells(&self.store, &owner) {
                        batch.put_cell(owner.clone(), cell.name, cell.bytes);
                    }
                }
                let Record { id, version, body } = record;
                batch.records.push(RecordOp::Import { table: *table, id, version, body });
            }
        }
        let store = MemoryStore::new();
        store.commit(&batch).unwrap();
        Self {
            scenario: self.scenario.clone(),
            store,
            clock: SimulatedClock::new(self.clock.now()),
            fed: self.fed,
            launches: self.launches.clone(),
            answered: self.answered.clone(),
            paused: Vec::new(),
        }
    }

    /// One process, until it dies or nothing is left to do; how many calls of the store it made.
    fn life(&mut self, planned: Option<Planned>) -> Result<u64, Error> {
        let store = FaultStore::new(self.store.clone());
        if let Some((call, fault)) = planned {
            store.plan(call, fault);
        }
        let mythos = self.mythos(Arc::new(store.clone()));
        let supervisor = mythos.deployments().supervise(&supervisor_id())?;
        loop {
            match self.turn(&supervisor) {
                // A fault that is no crash: the same process goes on with the next turn of its loop.
                Err(error) if error.is_retryable() && !store.is_down() => {}
                Err(error) => return Err(error),
                Ok(None) => return Ok(store.calls()),
                Ok(Some(moment)) => self.clock.set(moment.max(self.clock.now())),
            }
        }
    }

    /// One turn of the host's loop; when the next is due.
    fn turn(&mut self, supervisor: &Supervisor) -> Result<Option<Timestamp>, Error> {
        self.feed(supervisor)?;
        supervisor.tick()?;
        self.carry_out_all(supervisor)?;
        let scripted = self.scenario.script.get(self.fed).map(Scripted::at);
        Ok(scripted.into_iter().chain(supervisor.next_timeout()?).min())
    }

    fn carry_out_all(&mut self, supervisor: &Supervisor) -> Result<(), Error> {
        loop {
            // In an order that does not depend on what was handed out before: members of a group depend on each other.
            let mut effects = supervisor.poll_effects(1_000)?;
            effects.sort_by(|one, other| one.assistant.cmp(&other.assistant));
            let mut effects = effects.into_iter();
            let Some(effect) = effects.next() else { return Ok(()) };
            effects.for_each(|later| supervisor.give_back(&later.id));
            if matches!(effect.action, Action::Restore { .. } | Action::Align { .. }) {
                let next = supervisor.carry_out(&effect)?.next;
                next.into_iter().for_each(|next: Effect| supervisor.give_back(&next.id));
                continue;
            }
            let outcome = self.host(&effect.id, &effect.assistant, &effect.action);
            if let Err(error) = supervisor.answer(&effect.id, &outcome) {
                supervisor.give_back(&effect.id);
                return Err(error);
            }
            self.answered.insert(effect.id);
        }
    }

    fn feed(&mut self, supervisor: &Supervisor) -> Result<(), Error> {
        while let Some(scripted) = self.scenario.script.get(self.fed) {
            if scripted.at() > self.clock.now() {
                break;
            }
            let operation = Some(OperationId::from_name(&format!("script {}", self.fed)));
            let assistant = scripted.assistant.clone();
            match &scripted.happening {
                Happening::Deploy(spec) => {
                    let spec = spec.clone();
                    supervisor.deploy(&DeployAssistant { assistant, spec, operation })?;
                }
                Happening::Fail => {
                    let (kind, reason) = (FailureKind::Crashed, "killed".try_into()?);
                    let report = ReportFailure { assistant, run: None, kind, reason, operation };
                    refused_or(supervisor.report_failure(&report))?;
                }
                Happening::Exit(exit) => {
                    let exit = exit.clone();
                    refused_or(supervisor.report_exit(&ReportExit {
                        assistant,
                        run: None,
                        exit,
                        operation,
                    }))?;
                }
                Happening::Stop => {
                    refused_or(supervisor.stop(&StopAssistant { assistant, operation }))?;
                }
                Happening::RestartNow => {
                    let reason = "asked for".try_into()?;
                    let restarted =
                        supervisor.restart_now(&RestartAssistant { assistant, reason, operation });
                    refused_or(restarted)?;
                }
                Happening::StartChild(start) => {
                    refused_or(supervisor.start_child(&StartChild { operation, ..start.clone() }))?;
                }
                Happening::RestartChild => {
                    let reason = "asked for".try_into()?;
                    refused_or(supervisor.restart_child(&RestartChild { assistant, reason, operation }))?;
                }
                Happening::DeleteChild => {
                    refused_or(supervisor.delete_child(&DeleteChild { assistant, operation }))?;
                }
                Happening::CreateGroup(create) => {
                    refused_or(supervisor.create_group(&CreateGroup { operation, ..create.clone() }))?;
                }
                Happening::StartGroup(group) => {
                    let (group, reason) = (group.clone(), "asked for".try_into()?);
                    refused_or(supervisor.start_group(&ChangeGroup { group, reason, operation }))?;
                }
                Happening::StopGroup(group) => {
                    let (group, reason) = (group.clone(), "asked for".try_into()?);
                    refused_or(supervisor.stop_group(&ChangeGroup { group, reason, operation }))?;
                }
            }
            self.fed += 1;
        }
        Ok(())
    }

    /// What the host does with an effect: a function of the effect, so that doing it again comes to the same.
    fn host(&mut self, id: &EffectId, assistant: &AssistantId, action: &Action) -> Outcome {
        let chance = draw(self.scenario.seed, &id.to_string()) % 100;
        match action {
            Action::Probe { entry, .. } => {
                let restored = self.undisturbed_mythos().rituals().restore(entry.entry).unwrap();
                assert_eq!(restored.entry.symbolic_signature_hash, entry.symbolic_signature_hash);
                self.launches.entry(*id).or_insert_with(|| (assistant.clone(), self.clock.now()));
                if chance < self.scenario.failing_percent {
                    Outcome::NotReady { reason: "no answer".try_into().unwrap() }
                } else {
                    Outcome::Ready
                }
            }
            Action::Stop { .. } | Action::Kill => Outcome::Stopped,
            Action::Escalate { escalation: Escalation::GivenUp { .. } } => Outcome::Acknowledged,
            Action::Escalate { .. } if chance < 50 => Outcome::Approved,
            Action::Escalate { .. } => Outcome::Declined,
            other => panic!("not the host's: {other:?}"),
        }
    }

    /// Lives until a life ends by itself, each with what is planned for it. How many calls the last made.
    fn run(&mut self, planned: impl IntoIterator<Item = Planned>) -> u64 {
        let mut planned = planned.into_iter();
        loop {
            match self.life(planned.next()) {
                Ok(calls) => {
                    self.refuse_paused();
                    return calls;
                }
                Err(error) => assert!(error.is_retryable(), "{error:?}"),
            }
            // Another process took over and was paused at once; the next life takes over from it.
            let other = self.undisturbed_mythos().deployments().supervise(&supervisor_id()).unwrap();
            self.paused.push(other);
        }
    }

    /// Supervisors whose time is over change nothing, whatever they try.
    fn refuse_paused(&self) {
        if self.paused.is_empty() {
            return;
        }
        let before = self.outcomes();
        let stale = |error: Error| {
            assert_eq!((error.kind(), error.field()), (ErrorKind::Conflict, Some("epoch")), "{error}");
        };
        for supervisor in &self.paused {
            for deployment in &before.deployments {
                let assistant = || deployment.assistant.clone();
                stale(supervisor.stop(&StopAssistant::new(assistant())).unwrap_err());
                let late = ReportFailure::crashed(assistant(), "late".try_into().unwrap());
                stale(supervisor.report_failure(&late).unwrap_err());
            }
            for effect in &self.answered {
                stale(supervisor.answer(effect, &Outcome::Ready).unwrap_err());
            }
            stale(supervisor.tick().unwrap_err());
            stale(supervisor.poll_effects(1).unwrap_err());
        }
        assert_eq!(before, self.outcomes());
    }

    fn outcomes(&self) -> Outcomes {
        let deployments = self.undisturbed_mythos().deployments();
        let page = deployments.deployments(&DeploymentFilter::default(), None, 1_000).unwrap();
        let history = deployments.history(&RestartFilter::default(), None, 1_000).unwrap();
        let groups = deployments.groups(&GroupFilter::default(), None, 1_000).unwrap();
        let launches = self.launches.clone();
        Outcomes { deployments: page.items, groups: groups.items, history: history.items, launches }
    }
}

impl Outcomes {
    /// What holds at the end of every run.
    fn check(&self, run: &str) {
        let count =
            |deployment: &Deployment| deployment.machine.incident().map_or(0, |incident| incident.number);
        let incidents: u64 = self.deployments.iter().map(count).sum();
        assert_eq!(self.history.len() as u64, incidents, "one record for each incident");
        for group in &self.groups {
            assert!(
                matches!(group.state, GroupStateName::Up | GroupStateName::Ended),
                "{run}, stuck: {group:?}"
            );
        }
        for deployment in &self.deployments {
            assert!(deployment.state.is_at_rest(), "{run}, stuck: {deployment:?}");
            assert_eq!((deployment.timer_at, deployment.effect_at), (None, None), "{run}: {deployment:?}");
        }
        for incident in &self.history {
            assert!(incident.ending.is_some(), "{run}: {incident:?}");
            assert_eq!(incident.successful_redeploy_flag, incident.ready_at.is_some());
            assert!(!incident.successful_redeploy_flag || incident.entry.is_some());
        }
    }
}

fn policy() -> RestartPolicyOptions {
    RestartPolicyOptions {
        window: RestartWindow::sliding(3, 60_000),
        backoff: Backoff::Exponential { initial_ms: 100, factor: 2.0, cap_ms: 1_000 },
        jitter: Jitter::Full,
        symbolic_fallback_path: vec![
            FallbackStep::OlderEntry,
            FallbackStep::NamedRitual { ritual: safe_ritual() },
        ],
        probe_deadline_ms: 5_000,
        ..RestartPolicyOptions::default()
    }
}

fn spec(options: RestartPolicyOptions) -> DeploymentSpec {
    DeploymentSpec::new(ritual()).codex(rules()).policy(RestartPolicy::new(options).unwrap())
}

/// Deployed, failed, its newest entry damaged, restored from the older one, failed again, and stopped.
fn small() -> Scenario {
    let ana: AssistantId = "ana".parse().unwrap();
    let script = [
        (0, Happening::Deploy(spec(policy()))),
        (1_000, Happening::Fail),
        (20_000, Happening::Fail),
        (21_000, Happening::Stop),
    ];
    let scripted = |(at_ms, happening)| Scripted { at_ms, assistant: ana.clone(), happening };
    let script = script.into_iter().map(scripted).collect();
    Scenario { seed: 1, script, damaged: BTreeMap::from([(ana.clone(), 1)]), failing_percent: 0 }
}

/// Three members of a group, of which the second fails, and then the first while the others are stopped for it.
fn family(strategy: Strategy, failing_percent: u64) -> Scenario {
    let group: GroupId = "pipeline".parse().unwrap();
    let options = GroupPolicyOptions {
        strategy,
        window: RestartWindow::sliding(2, 60_000),
        ..GroupPolicyOptions::default()
    };
    let create = CreateGroup::new(group.clone(), GroupPolicy::new(options).unwrap());
    let first: AssistantId = "member 1".parse().unwrap();
    let mut script =
        vec![Scripted { at_ms: 0, assistant: first.clone(), happening: Happening::CreateGroup(create) }];
    for number in 1..=3 {
        let assistant: AssistantId = format!("member {number}").parse().unwrap();
        let start = StartChild::new(group.clone(), assistant.clone(), spec(policy()));
        let start = if number == 3 { start } else { start.running() };
        script.push(Scripted { at_ms: 0, assistant, happening: Happening::StartChild(start) });
    }
    let second = "member 2".parse().unwrap();
    script.push(Scripted { at_ms: 1_000, assistant: second, happening: Happening::Fail });
    script.push(Scripted { at_ms: 1_000, assistant: first, happening: Happening::Fail });
    Scenario { seed: 1, script, damaged: BTreeMap::new(), failing_percent }
}

/// Launches never succeed: the window runs full.
fn hopeless() -> Scenario {
    Scenario { failing_percent: 100, ..small() }
}

fn undisturbed(world: &World) -> (Outcomes, u64) {
    let mut world = world.copy();
    let calls = world.run([]);
    let outcomes = world.outcomes();
    outcomes.check(&format!("seed {}, undisturbed", world.scenario.seed));
    (outcomes, calls)
}

#[test]
fn the_small_scenarios_are_what_they_are_meant_to_be() {
    let (outcomes, _) = undisturbed(&World::new(small()));
    let [stop, failures @ ..] = &outcomes.history[..] else { panic!("{outcomes:?}") };
    assert_eq!((stop.failure_kind, stop.ending), (FailureKind::Requested, Some(Ending::Stopped)));
    let told = &failures[1].symbolic_fallback_path;
    assert!(told.starts_with("latest: not restored") && told.ends_with(": ready"), "{told}");
    for incident in failures {
        assert!(incident.successful_redeploy_flag);
        assert_eq!(incident.entry.as_ref().map(|entry| entry.sequence), Some(3));
        assert_eq!(incident.alignment.as_ref().map(|alignment| alignment.is_same()), Some(false));
    }
    assert_eq!(outcomes.launches.len(), 2);

    let (outcomes, _) = undisturbed(&World::new(hopeless()));
    assert_eq!(outcomes.deployments[0].state, StateName::Stopped);
    assert_eq!(outcomes.history.len(), 2, "a failure of what was given up is none, its stop is told");
    assert_eq!(
        (outcomes.history[1].restarts, outcomes.launches.len()),
        (3, 3),
        "as often as the window allows"
    );
}

#[test]
fn a_fault_at_any_call_changes_nothing() {
    for scenario in [small(), hopeless()] {
        let world = World::new(scenario);
        let (expected, calls) = undisturbed(&world);
        for planned in (1..=calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
            let mut world = world.copy();
            world.run([planned]);
            assert_eq!(world.outcomes(), expected, "{planned:?}");
        }
    }
}

#[test]
fn two_crashes_at_any_calls_change_nothing() {
    let mut scenario = small();
    scenario.script.truncate(2);
    let world = World::new(scenario);
    let (expected, calls) = undisturbed(&world);
    for first in 1..=calls {
        for second in 1..=calls {
            let mut world = world.copy();
            // After the first call took effect, and before the second did: the two hardest to tell apart.
            world.run([(first, Fault::CrashAfter), (second, Fault::CrashBefore)]);
            assert_eq!(world.outcomes(), expected, "{first} {second}");
        }
    }
}

#[test]
fn a_fault_at_any_call_changes_nothing_of_a_group() {
    for (strategy, failing_percent) in
        [(Strategy::RestForOne, 0), (Strategy::OneForAll, 50), (Strategy::OneForOne, 100)]
    {
        let world = World::new(family(strategy, failing_percent));
        let (expected, calls) = undisturbed(&world);
        assert_eq!((expected.groups.len(), expected.deployments.len()), (1, 3));
        assert!(expected.launches.len() >= 2, "{strategy:?}: {:?}", expected.launches);
        for planned in (1..=calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
            let mut world = world.copy();
            world.run([planned]);
            assert_eq!(world.outcomes(), expected, "{strategy:?} {planned:?}");
        }
    }
}

#[test]
fn groups_restart_as_their_strategies_say() {
    let runs = |strategy| {
        let (outcomes, _) = undisturbed(&World::new(family(strategy, 0)));
        assert_eq!(outcomes.groups[0].state, GroupStateName::Up);
        outcomes.deployments.iter().map(|deployment| deployment.machine.run()).collect::<Vec<_>>()
    };
    // The third was started by its group, which is its first run.
    assert_eq!(runs(Strategy::OneForOne), [2, 2, 1]);
    assert_eq!(runs(Strategy::RestForOne), [2, 2, 2]);
    assert_eq!(runs(Strategy::OneForAll), [2, 2, 2]);
}

/// A scenario of two groups, one in the other, and members of all kinds.
fn random_family(seed: u64) -> Scenario {
    let pick = |what: &str, below: u64| draw(seed, what) % below;
    let group = |which: u64| -> GroupId { format!("group {which}").parse().unwrap() };
    let class = |drawn: u64| {
        [RestartClass::Permanent, RestartClass::Transient, RestartClass::Temporary][drawn as usize]
    };
    let strategies =
        [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne, Strategy::SimpleOneForOne];
    let mut script = Vec::new();
    let mut say = |at_ms, assistant: u64, happening| {
        let assistant = format!("member {assistant}").parse().unwrap();
        script.push(Scripted { at_ms, assistant, happening });
    };
    for which in 0..2 {
        let pick = |what: &str, below: u64| pick(&format!("group {which} {what}"), below);
        let strategy = strategies[pick("strategy", 4) as usize];
        let auto = [AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];
        let auto = auto[pick("auto", 3) as usize];
        let options = GroupPolicyOptions {
            strategy,
            window: RestartWindow::sliding(pick("restarts", 6) as u32, 1 + pick("period", 20_000)),
            auto_shutdown: if strategy == Strategy::SimpleOneForOne { AutoShutdown::Never } else { auto },
            restart: class(pick("class", 3)),
            when_given_up: [WhenGivenUp::EndGroup, WhenGivenUp::Rest][pick("given up", 2) as usize],
        };
        let mut create = CreateGroup::new(group(which), GroupPolicy::new(options).unwrap());
        create.within = (which == 1).then(|| group(0));
        create.is_significant = which == 1 && pick("significant", 2) == 0;
        say(0, 0, Happening::CreateGroup(create));
    }
    let members = 2 + pick("members", 4);
    for number in 0..members {
        let pick = |what: &str, below: u64| pick(&format!("member {number} {what}"), below);
        let mut options = policy();
        options.seed = seed;
        options.window.max_restarts = 2 + pick("restarts", 6) as u32;
        options.free_restarts = pick("free", 3) as u32;
        options.exits.restart = class(pick("class", 3));
        options.symbolic_fallback_path.truncate(pick("path", 3) as usize);
        let spec = spec(options);
        let mut start =
            StartChild::new(group(pick("group", 2)), format!("member {number}").parse().unwrap(), spec);
        start.is_significant = pick("significant", 3) == 0;
        start.is_running = pick("running", 3) > 0;
        start.shutdown =
            [Shutdown::Kill, Shutdown::default(), Shutdown::Unlimited][pick("shutdown", 3) as usize];
        say(0, number, Happening::StartChild(start));
    }
    for number in 0..pick("happenings", 14) {
        let pick = |what: &str, below: u64| pick(&format!("happening {number} {what}"), below);
        let happening = match pick("kind", 16) {
            0 => Happening::Stop,
            1 => Happening::RestartNow,
            2 => Happening::RestartChild,
            3 => Happening::DeleteChild,
            4 => Happening::StopGroup(group(pick("group", 2))),
            5 | 6 => Happening::StartGroup(group(pick("group", 2))),
            7 | 8 => Happening::Exit(Exit::new(ExitKind::Completed, "done".try_into().unwrap())),
            9 => Happening::Exit(Exit::new(ExitKind::Killed, "killed".try_into().unwrap()).status(137)),
            _ => Happening::Fail,
        };
        say(pick("when", 20_000), pick("whom", members), happening);
    }
    script.sort_by_key(|scripted| scripted.at_ms);
    Scenario { seed, script, damaged: BTreeMap::new(), failing_percent: pick("failing", 60) }
}

#[test]
fn random_faults_in_random_groups_change_nothing() {
    random_faults(random_family);
}

/// A scenario of several assistants, policies and happenings.
fn random(seed: u64) -> Scenario {
    let pick = |what: &str, below: u64| draw(seed, what) % below;
    let mut script = Vec::new();
    let mut damaged = BTreeMap::new();
    for number in 0..=pick("assistants", 4) {
        let assistant: AssistantId = format!("assistant {number}").parse().unwrap();
        let pick = |what: &str, below: u64| pick(&format!("{assistant} {what}"), below);
        let mut options = policy();
        options.seed = seed;
        options.window.max_restarts = u32::try_from(pick("restarts", 6)).unwrap();
        options.window.period_ms = 1 + pick("period", 20_000);
        options.free_restarts = u32::try_from(pick("free", 2)).unwrap();
        options.quiet_period_ms = pick("quiet", 20_000);
        options.quiet_since = [QuietSince::Up, QuietSince::LastFailure][pick("quiet since", 2) as usize];
        if options.quiet_since == QuietSince::LastFailure {
            options.quiet_period_ms += 1_001;
        }
        options.window.kind = [WindowKind::Sliding, WindowKind::Tumbling][pick("window", 2) as usize];
        if options.window.kind == WindowKind::Tumbling {
            options.window.max_restarts += 1;
        }
        options.jitter =
            [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated][pick("jitter", 4) as usize];
        options.max_retries = (pick("limited", 3) == 0).then(|| pick("retries", 4) as u32);
        options.deadline_ms = (pick("has deadline", 3) == 0).then(|| 1 + pick("deadline", 20_000));
        options.exits.restart = [RestartClass::Permanent, RestartClass::Transient, RestartClass::Temporary]
            [pick("class", 3) as usize];
        options.launches_per_entry = 1 + u32::try_from(pick("launches", 3)).unwrap();
        options.alignment = match pick("alignment", 3) {
            0 => AlignmentPolicy::SameRoot,
            1 => AlignmentPolicy::AdoptCurrent,
            _ => AlignmentPolicy::AskOperator,
        };
        options.symbolic_fallback_path.truncate(usize::try_from(pick("path", 3)).unwrap());
        if pick("escalate", 2) == 0 {
            options.symbolic_fallback_path.push(FallbackStep::Escalate);
        }
        let mut spec = spec(options);
        if pick("codex", 3) == 0 {
            spec.codex = None;
        }
        damaged.insert(assistant.clone(), usize::try_from(pick("damaged", 3)).unwrap());
        let deployed = Happening::Deploy(spec.clone());
        script.push(Scripted { at_ms: 0, assistant: assistant.clone(), happening: deployed });
        for number in 0..pick("happenings", 8) {
            let happening = match pick(&format!("kind {number}"), 10) {
                0 => Happening::Stop,
                1 => Happening::RestartNow,
                2 => Happening::Deploy(spec.clone()),
                3 => Happening::Exit(Exit::new(ExitKind::Completed, "done".try_into().unwrap())),
                4 => Happening::Exit(Exit::new(ExitKind::Killed, "killed".try_into().unwrap()).status(137)),
                _ => Happening::Fail,
            };
            let at_ms = pick(&format!("when {number}"), 60_000);
            script.push(Scripted { at_ms, assistant: assistant.clone(), happening });
        }
    }
    script.sort_by_key(|scripted| scripted.at_ms);
    Scenario { seed, script, damaged, failing_percent: pick("failing", 80) }
}

#[test]
fn random_faults_in_random_scenarios_change_nothing() {
    random_faults(random);
}

fn random_faults(random: impl Fn(u64) -> Scenario) {
    let seeds = std::env::var("MYTHOS_SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    for seed in 0..seeds.unwrap_or(DEFAULT_SEEDS) {
        let mut world = World::new(random(seed));
        let (expected, calls) = undisturbed(&world);
        let planned: Vec<_> = (0..draw(seed, "lives") % 8)
            .map(|life| {
                // The more lives, the less is left to do for each.
                let call = 1 + draw(seed, &format!("life {life}")) % calls.div_ceil(2);
                let fault = draw(seed, &format!("fault {life}")) % Fault::ALL.len() as u64;
                (call, Fault::ALL[usize::try_from(fault).unwrap()])
            })
            .collect();
        world.run(planned.iter().copied());
        let outcomes = world.outcomes();
        outcomes.check(&format!("seed {seed}, {planned:?}"));
        assert_eq!(outcomes, expected, "seed {seed}, {planned:?}");
    }
}
