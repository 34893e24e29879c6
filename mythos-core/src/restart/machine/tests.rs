use std::time::Duration;

use super::*;
use crate::codex::ChangesSince;
use crate::restart::{
    AlignmentPolicy, Backoff, Ending, ExitKind, ExitMatch, ExitRules, Jitter, QuietSince, RestartClass,
    RestartPolicy, RestartPolicyOptions, RestartWindow, StateName, Verdict,
};
use crate::types::{CodexId, Digest, EntryId, RitualId};

mod cases;
mod properties;
mod table;
mod transitions;

const HOUR_MS: u64 = 3_600_000;
const FOREVER_MS: u64 = MAX_SAFE_INTEGER;

/// A machine driven by hand: a spec, and a clock in milliseconds.
#[derive(Debug, Clone)]
pub(super) struct Driver {
    machine: Machine,
    spec: DeploymentSpec,
    id: RecordId,
    now_ms: u64,
    is_member: bool,
}

fn options() -> RestartPolicyOptions {
    RestartPolicyOptions {
        jitter: Jitter::None,
        quiet_period_ms: FOREVER_MS,
        ..RestartPolicyOptions::default()
    }
}

fn entry(sequence: u64) -> RestoredEntry {
    RestoredEntry {
        entry: EntryId::from_uuid(OperationId::from_name(&sequence.to_string()).as_uuid()),
        ritual: RitualId::new("audit").unwrap(),
        sequence,
        symbolic_signature_hash: Digest::of(b"signature"),
        substitute: None,
        codex: Some(codex()),
        codex_root: Some(Digest::of(b"root")),
    }
}

fn codex() -> CodexId {
    CodexId::new("codex").unwrap()
}

fn alignment(root: &[u8]) -> Alignment {
    Alignment::of(&entry(1), codex(), Digest::of(root))
}

fn reason() -> Reason {
    Reason::new("killed").unwrap()
}

fn operation() -> OperationId {
    OperationId::from_name("test")
}

fn failed() -> Event {
    suspected(None, FailureKind::Crashed)
}

fn exited(kind: ExitKind) -> Event {
    ended(None, Exit::new(kind, reason()))
}

fn ended(run: Option<u64>, exit: Exit) -> Event {
    Event::Failed { run, kind: FailureKind::of_exit(exit.kind), exit, operation: operation() }
}

fn suspected(run: Option<u64>, kind: FailureKind) -> Event {
    let exit = Exit::new(ExitKind::Failed, reason());
    Event::Failed { run, kind, exit, operation: operation() }
}

fn completed() -> Event {
    exited(ExitKind::Completed)
}

fn stop_requested() -> Event {
    let cause = Cause { reason: reason(), operation: operation() };
    Event::StopRequested { cause, shutdown: Shutdown::default() }
}

fn restart_requested() -> Event {
    Event::RestartRequested { reason: reason(), operation: operation() }
}

impl Driver {
    /// Deployed at 0 without a codex.
    fn new(options: RestartPolicyOptions) -> Self {
        let spec =
            DeploymentSpec::new(RitualId::new("audit").unwrap()).policy(RestartPolicy::new(options).unwrap());
        let id = RecordId::new(b"deployment").unwrap();
        let mut driver = Self { machine: Machine::default(), spec, id, now_ms: 0, is_member: false };
        driver.moved(Event::Deployed);
        driver
    }

    fn with_codex(mut self) -> Self {
        self.spec = self.spec.codex(codex());
        self
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.saturating_add(Duration::from_millis(self.now_ms))
    }

    fn step(&mut self, event: Event) -> Result<Option<Ignored>, Refusal> {
        let now = self.now();
        let context = Context { deployment: &self.id, spec: &self.spec, now, is_member: self.is_member };
        self.machine.step(&context, event)
    }

    fn moved(&mut self, event: Event) -> StateName {
        assert_eq!(self.step(event.clone()), Ok(None), "{event:?} in {:?}", self.machine.state);
        self.machine.state.name()
    }

    fn answer(&mut self, answer: Answer) -> StateName {
        let number = self.machine.pending.map_or(0, |pending| pending.number);
        self.moved(Event::Answered { number, answer })
    }

    /// Lets the timer that is set fire when it is due.
    fn timer(&mut self) -> StateName {
        let (due, generation) = self.machine.timer().unwrap();
        let since = due.saturating_duration_since(Timestamp::UNIX_EPOCH);
        self.now_ms = self.now_ms.max(u64::try_from(since.as_millis()).unwrap());
        self.moved(Event::TimerFired { generation })
    }

    /// From a failure through the backoff, if there is one, to a launch from the newest entry; `None` if given up.
    fn relaunch(&mut self) -> Option<u64> {
        if self.machine.state.name() == StateName::BackingOff {
            self.timer();
        }
        if self.machine.state.name() != StateName::Restoring {
            return None;
        }
        self.answer(Answer::Restored(entry(1)));
        Some(self.now_ms)
    }

    /// Every launch fails as soon as it is made: when they were made, until the deployment is given up.
    fn always_failing(&mut self) -> Vec<u64> {
        let mut launches = vec![self.now_ms];
        self.moved(failed());
        while let Some(launch) = self.relaunch() {
            launches.push(launch);
            self.answer(Answer::NotReady { reason: reason() });
            assert!(launches.len() < 10_000, "never given up");
        }
        launches
    }

    fn fail_and_recover(&mut self) -> StateName {
        self.moved(failed());
        if self.relaunch().is_some() { self.answer(Answer::Ready) } else { self.machine.state.name() }
    }
}

/// What holds of every machine that the transition function makes.
fn check_invariants(driver: &Driver) {
    let machine = &driver.machine;
    let name = machine.state.name();
    let action = machine.action(&driver.spec);
    assert_eq!(machine.pending.is_some(), action.is_some(), "an effect and its action: {machine:?}");
    let rests = name.is_at_rest();
    let leads_on = machine.pending.is_some() || machine.timer().is_some();
    assert!(rests || leads_on || name == StateName::Waiting, "stuck: {machine:?}");
    let recovering = !rests;
    assert_eq!(machine.incident.as_ref().is_some_and(Incident::is_open), recovering, "{machine:?}");
    assert_ne!(name, StateName::Failed);
    assert!(machine.history.len() <= driver.spec.policy.options().window.max_restarts as usize + 1);
    assert!(machine.failed_launches.len() <= Machine::MAX_FAILED_ENTRIES);
}

#[test]
fn late_and_repeated_events_are_recognised_in_every_state() {
    let mut driver = Driver::new(options()).with_codex();
    driver.moved(failed());
    // Both the process watcher and the heartbeat report the same death.
    assert_eq!(driver.step(failed()), Ok(Some(Ignored::NothingRuns)));
    driver.timer();
    let first = driver.machine.pending.unwrap().number;
    driver.answer(Answer::Restored(entry(7)));
    let again = Event::Answered { number: first, answer: Answer::Restored(entry(7)) };
    assert_eq!(driver.step(again), Ok(Some(Ignored::AlreadyAnswered)));
    driver.answer(Answer::Aligned(alignment(b"root")));
    // A report of the first run comes in when the second is launched already.
    let late = |run| suspected(Some(run), FailureKind::Stalled);
    assert_eq!(driver.step(late(1)), Ok(Some(Ignored::StaleRun)));
    assert_eq!(driver.step(late(3)), Err(Refusal::NeverLaunched));
    assert_eq!(driver.answer(Answer::Ready), StateName::MythpathReady);
    assert_eq!(driver.step(late(1)), Ok(Some(Ignored::StaleRun)));
    assert_eq!(driver.moved(late(2)), StateName::BackingOff);
    let never = Event::Answered { number: 99, answer: Answer::Ready };
    assert_eq!(driver.step(never), Err(Refusal::NeverIssued));
    let zero = Event::Answered { number: 0, answer: Answer::Ready };
    assert_eq!(driver.step(zero), Err(Refusal::NeverIssued));
}

#[test]
fn a_timer_that_fires_early_or_from_another_life_is_ignored() {
    let mut driver = Driver::new(options());
    driver.moved(failed());
    let generation = driver.machine.generation;
    assert_eq!(driver.step(Event::TimerFired { generation }), Ok(Some(Ignored::NotDue)));
    assert_eq!(driver.step(Event::TimerFired { generation: generation + 1 }), Ok(Some(Ignored::StaleTimer)));
    assert_eq!(driver.timer(), StateName::Restoring);
    assert_eq!(driver.step(Event::TimerFired { generation }), Ok(Some(Ignored::StaleTimer)));
}

#[test]
fn the_path_is_walked_in_its_order_and_told_in_the_record() {
    let mut policy = options();
    let safe = RitualId::new("safe").unwrap();
    policy.symbolic_fallback_path = vec![
        FallbackStep::OlderEntry,
        FallbackStep::NamedRitual { ritual: safe.clone() },
        FallbackStep::OlderEntry,
        FallbackStep::Escalate,
    ];
    policy.alignment = AlignmentPolicy::SameRoot;
    let mut driver = Driver::new(policy).with_codex();
    driver.moved(failed());
    driver.timer();
    let restore = |driver: &Driver| match driver.machine.action(&driver.spec) {
        Some(Action::Restore { ritual, which, .. }) => (ritual.as_str().to_owned(), which),
        other => panic!("{other:?}"),
    };
    assert_eq!(restore(&driver), ("audit".to_owned(), Which::Latest));
    driver.answer(Answer::NotRestored { sequence: Some(7), reason: Reason::new("damaged").unwrap() });
    assert_eq!(restore(&driver), ("audit".to_owned(), Which::OlderThan { sequence: Some(7) }));
    driver.answer(Answer::Restored(entry(6)));
    driver.answer(Answer::Misaligned(alignment(b"other")));
    assert_eq!(restore(&driver), ("safe".to_owned(), Which::Latest));
    // The safe ritual counts its own entries: what is older than entry 6 is still what is asked for next.
    driver.answer(Answer::Restored(RestoredEntry { ritual: safe, ..entry(90) }));
    driver.answer(Answer::NotAligned { reason: Reason::new("broken trail").unwrap() });
    assert_eq!(restore(&driver), ("audit".to_owned(), Which::OlderThan { sequence: Some(6) }));
    driver.answer(Answer::NotRestored { sequence: None, reason: Reason::new("no entry").unwrap() });
    assert_eq!(driver.machine.state, State::AwaitingOperator { question: Question::PathExhausted });
    assert_eq!(driver.answer(Answer::Approved), StateName::Restoring);
    driver.answer(Answer::Restored(entry(8)));
    driver.answer(Answer::Aligned(alignment(b"root")));
    driver.answer(Answer::Ready);
    let incident = driver.machine.incident.clone().unwrap();
    let told = incident.symbolic_fallback_path();
    let steps: Vec<_> = told.split(" > ").collect();
    let id = |sequence| entry(sequence).entry;
    assert_eq!(
        steps,
        [
            "latest: not restored (damaged)".to_owned(),
            format!("older entry, entry 6 of ritual audit ({}): ran under another codex", id(6)),
            format!("ritual safe, entry 90 of ritual safe ({}): codex not proven (broken trail)", id(90)),
            "older entry: not restored (no entry)".to_owned(),
            "operator: approved".to_owned(),
            format!("latest, entry 8 of ritual audit ({}): ready", id(8)),
        ]
    );
    assert_eq!((incident.restarts, incident.ending), (2, Some(Ending::Ready)));
    let path: Vec<_> = incident.path.iter().map(|visit| table::abbreviation(visit.state)).collect();
    assert_eq!(path.join(" "), "Fa Ba Re Re Al Re Al Re Aw Re Al Ve My");
}

#[test]
fn an_entry_whose_launches_keep_failing_is_passed_over_until_the_quiet_period() {
    let mut policy = options();
    policy.launches_per_entry = 2;
    policy.quiet_period_ms = 1_000_000;
    policy.window = RestartWindow::sliding(100, FOREVER_MS);
    let mut driver = Driver::new(policy);
    driver.moved(failed());
    for _ in 0..2 {
        driver.timer();
        driver.answer(Answer::Restored(entry(7)));
        driver.answer(Answer::NotReady { reason: reason() });
    }
    driver.timer();
    assert_eq!(driver.answer(Answer::Restored(entry(7))), StateName::Restoring);
    let State::Restoring { step: 1, older_than: Some(7) } = driver.machine.state else {
        panic!("{:?}", driver.machine.state)
    };
    driver.answer(Answer::Restored(entry(6)));
    assert_eq!(driver.answer(Answer::Ready), StateName::MythpathReady);
    // The assistant went on from entry 6 and saved entry 8, which is none of the failed ones.
    driver.moved(failed());
    driver.timer();
    assert_eq!(driver.answer(Answer::Restored(entry(8))), StateName::Verifying);
    driver.answer(Answer::Ready);
    driver.now_ms += 1_000_000;
    driver.moved(failed());
    driver.timer();
    assert_eq!(driver.answer(Answer::Restored(entry(7))), StateName::Verifying, "all is forgotten");
}

#[test]
fn an_operator_who_declines_a_codex_sends_the_path_on() {
    let mut driver = table::in_state("awaiting (misaligned)");
    driver.answer(Answer::Declined);
    assert_eq!(driver.machine.state, State::Restoring { step: 1, older_than: Some(7) });
    let mut driver = table::in_state("awaiting (misaligned)");
    driver.answer(Answer::Approved);
    let State::Verifying { alignment: Some(alignment), .. } = &driver.machine.state else {
        panic!("{:?}", driver.machine.state)
    };
    assert!(!alignment.is_same());
}

/// Restored, and found to have run under another root than the one in force, which the log proves or does not.
fn misaligned(driver: &mut Driver, is_proven: bool) -> StateName {
    driver.answer(Answer::Restored(entry(7)));
    let alignment = alignment(b"other");
    let found = ChangesSince { since: 3, changes: Vec::new(), has_evidence: false };
    let alignment = if is_proven { alignment.with_changes(found) } else { alignment };
    driver.answer(Answer::Misaligned(alignment))
}

#[test]
fn an_entry_is_resumed_under_the_codex_it_ran_under_if_the_log_proves_that() {
    for is_proven in [true, false] {
        let mut policy = options();
        policy.alignment = AlignmentPolicy::SameRoot;
        policy.symbolic_fallback_path = vec![FallbackStep::OlderCodex];
        let mut driver = Driver::new(policy).with_codex();
        driver.moved(failed());
        driver.timer();
        assert_eq!(misaligned(&mut driver, true), StateName::Restoring);
        if !is_proven {
            assert_eq!(misaligned(&mut driver, false), StateName::GivenUp);
            continue;
        }
        assert_eq!(misaligned(&mut driver, true), StateName::Verifying);
        let Some(Action::Probe { codex_root, .. }) = driver.machine.action(&driver.spec) else { panic!() };
        assert_eq!(codex_root, entry(7).codex_root, "the host is told what it runs under");
        driver.answer(Answer::Ready);
        let alignment = driver.machine.incident.as_ref().unwrap().alignment.as_ref().unwrap();
        assert!(alignment.is_older_codex && !alignment.is_same());
    }
}

#[test]
fn an_entry_that_fails_under_the_codex_in_force_is_tried_under_its_own() {
    let mut policy = options();
    policy.backoff = Backoff::Constant { delay_ms: 0 };
    policy.launches_per_entry = 2;
    policy.symbolic_fallback_path = vec![FallbackStep::OlderCodex];
    let mut driver = Driver::new(policy).with_codex();
    driver.moved(failed());
    for _ in 0..2 {
        assert_eq!(misaligned(&mut driver, true), StateName::Verifying);
        assert_eq!(driver.answer(Answer::NotReady { reason: reason() }), StateName::Restoring);
    }
    assert_eq!(misaligned(&mut driver, true), StateName::Restoring, "passed over");
    assert_eq!(misaligned(&mut driver, true), StateName::Verifying);
    let Some(Action::Probe { codex_root, .. }) = driver.machine.action(&driver.spec) else { panic!() };
    assert_eq!(codex_root, entry(7).codex_root);
    driver.answer(Answer::NotReady { reason: reason() });
    // The codex in force is mended: that is another one.
    driver.answer(Answer::Restored(entry(7)));
    assert_eq!(driver.answer(Answer::Misaligned(alignment(b"mended"))), StateName::Verifying);
}

#[test]
fn a_substitute_takes_the_place_of_an_assistant_that_cannot_come_back() {
    let mut policy = options();
    let (assistant, ritual) = ("ben".parse().unwrap(), RitualId::new("stand in").unwrap());
    let substitute = FallbackStep::Substitute { assistant, ritual };
    policy.symbolic_fallback_path = vec![substitute.clone(), FallbackStep::OlderEntry];
    let mut driver = Driver::new(policy);
    driver.moved(failed());
    driver.timer();
    driver.answer(Answer::NotRestored { sequence: Some(9), reason: reason() });
    let Some(Action::Restore { substitute: Some(other), ritual, which }) =
        driver.machine.action(&driver.spec)
    else {
        panic!("{:?}", driver.machine.state)
    };
    assert_eq!((other.as_str(), ritual.as_str(), which), ("ben", "stand in", Which::Latest));
    // What was not found of the substitute says nothing of the deployment's own entries.
    driver.answer(Answer::NotRestored { sequence: Some(2), reason: reason() });
    let action = driver.machine.action(&driver.spec);
    let older = Which::OlderThan { sequence: Some(9) };
    assert!(matches!(action, Some(Action::Restore { substitute: None, which, .. }) if which == older));
    assert!(driver.spec.validate_for(&"ben".parse().unwrap()).is_err(), "nobody is his own substitute");
    assert!(driver.spec.validate_for(&"ana".parse().unwrap()).is_ok());
}

#[test]
fn each_step_has_its_deadline_and_so_has_an_operator() {
    let mut policy = options();
    policy.backoff = Backoff::Constant { delay_ms: 0 };
    policy.alignment = AlignmentPolicy::AskOperator;
    policy.step_deadline_ms = Some(500);
    policy.operator_deadline_ms = Some(60_000);
    policy.symbolic_fallback_path =
        vec![FallbackStep::OlderEntry, FallbackStep::OlderCodex, FallbackStep::Escalate];
    let mut driver = Driver::new(policy).with_codex();
    driver.moved(failed());
    let late = driver.machine.pending.unwrap().number;
    assert_eq!((driver.timer(), driver.now_ms), (StateName::Restoring, 500));
    let answer = Event::Answered { number: late, answer: Answer::Restored(entry(7)) };
    assert_eq!(driver.step(answer), Ok(Some(Ignored::AlreadyAnswered)));
    // The second step comes as far as a question.
    driver.now_ms += 100;
    assert_eq!(misaligned(&mut driver, true), StateName::AwaitingOperator);
    assert_eq!((driver.timer(), driver.now_ms), (StateName::Restoring, 60_600));
    // The third as far as a launch, which has what is left of the step's time.
    driver.now_ms += 400;
    assert_eq!(misaligned(&mut driver, true), StateName::Verifying);
    assert_eq!(driver.timer(), StateName::Restoring, "judged as a failed launch");
    assert_eq!(driver.now_ms, 61_100);
    let steps = |driver: &Driver| driver.machine.incident.as_ref().unwrap().symbolic_fallback_path();
    assert!(steps(&driver).starts_with("latest: took too long > older entry, "), "{}", steps(&driver));
    for _ in 0..3 {
        driver.timer();
    }
    assert_eq!(driver.machine.state, State::AwaitingOperator { question: Question::PathExhausted });
    assert_eq!(driver.timer(), StateName::GivenUp);
    assert_eq!(driver.machine.state, State::GivenUp { why: GiveUp::PathExhausted });
}

#[test]
fn a_member_that_its_group_stops_after_a_quiet_period_begins_anew() {
    let mut policy = options();
    (policy.quiet_period_ms, policy.launches_per_entry) = (1_000, 2);
    policy.backoff = Backoff::Constant { delay_ms: 0 };
    let mut driver = Driver::new(policy);
    let cause = || Cause { reason: reason(), operation: operation() };
    let stop = || Event::StopOrdered { cause: cause(), shutdown: Shutdown::default(), for_good: false };
    for (up_ms, counted) in [(999, 1), (1_000, 0)] {
        driver.moved(Event::Deployed);
        driver.moved(failed());
        driver.answer(Answer::Restored(entry(1)));
        driver.answer(Answer::NotReady { reason: reason() });
        driver.answer(Answer::Restored(entry(1)));
        driver.answer(Answer::Ready);
        driver.now_ms += up_ms;
        driver.moved(stop());
        assert_eq!(driver.machine.failed_launches.len(), counted, "after {up_ms} ms");
        driver.answer(Answer::Stopped);
        driver.moved(stop_requested());
    }
    driver.moved(Event::StartOrdered { cause: cause() });
    assert_eq!(driver.machine.state.name(), StateName::Restoring);
}
