//! The journal of steps, through its public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fmt;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use mythos_core::journal::{
    BeginStep, Beginning, CompleteStep, ForgetSteps, MAX_STEP_BYTES, Resolution, ResolveStep, RestoreSteps,
    Step, StepFilter, StepJournal, StepRecord, StepRun, StepState,
};
use mythos_core::ritual::{CompressedRitual, RitualHead, RitualOptions, SaveRitual};
use mythos_core::seal::{KeyRing, SecretKey};
use mythos_core::store::{
    Answer, Batch, Budget, Capabilities, Direction, Expect, Maintained, MemoryStore, Model, Query, Read,
    Record, RecordOp, Store, StoreError,
};
use mythos_core::testing::{Fault, FaultStore, SimulatedClock, simulated_runtime};
use mythos_core::types::{AssistantId, OperationId, RitualId, Runtime, Timestamp, Version};
use mythos_core::{Error, ErrorKind, Mythos, Result};

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn refund() -> RitualId {
    "refund".parse().unwrap()
}

fn begin(key: &str) -> BeginStep {
    BeginStep::new(ana(), refund(), key.parse().unwrap(), "50 EUR")
}

fn in_run(key: &str, epoch: u64, run: u64) -> BeginStep {
    BeginStep { run: Some(StepRun { epoch: Version::new(epoch).unwrap(), run }), ..begin(key) }
}

fn complete(key: &str, outcome: &str) -> CompleteStep {
    CompleteStep::new(ana(), refund(), key.parse().unwrap(), outcome)
}

fn resolve(key: &str, attempt: u64, resolution: Resolution) -> ResolveStep {
    ResolveStep { assistant: ana(), ritual: refund(), key: key.parse().unwrap(), attempt, resolution }
}

fn save(mythos: &Mythos) -> CompressedRitual {
    mythos.rituals().save(&SaveRitual::new(ana(), refund()), b"state").unwrap()
}

fn begun(attempt: u64) -> Beginning {
    Beginning::Begun { attempt }
}

/// The kind and the field of an error.
fn refused<T>(result: Result<T>) -> (ErrorKind, String) {
    let error: Error = result.err().unwrap();
    (error.kind(), error.field().unwrap_or_default().to_owned())
}

fn keys(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.key.as_str()).collect()
}

fn all(steps: &StepJournal) -> Vec<Step> {
    steps.steps(&StepFilter::new(ana(), refund()), None, 100).unwrap().items
}

fn simulated() -> (Arc<MemoryStore>, Mythos, SimulatedClock) {
    let store = Arc::new(MemoryStore::new());
    let (runtime, clock) = simulated_runtime(1, "2026-11-22T08:00:00Z".parse().unwrap());
    (Arc::clone(&store), Mythos::with_store(store, runtime), clock)
}

#[test]
fn a_step_is_begun_once_and_its_outcome_is_given_ever_after() {
    let (_, mythos, clock) = simulated();
    let steps = mythos.steps();
    assert_eq!(steps.begin(&begin("pay")).unwrap(), begun(1));
    clock.advance(Duration::from_secs(5));
    let began = "2026-11-22T08:00:00Z".parse::<Timestamp>().unwrap();
    let doubt = Beginning::InDoubt { attempt: 1, begun_at: began, run: None };
    assert_eq!(steps.begin(&begin("pay")).unwrap(), doubt);
    let done = steps.complete(&complete("pay", "receipt")).unwrap();
    assert_eq!((done.state, done.attempt, done.number), (StepState::Completed, 1, 1));
    assert_eq!(done.intent.as_deref(), Some(&b"50 EUR"[..]));
    assert_eq!(steps.complete(&complete("pay", "receipt")).unwrap(), done);
    let settled_at = began.saturating_add(Duration::from_secs(5));
    let completed = Beginning::Completed { attempt: 1, outcome: b"receipt".to_vec(), settled_at };
    assert_eq!(steps.begin(&begin("pay")).unwrap(), completed);
    assert_eq!(refused(steps.complete(&complete("pay", "other"))), (ErrorKind::Conflict, "outcome".into()));
    assert_eq!(refused(steps.complete(&complete("new", "other"))), (ErrorKind::NotFound, "key".into()));
    assert_eq!(steps.step(&ana(), &refund(), &"pay".parse().unwrap()).unwrap(), Some(done));
    assert_eq!(steps.step(&ana(), &refund(), &"new".parse().unwrap()).unwrap(), None);
}

#[test]
fn a_key_means_one_intent_and_contents_are_bounded() {
    let steps = Mythos::in_memory().steps();
    steps.begin(&begin("pay")).unwrap();
    let other = BeginStep { intent: b"51 EUR".to_vec(), ..begin("pay") };
    assert_eq!(refused(steps.begin(&other)), (ErrorKind::Invalid, "intent".into()));
    let long = vec![0; MAX_STEP_BYTES + 1];
    let begin_long = BeginStep { intent: long.clone(), ..begin("long") };
    assert_eq!(refused(steps.begin(&begin_long)), (ErrorKind::Limit, "intent".into()));
    let too_long = CompleteStep { outcome: long.clone(), ..complete("pay", "") };
    assert_eq!(refused(steps.complete(&too_long)), (ErrorKind::Limit, "outcome".into()));
    let happened = resolve("pay", 1, Resolution::Happened { outcome: long.clone() });
    assert_eq!(refused(steps.resolve(&happened)), (ErrorKind::Limit, "outcome".into()));
    // The longest of both fit into a record.
    let longest = long[1..].to_vec();
    assert_eq!(steps.begin(&BeginStep { intent: longest.clone(), ..begin("long") }).unwrap(), begun(1));
    let done = steps.complete(&CompleteStep { outcome: longest.clone(), ..complete("long", "") }).unwrap();
    assert_eq!(done.outcome, Some(longest));
    let run = Some(StepRun { epoch: Version::FIRST, run: 1 << 53 });
    assert_eq!(refused(steps.begin(&BeginStep { run, ..begin("run") })), (ErrorKind::Invalid, "run".into()));
}

#[test]
fn what_is_in_doubt_is_resolved_by_its_attempt() {
    let steps = Mythos::in_memory().steps();
    assert_eq!(steps.begin(&begin("pay")).unwrap(), begun(1));
    let absent = resolve("pay", 1, Resolution::DidNotHappen);
    assert_eq!(steps.resolve(&absent).unwrap().state, StepState::DidNotHappen);
    assert_eq!(steps.resolve(&absent).unwrap().state, StepState::DidNotHappen);
    let undone = resolve("pay", 1, Resolution::Compensated);
    assert_eq!(refused(steps.resolve(&undone)), (ErrorKind::Conflict, "state".into()));
    assert_eq!(refused(steps.complete(&complete("pay", "late"))), (ErrorKind::Conflict, "state".into()));

    assert_eq!(steps.begin(&begin("pay")).unwrap(), begun(2));
    // A repetition of what was said of the first attempt does not resolve the second.
    assert_eq!(refused(steps.resolve(&absent)), (ErrorKind::Conflict, "attempt".into()));
    let late = CompleteStep { attempt: Some(1), ..complete("pay", "late") };
    assert_eq!(refused(steps.complete(&late)), (ErrorKind::Conflict, "attempt".into()));
    let unborn = CompleteStep { attempt: Some(3), ..complete("pay", "early") };
    assert_eq!(refused(steps.complete(&unborn)), (ErrorKind::Invalid, "attempt".into()));

    steps.resolve(&resolve("pay", 2, Resolution::Compensated)).unwrap();
    assert_eq!(steps.begin(&begin("pay")).unwrap(), begun(3));
    let happened = resolve("pay", 3, Resolution::Happened { outcome: b"receipt".to_vec() });
    let step = steps.resolve(&happened).unwrap();
    assert_eq!((step.state, step.number), (StepState::Completed, 1));
    assert_eq!(steps.resolve(&happened).unwrap(), step);
    assert!(matches!(steps.begin(&begin("pay")).unwrap(), Beginning::Completed { attempt: 3, .. }));
    let undo = resolve("pay", 3, Resolution::Compensated);
    assert_eq!(refused(steps.resolve(&undo)), (ErrorKind::Conflict, "state".into()));
}

#[test]
fn repeating_an_operation_of_a_begin_gives_what_the_first_gave() {
    let store = FaultStore::new(MemoryStore::new());
    let steps = Mythos::with_store(Arc::new(store.clone()), Runtime::system()).steps();
    store.plan(2, Fault::LoseAnswer);
    let unknown = steps.begin(&begin("pay")).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Unknown);
    let operation: OperationId = unknown.operation().unwrap().parse().unwrap();
    let again = BeginStep { operation: Some(operation), ..begin("pay") };
    assert_eq!(steps.begin(&again).unwrap(), begun(1));
    assert_eq!(steps.begin(&again).unwrap(), begun(1));
    let elsewhere = BeginStep { operation: Some(operation), ..in_run("pay", 1, 1) };
    assert_eq!(refused(steps.begin(&elsewhere)), (ErrorKind::Invalid, "operation".into()));
    assert!(matches!(steps.begin(&begin("pay")).unwrap(), Beginning::InDoubt { .. }));
    // Someone took its caller for dead: the caller may not go on.
    steps.resolve(&resolve("pay", 1, Resolution::DidNotHappen)).unwrap();
    assert_eq!(refused(steps.begin(&again)), (ErrorKind::Conflict, "attempt".into()));
    steps.begin(&begin("pay")).unwrap();
    steps.complete(&complete("pay", "receipt")).unwrap();
    assert!(matches!(steps.begin(&again).unwrap(), Beginning::Completed { attempt: 2, .. }));
}

#[test]
fn of_concurrent_begins_exactly_one_is_told_to_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let mythos = Mythos::open(directory.path().join("mythos.db")).unwrap();
    for key in ["a", "b", "c"] {
        let barrier = Barrier::new(6);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let begins = (0..6).map(|_| {
                let (steps, barrier) = (mythos.steps(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    steps.begin(&begin(key)).unwrap()
                })
            });
            begins.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let told = answers.iter().filter(|answer| **answer == begun(1)).count();
        let doubts = answers.iter().filter(|answer| matches!(answer, Beginning::InDoubt { .. })).count();
        assert_eq!((told, doubts), (1, 5));
    }
    assert_eq!(all(&mythos.steps()).iter().map(|step| step.number).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_replaced_run_begins_nothing_any_more() {
    let mythos = Mythos::in_memory();
    let steps = mythos.steps();
    let old = (ErrorKind::Conflict, "epoch".to_owned());
    assert_eq!(steps.begin(&in_run("a", 1, 7)).unwrap(), begun(1));
    // A newer run raises the fence, whatever it is told.
    assert!(matches!(steps.begin(&in_run("a", 2, 3)).unwrap(), Beginning::InDoubt { .. }));
    assert_eq!(refused(steps.begin(&in_run("b", 1, 8))), old);
    assert_eq!(refused(steps.begin(&in_run("a", 2, 2))), old);
    assert_eq!(all(&steps).len(), 1);
    // What it had begun may be true all the same.
    steps.complete(&complete("a", "receipt")).unwrap();
    assert_eq!(steps.begin(&in_run("b", 2, 3)).unwrap(), begun(1));
    // So does a restore, before it answers.
    let run = Some(StepRun { epoch: Version::new(2).unwrap(), run: 4 });
    let restore = RestoreSteps { run, ..RestoreSteps::new(ana(), refund(), None) };
    assert_eq!(steps.after_restore(&restore).unwrap().in_doubt.items.len(), 1);
    assert_eq!(refused(steps.begin(&in_run("c", 2, 3))), old);
    let older = RestoreSteps { run: in_run("c", 2, 3).run, ..restore };
    assert_eq!(refused(steps.after_restore(&older)), old);
    // A begin without a run is not fenced; another ritual has a journal of its own.
    assert_eq!(steps.begin(&begin("c")).unwrap(), begun(1));
    let elsewhere = BeginStep { ritual: "other".parse().unwrap(), ..in_run("c", 1, 1) };
    assert_eq!(steps.begin(&elsewhere).unwrap(), begun(1));
    assert_eq!(mythos.tenant("acme".parse().unwrap()).steps().begin(&in_run("c", 1, 1)).unwrap(), begun(1));
}

#[test]
fn a_restored_assistant_learns_what_its_state_cannot_know() {
    let mythos = Mythos::in_memory();
    let steps = mythos.steps();
    steps.begin(&begin("before any")).unwrap();
    steps.complete(&complete("before any", "1")).unwrap();
    let first = save(&mythos);
    steps.begin(&begin("known")).unwrap();
    steps.complete(&complete("known", "2")).unwrap();
    steps.begin(&begin("across")).unwrap();
    steps.begin(&begin("doubtful")).unwrap();
    let second = save(&mythos);
    // Begun before the second entry was saved, and completed after.
    let across = steps.complete(&complete("across", "3")).unwrap();
    assert_eq!((across.begun_entry, across.settled_entry), (Some(first.entry), Some(second.entry)));
    steps.begin(&begin("after")).unwrap();
    steps.complete(&complete("after", "4")).unwrap();
    steps.begin(&begin("undone")).unwrap();
    steps.resolve(&resolve("undone", 1, Resolution::DidNotHappen)).unwrap();

    let restored = |entry| steps.after_restore(&RestoreSteps::new(ana(), refund(), entry)).unwrap();
    for (entry, completed) in [
        (Some(second.entry), vec!["across", "after"]),
        (Some(first.entry), vec!["known", "across", "after"]),
        (None, vec!["before any", "known", "across", "after"]),
    ] {
        let found = restored(entry);
        assert_eq!(keys(&found.completed.items), completed);
        assert_eq!(keys(&found.in_doubt.items), ["doubtful"]);
        assert_eq!((found.completed.next, found.in_doubt.next), (None, None));
    }

    // In pages, which `steps` goes on with.
    let limit = RestoreSteps { limit: 1, ..RestoreSteps::new(ana(), refund(), Some(first.entry)) };
    let found = steps.after_restore(&limit).unwrap();
    assert_eq!(keys(&found.completed.items), ["known"]);
    let rest = StepFilter {
        state: Some(StepState::Completed),
        settled_since: Some(first.entry),
        ..StepFilter::new(ana(), refund())
    };
    let page = steps.steps(&rest, found.completed.next, 1).unwrap();
    assert_eq!(keys(&page.items), ["across"]);
    let page = steps.steps(&rest, page.next, 10).unwrap();
    assert_eq!(keys(&page.items), ["after"]);
    assert_eq!(page.next, None);

    for limit in [0, StepJournal::MAX_PAGE_STEPS + 1] {
        let request = RestoreSteps { limit, ..RestoreSteps::new(ana(), refund(), None) };
        assert_eq!(refused(steps.after_restore(&request)), (ErrorKind::Limit, "limit".into()));
        assert_eq!(refused(steps.steps(&rest, None, limit)), (ErrorKind::Limit, "limit".into()));
    }
    let other = SaveRitual::new(ana(), "other".parse().unwrap());
    let other = mythos.rituals().save(&other, b"state").unwrap().entry;
    let foreign = RestoreSteps::new(ana(), refund(), Some(other));
    assert_eq!(refused(steps.after_restore(&foreign)), (ErrorKind::Invalid, "entry".into()));
}

#[test]
fn steps_outlive_their_ritual_until_they_are_forgotten() {
    let mythos = Mythos::in_memory();
    let steps = mythos.steps();
    save(&mythos);
    steps.begin(&begin("pay")).unwrap();
    steps.complete(&complete("pay", "receipt")).unwrap();
    mythos.rituals().delete_ritual(&ana(), &refund()).unwrap();
    assert!(matches!(steps.begin(&begin("pay")).unwrap(), Beginning::Completed { .. }));
    // A ritual of the same name is another one, and its entries are no place in the old one's order.
    let anew = save(&mythos);
    let restored = steps.after_restore(&RestoreSteps::new(ana(), refund(), Some(anew.entry))).unwrap();
    assert!(restored.completed.items.is_empty());
    let forget = ForgetSteps { before_entry: Some(anew.entry), ..ForgetSteps::new(ana(), refund()) };
    assert_eq!(steps.forget(&forget).unwrap().forgotten, 0);
    assert_eq!(steps.forget(&ForgetSteps::new(ana(), refund())).unwrap().forgotten, 1);
    assert_eq!(steps.begin(&begin("pay")).unwrap(), begun(1));
}

#[test]
fn settled_steps_are_forgotten_in_parts_and_those_in_doubt_stay() {
    let (_, mythos, clock) = simulated();
    let steps = mythos.steps();
    save(&mythos);
    for key in ["a", "b", "doubtful", "c"] {
        steps.begin(&begin(key)).unwrap();
        if key != "doubtful" {
            steps.complete(&complete(key, "done")).unwrap();
        }
        clock.advance(Duration::from_secs(60));
    }
    let second = save(&mythos);
    steps.begin(&begin("d")).unwrap();
    steps.resolve(&resolve("d", 1, Resolution::Compensated)).unwrap();

    let of = |limit| ForgetSteps { limit, ..ForgetSteps::new(ana(), refund()) };
    let early = "2026-11-22T08:01:00Z".parse().unwrap();
    let found = steps.forget(&ForgetSteps { before: Some(early), ..of(10) }).unwrap();
    assert_eq!((found.forgotten, found.done), (1, true));
    assert_eq!(keys(&all(&steps)), ["b", "doubtful", "c", "d"]);
    let until_second = |limit| ForgetSteps { before_entry: Some(second.entry), ..of(limit) };
    let found = steps.forget(&until_second(1)).unwrap();
    assert_eq!((found.forgotten, found.done), (1, false));
    let found = steps.forget(&until_second(2)).unwrap();
    assert_eq!((found.forgotten, found.done), (1, true));
    assert_eq!(keys(&all(&steps)), ["doubtful", "d"]);
    assert_eq!(steps.forget(&of(10)).unwrap().forgotten, 1);
    // Numbers are never given again.
    assert_eq!(steps.begin(&begin("a")).unwrap(), begun(1));
    assert_eq!(all(&steps).iter().map(|step| step.number).collect::<Vec<_>>(), [3, 6]);
    assert_eq!(refused(steps.forget(&of(0))), (ErrorKind::Limit, "limit".into()));
    assert_eq!(refused(steps.forget(&of(1_001))), (ErrorKind::Limit, "limit".into()));
}

/// The only record of the table of steps.
fn stored(store: &dyn Store) -> Record {
    let query = Query::new(StepRecord::TABLE).order_by("number", Direction::Ascending).limit(10);
    let Answer::Page { mut records } = store.read(&[Read::Page(query)]).unwrap().remove(0) else { panic!() };
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[test]
fn intents_and_outcomes_are_sealed_where_payloads_are() {
    let (store, mythos, _) = simulated();
    let ring = Arc::new(KeyRing::with_active("k1".parse().unwrap(), SecretKey::from_bytes(&[7; 32])));
    ring.insert("k2".parse().unwrap(), SecretKey::from_bytes(&[8; 32])).unwrap();
    let options = RitualOptions { keys: Some(Arc::clone(&ring) as _), ..RitualOptions::default() };
    let plain = mythos.steps();
    let steps = mythos.clone().with_rituals(options).steps();

    steps.begin(&begin("pay")).unwrap();
    ring.activate(&"k2".parse().unwrap()).unwrap();
    let done = steps.complete(&complete("pay", "receipt")).unwrap();
    assert_eq!(done.outcome.as_deref(), Some(&b"receipt"[..]));
    // "50 EUR" and "receipt" in base64, in each of the three positions.
    let body = serde_json::to_string(&stored(&*store).body).unwrap();
    for hidden in ["50 EUR", "NTAgRVVS", "UwIEVVU", "receipt", "cmVjZWlwd", "JlY2VpcH", "yZWNlaXB0"] {
        assert!(!body.contains(hidden), "{hidden}");
    }

    // Who has no key learns that it was done, and not what.
    let listed = all(&plain).remove(0);
    assert_eq!((listed.state, listed.intent, listed.outcome), (StepState::Completed, None, None));
    assert_eq!(refused(plain.begin(&begin("pay"))), (ErrorKind::NotFound, "key".into()));
    // So does everyone, once it is destroyed; what its intent was is then no longer asked.
    ring.destroy(&"k1".parse().unwrap());
    let other = BeginStep { intent: b"other".to_vec(), ..begin("pay") };
    assert!(matches!(steps.begin(&other).unwrap(), Beginning::Completed { .. }));
    ring.destroy(&"k2".parse().unwrap());
    ring.insert("k3".parse().unwrap(), SecretKey::from_bytes(&[9; 32])).unwrap();
    ring.activate(&"k3".parse().unwrap()).unwrap();
    assert_eq!(refused(steps.begin(&begin("pay"))), (ErrorKind::NotFound, "key".into()));
    assert_eq!(steps.forget(&ForgetSteps::new(ana(), refund())).unwrap().forgotten, 1);
    assert_eq!(steps.begin(&begin("pay")).unwrap(), begun(1));
}

#[test]
fn under_a_damaged_head_of_the_ritual_nothing_is_begun_until_a_save_mends_it() {
    let (store, mythos, _) = simulated();
    let steps = mythos.steps();
    let entry = save(&mythos).entry;
    steps.begin(&begin("pay")).unwrap();
    steps.complete(&complete("pay", "receipt")).unwrap();
    let query = Query::new(RitualHead::TABLE).limit(1);
    let Answer::Page { mut records } = store.read(&[Read::Page(query)]).unwrap().remove(0) else { panic!() };
    let Record { id, version, mut body } = records.remove(0);
    body["sequence"] = 0.into();
    let op = RecordOp::Put { table: RitualHead::TABLE, id, expect: Expect::At(version), body };
    store.commit(&Batch { records: vec![op], ..Batch::default() }).unwrap();

    // What was done is known all the same.
    assert!(matches!(steps.begin(&begin("pay")).unwrap(), Beginning::Completed { .. }));
    let restored = steps.after_restore(&RestoreSteps::new(ana(), refund(), Some(entry))).unwrap();
    assert_eq!(keys(&restored.completed.items), ["pay"]);
    assert_eq!(steps.begin(&begin("new")).unwrap_err().kind(), ErrorKind::Corrupt);
    save(&mythos);
    assert_eq!(steps.begin(&begin("new")).unwrap(), begun(1));
    assert_eq!(all(&steps)[1].begun_entry.map(|entry| entry.sequence()), Some(2));
}

#[test]
fn damaged_records_are_told_and_change_nothing() {
    let (store, mythos, _) = simulated();
    let steps = mythos.steps();
    steps.begin(&begin("pay")).unwrap();
    let record = stored(&*store);
    for (field, value) in [("state", "did_not_happen".into()), ("attempt", 2.into()), ("format", 2.into())] {
        let mut body = record.body.clone();
        body[field] = value;
        let version = stored(&*store).version;
        let op = RecordOp::Put { table: StepRecord::TABLE, id: record.id, expect: Expect::At(version), body };
        store.commit(&Batch { records: vec![op], ..Batch::default() }).unwrap();
        assert_eq!(steps.begin(&begin("pay")).unwrap_err().kind(), ErrorKind::Corrupt, "{field}");
        let error = steps.complete(&complete("pay", "receipt")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{field}");
        let listed = steps.steps(&StepFilter::new(ana(), refund()), None, 10);
        assert_eq!(listed.unwrap_err().kind(), ErrorKind::Corrupt, "{field}");
    }
}

/// A store in which something else happens just before the next commit.
struct Meddled {
    inner: Arc<MemoryStore>,
    before_commit: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl fmt::Debug for Meddled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meddled").finish_non_exhaustive()
    }
}

impl Store for Meddled {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, reads: &[Read]) -> Result<Vec<Answer>, StoreError> {
        self.inner.read(reads)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let meddle = self.before_commit.lock().unwrap().take();
        if let Some(meddle) = meddle {
            meddle();
        }
        self.inner.commit(batch)
    }

    fn maintain(&self, budget: Budget) -> Result<Maintained, StoreError> {
        self.inner.maintain(budget)
    }
}

/// The services on a store, and on the same with something that happens before the first commit.
fn meddled(meddle: impl FnOnce(Mythos) + Send + 'static) -> (Mythos, Mythos) {
    let inner = Arc::new(MemoryStore::new());
    let quiet = Mythos::with_store(inner.clone(), Runtime::system());
    let other = quiet.clone();
    let before_commit = Mutex::new(Some(Box::new(move || meddle(other)) as Box<dyn FnOnce() + Send>));
    let store = Arc::new(Meddled { inner, before_commit });
    (quiet, Mythos::with_store(store, Runtime::system()))
}

#[test]
fn the_entry_that_is_noted_is_the_newest_at_the_commit() {
    // Begun: an entry is saved between the read and the commit.
    let (_, mythos) = meddled(|other| drop(save(&other)));
    mythos.steps().begin(&begin("pay")).unwrap();
    let step = all(&mythos.steps()).remove(0);
    assert_eq!(step.begun_entry.map(|entry| entry.sequence()), Some(1));
    // Completed likewise: a restore of that entry would otherwise not hear of it.
    let (quiet, mythos) = meddled(|other| drop(save(&other)));
    quiet.steps().begin(&begin("pay")).unwrap();
    let step = mythos.steps().complete(&complete("pay", "receipt")).unwrap();
    assert_eq!(step.settled_entry.map(|entry| entry.sequence()), Some(1));
}

#[test]
fn a_step_that_was_forgotten_and_begun_anew_is_not_taken_for_the_old_one() {
    // Both records have the same version; only the journal's head tells them apart.
    let (quiet, mythos) = meddled(|other| {
        let steps = other.steps();
        steps.complete(&complete("pay", "receipt")).unwrap();
        steps.forget(&ForgetSteps::new(ana(), refund())).unwrap();
        let other = BeginStep { intent: b"another".to_vec(), ..begin("pay") };
        assert_eq!(steps.begin(&other).unwrap(), begun(1));
        steps.resolve(&resolve("pay", 1, Resolution::DidNotHappen)).unwrap();
        steps.begin(&other).unwrap();
    });
    quiet.steps().begin(&begin("pay")).unwrap();
    let late = CompleteStep { attempt: Some(1), ..complete("pay", "late") };
    assert_eq!(refused(mythos.steps().complete(&late)), (ErrorKind::Conflict, "attempt".into()));
    let step = all(&quiet.steps()).remove(0);
    assert_eq!((step.state, step.intent.as_deref()), (StepState::InDoubt, Some(&b"another"[..])));

    let (quiet, mythos) = meddled(|other| {
        let steps = other.steps();
        steps.forget(&ForgetSteps::new(ana(), refund())).unwrap();
        steps.begin(&begin("pay")).unwrap();
        steps.complete(&complete("pay", "new")).unwrap();
    });
    quiet.steps().begin(&begin("pay")).unwrap();
    quiet.steps().complete(&complete("pay", "old")).unwrap();
    let early = ForgetSteps { before: Some(Timestamp::UNIX_EPOCH), ..ForgetSteps::new(ana(), refund()) };
    assert_eq!(mythos.steps().forget(&early).unwrap().forgotten, 0);
    let before = all(&quiet.steps()).remove(0).settled_at.unwrap().saturating_add(Duration::from_micros(1));
    let old = ForgetSteps { before: Some(before), ..ForgetSteps::new(ana(), refund()) };
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(mythos.steps().forget(&old).unwrap().forgotten, 0);
    assert_eq!(all(&quiet.steps()).remove(0).outcome.as_deref(), Some(&b"new"[..]));
}
