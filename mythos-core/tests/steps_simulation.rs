//! Crashes between any two calls of the store, and random histories against a plain model: no payment is made twice, and
//! none is forgotten.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;
use std::sync::Arc;

use mythos_core::journal::{
    BeginStep, Beginning, CompleteStep, ForgetSteps, Resolution, ResolveStep, RestoreSteps, Step, StepFilter,
    StepJournal, StepKey, StepState,
};
use mythos_core::ritual::SaveRitual;
use mythos_core::store::MemoryStore;
use mythos_core::testing::{Fault, FaultStore};
use mythos_core::types::{AssistantId, EntryId, OperationId, RitualId, Runtime};
use mythos_core::{ErrorKind, Mythos, Result};
use proptest::prelude::*;

fn ana() -> AssistantId {
    "ana".parse().unwrap()
}

fn refund() -> RitualId {
    "refund".parse().unwrap()
}

fn begin(key: &StepKey, intent: &str) -> BeginStep {
    BeginStep::new(ana(), refund(), key.clone(), intent)
}

fn complete(key: &StepKey, outcome: &str) -> CompleteStep {
    CompleteStep::new(ana(), refund(), key.clone(), outcome)
}

fn resolve(key: &StepKey, attempt: u64, resolution: Resolution) -> ResolveStep {
    ResolveStep { assistant: ana(), ritual: refund(), key: key.clone(), attempt, resolution }
}

/// The process died; everything but the store and the outside world is gone.
#[derive(Debug)]
struct Died;

/// Makes a call again as its errors say, with the operation that they name; a crash of the store ends the process.
fn insist<T>(store: &FaultStore, mut call: impl FnMut(Option<OperationId>) -> Result<T>) -> Result<T, Died> {
    let mut operation = None;
    loop {
        match call(operation) {
            Ok(answer) => return Ok(answer),
            Err(_) if store.is_down() => return Err(Died),
            Err(error) => {
                assert!(error.is_retryable(), "{error:?}");
                operation = error.operation().map(|operation| operation.parse().unwrap()).or(operation);
            }
        }
    }
}

/// The outside world: what was paid, in order.
type World = Vec<StepKey>;

/// One life of an assistant that pays three times and saves what it knows after each: it restores, asks what its state
/// cannot know of, looks at the world for what is in doubt, and goes on.
fn live(store: &FaultStore, world: &mut World) -> Result<(), Died> {
    let mythos = Mythos::with_store(Arc::new(store.clone()), Runtime::system());
    let (rituals, steps) = (mythos.rituals(), mythos.steps());
    let restored = insist(store, |_| rituals.latest(&ana(), &refund()))?;
    let mut known: Vec<StepKey> =
        restored.as_ref().map_or_else(Vec::new, |found| serde_json::from_slice(&found.payload).unwrap());
    let request = RestoreSteps::new(ana(), refund(), restored.map(|found| found.entry.entry));
    let found = insist(store, |_| steps.after_restore(&request))?;
    for step in found.completed.items {
        if !known.contains(&step.key) {
            known.push(step.key);
        }
    }
    for step in found.in_doubt.items {
        let happened = world.contains(&step.key);
        let resolution = match happened {
            true => Resolution::Happened { outcome: b"paid".to_vec() },
            false => Resolution::DidNotHappen,
        };
        insist(store, |_| steps.resolve(&resolve(&step.key, step.attempt, resolution.clone())))?;
        if happened && !known.contains(&step.key) {
            known.push(step.key);
        }
    }
    // What it knows now is all that ever happened.
    assert_eq!(known, *world);
    for key in ["one", "two", "three"].map(|key| key.parse::<StepKey>().unwrap()) {
        match insist(store, |operation| steps.begin(&BeginStep { operation, ..begin(&key, "50 EUR") }))? {
            Beginning::Begun { attempt } => {
                world.push(key.clone());
                known.push(key.clone());
                let done = CompleteStep { attempt: Some(attempt), ..complete(&key, "paid") };
                insist(store, |_| steps.complete(&done))?;
            }
            Beginning::Completed { outcome, .. } => assert_eq!(outcome, b"paid"),
            doubt => panic!("what was in doubt was resolved: {doubt:?}"),
        }
        let payload = serde_json::to_vec(&known).unwrap();
        let save = SaveRitual::new(ana(), refund());
        insist(store, |operation| rituals.save(&SaveRitual { operation, ..save.clone() }, &payload))?;
    }
    Ok(())
}

#[test]
fn a_crash_between_any_two_calls_makes_each_payment_once() {
    let undisturbed = FaultStore::new(MemoryStore::new());
    live(&undisturbed, &mut World::new()).unwrap();
    let calls = undisturbed.calls();
    assert!(calls > 15);
    let (mut deaths, mut doubts) = (0, 0);
    for fault in Fault::ALL {
        for call in 1..=calls {
            let (store, mut world) = (FaultStore::new(MemoryStore::new()), World::new());
            store.plan(call, fault);
            while live(&store, &mut world).is_err() {
                deaths += 1;
                store.restart();
                let steps = Mythos::with_store(Arc::new(store.clone()), Runtime::system()).steps();
                doubts += steps
                    .after_restore(&RestoreSteps::new(ana(), refund(), None))
                    .unwrap()
                    .in_doubt
                    .items
                    .len();
            }
            assert_eq!(world.len(), 3, "{fault:?} at call {call}: {world:?}");
        }
    }
    assert!(deaths as u64 == 2 * calls && doubts > 6, "{deaths} deaths left {doubts} doubts");
}

/// What is done to the journal.
#[derive(Debug, Clone)]
enum Act {
    Begin {
        key: usize,
        intent: usize,
    },
    Complete {
        key: usize,
        outcome: usize,
        attempt: Option<u64>,
    },
    Resolve {
        key: usize,
        attempt: u64,
        how: usize,
    },
    Save,
    Forget {
        until: usize,
    },
    /// Everything in memory is lost.
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let (key, two) = (0..3_usize, 0..2_usize);
    prop_oneof![
        5 => (key.clone(), prop_oneof![9 => Just(0_usize), 1 => Just(1)]).prop_map(|(key, intent)| Act::Begin { key, intent }),
        3 => (key.clone(), two, prop::option::of(0..4_u64))
            .prop_map(|(key, outcome, attempt)| Act::Complete { key, outcome, attempt }),
        3 => (key, 0..4_u64, 0..3_usize).prop_map(|(key, attempt, how)| Act::Resolve { key, attempt, how }),
        2 => Just(Act::Save),
        1 => (0..4_usize).prop_map(|until| Act::Forget { until }),
        1 => Just(Act::Restart),
    ]
}

/// A step as the model knows it.
#[derive(Debug, Clone)]
struct Known {
    number: u64,
    state: StepState,
    attempt: u64,
    intent: usize,
    outcome: Option<usize>,
    /// How many entries the ritual had when it was settled.
    settled: usize,
}

#[derive(Debug, Default)]
struct Model {
    steps: BTreeMap<usize, Known>,
    begun: u64,
    entries: Vec<EntryId>,
}

const OUTCOMES: [&str; 2] = ["paid", "refused"];
const INTENTS: [&str; 2] = ["50 EUR", "51 EUR"];

/// What the model says to an act: a word for the answer, or the kind and field of the error.
type Said = Result<String, (ErrorKind, Option<String>)>;

fn error<T>(kind: ErrorKind, field: &str) -> Result<T, (ErrorKind, Option<String>)> {
    Err((kind, Some(field.to_owned())))
}

impl Model {
    fn begin(&mut self, key: usize, intent: usize) -> Said {
        let Some(step) = self.steps.get_mut(&key) else {
            self.begun += 1;
            let number = self.begun;
            let (state, attempt, outcome, settled) = (StepState::InDoubt, 1, None, 0);
            self.steps.insert(key, Known { number, state, attempt, intent, outcome, settled });
            return Ok("begun 1".to_owned());
        };
        if step.intent != intent {
            return error(ErrorKind::Invalid, "intent");
        }
        match step.state {
            StepState::InDoubt => Ok(format!("in doubt {}", step.attempt)),
            StepState::Completed => Ok(format!("completed {}", OUTCOMES[step.outcome.unwrap()])),
            _ => {
                step.attempt += 1;
                step.state = StepState::InDoubt;
                Ok(format!("begun {}", step.attempt))
            }
        }
    }

    fn settle(&mut self, key: usize, attempt: Option<u64>, to: StepState, outcome: Option<usize>) -> Said {
        let entries = self.entries.len();
        let Some(step) = self.steps.get_mut(&key) else { return error(ErrorKind::NotFound, "key") };
        match attempt {
            Some(attempt) if attempt == 0 || attempt > step.attempt => {
                return error(ErrorKind::Invalid, "attempt");
            }
            Some(attempt) if attempt < step.attempt => return error(ErrorKind::Conflict, "attempt"),
            _ => {}
        }
        if step.state == StepState::InDoubt {
            (step.state, step.outcome, step.settled) = (to, outcome, entries);
        } else if step.state != to {
            return error(ErrorKind::Conflict, "state");
        } else if step.outcome != outcome {
            return error(ErrorKind::Conflict, "outcome");
        }
        Ok(format!("{to:?} {}", step.attempt))
    }

    fn forget(&mut self, until: usize) -> Said {
        let before = self.steps.len();
        let goes = |step: &Known| step.state != StepState::InDoubt && (1..until).contains(&step.settled);
        self.steps.retain(|_, step| !goes(step));
        Ok(format!("{}", before - self.steps.len()))
    }

    /// The keys of the steps that pass, in the order of beginning.
    fn listed(&self, passes: impl Fn(&Known) -> bool) -> Vec<String> {
        let mut steps: Vec<_> = self.steps.iter().filter(|(_, step)| passes(step)).collect();
        steps.sort_by_key(|(_, step)| step.number);
        steps.into_iter().map(|(key, step)| format!("{key} {:?} {}", step.state, step.attempt)).collect()
    }
}

fn listed(steps: &[Step]) -> Vec<String> {
    steps.iter().map(|step| format!("{} {:?} {}", step.key, step.state, step.attempt)).collect()
}

fn said<T>(result: Result<T>, word: impl Fn(T) -> String) -> Said {
    result.map(word).map_err(|error| (error.kind(), error.field().map(str::to_owned)))
}

/// Makes a call until its outcome is known.
fn known<T>(mut call: impl FnMut(Option<OperationId>) -> Result<T>) -> Result<T> {
    let mut operation = None;
    loop {
        match call(operation) {
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Unknown) => {
                operation = error.operation().map(|operation| operation.parse().unwrap()).or(operation);
            }
            result => return result,
        }
    }
}

fn answered(beginning: Beginning) -> String {
    match beginning {
        Beginning::Begun { attempt } => format!("begun {attempt}"),
        Beginning::InDoubt { attempt, .. } => format!("in doubt {attempt}"),
        Beginning::Completed { outcome, .. } => format!("completed {}", String::from_utf8(outcome).unwrap()),
        other => panic!("{other:?}"),
    }
}

/// Does an act, and gives what the journal and the model say to it.
fn act_out(mythos: &Mythos, model: &mut Model, act: &Act) -> (Said, Said) {
    let steps = mythos.steps();
    let name = |key: usize| key.to_string().parse::<StepKey>().unwrap();
    let settled = |step: Step| format!("{:?} {}", step.state, step.attempt);
    match *act {
        Act::Begin { key, intent } => {
            let request = begin(&name(key), INTENTS[intent]);
            let result = known(|operation| steps.begin(&BeginStep { operation, ..request.clone() }));
            (said(result, answered), model.begin(key, intent))
        }
        Act::Complete { key, outcome, attempt } => {
            let request = CompleteStep { attempt, ..complete(&name(key), OUTCOMES[outcome]) };
            let result = known(|_| steps.complete(&request));
            (said(result, settled), model.settle(key, attempt, StepState::Completed, Some(outcome)))
        }
        Act::Resolve { key, attempt, how } => {
            let (resolution, to, outcome) = match how {
                0 => (Resolution::DidNotHappen, StepState::DidNotHappen, None),
                1 => (Resolution::Compensated, StepState::Compensated, None),
                _ => (Resolution::Happened { outcome: OUTCOMES[0].into() }, StepState::Completed, Some(0)),
            };
            let request = resolve(&name(key), attempt, resolution);
            let result = known(|_| steps.resolve(&request));
            (said(result, settled), model.settle(key, Some(attempt), to, outcome))
        }
        Act::Save => {
            let save = SaveRitual::new(ana(), refund());
            let entry =
                known(|operation| mythos.rituals().save(&SaveRitual { operation, ..save.clone() }, b"state"));
            model.entries.push(entry.unwrap().entry);
            (Ok(String::new()), Ok(String::new()))
        }
        Act::Forget { until } => {
            let Some(entry) = until.checked_sub(1).and_then(|index| model.entries.get(index)) else {
                return (Ok(String::new()), Ok(String::new()));
            };
            let forget = ForgetSteps { before_entry: Some(*entry), ..ForgetSteps::new(ana(), refund()) };
            // A repetition finds nothing more, so what it forgot is told by the listing.
            let (before, model_says) = (count(&steps), model.forget(until));
            known(|_| steps.forget(&forget)).unwrap();
            (Ok(format!("{}", before - count(&steps))), model_says)
        }
        Act::Restart => (Ok(String::new()), Ok(String::new())),
    }
}

fn count(steps: &StepJournal) -> usize {
    known(|_| steps.steps(&StepFilter::new(ana(), refund()), None, 100)).unwrap().items.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_history_is_that_of_the_model(
        acts in prop::collection::vec((act(), prop::option::weighted(0.3, (1..4_u64, 0..2_usize))), 0..40),
    ) {
        let store = FaultStore::new(MemoryStore::new());
        let open = || Mythos::with_store(Arc::new(store.clone()), Runtime::system());
        let (mut mythos, mut model) = (open(), Model::default());
        for (act, fault) in acts {
            if let Some((ahead, which)) = fault {
                store.plan(store.calls() + ahead, [Fault::Refuse, Fault::LoseAnswer][which]);
            }
            if matches!(act, Act::Restart) {
                mythos = open();
            }
            let (found, expected) = act_out(&mythos, &mut model, &act);
            prop_assert_eq!(found, expected, "{:?}", act);
        }
        let steps = mythos.steps();
        let all = known(|_| steps.steps(&StepFilter::new(ana(), refund()), None, 100)).unwrap();
        prop_assert_eq!(listed(&all.items), model.listed(|_| true));
        for (index, entry) in model.entries.iter().enumerate() {
            let request = RestoreSteps::new(ana(), refund(), Some(*entry));
            let found = known(|_| steps.after_restore(&request)).unwrap();
            let since = |step: &Known| step.state == StepState::Completed && step.settled > index;
            prop_assert_eq!(listed(&found.completed.items), model.listed(since));
            prop_assert_eq!(listed(&found.in_doubt.items), model.listed(|step| step.state == StepState::InDoubt));
        }
    }
}
