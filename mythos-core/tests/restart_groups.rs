//! Groups through the public methods of the supervisor: what is refused, what comes back, what many threads see.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;

use damage::{records, tamper};

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mythos_core::restart::{
    Action, AutoShutdown, Backoff, ChangeGroup, CreateGroup, DeleteChild, DeployAssistant, Deployment,
    DeploymentSpec, Effect, Exit, ExitKind, FallbackStep, GroupDecision, GroupPolicy, GroupPolicyOptions,
    GroupState, GroupStateName, Jitter, Outcome, ReportExit, ReportFailure, RestartAssistant, RestartChild,
    RestartClass, RestartPolicy, RestartPolicyOptions, RestartWindow, StartChild, StateName, StopAssistant,
    Strategy, SupervisionGroup, Supervisor,
};
use mythos_core::ritual::SaveRitual;
use mythos_core::store::{
    Answer, Batch, Budget, Capabilities, Maintained, MemoryStore, Model, Read, Store, StoreError, Table,
};
use mythos_core::testing::SimulatedClock;
use mythos_core::types::{AssistantId, Clock, GroupId, RitualId, Runtime, SeededEntropy, Timestamp};
use mythos_core::{Error, ErrorKind, Mythos};

fn work() -> RitualId {
    "work".parse().unwrap()
}

fn name(text: &str) -> AssistantId {
    text.parse().unwrap()
}

fn group(text: &str) -> GroupId {
    text.parse().unwrap()
}

/// Restarts come at once, as often as the group allows.
fn options() -> RestartPolicyOptions {
    RestartPolicyOptions {
        backoff: Backoff::Constant { delay_ms: 0 },
        jitter: Jitter::None,
        window: RestartWindow::sliding(1_000, 3_600_000),
        launches_per_entry: 1_000,
        ..RestartPolicyOptions::default()
    }
}

fn spec(options: RestartPolicyOptions) -> DeploymentSpec {
    DeploymentSpec::new(work()).policy(RestartPolicy::new(options).unwrap())
}

fn of_strategy(strategy: Strategy) -> GroupPolicyOptions {
    GroupPolicyOptions { strategy, ..GroupPolicyOptions::default() }
}

/// A supervisor over a store in memory, whose clock stands unless it is set.
struct World {
    store: MemoryStore,
    clock: SimulatedClock,
    mythos: Mythos,
    supervisor: Supervisor,
}

impl World {
    fn new() -> Self {
        let (store, clock) =
            (MemoryStore::new(), SimulatedClock::new("2026-11-21T08:30:00Z".parse().unwrap()));
        let runtime = Runtime::new(Arc::new(clock.clone()), Arc::new(SeededEntropy::new(1)));
        let mythos = Mythos::with_store(Arc::new(store.clone()), runtime);
        let supervisor = mythos.deployments().supervise(&"test".parse().unwrap()).unwrap();
        Self { store, clock, mythos, supervisor }
    }

    /// With a group of running members.
    fn of(policy: GroupPolicyOptions, members: &[&str]) -> Self {
        let world = Self::new();
        world.create("crew", policy).unwrap();
        for member in members {
            world.add("crew", member);
        }
        world
    }

    fn create(&self, text: &str, policy: GroupPolicyOptions) -> Result<GroupDecision, Error> {
        self.supervisor.create_group(&CreateGroup::new(group(text), GroupPolicy::new(policy)?))
    }

    fn save(&self, member: &str) {
        self.mythos.rituals().save(&SaveRitual::new(name(member), work()), b"step 1").unwrap();
    }

    /// A member that the host launched.
    fn add(&self, text: &str, member: &str) {
        self.save(member);
        let start = StartChild::new(group(text), name(member), spec(options())).running();
        self.supervisor.start_child(&start).unwrap();
    }

    fn fail(&self, member: &str) {
        let report = ReportFailure::crashed(name(member), "killed".try_into().unwrap());
        assert!(self.supervisor.report_failure(&report).unwrap().changed);
    }

    fn change(&self, text: &str) -> ChangeGroup {
        ChangeGroup::new(group(text), "asked for".try_into().unwrap())
    }

    /// The host does what it is asked for, but for what `hangs`.
    fn run_but(&self, hangs: impl Fn(&Effect) -> bool) {
        loop {
            let effects = self.supervisor.poll_effects(100).unwrap();
            if effects.is_empty() {
                return;
            }
            for effect in effects.into_iter().filter(|effect| !hangs(effect)) {
                let outcome = match effect.action {
                    Action::Restore { .. } | Action::Align { .. } => {
                        if let Some(next) = self.supervisor.carry_out(&effect).unwrap().next {
                            self.supervisor.give_back(&next.id);
                        }
                        continue;
                    }
                    Action::Probe { .. } => Outcome::Ready,
                    Action::Stop { .. } | Action::Kill => Outcome::Stopped,
                    _ => Outcome::Acknowledged,
                };
                self.supervisor.answer(&effect.id, &outcome).unwrap();
            }
        }
    }

    fn run(&self) {
        self.run_but(|_| false);
    }

    fn state(&self, member: &str) -> StateName {
        self.supervisor.deployment(&name(member)).unwrap().state
    }

    fn group_state(&self, text: &str) -> GroupStateName {
        self.mythos.deployments().group(self.supervisor.id(), &group(text)).unwrap().state
    }
}

fn is_stop(effect: &Effect) -> bool {
    matches!(effect.action, Action::Stop { .. } | Action::Kill)
}

#[test]
fn the_strategy_of_a_group_is_not_changed_while_it_stops_members() {
    let world = World::of(of_strategy(Strategy::SimpleOneForOne), &["a", "b"]);
    world.supervisor.stop_group(&world.change("crew")).unwrap();
    let error = world.create("crew", of_strategy(Strategy::OneForOne)).unwrap_err();
    assert_eq!(error.field(), Some("strategy"));
    let wider = GroupPolicyOptions {
        window: RestartWindow::sliding(99, 1_000),
        ..of_strategy(Strategy::SimpleOneForOne)
    };
    assert!(world.create("crew", wider).unwrap().changed, "what does not concern it is");
    world.run();
    assert_eq!(world.group_state("crew"), GroupStateName::Ended);
    assert!(world.create("crew", of_strategy(Strategy::OneForOne)).unwrap().changed);
}

#[test]
fn nothing_starts_out_of_turn_or_where_a_group_around_it_has_ended() {
    let world = World::of(of_strategy(Strategy::RestForOne), &["a", "b", "c"]);
    world.supervisor.stop(&StopAssistant::new(name("c"))).unwrap();
    world.run();
    world.fail("a");
    world.run_but(is_stop);
    // `b` is asked to end; `c` is down, and comes after it.
    let asked = RestartChild::new(name("c"), "asked for".try_into().unwrap());
    assert_eq!(world.supervisor.restart_child(&asked).unwrap().state.name(), StateName::Stopped);
    let by_hand = RestartAssistant::new(name("c"), "asked for".try_into().unwrap());
    assert_eq!(world.supervisor.restart_now(&by_hand).unwrap_err().field(), Some("assistant"));
    let stopped = Exit::new(ExitKind::Completed, "as asked".try_into().unwrap());
    world.supervisor.report_exit(&ReportExit::new(name("b"), stopped)).unwrap();
    let launched = std::cell::RefCell::new(Vec::new());
    world.run_but(|effect| {
        if matches!(effect.action, Action::Probe { .. }) {
            launched.borrow_mut().push(effect.assistant.to_string());
        }
        false
    });
    assert_eq!(launched.into_inner(), ["a", "b", "c"]);

    world.supervisor.stop_group(&world.change("crew")).unwrap();
    world.run();
    let deploy = DeployAssistant::new(name("c"), spec(options()));
    assert_eq!(world.supervisor.deploy(&deploy).unwrap_err().field(), Some("assistant"));
    assert_eq!(world.supervisor.restart_now(&by_hand).unwrap_err().field(), Some("assistant"));
    assert_eq!(world.supervisor.restart_child(&asked).unwrap_err().field(), Some("assistant"));
    assert_eq!(world.state("c"), StateName::Stopped);
}

#[test]
fn a_group_within_one_that_ended_is_not_started_alone() {
    let world = World::of(of_strategy(Strategy::OneForAll), &["a"]);
    let inner = CreateGroup::new(group("inner"), GroupPolicy::default()).within(group("crew"));
    world.supervisor.create_group(&inner).unwrap();
    world.add("inner", "b");
    world.supervisor.stop_group(&world.change("inner")).unwrap();
    world.run();
    // While the outer group stops its members, the inner one has its turn coming.
    world.fail("a");
    assert_eq!(world.group_state("crew"), GroupStateName::Starting);
    assert!(world.supervisor.start_group(&world.change("inner")).unwrap().changed);
    assert_eq!(world.group_state("inner"), GroupStateName::Ended, "until its turn comes");
    world.run();
    assert_eq!(
        (world.group_state("inner"), world.state("b")),
        (GroupStateName::Up, StateName::MythpathReady)
    );

    world.supervisor.stop_group(&world.change("crew")).unwrap();
    world.run();
    let error = world.supervisor.start_group(&world.change("inner")).unwrap_err();
    assert_eq!(error.field(), Some("group"));
    let start = StartChild::new(group("inner"), name("c"), spec(options()));
    assert_eq!(world.supervisor.start_child(&start).unwrap_err().field(), Some("group"));
    world.supervisor.start_group(&world.change("crew")).unwrap();
    world.run();
    assert_eq!(
        (world.group_state("inner"), world.state("b")),
        (GroupStateName::Up, StateName::MythpathReady)
    );
}

#[test]
fn a_new_child_that_cannot_start_is_no_concern_of_its_siblings() {
    let one_for_all =
        GroupPolicyOptions { window: RestartWindow::sliding(0, 1_000), ..of_strategy(Strategy::OneForAll) };
    let world = World::of(one_for_all, &["a", "b"]);
    // Without any entry to begin from, and with one whose launches fail.
    for (child, is_saved) in [("c", false), ("d", true)] {
        if is_saved {
            world.save(child);
        }
        let limited = RestartPolicyOptions { max_retries: Some(1), ..options() };
        world.supervisor.start_child(&StartChild::new(group("crew"), name(child), spec(limited))).unwrap();
        let notices = std::cell::Cell::new(0);
        world.run_but(|effect| {
            assert_eq!(effect.assistant, name(child));
            let is_launch = matches!(effect.action, Action::Probe { .. });
            if is_launch {
                let outcome = Outcome::NotReady { reason: "no".try_into().unwrap() };
                world.supervisor.answer(&effect.id, &outcome).unwrap();
            }
            let is_notice = matches!(effect.action, Action::Escalate { .. });
            notices.set(notices.get() + u32::from(is_notice));
            is_launch
        });
        assert_eq!((world.state(child), notices.get()), (StateName::GivenUp, 1));
        assert_eq!((world.state("a"), world.state("b")), (StateName::Running, StateName::Running));
        assert_eq!(world.group_state("crew"), GroupStateName::Up);
    }
    // Mended, it is started by hand; from then on the others count on it.
    world.save("c");
    let again = RestartChild::new(name("c"), "mended".try_into().unwrap());
    world.supervisor.restart_child(&again).unwrap();
    world.run();
    assert_eq!(world.state("c"), StateName::MythpathReady);
    world.fail("c");
    world.run();
    assert_eq!(world.group_state("crew"), GroupStateName::Ended);
}

/// A clock of which each reading is later, and which leaves other threads time to decide in between.
#[derive(Debug, Default)]
struct SlowClock(AtomicI64);

impl Clock for SlowClock {
    fn now(&self) -> Timestamp {
        let read = self.0.fetch_add(1, Ordering::SeqCst);
        std::thread::yield_now();
        Timestamp::from_microseconds(read).unwrap()
    }
}

#[test]
fn the_window_of_a_group_counts_what_many_threads_report() {
    const MEMBERS: usize = 48;
    let runtime = Runtime::new(Arc::new(SlowClock::default()), Arc::new(SeededEntropy::new(1)));
    let mythos = Mythos::with_store(Arc::new(MemoryStore::new()), runtime);
    let supervisor = mythos.deployments().supervise(&"test".parse().unwrap()).unwrap();
    let window = RestartWindow::sliding(MEMBERS as u32 - 1, 3_600_000);
    let policy = GroupPolicy::new(GroupPolicyOptions { window, ..GroupPolicyOptions::default() }).unwrap();
    supervisor.create_group(&CreateGroup::new(group("crew"), policy)).unwrap();
    for member in 0..MEMBERS {
        let start = StartChild::new(group("crew"), name(&format!("member {member}")), spec(options()));
        supervisor.start_child(&start.running()).unwrap();
    }
    std::thread::scope(|scope| {
        for member in 0..MEMBERS {
            let supervisor = &supervisor;
            scope.spawn(move || {
                let name = name(&format!("member {member}"));
                supervisor
                    .report_failure(&ReportFailure::crashed(name, "killed".try_into().unwrap()))
                    .unwrap();
            });
        }
    });
    let found = mythos.deployments().group(supervisor.id(), &group("crew")).unwrap();
    assert!(!matches!(found.state, GroupStateName::Up), "one more than it allows: {found:?}");
}

/// A store whose reads of cells take a while.
#[derive(Debug)]
struct SlowStore {
    inner: MemoryStore,
    clock: SimulatedClock,
}

impl Store for SlowStore {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        let is_of_cells = |read: &Read| matches!(read, Read::Cells { .. });
        if reads.iter().any(is_of_cells) {
            self.clock.advance(std::time::Duration::from_secs(60));
        }
        self.inner.read(reads)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.inner.commit(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.inner.maintain(budget)
    }
}

#[test]
fn a_probe_has_its_whole_time_after_a_restore_that_took_long() {
    let world = World::new();
    let store = SlowStore { inner: world.store.clone(), clock: world.clock.clone() };
    let runtime = Runtime::new(Arc::new(world.clock.clone()), Arc::new(SeededEntropy::new(2)));
    let mythos = Mythos::with_store(Arc::new(store), runtime);
    let supervisor = mythos.deployments().supervise(&"slow".parse().unwrap()).unwrap();
    world.save("a");
    supervisor.deploy(&DeployAssistant::new(name("a"), spec(options()))).unwrap();
    let failed = ReportFailure::crashed(name("a"), "killed".try_into().unwrap());
    supervisor.report_failure(&failed).unwrap();
    let before = world.clock.now();
    let restore = supervisor.poll_effects(1).unwrap().remove(0);
    let probe = supervisor.carry_out(&restore).unwrap().next.unwrap();
    let Action::Probe { deadline, .. } = probe.action else { panic!("{probe:?}") };
    assert!(world.clock.now() > before, "it took long");
    assert_eq!(deadline, world.clock.now().saturating_add(std::time::Duration::from_secs(30)));
}

/// A store on which a commit takes so long that all others who read before it lose.
#[derive(Debug, Default)]
struct SlowCommits(MemoryStore);

impl Store for SlowCommits {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        self.0.read(reads)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        std::thread::sleep(std::time::Duration::from_millis(1));
        self.0.commit(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.0.maintain(budget)
    }
}

#[test]
fn many_failures_at_once_in_one_group_are_all_decided() {
    const MEMBERS: usize = 160;
    let mythos = Mythos::with_store(Arc::new(SlowCommits::default()), Runtime::system());
    let supervisor = mythos.deployments().supervise(&"test".parse().unwrap()).unwrap();
    let window = RestartWindow::sliding(MEMBERS as u32, 3_600_000);
    let policy = GroupPolicy::new(GroupPolicyOptions { window, ..GroupPolicyOptions::default() }).unwrap();
    supervisor.create_group(&CreateGroup::new(group("crew"), policy)).unwrap();
    for member in 0..MEMBERS {
        let start = StartChild::new(group("crew"), name(&format!("member {member}")), spec(options()));
        supervisor.start_child(&start.running()).unwrap();
    }
    let all_at_once = std::sync::Barrier::new(MEMBERS);
    std::thread::scope(|scope| {
        for member in 0..MEMBERS {
            let (supervisor, all_at_once) = (&supervisor, &all_at_once);
            scope.spawn(move || {
                let name = name(&format!("member {member}"));
                let report = ReportFailure::crashed(name, "killed".try_into().unwrap());
                all_at_once.wait();
                assert!(supervisor.report_failure(&report).unwrap().changed);
            });
        }
    });
    let found = mythos.deployments().group(supervisor.id(), &group("crew")).unwrap();
    assert_eq!((found.state, found.machine.restarts()), (GroupStateName::Up, MEMBERS));
}

#[test]
fn what_is_refused_on_joining_does_not_come_about_later() {
    let world = World::new();
    let ends = GroupPolicyOptions { auto_shutdown: AutoShutdown::AnySignificant, ..Default::default() };
    world.create("crew", ends).unwrap();
    let mut transient = options();
    transient.exits.restart = RestartClass::Transient;
    let mut start = StartChild::new(group("crew"), name("a"), spec(transient)).running();
    start.is_significant = true;
    world.supervisor.start_child(&start).unwrap();
    let permanent = DeployAssistant::new(name("a"), spec(options()));
    assert_eq!(world.supervisor.deploy(&permanent).unwrap_err().field(), Some("is_significant"));
    let endless = world.create("crew", GroupPolicyOptions::default()).unwrap_err();
    assert_eq!(endless.field(), Some("auto_shutdown"));

    let inner = |policy: GroupPolicyOptions, within: &str, is_significant| {
        let create = CreateGroup::new(group("inner"), GroupPolicy::new(policy)?).within(group(within));
        world.supervisor.create_group(&CreateGroup { is_significant, ..create })
    };
    let transient = GroupPolicyOptions { restart: RestartClass::Transient, ..ends };
    inner(transient, "crew", true).unwrap();
    assert!(!inner(transient, "crew", true).unwrap().changed);
    let field = |answer: Result<GroupDecision, Error>| answer.unwrap_err().field().map(str::to_owned);
    assert_eq!(field(inner(transient, "crew", false)).as_deref(), Some("is_significant"));
    assert_eq!(field(inner(transient, "elsewhere", true)).as_deref(), Some("within"));
    assert_eq!(field(inner(ends, "crew", true)).as_deref(), Some("is_significant"), "it is restarted");
    assert_eq!(field(world.create("inner", ends)).as_deref(), Some("is_significant"));
    let simple = of_strategy(Strategy::SimpleOneForOne);
    world.create("plain", GroupPolicyOptions::default()).unwrap();
    let held = CreateGroup::new(group("held"), GroupPolicy::default()).within(group("plain"));
    world.supervisor.create_group(&held).unwrap();
    assert_eq!(field(world.create("plain", simple)).as_deref(), Some("strategy"));
    let nobody =
        CreateGroup { is_significant: true, ..CreateGroup::new(group("new"), GroupPolicy::default()) };
    assert_eq!(world.supervisor.create_group(&nobody).unwrap_err().field(), Some("is_significant"));
}

#[test]
fn who_left_a_group_can_join_one_again_or_be_deleted() {
    let world = World::of(of_strategy(Strategy::OneForOne), &["a", "b"]);
    world.supervisor.stop(&StopAssistant::new(name("b"))).unwrap();
    world.run();
    let delete = |member| world.supervisor.delete_deployment(&name(member));
    assert_eq!(delete("b").unwrap_err().field(), Some("assistant"), "a member");
    world.supervisor.delete_child(&DeleteChild::new(name("b"))).unwrap();
    world.supervisor.start_child(&StartChild::new(group("crew"), name("b"), spec(options()))).unwrap();
    world.run();
    assert_eq!(world.state("b"), StateName::MythpathReady);
    let again = StartChild::new(group("crew"), name("b"), spec(options()));
    assert_eq!(world.supervisor.start_child(&again).unwrap_err().field(), Some("assistant"));
    world.fail("b");
    world.run();
    assert_eq!(world.supervisor.deployment(&name("b")).unwrap().machine.run(), 3, "its runs go on");

    // One that the host deployed alone runs, and joins as it is.
    world.save("c");
    world.supervisor.deploy(&DeployAssistant::new(name("c"), spec(options()))).unwrap();
    assert_eq!(delete("c").unwrap_err().field(), Some("assistant"), "it runs");
    let join = StartChild::new(group("crew"), name("c"), spec(options()));
    assert_eq!(world.supervisor.start_child(&join).unwrap_err().field(), Some("assistant"));
    world.supervisor.start_child(&join.running()).unwrap();

    world.supervisor.stop(&StopAssistant::new(name("c"))).unwrap();
    world.run();
    world.supervisor.delete_child(&DeleteChild::new(name("c"))).unwrap();
    delete("c").unwrap();
    assert_eq!(delete("c").unwrap_err().kind(), ErrorKind::NotFound);
    // Deployed again, it begins anew, and its effects are handed out.
    assert_eq!(world.supervisor.deploy(&DeployAssistant::new(name("c"), spec(options()))).unwrap().run, 1);
    world.fail("c");
    world.run();
    assert_eq!(world.state("c"), StateName::MythpathReady);
}

fn damage(world: &World, table: Table, field: &str, value: &str) {
    let all = records(&world.store, table);
    let record = all.iter().find(|record| record.body[field] == value).unwrap();
    tamper(&world.store, table, record, |body| body["machine"] = "broken".into());
}

#[test]
fn a_group_passes_over_a_member_that_cannot_be_read() {
    let world = World::of(of_strategy(Strategy::RestForOne), &["a", "b", "c"]);
    damage(&world, Deployment::TABLE, "assistant", "b");
    world.fail("a");
    world.run();
    assert_eq!((world.state("a"), world.state("c")), (StateName::MythpathReady, StateName::MythpathReady));
    // Deployed anew, it is where it was.
    world.supervisor.deploy(&DeployAssistant::new(name("b"), spec(options()))).unwrap();
    assert_eq!(world.supervisor.deployment(&name("b")).unwrap().member.unwrap().position, 2);

    // Its group waits for it when it is damaged: only letting go of it lets the group go on.
    world.supervisor.stop_group(&world.change("crew")).unwrap();
    world.run_but(|effect| is_stop(effect) && effect.assistant == name("b"));
    damage(&world, Deployment::TABLE, "assistant", "b");
    let deploy = DeployAssistant::new(name("b"), spec(options()));
    assert_eq!(world.supervisor.deploy(&deploy).unwrap_err().field(), Some("assistant"));
    world.supervisor.delete_deployment(&name("b")).unwrap();
    world.run();
    assert_eq!((world.group_state("crew"), world.state("a")), (GroupStateName::Ended, StateName::Stopped));
    let crew = world.mythos.deployments().group(world.supervisor.id(), &group("crew")).unwrap();
    assert_eq!(crew.machine.members(), 2);
}

#[test]
fn a_timer_that_an_unreadable_group_holds_up_does_not_spin() {
    let world = World::of(of_strategy(Strategy::OneForOne), &["a"]);
    let slow = RestartPolicyOptions { probe_deadline_ms: 10, ..options() };
    world.save("b");
    world.supervisor.start_child(&StartChild::new(group("crew"), name("b"), spec(slow))).unwrap();
    world.run_but(|effect| matches!(effect.action, Action::Probe { .. }));
    world.clock.advance(std::time::Duration::from_secs(1));
    damage(&world, SupervisionGroup::TABLE, "group", "crew");
    assert!(world.supervisor.next_timeout().unwrap().unwrap() < world.clock.now());
    assert_eq!(world.supervisor.tick().unwrap(), []);
    let later = world.clock.now().saturating_add(std::time::Duration::from_secs(1));
    assert_eq!(world.supervisor.next_timeout().unwrap(), Some(later));
    world.clock.set(later);
    assert!(world.supervisor.next_timeout().unwrap().unwrap() < later, "it is tried again");
}

/// Counts the reads of a store.
#[derive(Debug, Default)]
struct Counted {
    inner: MemoryStore,
    reads: AtomicI64,
}

impl Store for Counted {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read(reads)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        assert!(batch.records.len() + batch.checks.len() < 10, "a decision writes what it changes");
        self.inner.commit(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.inner.maintain(budget)
    }
}

#[test]
fn members_that_rest_cost_a_group_that_stops_next_to_nothing() {
    let store = Arc::new(Counted::default());
    let mythos = Mythos::with_store(store.clone(), Runtime::system());
    let supervisor = mythos.deployments().supervise(&"test".parse().unwrap()).unwrap();
    supervisor.create_group(&CreateGroup::new(group("crew"), GroupPolicy::default())).unwrap();
    let mut transient = options();
    transient.exits.restart = RestartClass::Transient;
    for member in 0..500 {
        let name = name(&format!("member {member}"));
        let start = StartChild::new(group("crew"), name.clone(), spec(transient.clone()));
        supervisor.start_child(&start.running()).unwrap();
        let done = Exit::new(ExitKind::Completed, "done".try_into().unwrap());
        supervisor.report_exit(&ReportExit::new(name, done)).unwrap();
    }
    let before = store.reads.load(Ordering::Relaxed);
    let stopped = supervisor.stop_group(&ChangeGroup::new(group("crew"), "asked for".try_into().unwrap()));
    assert!(matches!(stopped.unwrap().state, GroupState::Ended { .. }));
    let reads = store.reads.load(Ordering::Relaxed) - before;
    assert!(reads < 20, "{reads}");
}

#[test]
fn members_that_do_not_depend_on_each_other_do_not_wait_for_a_person() {
    for strategy in [Strategy::OneForOne, Strategy::RestForOne] {
        let world = World::of(of_strategy(strategy), &[]);
        // Nothing was saved for `a`, so that an operator is asked what to do.
        let asks = RestartPolicyOptions { symbolic_fallback_path: vec![FallbackStep::Escalate], ..options() };
        let start = StartChild::new(group("crew"), name("a"), spec(asks)).running();
        world.supervisor.start_child(&start).unwrap();
        world.add("crew", "b");
        world.supervisor.stop_group(&world.change("crew")).unwrap();
        world.run();
        world.supervisor.start_group(&world.change("crew")).unwrap();
        world.run_but(|effect| matches!(effect.action, Action::Escalate { .. }));
        assert_eq!(world.state("a"), StateName::AwaitingOperator);
        let is_ordered = strategy == Strategy::RestForOne;
        assert_eq!(world.state("b") == StateName::MythpathReady, !is_ordered);
        assert_eq!(world.group_state("crew") == GroupStateName::Up, !is_ordered);
        // The answer brings up who waited, and who waited for it.
        world.save("a");
        let mended = RestartAssistant::new(name("a"), "mended".try_into().unwrap());
        world.supervisor.restart_now(&mended).unwrap();
        world.run();
        assert_eq!(
            (world.state("a"), world.state("b")),
            (StateName::MythpathReady, StateName::MythpathReady)
        );
        assert_eq!(world.group_state("crew"), GroupStateName::Up);
    }
}
